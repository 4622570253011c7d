"""What every kind of question offers: its cohorts, rows, smallest p, and words.

To add a kind of question, write one module in this folder with a subclass of `Question`
whose ``kind`` is a literal of its own; the declaration, the plan, the judge and the reports
ask the question itself and need no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hyp.errors import HypError
from hyp.hypotheses.profile import PIXELS, SIMULATED, UNTRAINED, Declared, Profile
from hyp.hypotheses.questions.panels import (
    Panel,
    ScorePanel,
    Series,
    by_layer,
    drawn_series,
    network_scores,
    reference_scores,
    unique,
)
from hyp.hypotheses.scores import (
    ALIGNED,
    VENTRAL_REGIONS,
    AnyScore,
    Behaviour,
    Decoding,
    NeuralMean,
    Similarity,
    kind_in_table,
)
from hyp.metrics.brainscore.identifiers import PAPER_BENCHMARKS, benchmark_region
from hyp.models.specs import objective_tasks
from hyp.names import Name

if TYPE_CHECKING:
    import pandas as pd

    from hyp.hypotheses.result import Row
    from hyp.stats.correlations import Correlation
    from hyp.stats.repeated import RepeatedCorrelation

Alternative = Literal["two-sided", "greater", "less"]

SCORE_COLUMNS = (
    *("kind", "protocol", "cohort", "seed", "batches", "measured", "layer", "fold"),
    *("score", "metric", "chance", "chosen"),
)
"""Columns of the score table, one row per fold.

