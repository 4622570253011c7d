"""What a study declares: cohorts, what is measured of them, what is asked, a rule, sizes.

A study is a hypothesis of any form. Each question turns scores of cohorts into rows that
the decision rule reads, whatever the question was: a difference, its interval, a p.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from hyp.datasets.designs import Design
from hyp.errors import HypError, choose_from
from hyp.hypotheses.declaration import PIXELS, Declared, Size
from hyp.metrics.measures import added_measure
from hyp.metrics.neural.specs import neural_metric
from hyp.models.specs import objective_tasks
from hyp.stats.rules import DecisionRule

KEYS = ("question", "of", "layer")
"""What tells the rows of a study apart: the question, what was measured, and where."""

JUDGED, BESIDE = "judged", "beside"
"""The families of a study's comparisons: those that the rule reads, and the others."""


EQUIVALENT = "equivalent"
"""The outcome that needs no prediction: every difference is within the margin."""


class Cohort(Declared):
    """Networks that differ in their seed alone.

    Attributes
    ----------
    name, title : str
        What questions call it, and a phrase for figures.
    objective : str
        What the networks are trained for.
    design : str
        Variability of their training images.
    share : float
        Of the profile's training images, the first.
    trained : bool
        False leaves the initial weights.
    natural : bool
        Trained on the profile's natural images instead.
    weights : tuple of str
        Networks that exist already, one a seed, such as ``torchvision:resnet18`` or a model
        folder (`hyp.models.resolve_pretrained`); empty for those that are trained here.
    first_seed : int
        Seeds are this and the following ones. Cohorts that are compared should share none:
        networks with one seed start alike and see the images in one order.
    """

    name: str
    title: str
    objective: str
    design: str = "full"
    share: float = Field(1.0, gt=0, le=1)
    trained: bool = True
    natural: bool = False
    weights: tuple[str, ...] = ()
    first_seed: int = Field(0, ge=0)

    @field_validator("objective")
    @classmethod
    def _canonical(cls, objective: str) -> str:
        return "+".join(objective_tasks(objective))

    @field_validator("design")
    @classmethod
    def _readable(cls, design: str) -> str:
        Design.parse(design)
        return design


class Decoding(Declared):
    """How well latents can be decoded, layer by layer (``of`` is the latent)."""

    kind: Literal["decoding"] = "decoding"
    latents: tuple[str, ...] = Field(min_length=1)


class Alignment(Declared):
    """How well a network accounts for the recording, region by region (``of``)."""

    kind: Literal["alignment"] = "alignment"


class Depth(Declared):
    """Which layer a region took (``of``): 0 is the first of the profile's layers, 1 the last."""

    kind: Literal["depth"] = "depth"


class Performance(Declared):
    """Held-out success at what the network was trained for, task by task (``of``).

    1 minus the loss as a share of the best constant predictor's: 0 knows nothing, 1 is perfect.
    """

    kind: Literal["performance"] = "performance"


class Similarity(Declared):
    """How alike two networks represent the stimuli, layer by layer (``of`` is the measure).

    Attributes
    ----------
    measure : str
        See `hyp.metrics.similarity.similarity_matrix`; installed packages offer more.
    """

    kind: Literal["similarity"] = "similarity"
    measure: str = "cka"

    @field_validator("measure")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            added_measure(name)
        except HypError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return name


ALIGNED = ("alignment", "depth")
"""Kinds of scores that rest on a recording."""

Score = Annotated[Decoding | Alignment | Depth | Performance, Field(discriminator="kind")]
"""What a single network has."""


class _Question(Declared):
    """What questions have in common.

    Attributes
    ----------
    name : str
        What the rule and the report call it.
    of, layers : tuple of str
        Latents, regions, tasks or measures, and layers, that it is about; empty for all.
    figure : str
        Where the paper asks it, such as ``Figure D.4``.
    beside : bool
        It stands beside the verdict: the rule does not read it.
    """

    name: str
    of: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    figure: str = Field("", exclude_if=lambda figure: not figure)
    beside: bool = Field(False, exclude_if=lambda beside: not beside)


class Contrast(_Question):
    """Whether cohort `a` scores higher than cohort `b`: exact Mann-Whitney over seeds.

    With several cohorts in `b` it is held against the best of them: higher only if it is
    higher than every one (the largest p counts), lower if it is lower than any (the smallest p,
    times their number).
    """

    kind: Literal["contrast"] = "contrast"
    score: Score
    a: str
    b: tuple[str, ...] = Field(min_length=1)


class Closer(_Question):
    """Whether the networks of `anchor` are more alike those of `b` than those of `c`.

    See `hyp.stats.closeness`: the models of b and c are permuted.
    """

    kind: Literal["closer"] = "closer"
    similarity: Similarity = Similarity()
    anchor: str
    b: str
    c: str


