"""What a hypothesis declares: conditions, parts, predictions, rule and profiles."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hyp.datasets.designs import Design
from hyp.errors import HypError, choose_from, did_you_mean
from hyp.models.specs import Schedule, objective_tasks
from hyp.stats.rules import DecisionRule

FULL_CONDITION = "full"
PIXELS = "pixels"
"""What is said of the stimuli themselves, beside networks."""
_SEEDS_A_CONDITION = 1000
RESNET_LAYERS = (
    "layer1.0.relu",
    "layer2.0.relu",
    "layer3.0.relu",
    "layer4.0.relu",
    "avgpool",
    "fc",
)
"""The layers that the paper decodes (its Table B.1)."""


class Declared(BaseModel):
    """What is declared: frozen, and no field too many."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(Declared):
    """A training dataset by its variability.

    Attributes
    ----------
    name : str
        How plans and reports call it.
    design : str
        One-line variability design, see `hyp.datasets.Design.parse`.
    title : str
        A phrase for figures.
    """

    name: str
    design: str
    title: str


class Part(Declared):
    """One non-target: which condition reduces it, which latents are decoded.

    Attributes
    ----------
    name : str
        For instance ``category``.
    condition : str
        The condition that reduces the non-target; it is held against ``full``.
    latents : tuple of str
        Table columns that are decoded from the activations.
    objectives : tuple of str
        The targets this non-target is asked about; objectives of the profile that
        are not among them take no part.
    """

    name: str
    condition: str
    latents: tuple[str, ...]
    objectives: tuple[str, ...]


