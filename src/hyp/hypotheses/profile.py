"""How large a run of a hypothesis is: images, networks, layers, seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from hyp.errors import HypError, did_you_mean, first_problem
from hyp.metrics.neural.specs import neural_metric
from hyp.models.specs import Schedule, objective_tasks

PIXELS, UNTRAINED = "pixels", "untrained"
"""The references: the stimuli's raw pixels, and networks with their initial weights."""

SIMULATED = "simulated"
"""The recording that is simulated: responses of a hidden network."""

WEIGHTS = "weights"
"""Natural images of which only the networks that saw them are there."""

RESNET_LAYERS = (
    "layer1.0.relu",
    "layer2.0.relu",
    "layer3.0.relu",
    "layer4.0.relu",
    "avgpool",
    "fc",
)
"""The layers that the paper decodes (its Table B.1)."""


def _without_number(device: str) -> str:
    return device.partition(":")[0]


Device = Annotated[
    str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$"), PlainSerializer(_without_number)
]
"""Which of several equal GPUs computes is no part of what is computed: it is not stored."""


class Declared(BaseModel):
    """Base of all that is declared, frozen or found: immutable; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(Declared):
    """The size of a run. Every field can be changed with ``--set field=value``.

    Attributes
    ----------
    summary : str
        One line for ``hyp show``.
    source : str
        Where the images come from: ``engine``, or a line such as
        ``dsprites:/data/dsprites.npz``, see `hyp.datasets.sources.open_source`.
    image_size, supersample : int
        Pixels per side, and samples per pixel side of the embedded engine.
    n_images, n_val, n_stimuli : int
        Images of each training dataset, how many of them are held out, and the
        number of test stimuli that every network sees.
    online : bool
        Training images are rendered while networks train and never stored.
    world : str
        A design that every dataset of this size stays within, stimuli included, such as
        ``identities=1``; ``full`` for all that the source has.
    data_seed : int
        Seed of the training datasets; the stimuli take the next one.
    n_seeds : int
        Networks per cohort.
    backbone, n_batches, batch_size, learning_rate, schedule, input_size, evaluate_every
        Training, as in `hyp.models.TrainSpec`.
    snapshots : tuple of int
        Batch counts at which weights are kept besides the end; later ones are left out.
    scored_snapshots : tuple of int
        Those of them, or 0 for the initial weights, at which the latents of contrasts are decoded
        too, at the layers asked about: then cohorts with one objective are also compared at equal
        held-out loss, and as training went on. Of snapshots nothing is kept but the scores.
    precision, device : str
        ``auto`` asks the hardware of this machine. ``cuda:1`` takes the second GPU.
    threads : int
        CPU threads of one step. Results depend on it in the last bits, so it is
        part of the declaration and not of the command line.
    layers : tuple of str
        Layers that are looked at.
    n_folds, svm_c, alpha
        Folds of the decoding, C of the linear SVM, level of the tests.
    looks : tuple of int
        Numbers of networks per cohort at which the tests are made, where more than once is
        planned; `n_seeds` is one of them. Each look has a level of its own, and all together
        hold alpha.
    spending : {"obrien-fleming", "pocock"}
        How alpha is divided over the looks, see `hyp.stats.planned_looks`.
    objectives, questions, cohorts : tuple of str
        Only these: objectives of cohorts that name several, questions, cohorts. Empty for all.
        A question that is left out is named by the plan.
    references : tuple of str
        Curves that are shown with decoding: ``untrained``, networks with their initial weights;
        ``pixels``, those of the stimuli; a cohort; or an objective, such as ``category``, for
        which networks are trained on the images of the cohort that a question names first.
        Cohorts that are declared untrained take the place of ``untrained``.
    family : {"all", "question"}
        Which confirmatory comparisons are corrected together: all, so that the overall verdict
        holds alpha; or those of one question, so that each question holds alpha and the overall
        verdict does not.
    published_features : {"exact", "projected"}
        Whether the published protocol of decoding projects layers beyond the
        Johnson-Lindenstrauss dimension at random, as the paper's code did, or
        uses the exact features, which is far faster.
    recording : str
        What networks are aligned with: ``simulated``; or folders with ``assembly.nc`` and
        ``images``, or public benchmarks that ``hyp neural import`` has fetched, such as
        ``FreemanZiemba2013public.V1-pls,MajajHong2015public.IT-pls``: regions of all are scored.
    n_recorded : int
        Images of a simulated recording: the first so many of the test stimuli's design and seed.
    scored_by : {"native", "official"}
        Whether scores against brains are computed here, or by the real Brain-Score, on the
        benchmarks that `recording` and `behaviour` name (identifiers, or folders of local ones).
    behaviour : str
        Observers whose choices networks are held against: a folder with ``trials.csv`` and
        ``images``, or ``Rajalingham2018public-i2n``, which ``hyp neural import`` has fetched.
        Without any, secondary questions about behaviour are not asked.
    readout : str
        The layer that choices are read out from.
    neural_metric : str
        ``pls``, ``ridge``, ``rsa``, ``cka`` or ``cka-sampled``, see `hyp.metrics.neural`.
    neural_protocol : {"recommended", "published"}
        How a layer is chosen for a region.
    natural : str
        Where natural images come from, such as ``imagenet:/data/imagenet`` or
        ``classes:/data/photographs``, for cohorts that are trained on them; or networks that were,
        one per seed: ``weights:torchvision:resnet18,timm:resnet18.a1_in1k``.
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
    scored_snapshots: tuple[int, ...] = Field((), exclude_if=lambda snapshots: not snapshots)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Device = "auto"
    threads: int = Field(1, ge=1)
    layers: tuple[str, ...] = Field(RESNET_LAYERS, min_length=1)
    n_folds: int = Field(5, ge=2)
    svm_c: float = Field(5e-3, gt=0)
    alpha: float = Field(0.05, gt=0, lt=1)
    looks: tuple[int, ...] = Field((), exclude_if=lambda looks: not looks)
    spending: Literal["obrien-fleming", "pocock"] = Field(
        "obrien-fleming", exclude_if=lambda spending: spending == "obrien-fleming"
    )
    objectives: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    references: tuple[str, ...] = (UNTRAINED, PIXELS)
    family: Literal["all", "question"] = "all"
    published_features: Literal["exact", "projected"] = "exact"
    recording: str = SIMULATED
    n_recorded: int = Field(240, ge=60)
    scored_by: Literal["native", "official"] = Field(
        "native", exclude_if=lambda scored_by: scored_by == "native"
    )
    behaviour: str = Field("", exclude_if=lambda behaviour: not behaviour)
    readout: str = Field("avgpool", exclude_if=lambda readout: readout == "avgpool")
    neural_metric: str = "pls"
    neural_protocol: Literal["recommended", "published"] = "recommended"
    natural: str = ""

    @field_validator("objectives")
    @classmethod
    def _canonical(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("+".join(objective_tasks(objective)) for objective in objectives)

    @field_validator("neural_metric")
    @classmethod
    def _known_metric(cls, name: str) -> str:
        neural_metric(name)
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.n_val >= self.n_images:
            raise ValueError(f"n_val={self.n_val} leaves nothing of n_images={self.n_images}")
        if self.n_images - self.n_val < self.batch_size:
            raise ValueError(
                f"{self.n_images - self.n_val} training images do not fill one batch "
                f"of {self.batch_size}"
            )
        for batches in self.measured_snapshots:
            if batches and batches not in self.snapshots:
                raise ValueError(
                    f"scored_snapshots has {batches}, which is none of the snapshots; change both"
                )
            if batches and (self.evaluate_every is None or batches % self.evaluate_every):
                raise ValueError(
                    f"scored_snapshots has {batches}, at which evaluate_every="
                    f"{self.evaluate_every} gives no held-out loss"
                )
        for name in type(self).model_fields:
            values = getattr(self, name)
            if isinstance(values, tuple) and len(set(values)) < len(values):
                raise ValueError(f"{name} names something twice")
        if self.scored_by == "official" and self.recording == SIMULATED:
            raise ValueError(
                "Brain-Score scores benchmarks and no simulated recording; name them by recording="
            )
        if self.scored_by == "official" and self.neural_metric != "pls":
            raise ValueError("Brain-Score's benchmarks have metrics of their own; leave pls")
        if self.looks and self.n_seeds not in self.looks:
            planned = ", ".join(map(str, self.looks))
            raise ValueError(f"n_seeds={self.n_seeds} is none of the looks planned ({planned})")
        if list(self.looks) != sorted(self.looks):
            raise ValueError("looks must rise")
        return self

    @property
    def device_kind(self) -> Literal["auto", "cpu", "cuda"]:
        """The device without the number of a GPU."""
        return cast(Literal["auto", "cpu", "cuda"], _without_number(self.device))

    @property
    def recordings(self) -> list[str]:
        """What `recording` names, one by one."""
        return [one.strip() for one in self.recording.split(",")]

    @property
    def natural_weights(self) -> tuple[str, ...]:
        """Networks that stand for those trained on natural images; empty where those are."""
        kind, _, named = self.natural.partition(":")
        return tuple(one.strip() for one in named.split(",")) if kind == WEIGHTS else ()

    @property
    def card(self) -> str | None:
        """The number of the GPU that was named."""
        return self.device.partition(":")[2] or None

    @property
    def kept_snapshots(self) -> tuple[int, ...]:
        """The snapshots that lie before the end of training."""
        return tuple(batches for batches in self.snapshots if batches < self.n_batches)

    @property
    def measured_snapshots(self) -> tuple[int, ...]:
        """The scored snapshots that lie before the end of training, rising."""
        return tuple(
            sorted(batches for batches in self.scored_snapshots if batches < self.n_batches)
        )

    def but(self, **changes: Any) -> Self:
        """Return a copy with changed fields, which are not checked."""
        return self.model_copy(update=changes)

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """Return a copy with changed fields: Python values, or their text as in ``--set``.

        Raises
        ------
        HypError
            For an unknown field or a value that does not fit it.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for key, value in settings.items():
            if key not in values or key == "summary":
                raise HypError(
                    f"unknown key {key!r} in --set"
                    + did_you_mean(key, [name for name in values if name != "summary"])
                )
            values[key] = _read(value, several=isinstance(values[key], tuple))
        try:
            return type(self).model_validate(values)
        except ValidationError as error:
            problem = first_problem(error)
            where = f"{problem.place[0]}={problem.given}: " if problem.place else ""
            raise HypError(f"--set {where}{problem.reason}.") from error


def _read(value: Any, *, several: bool) -> Any:
    """Return the value that a text stands for; other values stay as they are."""
    if not isinstance(value, str):
        return value
    if several:
        return [part.strip() for part in value.split(",") if part.strip()]
    return None if value.lower() == "none" else value


def setting_words(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as ``--set`` would have them: ``{"layers": "fc,avgpool"}``."""
    return {
        key: ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for key, value in settings.items()
    }
