"""Which rows of a file a design admits, and in what order."""

from __future__ import annotations

import pickle
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import pytest

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent
from hyp.datasets.rows import ROW, Latents, RowsSource, admits, in_part
from hyp.errors import HypError

SHAPES = ("ball", "box", "cone")
X = np.linspace(-1, 1, 9)
ANGLES = np.arange(0.0, 360.0, 15.0)
LATENTS = (
    Latent(name="category", kind="categorical", values=SHAPES),
    Latent(name="rel_pos_x", kind="continuous", low=-1, high=1),
    Latent(name="rel_rot_euler_2", kind="angle", unit="deg", low=0, high=360),
)
N = len(SHAPES) * len(X) * len(ANGLES)


@lru_cache
def grid_columns():
    shape, x, angle = np.meshgrid(np.array(SHAPES, object), X, ANGLES, indexing="ij")
    return {
        "category": shape.ravel(),
        "rel_pos_x": x.ravel(),
        "rel_rot_euler_2": angle.ravel(),
    }


class Grid(RowsSource):
    """A full grid; an image shows its row number."""

    factors: ClassVar[tuple[str, ...] | None] = tuple(latent.name for latent in LATENTS)
    kind: Literal["grid"] = "grid"
    image_size: int = 2
    latents: Latents = LATENTS
    n_rows: int = N
    digest: str = "d"

    def columns(self):
        return grid_columns()

    def read(self, rows):
        return np.repeat(rows.astype(np.uint8), 12).reshape(-1, 2, 2, 3)


class Listed(Grid):
    """The same rows, not known to be a grid."""

    factors: ClassVar[tuple[str, ...] | None] = None


def rows_of(source, design, n, seed=0):
    return source.sample(Design.parse(design), seed, np.arange(n))[ROW]


@pytest.mark.parametrize("source", [Grid(), Listed(), Grid(part="train"), Listed(part="train")])
@pytest.mark.parametrize("design", ["full", "categories=1", "category=box|cone+rel_pos_x=-0.5..1"])
def test_every_admitted_row_occurs_once(source, design):
    columns = grid_columns()
    parsed = Design.parse(design)
    good = in_part(N, source.reserve, source.part)
    for latent in LATENTS:
        good &= admits(parsed, latent, columns[latent.name])
    rows = rows_of(source, design, int(good.sum()))
    assert np.array_equal(np.sort(rows), np.flatnonzero(good))


def test_images_do_not_depend_on_the_batch():
    design = Design.parse("categories=2")
    indices = np.array([40, 3, 3, 17])
    images, columns = Grid().render(design, 5, indices)
    for position, index in enumerate(indices):
        image, column = Grid().render(design, 5, np.array([index]))
        assert np.array_equal(image[0], images[position])
        assert column["rel_pos_x"][0] == columns["rel_pos_x"][position]


def test_orders_are_seeded_and_differ():
    assert np.array_equal(rows_of(Grid(), "full", 50), rows_of(Grid(), "full", 50))
    assert not np.array_equal(rows_of(Grid(), "full", 50), rows_of(Grid(), "full", 50, seed=1))


def test_a_reduced_design_on_a_grid_changes_the_restricted_factor_alone():
    n = 150
    full = Grid().sample(Design.parse("full"), 3, np.arange(n))
    reduced = Grid().sample(Design.parse("categories=1"), 3, np.arange(n))
    same = (full["rel_pos_x"] == reduced["rel_pos_x"]) & (
        full["rel_rot_euler_2"] == reduced["rel_rot_euler_2"]
    )
    assert set(reduced["category"]) == {"ball"}
    # A pair is lost where the mapped image was taken before: of 216 places, 150 draws fill
    # 216 (1 - (215/216)^150) = 108 when every draw is independent.
    assert same[:20].mean() > 0.9
    assert 0.6 < same.mean() < 0.85


def test_no_row_of_the_training_part_is_a_stimulus():
    train, stimuli = Grid(part="train"), Grid(part="stimuli")
    assert train.capacity + stimuli.capacity == N
    assert stimuli.capacity == pytest.approx(0.2 * N, rel=0.2)
    tested = rows_of(stimuli, "full", stimuli.capacity, seed=9)
    trained = rows_of(train, "categories=2", 300)
    assert not set(tested) & set(trained)


def test_a_smaller_reserve_is_part_of_a_larger_one():
    small, large = in_part(1000, 0.1, "stimuli"), in_part(1000, 0.3, "stimuli")
    assert large[small].all()


def test_too_few_images_are_refused_with_the_counts():
    with pytest.raises(HypError, match=r"admits 216 of the 648 images .* fewer than the 217"):
        rows_of(Grid(), "categories=1", 217)
    with pytest.raises(HypError, match="outside the 20% kept for stimuli"):
        Grid(part="train").check_size(Design.parse("full"), N)


def test_a_pin_between_the_grid_lines_admits_nothing():
    with pytest.raises(HypError, match="admits 0 of the 648"):
        rows_of(Grid(), "rel_pos_x=0.3", 1)


def test_a_range_of_angles_may_pass_zero():
    latent = LATENTS[2]
    design = Design.parse("rel_rot_euler_2=330..360")
    assert admits(design, latent, np.array([0.0, 15.0, 330.0, 345.0])).tolist() == [
        True,
        False,
        True,
        True,
    ]


def test_the_path_is_no_part_of_the_identity(tmp_path):
    source = Grid(path=tmp_path)
    assert "path" not in source.model_dump()
    assert Grid.model_validate_json(source.model_dump_json()) == Grid()
    assert pickle.loads(pickle.dumps(source)).path == tmp_path


def test_a_source_without_a_path_says_what_to_do():
    with pytest.raises(HypError, match="grid:/path/to/files"):
        Grid().require_path()


def test_a_category_that_looks_like_a_number_can_be_named():
    latent = Latent(name="shade", kind="categorical", values=("1", "2", "3.5"))
    for text, value in (("shade=2", "2"), ("shade=3.5", "3.5")):
        design = Design.parse(text)
        design.check((latent,))
        assert design.allowed(latent) == (value,)
    for text in ("shade=4", "shade=1..2"):
        with pytest.raises(HypError, match="categorical"):
            Design.parse(text).check((latent,))
