"""What a dataset is: a source, a variability design, a seed and sizes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from hyp.datasets.designs import Design
from hyp.datasets.rows import RowsSource
from hyp.datasets.sources import Source, read_source
from hyp.errors import HypError

MAX_SEED = 2**63 - 1
MAX_IMAGES = 10**10
MAX_FILES = 10**6


def _read_design(value: Any) -> Any:
    """Read a design, and round its numbers as its one-line form does: that form is stored."""
    if isinstance(value, str):
        value = Design.parse(value)
    return Design.parse(str(value)) if isinstance(value, Design) else value


DesignText = Annotated[Design, BeforeValidator(_read_design), PlainSerializer(str, return_type=str)]
"""A design that is written, and may be given, in its one-line form."""


SourceFields = Annotated[
    Source, PlainValidator(read_source), PlainSerializer(lambda s: s.model_dump(mode="json"))
]
"""A source that is written, and may be given, as its fields."""


class DatasetSpec(BaseModel):
    """All that the images of a dataset, their order and their split depend on.

    Attributes
    ----------
    source : Source
        What makes the images.
    design : Design
        Which latents vary; given as a `Design` or as text such as
        ``"categories=4+centered"``, written as text.
    seed : int
        Image `i` is a function of (source, design, seed, i).
    n_images : int
        Number of images, held-out ones included.
    n_val : int
        Number of held-out images.
    shard_size : int
        Images a file. It changes the files, never the images.
    online : bool
        Only the held-out images are stored, which are then the first `n_val`; training
        images are rendered whenever they are asked for.

    Raises
    ------
    HypError
        If a size is impossible or the design is, on this source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceFields
    design: DesignText
    seed: int
    n_images: int
    n_val: int
    shard_size: int = 4096
    online: bool = Field(default=False, exclude_if=lambda online: not online)
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", exclude_if=lambda device: bool(device == "cpu")
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 1 <= self.n_images <= MAX_IMAGES:
            raise HypError(
                f"a dataset has between 1 and {MAX_IMAGES:,} images, not {self.n_images}."
            )
        if not 0 <= self.n_val < self.n_images:
            raise HypError(
                f"the number of held-out images must lie between 0 and {self.n_images - 1} "
                f"(one less than all {self.n_images} images), not at {self.n_val}."
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise HypError(f"the seed must lie between 0 and 2^63 - 1, not at {self.seed}.")
        if self.shard_size < 1:
            raise HypError(f"a shard needs at least 1 image, not {self.shard_size}.")
        if self.n_shards > MAX_FILES:
            raise HypError(
                f"{self.n_stored:,} images in files of {self.shard_size:,} are {self.n_shards:,} "
                f"files, more than {MAX_FILES:,}; choose a larger shard_size."
            )
        self.design.check(self.source.latents)
        if hasattr(self.source, "sized") and not self.online:
            object.__setattr__(self, "source", self.source.sized(self.n_images))
        if self.online and self.source.capacity is not None:
            raise HypError(
                f"online=true is for sources that render; {self.source.kind} reads images that "
                "exist, so store them."
            )
        if self.online and not self.n_val:
            raise HypError("online=true needs held-out images, which are stored; raise n_val.")
        if isinstance(self.source, RowsSource) and self.source.path is not None:
            self.source.check_size(self.design, self.n_images)
        return self

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return (self.source.image_size, self.source.image_size, 3)

    @property
    def n_stored(self) -> int:
        """Number of images that are kept in files."""
        return self.n_val if self.online else self.n_images

    @property
    def n_shards(self) -> int:
        """Number of image files."""
        return -(-self.n_stored // self.shard_size)

    def shard_rows(self, shard: int) -> range:
        """Return the image indices that shard number `shard` holds."""
        start = shard * self.shard_size
        return range(start, min(start + self.shard_size, self.n_stored))
