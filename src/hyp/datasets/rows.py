"""Sources that read images which exist: which of them a design admits, and in what order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from hyp.datasets.designs import Constraint, Design
from hyp.datasets.latents import Latent, find_latent
from hyp.errors import HypError

ROW = "source_row"
"""Extra column of a dataset that was read: the row of the source that an image is."""

Columns = dict[str, NDArray[Any]]
"""Column name to one value an image."""

Rows = NDArray[np.int64]
Encoding = Literal["raw", "jpeg"]
Images = NDArray[np.uint8] | list[bytes]
"""Pixels, shape (n, H, W, 3), or JPEG files."""
_TOLERANCE = 1e-6
_RESERVE_STREAM = 0x5EED
_KEPT_ORDERS = 8


def _fields(latents: tuple[Latent, ...]) -> list[dict[str, Any]]:
    return [latent.model_dump(mode="json", exclude_defaults=True) for latent in latents]


Latents = Annotated[tuple[Latent, ...], PlainSerializer(_fields)]
"""Latents that are written without their defaults: JSON has no infinity."""


class RowsSource(BaseModel):
    """A finite set of images with their latents, one row an image.

    A dataset takes rows without replacement, in an order that (design, seed) decide. A
    share of the rows, chosen by a hash of their number, is for stimuli alone, so that no
    network is tested on an image that any network was trained on.

    On a full grid of factors (see `factors`) the orders of two designs are matched:
    image `i` of a reduced dataset has the factors of image `i` of the full one, but for
    those that the design restricts, whose values are mapped onto the admitted ones in
    order. Where that image is taken already or reserved, another one stands in.
    Elsewhere the designs share the order of the rows that both admit.

    Attributes
    ----------
    version : int
        Raised by hand whenever the same file gives other images.
    image_size : int
        Pixels a side; images are square.
    encoding : {"raw", "jpeg"}
        ``jpeg`` keeps the file's own JPEG bytes.
    latents : tuple of Latent
        What is known of every image.
    n_rows : int
        Number of images there are.
    digest : str
        SHA-256 that identifies the content; the path is no part of the identity.
    reserve : float
        Share of the rows that is for stimuli.
    part : {"all", "train", "stimuli"}
        Which of the two shares to take rows from.
    path : Path or None
        Where the files lie on this machine; not written to manifests and keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: ClassVar[tuple[str, ...] | None] = None
    """Latents in row-major order where rows are a full grid of them; None elsewhere."""

    remote: ClassVar[bool] = False
    """Whether `open` takes addresses such as ``s3://bucket/set`` too."""

    kind: str
    version: int = 1
    image_size: int = Field(ge=1)
    encoding: Encoding = "raw"
    latents: Latents
    n_rows: int = Field(ge=1)
    digest: str
    reserve: float = Field(default=0.2, ge=0.0, lt=1.0)
    part: Literal["all", "train", "stimuli"] = "all"
    path: Path | None = Field(default=None, exclude=True)

    @classmethod
    def open(cls, path: Path, *, image_size: int | None = None) -> Self:
        """Describe the images at `path`.

        Raises
        ------
        HypError
            If they are missing, damaged or of another format.
        """
        raise NotImplementedError

    def columns(self) -> Columns:
        """Return the latents and extra columns of all rows, shape (n_rows,) each."""
        raise NotImplementedError

    def read(self, rows: Rows) -> Images:
        """Return the images of rows: shape (n, H, W, 3), or the JPEG bytes of each."""
        raise NotImplementedError

    @property
    def capacity(self) -> int:
        """Number of images in this part."""
        return int(np.count_nonzero(in_part(self.n_rows, self.reserve, self.part)))

    def require_path(self) -> Path:
        """Return where the files lie.

        Raises
        ------
        HypError
            If the source was read from a manifest, which does not say where.
        """
        if self.path is None:
            raise HypError(
                f"this {self.kind} source does not say where its files are; "
                f"name them, for instance {self.kind}:/path/to/files."
            )
        return self.path

    def admitted(self, design: Design) -> int:
        """Return how many images a design admits."""
        return len(_order(self, design, 0))

    def check_size(self, design: Design, n_images: int) -> None:
        """Check that a design admits enough images.

        Raises
        ------
        HypError
            With the counts, if it does not.
        """
        _require(self, design, self.admitted(design), n_images)

    def sample(self, design: Design, seed: int, indices: Rows) -> Columns:
        """Return the latents of images, the extra columns and `ROW`, shape (n,) each.

        Raises
        ------
        HypError
            If the design is impossible here, or admits too few images.
        """
        rows = self._rows(design, seed, indices)
        return {**{name: column[rows] for name, column in self.columns().items()}, ROW: rows}

    def render(
        self, design: Design, seed: int, indices: Rows, device: str = "cpu"
    ) -> tuple[Images, Columns]:
        """Return images and their latents; nothing is rendered, `device` does not matter."""
        columns = self.sample(design, seed, indices)
        return self.read(columns[ROW]), columns

    def _rows(self, design: Design, seed: int, indices: Rows) -> Rows:
        order = _order(self, design, seed)
        _require(self, design, len(order), int(np.max(indices, initial=-1)) + 1)
        return order[indices]