`measured` is the latent, region or task; `chosen` is the layer that was chosen for a region."""

EACH_REGION = "each region"
"""Stands for the regions of a recording, which is not read before the run."""
I2N = "i2n"
"""What behaviour is measured by: one value per image and distractor, object means removed."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Similarities:
    """How alike networks are.

    Attributes
    ----------
    networks : list of str
        Cohort of every network, in the order of the matrices.
    matrices : dict
        Shape (m, m), by measure and layer.
    """

    networks: list[str] = field(default_factory=list)
    matrices: Mapping[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What questions are answered from.

    Attributes
    ----------
    scores : DataFrame
        With the columns `SCORE_COLUMNS`.
    similarities : Similarities
        Of the cohorts that questions about pairs of networks name.
    titles : dict of str to str
        Phrases for the cohorts, by name.
    margin : float or None
        Of the rule.
    alternative : {"two-sided", "greater", "less"}
        Of the rule; a question's own comes first.
    """

    scores: pd.DataFrame
    similarities: Similarities
    titles: Mapping[str, str]
    margin: float | None = None
    alternative: Alternative = "two-sided"


class Question(Declared):
    """What questions have in common; see the subclasses for the kinds there are.

    Attributes
    ----------
    name : str
        What the rule and the report call it.
    measured, layers : tuple of str
        Latents, regions, tasks or measures, and layers, that it is about; empty for all.
    figure : str
        Where the paper asks it, such as ``Figure D.4``.
    secondary : bool
        It is reported, but the rule does not read it.
    alternative : {"two-sided", "greater", "less"} or None
        Direction of its tests; None takes the rule's.
    objectives : tuple of str
        Of cohorts that name several objectives, only these; empty for all that they share.
    """

    cohort_fields: ClassVar[tuple[str, ...]]
    """Fields that name cohorts: a name, a tuple of names, or a dict by name."""

    two_groups: ClassVar[bool] = True
    """Whether a row counts two groups of networks, rather than all networks together."""

    pooled_unit: ClassVar[str] = ""
    """What the published protocol takes as independent in its place."""

    all_checkpoints: ClassVar[bool] = False
    """Whether every checkpoint is measured, not only the end of training."""

    pools_folds: ClassVar[bool] = False
    """Whether the published protocol has a test for it that pools the folds of decoding."""

    has_margin: ClassVar[bool] = False
    """Whether its rows can be held against a margin."""

    tested: ClassVar[str] = "Tests over networks"
    """Which test answers it, as a sentence begins."""

    name: Name
    measured: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    figure: str = Field("", exclude_if=lambda figure: not figure)
    secondary: bool = Field(False, exclude_if=lambda secondary: not secondary)
    alternative: Alternative | None = Field(None, exclude_if=lambda value: value is None)
    objectives: tuple[str, ...] = Field((), exclude_if=lambda objectives: not objectives)
    kind: str

    @property
    def scored(self) -> AnyScore:
        """What it measures."""
        raise NotImplementedError

    @property
    def about(self) -> tuple[str, ...]:
        """The cohorts that it is about, each once."""
        named: list[str] = []
        for name in self.cohort_fields:
            value = getattr(self, name)
            named += [value] if isinstance(value, str) else list(value)
        return tuple(dict.fromkeys(named))

    @property
    def objective(self) -> str:
        """The one objective that it is asked about; empty where its cohorts have one each."""
        return self.objectives[0] if len(self.objectives) == 1 else ""

    @property
    def label(self) -> str:
        """Its name, with the objective where it is asked of one of several."""
        return f"{self.name}, target {self.objective}" if self.objective else self.name

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of cohorts that are held against each other."""
        return ()

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return a copy about other cohorts; those that `names` leaves out stay."""
        changed: dict[str, Any] = {}
        for name in self.cohort_fields:
            value = getattr(self, name)
            if isinstance(value, str):
                changed[name] = names.get(value, value)
            elif isinstance(value, dict):
                changed[name] = {names.get(key, key): item for key, item in value.items()}
            else:
                changed[name] = tuple(names.get(one, one) for one in value)
        return self.model_copy(update=changed)

    def direction(self, default: Alternative) -> Alternative:
        """Return the alternative of its tests."""
        return self.alternative or default

    def describe(self) -> str:
        """Say what is held against what, by the cohorts' names."""
        raise NotImplementedError

    def ask(self, titles: Mapping[str, str], measured: str, alternative: Alternative) -> str:
        """Put the question into words.

        Parameters
        ----------
        titles : dict of str to str
            Phrases for the cohorts.
        measured : str
            What is measured, in words.
        alternative : {"two-sided", "greater", "less"}
            Of its tests.
        """
        raise NotImplementedError

    def networks(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks are compared, such as ``6 v 6``; `sizes` are by cohort."""
        return " v ".join(map(str, self.counted(sizes)))

    def counted(self, sizes: Mapping[str, int]) -> list[int]:
        """Return the number of networks of each cohort that is compared."""
        return [sizes[name] for name in self.about]

    def smallest_p(self, sizes: Mapping[str, int], *, two_sided: bool) -> float:
        """Return the smallest p that one of its comparisons can give."""
        raise NotImplementedError

    def too_few(self, sizes: Mapping[str, int]) -> str:
        """Say how many networks it needs, where there are fewer; empty where there are enough."""
        return ""

    def places(self, profile: Profile, objectives: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return what was measured and the layer of each row that it will give.

        Parameters
        ----------
        profile : Profile
        objectives : dict of str to str
            Of the cohorts, by name.
        """
        scored = self.scored
        layers = self.layers or profile.layers
        if isinstance(scored, Decoding):
            latents = self.measured or scored.latents
            return [(latent, layer) for latent in latents for layer in layers]
        if isinstance(scored, Similarity):
            return [(scored.measure, layer) for layer in layers]
        if isinstance(scored, NeuralMean | Behaviour):
            return [(scored.kind if isinstance(scored, NeuralMean) else I2N, "")]
        if scored.kind in ALIGNED:
            return [(region, "") for region in (self.measured or _regions(profile))]
        tasks = self.measured or objective_tasks(objectives[self.about[0]])
        return [(task, "") for task in tasks]

    def rows(self, evidence: Evidence) -> Iterator[Values]:
        """Answer it: one row per comparison, with fields of `hyp.hypotheses.result.Row`.

        Raises
        ------
        HypError
            If scores that it needs are missing.
        """
        raise NotImplementedError

    def panels(self, evidence: Evidence, rows: Sequence[Row]) -> Iterator[Panel]:
        """Return what its figures show: every network's scores, unless a kind shows more.

        Parameters
        ----------
        evidence : Evidence
            What it was answered from.
        rows : sequence of Row
            Its answers.
        """
        table = network_scores(self.own_scores(evidence))
        for measured in unique(row.measured for row in rows):
            here = table[table["measured"] == measured]
            series = [drawn_series(evidence.titles[name], here, name) for name in self.about]
            metric = ""
            levels: dict[str, float] = {}
            if isinstance(self.scored, Decoding):
                own = evidence.scores[
                    (evidence.scores["kind"] == "decoding")
                    & (evidence.scores["protocol"] == "recommended")
                    & (evidence.scores["measured"] == measured)
                ]
                untrained, levels = reference_scores(evidence.scores, measured)
                if untrained and UNTRAINED not in self.about:
                    series.append(Series("untrained networks", untrained, UNTRAINED, True))
                beside = own[~own["cohort"].isin([*evidence.titles, UNTRAINED, PIXELS])]
                for name in unique(beside["cohort"].astype(str)):
                    theirs = network_scores(beside[beside["cohort"] == name])
                    title = f"networks trained for {name.replace('+', ' and ')}"
                    series.append(Series(title, by_layer(theirs), reference=True))
                if own["chance"].notna().any():
                    levels = {"chance": float(own["chance"].mean()), **levels}
                metric = next(iter(own["metric"].dropna()), "")
            layers = unique(row.layer for row in rows if row.measured == measured)
            yield ScorePanel(measured, layers, tuple(series), str(metric), levels)

    def own_scores(self, evidence: Evidence, *, protocol: str = "recommended") -> pd.DataFrame:
        """Return the scores that it is about, in the order of layers.

        Raises
        ------
        HypError
            If a cohort has none.
        """
        scores = evidence.scores
        if isinstance(self.scored, NeuralMean):
            scores = neural_means(scores, self.scored.regions)
        chosen = scores[
            (scores["kind"] == kind_in_table(self.scored))
            & (scores["protocol"] == protocol)
            & scores["cohort"].isin(self.about)
        ]
        if not self.all_checkpoints:
            last = scores.groupby(["cohort", "seed"])["batches"].transform("max")
            chosen = chosen[chosen["batches"] == last.loc[chosen.index]]
        wanted = {"measured": self.measured, "layer": self.layers}
        if isinstance(self.scored, Decoding) and not self.measured:
            wanted["measured"] = self.scored.latents
        for column, values in wanted.items():
            if values:
                chosen = chosen[chosen[column].isin(values)]
        missing = set(self.about) - set(chosen["cohort"])
        if missing and protocol == "recommended":
            raise HypError(
                f"the question {self.name!r} finds no {self.scored.kind} scores of the cohort "
                f"{min(missing)}; check its 'measured' and 'layers'."
            )
        return chosen


def mean_scores(scores: pd.DataFrame, kind: str, cohorts: Sequence[str]) -> pd.Series:
    """Return the mean score of every checkpoint by cohort, seed and batches."""
    chosen = scores[(scores["kind"] == kind) & scores["cohort"].isin(cohorts)]
    means: pd.Series = chosen.groupby(["cohort", "seed", "batches"], observed=True)["score"].mean()
    return means


def _regions(profile: Profile) -> tuple[str, ...]:
    """Return the regions that a profile's recordings have, as far as their names tell."""
    if profile.recording == SIMULATED:
        return VENTRAL_REGIONS
    if set(profile.recordings) <= set(PAPER_BENCHMARKS):
        return tuple(map(benchmark_region, profile.recordings))
    return (EACH_REGION,)


def neural_means(scores: pd.DataFrame, regions: Sequence[str]) -> pd.DataFrame:
    """Return every network's alignment averaged over regions, in the form of a score table.

    Networks and checkpoints that lack a score in one of the regions have no row.
    """
    keys = ["protocol", "cohort", "seed", "batches"]
    inside = (scores["kind"] == "alignment") & scores["measured"].isin(regions)
    each = scores[inside].groupby([*keys, "measured"], observed=True)["score"].mean().unstack()
    means = each.reindex(columns=list(regions)).mean(axis=1, skipna=False).dropna()
    found = means.rename("score").reset_index()
    return found.assign(
        kind="neural mean", measured="neural mean", layer="", fold=0, metric="", chosen=""
    )


def correlated(found: Correlation | RepeatedCorrelation, networks: int) -> Values:
    """Return the fields of a row that is a correlation."""
    return {
        "b": "",
        "n_a": networks,
        "n_b": networks,
        "mean_a": None,
        "mean_b": None,
        "difference": found.r,
        "ci_low": found.low,
        "ci_high": found.high,
        "effect": "correlation",
        "direction": int(np.sign(found.r)),
    }


def measured_words(scored: AnyScore) -> str:
    """Say what is measured: ``decoding of category``, ``alignment``."""
    if isinstance(scored, Decoding):
        return f"decoding of {', '.join(scored.latents)}"
    return scored.kind


def higher_words(alternative: Alternative) -> str:
    """Say the direction of a question: ``higher``, ``lower``, or ``higher or lower``."""
    return {"two-sided": "higher or lower", "greater": "higher", "less": "lower"}[alternative]


def rise_words(alternative: Alternative) -> str:
    """Say the direction of a correlation: ``rise``, ``fall``, or ``rise or fall``."""
    return {"two-sided": "rise or fall", "greater": "rise", "less": "fall"}[alternative]
