"""What the paper's text claims, beside what was measured here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from hyp.hypotheses import paper
from hyp.reports.arrange import Part, Row

if TYPE_CHECKING:
    from hyp.hypotheses.paper import Claim


def claim_about(row: Row, hypothesis: str) -> Claim | None:
    """Return what the paper's text says of a comparison, None where it is silent."""
    shown = row.values
    claims = paper.published_claims(
        hypothesis, objective=shown.objective, latent=shown.latent, layer=shown.layer
    )
    return claims[0] if claims else None


class Agreement(NamedTuple):
    """Comparisons in all, those the paper's text speaks of, and how the significant ones stand."""

    comparisons: int
    claimed: int
    as_claimed: int
    against: int


def agreement_with_paper(parts: Iterable[Part], hypothesis: str) -> Agreement:
    """Count how the significant differences stand to what the paper's text claims.

    The figures in question print no numbers, so it is directions that are compared.
    """
    rows = [row for part in parts for panel in part.panels for row in panel.rows]
    claimed = [(row, claim) for row in rows if (claim := claim_about(row, hypothesis))]
    agree = [
        (row.values.difference > 0) == (claim.better == "full")
        for row, claim in claimed
        if row.significant
    ]
    return Agreement(len(rows), len(claimed), sum(agree), len(agree) - sum(agree))


def paper_sentence(parts: Iterable[Part], hypothesis: str) -> str:
    """Say what `agreement_with_paper` counts; empty where the text speaks of no comparison."""
    found = agreement_with_paper(parts, hypothesis)
    if not found.claimed:
        return ""
    return (
        f"Of these {found.comparisons} comparisons the paper's text speaks of {found.claimed}, in "
        f"directions, without numbers: here {found.as_claimed} differ significantly as it says, "
        f"{found.against} the other way, and "
        f"{found.claimed - found.as_claimed - found.against} are open."
    )
