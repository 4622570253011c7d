"""Activations of many layers in one pass, written while the next batch is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from hyp.datasets.splits import Indices
from hyp.errors import HypError
from hyp.models.checkpoints import ModelInfo, load_model
from hyp.models.data import LabelledImages, read_ahead, slices
from hyp.models.inputs import Preprocessing
from hyp.models.pretrained import TORCHVISION, check_finite
from hyp.models.recording import PROBES, WAITING, Recorder, place_units
from hyp.models.released import origin_of
from hyp.models.runtime import autocast, open_device, repeatable
from hyp.models.specs import ExtractSpec
from hyp.models.trust import TIMM
from hyp.store.activations import ActivationWriter

PIXELS = "pixels"

Progress = Callable[[int, int], None]
"""Called with (done, total) in stimuli."""


def extract(
    spec: ExtractSpec,
    model_folder: Path | str,
    dataset: LabelledImages,
    out_folder: Path | str,
    *,
    attrs: Mapping[str, Any] | None = None,
    backbone: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Run all images of a dataset through a network and store the layers asked for.

    One forward pass in evaluation mode serves all layers. A module that is called several
    times in a pass, as the one ReLU of a residual block, gives its last call: for
    ``layer1.0.relu`` the output of the block, after the residual is added. Of a module that
    returns several tensors one is named by its place or key: ``attention[0]``. Of a layer of
    tokens ``blocks.3[cls]`` keeps the class token and ``blocks.3[mean]`` the mean of all.

    Which axis of an output is the images' is established by two small passes of different
    sizes, not guessed from a size that may fit by accident; it comes first in the store. Units
    carry where they are, as far as that is known: ``channel``, ``row`` and ``column`` of a
    square map, ``token`` and ``channel`` of a transformer's.

    Parameters
    ----------
    spec : ExtractSpec
    model_folder : path
        As filled by `train`.
    dataset : Dataset or alike
        The stimuli, in the dataset's order.
    out_folder : path
        The Zarr group to write (see `hyp.store.activations`); replaced if it exists.
    attrs : mapping, optional
        Provenance to add to, or put in place of, what the model folder says.
    backbone : str, optional
        The backbone that was declared, as `load_model` takes it.
    progress : callable, optional
        Called after every batch with (done, total).

    Raises
    ------
    HypError
        If the weights are not finite; if a layer does not exist, is not used by the forward
        pass, or does not return one real tensor with finite values and an axis of images; if the
        network does not take images of this size; or if the device or the snapshot is missing.
    """
    with _ready(spec, model_folder, dataset, backbone) as network:
        _store(
            network.forward,
            spec,
            dataset,
            network.preprocess,
            Path(out_folder),
            _provenance(spec, network.info, Path(model_folder)) | dict(attrs or {}),
            progress,
            network.units,
        )


def respond(
    spec: ExtractSpec,
    model_folder: Path | str,
    dataset: LabelledImages,
    *,
    backbone: str | None = None,
) -> dict[str, NDArray[Any]]:
    """Return the responses that `extract` would store, in memory.

    Returns
    -------
    dict of str to ndarray, shape (stimuli, units)
        By layer; of output units those of the tasks that the network has a loss for.

    Raises
    ------
    HypError
        As `extract`.
    """
    parts: dict[str, list[NDArray[Any]]] = {layer: [] for layer in spec.layers}
    with _ready(spec, model_folder, dataset, backbone) as network:
        with closing(_staged(spec, dataset, network.preprocess)) as images:
            for staged in images:
                with torch.inference_mode():
                    found = network.forward(staged)
                for layer, rows in found.items():
                    parts[layer].append(rows.reshape(len(rows), -1).copy())  # memory is reused
        units, tasks = network.units, network.info.spec.tasks
    responses = {}
    for layer, batches in parts.items():
        whole = np.concatenate(batches)
        if not np.isfinite(whole).all():
            raise HypError(f"layer {layer} has activations that are not finite.")
        named = units.get(layer, {}).get("task")
        responses[layer] = whole if named is None else whole[:, np.isin(named, tasks)]
    return responses


@dataclass(frozen=True)
class _Network:
    """A network that is ready to respond: images in, activations by layer out."""

    forward: Callable[[Tensor], dict[str, NDArray[Any]]]
    preprocess: Preprocessing
    info: ModelInfo
    units: Mapping[str, Mapping[str, NDArray[Any]]]


@contextmanager
def _ready(
    spec: ExtractSpec, model_folder: Path | str, dataset: LabelledImages, backbone: str | None
) -> Iterator[_Network]:
    device = open_device(spec.device)
    model, info = load_model(model_folder, spec.snapshot, spec.device, backbone=backbone)
    check_finite(model.state_dict())
    if spec.channels_last:
        model.to(memory_format=torch.channels_last)
    preprocess = Preprocessing(info.spec.input_size, spec.channels_last, device)

    with repeatable(device, spec.threads), Recorder(model, spec.layers).hooked() as recorder:
        with torch.inference_mode(), autocast(device, spec.precision):
            for n_images in PROBES:
                rows = np.arange(n_images) % dataset.n_images
                probe = preprocess(preprocess.stage(dataset.images(rows)))
                _pass(model, probe, info)
                recorder.probe()
        units = recorder.units(_task_names(info))

        def forward(staged: Tensor) -> dict[str, NDArray[Any]]:
            with autocast(device, spec.precision):
                model(preprocess(staged))
            return recorder.take(len(staged))

        yield _Network(forward, preprocess, info, units)


