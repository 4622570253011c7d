"""From images to frames: poses are tried until the object is seen, then pictured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.designs import Design
from hyp.datasets.poses import EULER, POSITION
from hyp.datasets.tdw.build_session import Frame, Pose, Stage, relative_pose
from hyp.datasets.tdw.builds import stage_of
from hyp.datasets.tdw.catalogue import category_of, latents
from hyp.datasets.tdw.planning import Shown, choices_of
from hyp.datasets.tdw.sampling import Regions, candidates, one_by_one
from hyp.datasets.tdw.settings import TDWSettings
from hyp.errors import HypError

Columns = dict[str, NDArray[Any]]
Rows = NDArray[np.int64]

WORLD = tuple(
    f"{thing}_{what}_{axis}"
    for thing in ("camera", "object")
    for what, axes in (("pos", "xyz"), ("rot", "xyzw"))
    for axis in axes
)
_FIRST = 4
_MOST_LOOKS = 1000
_NONE_COVERED = 0.001


def draw(
    source: TDWSettings, design: Design, shown: Shown, seed: int, indices: Rows, *, images: bool
) -> tuple[list[bytes], Columns]:
    """Return the JPEG files of images, empty without `images`, and their columns.

    Raises
    ------
    HypError
        If the design is impossible, a build fails, or no view of an image is accepted.
    """
    indices = np.asarray(indices, dtype=np.int64)
    design.check(latents())
    choices = choices_of(design)
    frames = [Frame((0.0,) * len(WORLD), b"")] * len(indices)
    version = ""
    if len(indices):
        with stage_of(source) as stage:
            version = stage.version
            for rows in _groups(stage, design, shown):
                regions = stage.show(
                    choices.scenes[shown.scene[rows[0]]], choices.models[shown.model[rows[0]]]
                )
                poses = _accepted(stage, source, design, regions, seed, indices[rows])
                if images:
                    stage.picture(source.image_size)
                for row, pose in zip(rows.tolist(), poses, strict=True):
                    sky = choices.skyboxes[shown.sky[row]] if images else None
                    frames[row] = stage.look(pose, sky)
    columns = _columns(design, shown, frames)
    columns["tdw_build"] = np.full(len(indices), version, dtype=object)
    return [frame.image for frame in frames], columns


def _groups(stage: Stage, design: Design, shown: Shown) -> Iterator[Rows]:
    """Yield the rows of each model in each scene, those that are loaded first."""
    choices = choices_of(design)
    other_scene = np.array([scene != stage.scene for scene in choices.scenes])[shown.scene]
    other_model = np.array([model != stage.model for model in choices.models])[shown.model]
    keys = (shown.sky, shown.model, other_model, shown.scene, other_scene)
    order = np.lexsort(keys)
    run = shown.scene[order] * len(choices.models) + shown.model[order]
    yield from np.split(order, np.flatnonzero(np.diff(run)) + 1)


def _accepted(
    stage: Stage, source: TDWSettings, design: Design, regions: Regions, seed: int, indices: Rows
) -> list[Pose]:
    """Return the first pose of each image in which the object is seen well enough."""
    stage.try_out()
    drawn, good = candidates(design, regions, seed, indices, 0, _FIRST)
    poses = stage.poses(drawn)
    accepted = []
    for row, index in enumerate(indices.tolist()):
        own = range(row * _FIRST, (row + 1) * _FIRST)
        more = one_by_one(design, regions, seed, index, _FIRST)
        tried = chain(
            (poses[k] for k in own if good[k]),
            chain.from_iterable(stage.poses(block) for block in more),
        )
        accepted.append(_first_seen(stage, source, design, index, tried))
    return accepted


def _first_seen(
    stage: Stage, source: TDWSettings, design: Design, index: int, poses: Iterator[Pose]
) -> Pose:
    looks = 0
    for pose in poses:
        looks += 1
        occluded, unoccluded = stage.occlusion(pose)
        hidden = 1 - occluded / (unoccluded + _NONE_COVERED)
        if hidden < source.max_hidden and occluded > source.min_visible:
            return pose
        if looks == _MOST_LOOKS:
            break
    lost = (
        f"in none of {looks} views was {stage.model!r} in {stage.scene!r} seen well enough"
        if looks
        else "its ranges were never met"
    )
    raise HypError(
        f"design '{design}': found no view of image {index}, {lost}; widen or move what it "
        "restricts."
    )


def _columns(design: Design, shown: Shown, frames: list[Frame]) -> Columns:
    choices = choices_of(design)
    world = np.array([frame.world for frame in frames]).reshape(-1, len(WORLD))
    pose = relative_pose(world)
    identity = _names(choices.models, shown.model)
    categories = [category_of()[model] for model in identity]
    return {
        **{name: pose[:, k].copy() for k, name in enumerate((*POSITION, *EULER))},
        "category": np.array([category.name for category in categories], dtype=object),
        "identity": identity,
        "scene": _names(choices.scenes, shown.scene),
        "sky": _names(choices.skyboxes, shown.sky),
        **{name: world[:, k].copy() for k, name in enumerate(WORLD)},
        "wnid": np.array([category.wnid for category in categories], dtype=object),
    }


def _names(values: tuple[str, ...], places: Rows) -> NDArray[Any]:
    names: NDArray[Any] = np.array(values, dtype=object)[places]
    return names
