"""What a table of scores comes to, in numbers and in plain words."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hyp.stats.arguments import Alternative
from hyp.stats.verdict import Verdict


class TableComparison(BaseModel):
    """Group a against group b in one comparison; None where undefined.

    Attributes
    ----------
    name : str
        The values of `keys`, joined.
    keys : dict of str to str
        The columns that tell it from the others.
    family : str
        Comparisons corrected together share it.
    a, b : tuple of float
        One score a unit, folds averaged, sorted.
    difference, ci_low, ci_high : float
        Mean of a minus mean of b, and its 95 % Welch interval.
    ps, ps_low, ps_high : float
        Probability that a unit of a scores above one of b, and its 95 % interval.
    p, p_attainable, p_holm, p_bh : float
        Exact Mann-Whitney p, the smallest this design allows, corrected by Holm, which
        decides, and by Benjamini & Hochberg, for maps.
    p_equivalence, p_equivalence_holm : float or None
        Of the two one-sided tests against the margin, where one was declared.
    significant, equivalent : bool
        Whether the corrected p is at most alpha.
    p_pooled : float or None
        What pooling all folds as independent would give; None without folds.
    p_permutation : float or None
        Exact permutation test of the difference in means, as a sensitivity check; None
        with one unit in a group.
    p_t : float or None
        Equal-variance t test of the unit means, which is what a mixed model of all folds
        with a random level for each unit comes to when folds are balanced, as they must
        be here (`hyp.stats.mixed_model` fits it); None where it is not defined.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    keys: dict[str, str]
    family: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    difference: float
    ci_low: float | None
    ci_high: float | None
    ps: float
    ps_low: float
    ps_high: float
    p: float
    p_attainable: float
    p_holm: float
    p_bh: float
    direction: int
    significant: bool
    p_equivalence: float | None = None
    p_equivalence_holm: float | None = None
    equivalent: bool = False
    p_pooled: float | None = None
    p_permutation: float | None
    p_t: float | None = None


class TableVerdict(BaseModel):
    """What a table of scores says of two groups, in numbers and in plain words.

    Attributes
    ----------
    groups : tuple of two str
        a, and b that it is held against.
    value, unit : str
        Names of the columns with the scores and with the unit (the seed).
    folds : int
        Scores a unit in every comparison.
    alpha, margin, alternative
        As declared.
    families : dict of str to int
        Comparisons corrected together, by family.
    verdict : Verdict
        By the rule "higher somewhere and lower nowhere", and its mirror image.
    pooled_verdict : Verdict or None
        What the same rule says if folds are pooled as independent and nothing is
        corrected; None without folds.
    comparisons : tuple of TableComparison
    concluded, not_concluded, would_settle, notes : tuple of str
        Sentences: what the data show; what they do not; how many units would settle it;
        what to know of the method.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: tuple[str, str]
    value: str
    unit: str
    folds: int
    alpha: float
    margin: float | None
    alternative: Alternative
    families: dict[str, int]
    verdict: Verdict
    pooled_verdict: Verdict | None
    comparisons: tuple[TableComparison, ...]
    concluded: tuple[str, ...]
    not_concluded: tuple[str, ...]
    would_settle: tuple[str, ...]
    notes: tuple[str, ...]