def in_part(n_rows: int, reserve: float, part: str) -> NDArray[np.bool_]:
    """Tell which rows a part has; it depends on their number alone."""
    if part == "all":
        return np.ones(n_rows, dtype=bool)
    words = _words(_RESERVE_STREAM, n_rows)
    reserved = words < np.uint64(int(reserve * 2.0**64))
    return reserved if part == "stimuli" else ~reserved


def admits(design: Design, latent: Latent, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which values of a latent a design admits.

    A pinned number is met within a relative 1e-6; a range of angles may pass 0.
    """
    constraint = design.constraint(latent.name)
    if latent.kind == "categorical":
        if constraint is None:
            return np.ones(len(values), dtype=bool)
        return np.isin(values.astype(str), design.allowed(latent))
    if constraint is None and not (design.centered and latent.name in ("rel_pos_x", "rel_pos_y")):
        return np.ones(len(values), dtype=bool)
    low, high = _range(constraint)
    margin = _TOLERANCE * max(1.0, abs(low), abs(high))
    numbers = np.asarray(values, dtype=np.float64)
    if latent.kind == "angle":
        return np.asarray(np.mod(numbers - low + margin, 360.0) <= high - low + 2 * margin)
    return np.asarray((numbers >= low - margin) & (numbers <= high + margin))


def _range(constraint: Constraint | None) -> tuple[float, float]:
    if constraint is None:
        return 0.0, 0.0  # 'centered'
    assert constraint.low is not None
    assert constraint.high is not None
    return constraint.low, constraint.high


@lru_cache(maxsize=_KEPT_ORDERS)
def _order(source: RowsSource, design: Design, seed: int) -> Rows:
    """Return every row that a design admits of a part, in the order images take them."""
    design.check(source.latents)
    columns = source.columns()
    good = in_part(source.n_rows, source.reserve, source.part)
    for name in design.reduced:
        good = good & admits(design, find_latent(source.latents, name), columns[name])
    shuffled = np.argsort(_words(seed, source.n_rows), kind="stable")
    if source.factors is None or not set(design.reduced) <= set(source.factors):
        return shuffled[good[shuffled]]
    full = shuffled[in_part(source.n_rows, source.reserve, source.part)[shuffled]]
    mapped = _mapped(source.factors, source.latents, columns, design, full)
    return _without_repeats(mapped, good, shuffled)


def _mapped(
    factors: Sequence[str],
    latents: tuple[Latent, ...],
    columns: Columns,
    design: Design,
    rows: Rows,
) -> Rows:
    """Replace the restricted factors of rows by admitted values, in order of the values."""
    levels = [_levels(find_latent(latents, name), columns[name]) for name in factors]
    shape = tuple(len(values) for values in levels)
    codes = list(np.unravel_index(rows, shape))
    for axis, (name, values) in enumerate(zip(factors, levels, strict=True)):
        allowed = np.flatnonzero(admits(design, find_latent(latents, name), values))
        if not len(allowed):
            return np.empty(0, dtype=np.int64)
        codes[axis] = allowed[codes[axis] * len(allowed) // len(values)]
    return np.ravel_multi_index(codes, shape).astype(np.int64)


def _levels(latent: Latent, column: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a factor in the order in which they first occur."""
    values, first = np.unique(column, return_index=True)
    ordered: NDArray[Any] = values[np.argsort(first)]
    return ordered


def _without_repeats(mapped: Rows, good: NDArray[np.bool_], shuffled: Rows) -> Rows:
    """Let every admitted row occur once, at its first place where that is possible.

    Places whose row was taken before take, first come, the rows that would be taken last,
    so that the beginning of the order does not depend on how much of it is used.
    """
    n_admitted = int(np.count_nonzero(good))
    _, first = np.unique(mapped, return_index=True)
    is_first = np.zeros(len(mapped), dtype=bool)
    is_first[first] = True
    is_first &= good[mapped]
    firsts = mapped[is_first]
    never = shuffled[good[shuffled]]
    never = never[~np.isin(never, firsts)]
    spare = np.concatenate([never, firsts[::-1]])
    order = np.where(is_first, mapped, -1)
    places = np.flatnonzero(~is_first)[:n_admitted]
    order[places] = spare[: len(places)]
    return order[:n_admitted]


def _words(seed: int, n_rows: int) -> NDArray[np.uint64]:
    return np.random.Philox(np.random.SeedSequence([seed, 0])).random_raw(n_rows)


def _require(source: RowsSource, design: Design, n_admitted: int, n_images: int) -> None:
    if n_images <= n_admitted:
        return
    share = {
        "all": "",
        "train": f" outside the {source.reserve:.0%} kept for stimuli",
        "stimuli": f" of the {source.reserve:.0%} kept for stimuli",
    }[source.part]
    raise HypError(
        f"design '{design}' admits {n_admitted:,} of the {source.n_rows:,} images of this "
        f"{source.kind} source{share}, fewer than the {n_images:,} asked for; "
        "ask for fewer images or widen the design."
    )
