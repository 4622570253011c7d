"""What decides a trained network and a set of activations; needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hyp.datasets.latents import LATENT_GROUPS
from hyp.errors import HypError

Precision = Literal["fp32", "bf16"]
Device = Literal["cpu", "cuda"]
Schedule = Literal["constant", "one-cycle", "cosine"]
Positive = Annotated[int, Field(ge=1)]
MAX_SEED = 2**62
"""Seeds of networks have an offset added, and torch takes none beyond 64 bits."""


def objective_tasks(objective: str) -> tuple[str, ...]:
    """Return the tasks of an objective in canonical order.

    The groups come first, as `LATENT_GROUPS` lists them, then other latents by name.

    Parameters
    ----------
    objective : str
        Task names joined by ``+``: ``distance``, ``distance+rotation``, ...

    Raises
    ------
    HypError
        If a name is empty or given twice.
    """
    names = [name.strip() for name in objective.split("+")]
    if not all(names):
        raise HypError(
            f"the objective {objective!r} has an empty part; "
            "join task names with '+', for instance distance+rotation."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise HypError(f"the objective {objective!r} names {', '.join(repeated)} more than once.")
    groups = list(LATENT_GROUPS)
    return tuple(
        sorted(
            names, key=lambda name: (groups.index(name) if name in groups else len(groups), name)
        )
    )


class Units(BaseModel):
    """Output units ``start:stop`` of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    start: int
    stop: int


class _Hardware(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Precision = "fp32"
    channels_last: bool = False
    device: Device = "cpu"
    threads: Positive = 1


class TrainSpec(_Hardware):
    """One network to train, or to leave untrained.

    Attributes
    ----------
    objective : str
        Task names joined by ``+``; kept in canonical order, so that equal objectives
        are equal specs.
    backbone : str
        A torchvision classifier (``resnet18``), a ResNet by width (``resnet18@16``) or
        ``package.module:function``; see `hyp.models.backbones.build_backbone`.
    seed : int
        Decides the initial weights and the order of the images.
    n_batches : int
        Training steps; 0 leaves the network untrained.
    batch_size : int
        Images a step.
    learning_rate : float
        Of Adam, with its default betas and no weight decay; the highest of the schedule.
    schedule : {"constant", "one-cycle", "cosine"}
        How the learning rate changes from batch to batch: not at all; up to `learning_rate`
        in the first 30 % of the batches and down to nearly nothing, as torch's ``OneCycleLR``
        (betas stay as they are); or down to nothing, as its ``CosineAnnealingLR``.
    snapshots : tuple of int
        Batch counts at which weights are kept; the end is always one and is left out here.
    input_size : int or None
        Height and width that images are resized to; None keeps the dataset's.
    precision, channels_last, device, threads
        Numerics: results depend on them in the last bits, so they are part of the spec.
    evaluate_every : int or None
        Batches between evaluations on the held-out images; None evaluates at the end.
    """

    objective: str
    backbone: str = "resnet18"
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    n_batches: Annotated[int, Field(ge=0)]
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    schedule: Schedule = Field("constant", exclude_if=lambda schedule: schedule == "constant")
    snapshots: tuple[Annotated[int, Field(ge=0)], ...] = ()
    input_size: Positive | None = None
    evaluate_every: Positive | None = None

    @field_validator("objective")
    @classmethod
    def _canonical(cls, objective: str) -> str:
        return "+".join(objective_tasks(objective))

    @model_validator(mode="after")
    def _snapshots_in_range(self) -> Self:
        late = [batch for batch in self.snapshots if batch > self.n_batches]
        if late:
            raise HypError(
                f"snapshot {late[0]} lies after the last batch ({self.n_batches}); "
                "choose earlier snapshots or train longer."
            )
        inner = tuple(sorted({*self.snapshots} - {self.n_batches}))
        object.__setattr__(self, "snapshots", inner)
        return self

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that receive a loss, in canonical order."""
        return objective_tasks(self.objective)

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Batch counts whose weights are kept, the end included."""
        return (*self.snapshots, self.n_batches)


class ExtractSpec(_Hardware):
    """One pass of a network over the stimuli.

    Attributes
    ----------
    layers : tuple of str
        Module names, for instance ``layer1.0.relu``, ``avgpool``, ``fc``.
    snapshot : int or None
        Batch count of the weights to use; None takes the last.
    batch_size : int
        Images a forward pass; also the rows of a stored chunk.
    dtype : {"float32", "float16"}
        How activations are stored.
    precision, channels_last, device, threads
        As in `TrainSpec`.
    """

    layers: Annotated[tuple[str, ...], Field(min_length=1)]
    snapshot: Annotated[int, Field(ge=0)] | None = None
    batch_size: Positive = 64
    dtype: Literal["float32", "float16"] = "float32"

    @field_validator("layers")
    @classmethod
    def _distinct(cls, layers: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({layer for layer in layers if layers.count(layer) > 1})
        if repeated:
            raise HypError(f"layers named more than once: {', '.join(repeated)}.")
        return layers