class Size(Declared):
    """What hypotheses of one size share: images, networks, layers. ``--set`` changes a field.

    Attributes
    ----------
    summary : str
        One line for ``hyp show``.
    source : str
        Where the images come from: ``engine``, or a line such as
        ``dsprites:/data/dsprites.npz``, see `hyp.datasets.sources.open_source`.
    image_size, supersample : int
        Pixels a side, and samples a pixel a side of the embedded engine.
    n_images, n_val, n_stimuli : int
        Images of each training dataset, how many of them are held out, and the
        number of test stimuli that every model sees.
    online : bool
        Training images are rendered while networks train and never stored.
    world : str
        A design that every dataset of this size stays within, stimuli included, such as
        ``identities=1``; ``full`` for all that the source has.
    data_seed : int
        Seed of the training datasets; the stimuli take the next one.
    n_seeds : int
        Networks a group.
    backbone, n_batches, batch_size, learning_rate, schedule, input_size, evaluate_every
        Training, as in `hyp.models.TrainSpec`.
    snapshots : tuple of int
        Batch counts at which weights are kept beside the end; later ones are left out.
    precision, device : str
        ``auto`` asks the hardware of this machine.
    threads : int
        CPU threads of one step. Results depend on it in the last bits, so it is
        part of the declaration and not of the command line.
    layers : tuple of str
        Layers that are looked at.
    n_folds, svm_c, alpha
        Folds of the decoding, C of the linear SVM, level of the tests.
    """

    summary: str
    source: str = Field("engine", exclude_if=lambda source: source == "engine")
    image_size: int = Field(64, ge=16, le=1024)
    supersample: int = Field(2, ge=1, le=4)
    n_images: int = Field(ge=2)
    n_val: int = Field(ge=1)
    n_stimuli: int = Field(ge=20)
    online: bool = Field(False, exclude_if=lambda online: not online)
    world: str = "full"
    data_seed: int = Field(0, ge=0)
    n_seeds: int = Field(ge=1, le=1000)
    backbone: str = "resnet18"
    n_batches: int = Field(ge=1)
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Schedule = Field("constant", exclude_if=lambda schedule: schedule == "constant")
    input_size: int | None = Field(None, ge=16)
    evaluate_every: int | None = Field(None, ge=1)
    snapshots: tuple[int, ...] = Field((), exclude_if=lambda snapshots: not snapshots)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(1, ge=1)
    layers: tuple[str, ...] = Field(RESNET_LAYERS, min_length=1)
    n_folds: int = Field(5, ge=2)
    svm_c: float = Field(5e-3, gt=0)
    alpha: float = Field(0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.n_val >= self.n_images:
            raise ValueError(f"n_val={self.n_val} leaves nothing of n_images={self.n_images}")
        if self.n_images - self.n_val < self.batch_size:
            raise ValueError(
                f"{self.n_images - self.n_val} training images do not fill one batch "
                f"of {self.batch_size}"
            )
        for name in type(self).model_fields:
            values = getattr(self, name)
            if isinstance(values, tuple) and len(set(values)) < len(values):
                raise ValueError(f"{name} names something twice")
        return self

    @property
    def kept_snapshots(self) -> tuple[int, ...]:
        """The snapshots that lie before the end of training."""
        return tuple(batches for batches in self.snapshots if batches < self.n_batches)

    def with_settings(self, settings: dict[str, str]) -> Self:
        """Return a copy with ``--set`` values read and checked.

        Raises
        ------
        HypError
            For an unknown key or a value that does not fit it.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for key, text in settings.items():
            if key not in type(self).model_fields or key == "summary":
                raise HypError(
                    f"unknown key {key!r} in --set"
                    + did_you_mean(key, [name for name in values if name != "summary"])
                )
            if isinstance(values[key], tuple | list):
                values[key] = [part.strip() for part in text.split(",") if part.strip()]
            else:
                values[key] = None if text.lower() == "none" else text
        try:
            return type(self).model_validate(values)
        except ValidationError as error:
            raise HypError(f"--set {_first_problem(error)}.") from error


class Profile(Size):
    """The size of a run. Every field can be changed with ``--set field=value``.

    Attributes
    ----------
    objectives, parts, references : tuple of str
        What is trained; which parts of the hypothesis are asked; which curves are
        shown beside them (``untrained``, ``pixels``).
    family : {"all", "question"}
        Which comparisons are corrected together: all, so that the overall verdict
        holds alpha; or those of one part and objective, so that each of these
        questions holds alpha and the overall verdict does not.
    published_features : {"exact", "projected"}
        Whether the published protocol projects layers beyond the
        Johnson-Lindenstrauss dimension at random, as the paper's code did, or
        uses the exact features, which is far faster.
    """

    objectives: tuple[str, ...] = Field(min_length=1)
    parts: tuple[str, ...] = Field(min_length=1)
    references: tuple[Literal["untrained", "pixels"], ...] = ("untrained", "pixels")
    family: Literal["all", "question"] = "all"
    published_features: Literal["exact", "projected"] = "exact"

    @field_validator("objectives")
    @classmethod
    def _canonical(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("+".join(objective_tasks(objective)) for objective in objectives)


class Hypothesis(Declared):
    """A claim about vision models with everything needed to judge it.

    Attributes
    ----------
    name : str
        What ``hyp run`` takes.
    title, question, source : str
        For people; `source` says where the claim was made.
    predictions : dict of str to str
        Rival hypotheses and what each says.
    conditions : tuple of Condition
        The training datasets; the first is ``full``.
    parts : tuple of Part
        The non-targets asked about.
    rule : DecisionRule
        How comparisons become a verdict.
    profiles : dict of str to Profile
        Sizes, from a laptop's to the paper's own.
    """

    name: str
    title: str
    question: str
    source: str
    predictions: dict[str, str]
    conditions: tuple[Condition, ...]
    parts: tuple[Part, ...]
    rule: DecisionRule
    profiles: dict[str, Profile]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [condition.name for condition in self.conditions]
        if names[:1] != [FULL_CONDITION] or self.conditions[0].design != "full":
            raise ValueError("the first condition must be 'full' with design 'full'")
        for condition in self.conditions:
            Design.parse(condition.design)
        for part in self.parts:
            if part.condition not in names[1:]:
                raise ValueError(f"part {part.name!r} names no declared condition")
        return self

    def profile(self, name: str, settings: dict[str, str] | None = None) -> Profile:
        """Return a profile by name with ``--set`` values applied.

        Raises
        ------
        HypError
            For an unknown profile, key, part, or an impossible combination.
        """
        if name not in self.profiles:
            raise HypError(f"{self.name} has no profile {name!r}" + choose_from(self.profiles))
        profile = self.profiles[name].with_settings(settings or {})
        for part in profile.parts:
            self.part(part)
        for objective in profile.objectives:
            if not any(objective in self.part(part).objectives for part in profile.parts):
                known = sorted({o for name in profile.parts for o in self.part(name).objectives})
                raise HypError(
                    f"objective {objective!r} is asked about by none of the parts "
                    f"{', '.join(profile.parts)}" + choose_from(known)
                )
        return profile

    def questions(self, profile: Profile) -> list[tuple[Part, str]]:
        """Return the (part, objective) pairs that a profile asks about."""
        return [
            (part, objective)
            for part in map(self.part, profile.parts)
            for objective in profile.objectives
            if objective in part.objectives
        ]

    def part(self, name: str) -> Part:
        """Return a part by name.

        Raises
        ------
        HypError
            If the hypothesis has no such part.
        """
        for part in self.parts:
            if part.name == name:
                return part
        raise HypError(
            f"{self.name} has no part {name!r}" + choose_from(part.name for part in self.parts)
        )

    def condition(self, name: str) -> Condition:
        """Return a declared condition by name."""
        return next(condition for condition in self.conditions if condition.name == name)

    def first_seed(self, condition: str) -> int:
        """Return the first seed of a condition's networks; no two conditions share one.

        Networks with one seed start alike and see the images in one order: shared seeds would
        correlate the two groups, which the test takes as independent.
        """
        names = [declared.name for declared in self.conditions]
        return _SEEDS_A_CONDITION * names.index(condition)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"][:1])
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{where}={problem['input']}: {reason}" if where else reason
