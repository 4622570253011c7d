"""What a table of scores comes to, in numbers and in plain words."""

from __future__ import annotations

from html import escape

import pandas as pd
from pydantic import BaseModel, ConfigDict

from hyp.stats.arguments import Alternative
from hyp.stats.offered import Correction
from hyp.stats.verdict import Check, Outcome, Verdict

_MEANINGS: dict[Outcome, str] = {
    "supported": "The comparisons agree with what is claimed under the declared rule.",
    "mixed": "The comparisons contradict each other.",
    "equivalent": "Every difference lies within the margin that was declared not to matter.",
    "inconclusive": "Nothing is shown. This is absence of evidence, not evidence that the groups "
    "are equal.",
    "untestable": "With this many units no result could have been significant, so the question "
    "was not put to the test.",
    "invalid": "The units are not the independent ones that the test counts on, so its p decide "
    "nothing.",
}


class TableComparison(BaseModel):
    """Group a against group b in one comparison; None where undefined.

    Attributes
    ----------
    name : str
        The values of `keys`, joined; with more than two groups the two compared, too.
    keys : dict of str to str
        The columns that tell it from the others.
    groups : tuple of two str
        a and b.
    family : str
        Comparisons corrected together share it.
    a, b : tuple of float
        One score a unit, folds averaged; sorted, or in the order of the pairs.
    shift, shift_low, shift_high : float
        By how much a lies above b, and its 95 % interval: what goes with `test`. Hodges and
        Lehmann's for the rank tests; None where groups are too small for an interval.
    difference, ci_low, ci_high : float
        Mean of a minus mean of b, and its 95 % Welch interval (of the paired differences in
        a paired design).
    signs_agree : bool
        Whether the test, the shift and the difference point the same way; where they do not,
        nothing is significant.
    test : str
    ps, ps_low, ps_high : float
        Probability that a unit of a scores above one of b, and its 95 % interval; in a
        paired design the share of pairs in which a does.
    p, p_attainable, p_corrected, p_holm, p_bh : float
        Exact p, the smallest this design allows, corrected for the family by the correction
        declared, which decides, by Holm, and by Benjamini & Hochberg, for maps.
    p_equivalence, p_equivalence_holm : float or None
        Of the two one-sided tests against the margin, where one was declared.
    p_not_worse : float or None
        Of the null that a is worse than b by the margin or more.
    significant, equivalent : bool
        Whether the corrected p is at most alpha. Never where the units are not independent.
    within_margin : bool
        Whether the whole interval lies inside the margin.
    p_pooled : float or None
        What pooling all folds as independent would give; None without folds.
    p_permutation : float or None
        Exact permutation test of the difference in means, as a sensitivity check; None
        with one unit in a group.
    p_t : float or None
        Equal-variance t test of the unit means, which is what a mixed model of all folds
        with a random level for each unit comes to when folds are balanced
        (`hyp.stats.mixed_model` fits it); None where it is not defined.
    p_stimuli, p_stimuli_corrected, stimuli_low, stimuli_high : float or None
        Of the difference of means with stimuli as a sample, too (`hyp.stats.stimuli`),
        corrected by Holm, and its 95 % interval; where a column of stimuli was named.
    bayes_factor : float or None
        Evidence for a difference over none (JZS, scale 0.707), where asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    name: str
    keys: dict[str, str]
    groups: tuple[str, str]
    family: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    shift: float
    shift_low: float | None
    shift_high: float | None
    signs_agree: bool
    test: str
    difference: float
    ci_low: float | None
    ci_high: float | None
    ps: float
    ps_low: float | None
    ps_high: float | None
    p: float
    p_attainable: float
    p_corrected: float
    p_holm: float
    p_bh: float
    direction: int
    significant: bool
    p_equivalence: float | None = None
    p_equivalence_holm: float | None = None
    p_not_worse: float | None = None
    equivalent: bool = False
    within_margin: bool = False
    p_pooled: float | None = None
    p_permutation: float | None = None
    p_t: float | None = None
    p_stimuli: float | None = None
    p_stimuli_corrected: float | None = None
    stimuli_low: float | None = None
    stimuli_high: float | None = None
    bayes_factor: float | None = None


class Omnibus(BaseModel):
    """Whether three or more groups differ at all in one comparison.

    Attributes
    ----------
    name : str
        The values of the keys, joined.
    family : str
    p, p_attainable, p_holm : float
        Permutation p of the Kruskal-Wallis test (Friedman's in a paired design), the
        smallest these numbers of units allow, and corrected for the family.
    significant : bool
    medians : dict of str to float
        Of the units' scores, by group.
    letters : dict of str to str
        Two groups share a letter exactly if they were not found to differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: str
    p: float
    p_attainable: float
    p_holm: float
    significant: bool
    medians: dict[str, float]
    letters: dict[str, str]


class TableVerdict(BaseModel):
    """What a table of scores says of its groups, in numbers and in plain words.

    In a notebook it shows itself; `rows` is the table of its comparisons.

    Attributes
    ----------
    headline : str
        The outcome in a few words.
    groups : tuple of str
        In the order in which they are compared.
    value, unit : str
        Names of the columns with the scores and with the unit (the seed).
    paired : bool
        Whether the unit's labels join the groups.
    lower_is_better : bool
        Whether a low score is the good one.
    folds : int
        Most scores a unit has in a comparison.
    correction : {"holm", "max-t"}
    alpha, margin, alternative
        As declared.
    families : dict of str to int
        Comparisons corrected together, by family.
    checks : tuple of Check
        What the audit of the units found wrong; with any, the outcome is ``invalid``.
    verdict : Verdict
        By the rule "higher somewhere and lower nowhere", and its mirror image.
    pooled_verdict : Verdict or None
        What the same rule says if folds are pooled as independent and nothing is
        corrected; None without folds.
    stimuli_verdict : Verdict or None
        What the same rule says of new stimuli; where a column of stimuli was named.
    comparisons : tuple of TableComparison
        With more than two groups every pair of them, all corrected together.
    omnibus : tuple of Omnibus
        With more than two groups; a pair is found only where its omnibus test is.
    non_inferior : bool
        Whether the question is if a is not worse than b by the margin.
    concluded, not_concluded, would_settle, notes : tuple of str
        Sentences: what the data show; what they do not; how many units would settle it;
        what to know of the method.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    headline: str = ""
    groups: tuple[str, ...]
    value: str
    unit: str
    paired: bool = False
    lower_is_better: bool = False
    folds: int
    correction: Correction = "holm"
    alpha: float
    margin: float | None
    alternative: Alternative
    families: dict[str, int]
    checks: tuple[Check, ...] = ()
    verdict: Verdict
    pooled_verdict: Verdict | None
    stimuli_verdict: Verdict | None = None
    comparisons: tuple[TableComparison, ...]
    omnibus: tuple[Omnibus, ...] = ()
    non_inferior: bool = False
    concluded: tuple[str, ...] = ()
    not_concluded: tuple[str, ...] = ()
    would_settle: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return self.verdict.sentence

    @property
    def meaning(self) -> str:
        """What the outcome means, in one sentence for someone who is no statistician."""
        return _MEANINGS[self.verdict.outcome]

    @property
    def sections(self) -> dict[str, tuple[str, ...]]:
        """All sentences under their headings, those without any left out."""
        told = {
            "What the scores show": self.concluded or ("Nothing that passed the rule.",),
            "What they do not show": self.not_concluded,
            "What would settle it": self.would_settle,
            "How it was done": self.notes,
        }
        return {heading: sentences for heading, sentences in told.items() if sentences}

    @property
    def rows(self) -> pd.DataFrame:
        """One row a comparison: its keys as columns, then its numbers."""
        named = set(TableComparison.model_fields) - {"keys", "a", "b", "groups"}
        return pd.DataFrame(
            {
                **row.keys,
                "group_a": row.groups[0],
                "group_b": row.groups[1],
                "n_a": len(row.a),
                "n_b": len(row.b),
                **row.model_dump(include=named),
            }
            for row in self.comparisons
        )

    def _repr_html_(self) -> str:
        told = "".join(
            f"<h4>{escape(heading)}</h4><ul>"
            + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
            + "</ul>"
            for heading, sentences in self.sections.items()
        )
        shown = ["n_a", "n_b", "shift", "shift_low", "shift_high", "p", "p_corrected"]
        rows = self.rows.set_index("name")[shown].to_html(float_format="{:.3g}".format)
        return f"<h3>{escape(self.headline)}</h3><p><b>{escape(self.sentence)}</b></p>{told}{rows}"