class Alike(_Question):
    """Whether networks are more alike within cohorts than between them.

    See `hyp.stats.within_between`: the models' labels are permuted.
    """

    kind: Literal["alike"] = "alike"
    similarity: Similarity = Similarity()
    cohorts: tuple[str, ...] = Field(min_length=2)


class Tighter(_Question):
    """Whether the networks of `a` are more alike among themselves than those of `b`.

    See `hyp.stats.tightness`: networks, not pairs, are what is counted.
    """

    kind: Literal["tighter"] = "tighter"
    similarity: Similarity = Similarity()
    a: str
    b: str


class Tracks(_Question):
    """Whether one score follows another over the checkpoints within networks.

    Repeated-measures correlation with a test over seeds, see `hyp.stats.repeated_correlation`.
    Every checkpoint of the profile is measured.

    Attributes
    ----------
    loss_below : float or None
        Checkpoints whose held-out loss (mean over tasks) is not below it are left out and
        counted in the row's note. The paper's Figure 3d leaves out losses above 0.2.
    """

    kind: Literal["tracks"] = "tracks"
    cohorts: tuple[str, ...] = Field(min_length=1)
    loss_below: float | None = Field(None, gt=0, exclude_if=lambda loss: loss is None)
    performance: Performance = Performance()
    score: Alignment = Alignment()


class Trend(_Question):
    """Whether a score rises with a size: Spearman's correlation over cohorts, exact.

    Attributes
    ----------
    sizes : dict of str to float
        Cohorts and where they stand on the axis.
    unit : str
        What the axis counts.
    """

    kind: Literal["trend"] = "trend"
    score: Score
    sizes: dict[str, float] = Field(min_length=3)
    unit: str

    @field_validator("sizes")
    @classmethod
    def _positive(cls, sizes: dict[str, float]) -> dict[str, float]:
        if min(sizes.values()) <= 0:
            raise ValueError("sizes must be positive numbers")
        return sizes


PairQuestion = Closer | Alike | Tighter
"""Questions about pairs of networks."""

Question = Annotated[
    Contrast | Closer | Alike | Tighter | Tracks | Trend, Field(discriminator="kind")
]


class StudySize(Size):
    """The size of a study, see `Size`.

    Attributes
    ----------
    recording : str
        What networks are aligned with: ``simulated``, or a recording of the store by name.
    n_recorded : int
        Stimuli that were shown in a simulated recording: as many of a sample like the stimuli.
    neural_metric : str
        ``pls``, ``ridge``, ``rsa`` or ``cka``, see `hyp.metrics.neural`.
    neural_protocol : {"recommended", "published"}
        How a layer is chosen for a region.
    natural : str
        Where natural images come from, such as ``imagenet:/data/imagenet`` or
        ``classes:/data/photographs``, for cohorts that are trained on them.
    cohorts : tuple of str
        Only these; a question about others is left out. Empty for all.
    """

    recording: str = "simulated"
    n_recorded: int = Field(240, ge=60)
    neural_metric: str = "pls"
    neural_protocol: Literal["recommended", "published"] = "recommended"
    natural: str = ""
    cohorts: tuple[str, ...] = ()

    @field_validator("neural_metric")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            neural_metric(name)
        except HypError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return name


