"""Weights that were trained elsewhere with the paper's heads, as a model folder of hyp's."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from hyp.errors import HypError, first_problem, reading
from hyp.models import checkpoints
from hyp.models.checkpoints import ModelInfo
from hyp.models.fitting import read_network
from hyp.models.specs import TrainSpec, Units
from hyp.models.states import SAFETENSORS
from hyp.store.artifacts import readable_disk_errors

ORIGIN = "origin.json"
"""File of an imported model folder that says which files its weights came from."""

NO_HISTORY: Mapping[str, Any] = {"training": {"batch": []}, "evaluation": []}
"""``history.json`` of a network whose training is not known."""

HEADS: dict[int, tuple[Units, ...]] = {
    674: (
        Units(task="category", start=0, stop=117),
        Units(task="identity", start=117, stop=665),
        Units(task="distance", start=665, stop=666),
        Units(task="translation", start=666, stop=668),
        Units(task="rotation", start=668, stop=674),
    ),
    1000: (Units(task="category", start=0, stop=1000),),
}
"""Output units by the number of them: of TDW-117 and of ImageNet-1K."""

PUBLISHED_INPUT = 224
PUBLISHED_SHAPE = (256, 256, 3)
PUBLISHED_BATCHES = 500_000

_ENDINGS = (".pth", ".pt", SAFETENSORS)
_UNTRAINED = "random"
_OBJECTIVES = {
    "distance_reg": "distance",
    "translation_reg": "translation",
    "rotation_reg": "rotation",
    "distance_translation": "distance+translation",
    "distance_rotation": "distance+rotation",
    "translation_rotation": "translation+rotation",
    "distance_translation_rotation": "distance+translation+rotation",
    "category_class": "category",
    "object_class": "identity",
    "cat_obj_class_all_latents": "category+identity+distance+translation+rotation",
    "imagenet1kpret": "category",
    _UNTRAINED: "distance",
}
_IDENTIFIER = re.compile(
    rf"yudixie_(?P<backbone>resnet\d+)_(?P<task>{'|'.join(_OBJECTIVES)})_(?P<seed>\d+)_\d+"
)


@dataclass(frozen=True)
class Identifier:
    """What the name of a released model says of it.

    Attributes
    ----------
    backbone, objective : str
    seed : int
    n_batches : int
        0 for an untrained network, else what ResNet-18 was trained for.
    """

    backbone: str
    objective: str
    seed: int
    n_batches: int = PUBLISHED_BATCHES


def read_identifier(name: str) -> Identifier | None:
    """Read the Brain-Score identifier of one of the paper's networks; None if it is none.

    Source: ``brainscore_vision/models/yudixie_*`` of brain-score/vision.

    Examples
    --------
    >>> read_identifier("yudixie_resnet18_distance_reg_0_240719").objective
    'distance'
    """
    match = _IDENTIFIER.fullmatch(name)
    if match is None:
        return None
    n_batches = 0 if match["task"] == _UNTRAINED else PUBLISHED_BATCHES
    return Identifier(match["backbone"], _OBJECTIVES[match["task"]], int(match["seed"]), n_batches)


def import_weights(
    path: Path | str,
    folder: Path | str,
    *,
    objective: str | None = None,
    backbone: str | None = None,
    seed: int | None = None,
    n_batches: int | None = None,
    snapshots: Mapping[int, Path | str] | None = None,
    normalisation: Path | str | None = None,
    input_size: int = PUBLISHED_INPUT,
    image_shape: tuple[int, int, int] = PUBLISHED_SHAPE,
    head: Mapping[str, int] | None = None,
    part: str = "",
) -> ModelInfo:
    """Turn a state dict into a model folder, as `hyp.models.train` fills one.

    How many outputs the network has is read from its weights; one without any, whose head was
    cut off, is taken as it is. The head is that of TDW-117 where there are 674 outputs (117
    categories in order of their wnids, 548 identities in sorted order, distance, translation,
    rotation), and ImageNet-1K's where there are 1000. A network that was trained for
    ``category`` alone may have any other number of classes; other heads are declared.
    ``history.json`` is empty: nothing is known of the training. Batch size and learning rate
    are the paper's, 64 and 0.001.

    Parameters
    ----------
    path : path
        What ``torch.save`` wrote, of which nothing but tensors is unpickled, or safetensors: a
        state dict, or a checkpoint of any form that has one. All its names may begin with a
        prefix (``module.``, ``model.backbone.``).
    folder : path
        A new or empty folder.
    objective : str, optional
        What it was trained for: ``distance``, ``category+identity``, ... It may be left
        out where the file is called by its Brain-Score identifier (`read_identifier`).
    backbone : str, optional
        A torchvision classifier, or ``package.module:function``; the default is that of
        the identifier, else ``resnet18``.
    seed : int, optional
        Which network of its cohort it is; the default is that of the identifier, else 0.
    n_batches : int, optional
        How long it was trained, 0 for not at all; the default is 500,000, and 0 where the
        identifier says that it is random.
    snapshots : mapping of int to path, optional
        Weights after fewer batches, by their number.
    normalisation : path, optional
        ``norm_column_mean_std.csv`` of the training set: what distance and translation
        were standardised with.
    input_size : int
        Pixels a side that images are resized to.
    image_shape : (int, int, int)
        Of the training images.
    head : mapping of str to int, optional
        Tasks and their numbers of output units, in the order of the units; empty to leave out
        what the file has in place of a head.
    part : str
        Which part of the file is meant, see `hyp.models.states.read_state`.

    Returns
    -------
    ModelInfo
        As `hyp.models.checkpoints.read_info` reads it from the folder.

    Raises
    ------
    HypError
        If a file cannot be read or holds no weights; tensors are missing, unexpected or of
        another shape (all in one sentence), or one is not finite; the head is none of these, or
        lacks a task of the objective; or the folder is not empty. Nothing is written.
    """
    path, folder = Path(path).expanduser(), Path(folder).expanduser().absolute()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise HypError(f"{folder} is not empty; choose another folder for the model.")
    info, models = read_weights(
        path,
        objective=objective,
        backbone=backbone,
        seed=seed,
        n_batches=n_batches,
        snapshots=snapshots,
        normalisation=normalisation,
        input_size=input_size,
        image_shape=image_shape,
        head=head,
        part=part,
    )
    files = {**(snapshots or {}), info.spec.n_batches: path}
    with readable_disk_errors(folder):
        _write(folder, info, models, {batch: Path(file) for batch, file in files.items()})
    return checkpoints.read_info(folder)


def read_weights(
    path: Path,
    *,
    objective: str | None = None,
    backbone: str | None = None,
    seed: int | None = None,
    n_batches: int | None = None,
    snapshots: Mapping[int, Path | str] | None = None,
    normalisation: Path | str | None = None,
    input_size: int = PUBLISHED_INPUT,
    image_shape: tuple[int, int, int] = PUBLISHED_SHAPE,
    head: Mapping[str, int] | None = None,
    part: str = "",
) -> tuple[ModelInfo, dict[int, nn.Module]]:
    """Return what `import_weights` writes: the description, and the networks by batch count.

    Raises
    ------
    HypError
        As `import_weights`, but for the folder.
    """
    named = read_identifier(path.stem)
    if objective is None and named is None:
        raise HypError(f"the name of {path} does not say what it was trained for; say objective.")
    known = named or Identifier("resnet18", objective or "", 0)
    last = known.n_batches if n_batches is None else n_batches
    files = {**{int(batch): Path(file) for batch, file in (snapshots or {}).items()}, last: path}
    spec = _spec(
        objective=objective or known.objective,
        backbone=backbone or known.backbone,
        seed=known.seed if seed is None else seed,
        n_batches=last,
        snapshots=tuple(files),
        input_size=input_size,
    )
    fitted = {
        batch: read_network(spec.backbone, file.expanduser(), part, without_head=head == {})
        for batch, file in sorted(files.items())
    }
    sizes = {units for _, units in fitted.values()}
    if len(sizes) > 1:
        raise HypError(f"the snapshots have heads of different sizes: {sorted(sizes)}.")
    info = ModelInfo(
        spec=spec,
        head=_head(spec, sizes.pop(), head),
        standardisation={} if normalisation is None else read_normalisation(normalisation),
        image_shape=image_shape,
        checkpoints=spec.checkpoints,
    )
    return info, {batch: model for batch, (model, _) in fitted.items()}


def import_cohort(source: Path | str, folder: Path | str, **settings: Any) -> dict[str, ModelInfo]:
    """Import every file of weights in a folder into a model folder called like it.

    Parameters
    ----------
    source : path
        Files (``.pth``, ``.pt``, ``.safetensors``) that are called by their Brain-Score
        identifiers.
    folder : path
        Where the model folders go; those that are there already are left as they are.
    **settings
        Passed to `import_weights`.

    Raises
    ------
    HypError
        If there are no such files, two differ in their ending only, or as `import_weights`.
    """
    source, folder = Path(source).expanduser(), Path(folder).expanduser().absolute()
    files = sorted(path for path in source.glob("*") if path.suffix in _ENDINGS)
    if not files:
        raise HypError(f"{source} holds no .pth or .pt files; name the folder that does.")
    stems = [path.stem for path in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise HypError(f"{source} holds several files called {twice}; keep one of them.")
    found = {}
    for path in files:
        target = folder / path.stem
        if not (target / checkpoints.MODEL).exists():
            import_weights(path, target, **settings)
        found[path.stem] = checkpoints.read_info(target)
    return found


def read_normalisation(path: Path | str) -> dict[str, tuple[float, float]]:
    """Read ``norm_column_mean_std.csv``: mean and standard deviation of each latent.

    Raises
    ------
    HypError
        If it is another file, or a number is not finite.
    """
    try:
        with Path(path).expanduser().open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file))
        names = [name.removesuffix("_mean") for name in row if name.endswith("_mean")]
        found = {name: (float(row[f"{name}_mean"]), float(row[f"{name}_std"])) for name in names}
    except (OSError, StopIteration, KeyError, ValueError, TypeError, AttributeError) as error:
        raise HypError(f"{path} is no norm_column_mean_std.csv; name that of the set.") from error
    if not found or not all(math.isfinite(value) for pair in found.values() for value in pair):
        raise HypError(f"{path} lacks a mean or a standard deviation; name that of the set.")
    return found


def _spec(**fields: Any) -> TrainSpec:
    try:
        return TrainSpec(**fields)
    except ValidationError as error:
        problem = first_problem(error)
        where = "" if problem.raised else f"{problem.place[0]} {problem.given}: "
        raise HypError(f"{where}{problem.reason}.") from error


def _head(spec: TrainSpec, n_outputs: int, declared: Mapping[str, int] | None) -> tuple[Units, ...]:
    if n_outputs == 0 and not declared:
        return ()
    if declared:
        head = _declared(declared)
        if head[-1].stop != n_outputs:
            raise HypError(
                f"the declared head has {head[-1].stop} units, but the network {n_outputs} outputs."
            )
    else:
        head = HEADS.get(n_outputs, (Units(task="category", start=0, stop=n_outputs),))
    lacking = [task for task in spec.tasks if task not in {units.task for units in head}]
    if lacking:
        raise HypError(
            f"a network with {n_outputs} outputs has none for {lacking[0]}; its tasks are "
            f"{', '.join(units.task for units in head)}: declare another head."
        )
    return head


def _declared(sizes: Mapping[str, int]) -> tuple[Units, ...]:
    head: list[Units] = []
    for task, size in sizes.items():
        if size < 1:
            raise HypError(f"the head has {size} units for {task}; every task needs one or more.")
        start = head[-1].stop if head else 0
        head.append(Units(task=task, start=start, stop=start + size))
    return tuple(head)


def _write(
    folder: Path, info: ModelInfo, models: Mapping[int, nn.Module], files: Mapping[int, Path]
) -> None:
    """Fill the folder beside its place and rename it."""
    origin = {
        "weights": {
            str(batch): {"file": path.name, "sha256": _sha256(path)}
            for batch, path in sorted(files.items())
        },
        "torch": torch.__version__,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    beside.mkdir()
    try:
        fill_folder(beside, info, models.items(), origin)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def fill_folder(
    folder: Path,
    info: ModelInfo,
    models: Iterable[tuple[int, nn.Module]],
    origin: Mapping[str, Any],
    history: Mapping[str, Any] = NO_HISTORY,
) -> None:
    """Write a model folder, ``model.json`` last; networks come one by one, by batch count."""
    for batch, model in models:
        checkpoints.save_weights(folder, batch, model)
    checkpoints.write_json(folder / checkpoints.HISTORY, history)
    checkpoints.write_json(folder / ORIGIN, origin)
    checkpoints.write_json(folder / checkpoints.MODEL, info.model_dump(mode="json"))


def origin_of(folder: Path, batch: int) -> dict[str, str]:
    """Return what is known of where a network's weights came from, if it was not trained here.

    Returns
    -------
    dict of str to str
        ``weights``: a library's name of them (``torchvision:resnet18:IMAGENET1K_V1``), or the
        file and its SHA-256, or the `hyp.models.pretrained.state_digest` of a model folder's.
    """
    path = folder / ORIGIN
    if not path.exists():
        return {}
    with reading(path, "import the weights again"):
        origin = json.loads(path.read_text(encoding="utf-8"))
        if origin.get("name"):
            return {"weights": f"{origin['kind']}:{origin['name']}"}
        found = origin["weights"][str(batch)]
        is_file = isinstance(found, dict)
        return {"weights": f"{found['file']}, SHA-256 {found['sha256']}" if is_file else found}


def _sha256(path: Path) -> str:
    with path.expanduser().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