def extract_pixels(
    spec: ExtractSpec,
    dataset: LabelledImages,
    out_folder: Path | str,
    *,
    input_size: int | None = None,
    attrs: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> None:
    """Store the normalised images themselves, flattened, as a layer called ``pixels``.

    Units run over channels, then rows, then columns. `spec.layers` must be
    ``("pixels",)``; the other parameters are those of `extract`.
    """
    if spec.layers != (PIXELS,):
        raise HypError(f"pixels have one layer, {PIXELS!r}; they were asked for {spec.layers}.")
    preprocess = Preprocessing(input_size, False, torch.device("cpu"))

    def forward(staged: Tensor) -> dict[str, NDArray[Any]]:
        return {PIXELS: preprocess(staged).flatten(1).numpy()}

    size = input_size or dataset.image_shape[0]
    provenance = {"objective": PIXELS, "input_size": size}
    with repeatable(preprocess.device, spec.threads):
        _store(
            forward,
            spec,
            dataset,
            preprocess,
            Path(out_folder),
            provenance | dict(attrs or {}),
            progress,
            {PIXELS: place_units((3, size, size), channels=0)},
        )


def _store(
    forward: Callable[[Tensor], dict[str, NDArray[Any]]],
    spec: ExtractSpec,
    dataset: LabelledImages,
    preprocess: Preprocessing,
    folder: Path,
    attrs: Mapping[str, Any],
    progress: Progress | None,
    units: Mapping[str, Mapping[str, NDArray[Any]]],
) -> None:
    done = 0
    with (
        ActivationWriter(
            folder,
            stimuli=_stimuli(dataset),
            attrs=attrs,
            batch_size=spec.batch_size,
            dtype=spec.dtype,
        ) as writer,
        ThreadPoolExecutor(1, "hyp-write") as pool,
        closing(_staged(spec, dataset, preprocess)) as images,
    ):
        writing: deque[Future[None]] = deque()
        for staged in images:
            with torch.inference_mode():
                activations = forward(staged)
            writing.append(pool.submit(writer.append, activations, units))
            del activations
            while len(writing) > WAITING or (writing and writing[0].done()):
                writing.popleft().result()
            done += len(staged)
            if progress is not None:
                progress(done, dataset.n_images)
        for write in writing:
            write.result()


def _staged(
    spec: ExtractSpec, dataset: LabelledImages, preprocess: Preprocessing
) -> Generator[Tensor]:
    """Yield all images of a dataset, batch by batch, read while the one before is used."""

    def load(rows: Indices) -> Tensor:
        return preprocess.stage(dataset.images(rows))

    return read_ahead(load, slices(dataset.split("all"), spec.batch_size))


def _pass(model: nn.Module, images: Tensor, info: ModelInfo) -> None:
    try:
        model(images)
    except (torch.OutOfMemoryError, HypError):
        raise
    except (AssertionError, ValueError, RuntimeError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise HypError(
            f"the network {info.spec.backbone} does not take images of {images.shape[-1]} pixels "
            f"({reason}); give it images of the size it is built for (input_size)."
        ) from error


def _provenance(spec: ExtractSpec, info: ModelInfo, folder: Path) -> dict[str, Any]:
    batches = info.spec.n_batches if spec.snapshot is None else spec.snapshot
    origin = origin_of(folder, batches)
    is_known = not origin.get("weights", "").startswith((TORCHVISION, TIMM))
    return {
        "objective": info.spec.objective if batches else "untrained",
        "outputs": [units.task for units in info.head],
        "seed": info.spec.seed,
        "backbone": info.spec.backbone,
        **({"batches": batches} if is_known else {}),
        **origin,
        "input_size": info.spec.input_size or info.image_shape[0],
        "precision": spec.precision,
        "device": spec.device,
        "torch": torch.__version__,
    }


def _task_names(info: ModelInfo) -> NDArray[Any]:
    names = [units.task for units in info.head for _ in range(units.start, units.stop)]
    return np.array(names, dtype=object)


def _stimuli(dataset: LabelledImages) -> xr.Dataset:
    coords: dict[str, Any] = {"stimulus": np.arange(dataset.n_images)}
    table = dataset.rows(dataset.split("all"))
    for latent in dataset.latents:
        column = table[latent.name]
        if latent.kind == "categorical":
            values: NDArray[Any] = column.astype(str).to_numpy(dtype=object)
        else:
            values = column.to_numpy(dtype=np.float64)
        facts = {"units": latent.unit, "kind": latent.kind, "frame": latent.frame}
        coords[latent.name] = ("stimulus", values, {k: v for k, v in facts.items() if v})
    shown = getattr(dataset, "table", table)
    for name in ("stimulus_id", "file"):
        if name in shown and name not in coords and len(shown) == dataset.n_images:
            coords[name] = ("stimulus", shown[name].astype(str).to_numpy(dtype=object))
    return xr.Dataset(coords=coords)