class Study(Declared):
    """A claim about cohorts of networks with everything needed to judge it.

    Attributes
    ----------
    name : str
        What ``hyp run`` takes.
    title, question, source : str
        For people; `source` says where the claim was made.
    predictions : dict of str to str
        Rival hypotheses and what each says.
    cohorts : tuple of Cohort
    questions : tuple of question
        Each gives rows; the rule's keys are `KEYS`.
    rule : DecisionRule
        How the rows become a verdict. Rows of the questions that it reads are corrected
        together and judged; those of others stand beside them, corrected among themselves.
    published : str
        What was published about it, in a sentence or two; empty where nothing was.
    agrees : str
        The prediction that what was published agrees with, or ``equivalent``; empty where it
        agrees with none.
    control : str
        A contrast beside the rule that must come out higher somewhere: where not even it does,
        the measure need not tell cohorts apart, and that they are close shows nothing (what
        ICH E10 calls assay sensitivity). Empty for none.
    profiles : dict of str to StudySize
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    question: str
    source: str
    predictions: dict[str, str]
    cohorts: tuple[Cohort, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = Field(min_length=1)
    rule: DecisionRule
    published: str = ""
    agrees: str = ""
    control: str = ""
    profiles: dict[str, StudySize]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [cohort.name for cohort in self.cohorts]
        asked = [question.name for question in self.questions]
        beside = {question.name for question in self.questions if question.beside}
        for what, found in (("cohorts", names), ("questions", asked)):
            if len(set(found)) < len(found):
                raise ValueError(f"two of the {what} have one name")
        if PIXELS in names:
            raise ValueError(f"no cohort may be called {PIXELS!r}: the stimuli themselves are")
        for question in self.questions:
            for name in cohorts_of(question):
                if name not in names:
                    raise ValueError(
                        f"the question {question.name!r} names no declared cohort with {name!r}"
                    )
        if self.rule.keys != KEYS:
            raise ValueError(f"the rule's keys must be {', '.join(KEYS)}")
        for prediction in self.rule.predictions:
            for need in prediction.needs:
                named = set(need.where.get("question", ()))
                if named - set(asked):
                    raise ValueError(
                        f"the rule names no declared question with {min(named - set(asked))!r}"
                    )
                if named & beside:
                    raise ValueError(
                        f"the rule names the question {min(named & beside)!r}, which stands beside"
                    )
        if self.agrees and self.agrees not in (*self.predictions, EQUIVALENT):
            raise ValueError(f"agrees={self.agrees!r} is none of the predictions")
        controls = {one.name for one in self.questions if isinstance(one, Contrast) and one.beside}
        if self.control and self.control not in controls:
            raise ValueError(f"control={self.control!r} is no contrast that stands beside the rule")
        return self

    def profile(self, name: str, settings: dict[str, str] | None = None) -> StudySize:
        """Return a profile by name with ``--set`` values applied.

        Raises
        ------
        HypError
            For an unknown profile, key or cohort.
        """
        if name not in self.profiles:
            raise HypError(f"{self.name} has no profile {name!r}" + choose_from(self.profiles))
        profile = self.profiles[name].with_settings(settings or {})
        for cohort in profile.cohorts:
            self.cohort(cohort)
        if not self.asked(profile):
            raise HypError(
                f"no question of {self.name} is about the cohorts {', '.join(profile.cohorts)} "
                "alone; name more."
            )
        return profile

    def cohort(self, name: str) -> Cohort:
        """Return a cohort by name.

        Raises
        ------
        HypError
            If there is none.
        """
        for cohort in self.cohorts:
            if cohort.name == name:
                return cohort
        known = choose_from(cohort.name for cohort in self.cohorts)
        raise HypError(f"{self.name} has no cohort {name!r}{known}")

    def judged(self, question: str) -> bool:
        """Tell whether the rule reads a question: those it names, all where it names none.

        What stands `beside` is never read.
        """
        if question in {asked.name for asked in self.questions if asked.beside}:
            return False
        needs = [
            need
            for prediction in self.rule.predictions
            for need in (*prediction.needs, *self.rule.mixed)
        ]
        named = [need.where.get("question", ()) for need in needs]
        return not all(named) or any(question in names for names in named)

    def family(self, question: str) -> str:
        """Return which comparisons a question's are corrected with, `JUDGED` or `BESIDE`."""
        return JUDGED if self.judged(question) else BESIDE

    def asked(self, profile: StudySize) -> tuple[Question, ...]:
        """Return the questions whose cohorts all take part under a profile."""
        if not profile.cohorts:
            return self.questions
        there = set(profile.cohorts)
        return tuple(one for one in self.questions if set(cohorts_of(one)) <= there)


def cohorts_of(question: Question) -> tuple[str, ...]:
    """Return the cohorts that a question is about, each once."""
    if isinstance(question, Contrast):
        return tuple(dict.fromkeys((question.a, *question.b)))
    if isinstance(question, Tighter):
        return (question.a, question.b)
    if isinstance(question, Closer):
        return (question.anchor, question.b, question.c)
    if isinstance(question, Trend):
        return tuple(question.sizes)
    return question.cohorts


def n_networks(cohort: Cohort, profile: StudySize) -> int:
    """Return how many networks a cohort has."""
    return len(cohort.weights) or profile.n_seeds


def described(question: Question) -> str:
    """Say what a question holds against what, by the cohorts' names."""
    score = score_of(question)
    if isinstance(question, Contrast):
        best = "the best of " if len(question.b) > 1 else ""
        return f"{score.kind} of {question.a} against {best}{', '.join(question.b)}"
    if isinstance(question, Closer):
        return f"{score.kind} of {question.anchor} to {question.b} against that to {question.c}"
    if isinstance(question, Tighter):
        return f"{score.kind} within {question.a} against that within {question.b}"
    if isinstance(question, Alike):
        return f"{score.kind} within against between {', '.join(question.cohorts)}"
    if isinstance(question, Tracks):
        return f"{score.kind} with performance within {', '.join(question.cohorts)}"
    return f"{score.kind} with {question.unit} over {', '.join(question.sizes)}"


def score_of(question: Question) -> Decoding | Alignment | Depth | Performance | Similarity:
    """Return what a question measures."""
    if isinstance(question, PairQuestion):
        return question.similarity
    return question.score
