"""Activations of many layers in one pass, written while the next batch is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from hyp.errors import HypError
from hyp.models.checkpoints import ModelInfo, find_module, load_model
from hyp.models.data import LabelledImages, read_ahead, slices
from hyp.models.inputs import Preprocessing
from hyp.models.runtime import autocast, open_device, repeatable
from hyp.models.specs import ExtractSpec
from hyp.store.activations import ActivationWriter

PIXELS = "pixels"
_WAITING = 2

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
    ``layer1.0.relu`` the output of the block, after the residual is added.

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
        If a layer does not exist, is not used by the forward pass, or does not return one
        tensor with finite values; or if the device or the snapshot is missing.
    """
    device = open_device(spec.device)
    model, info = load_model(model_folder, spec.snapshot, spec.device, backbone=backbone)
    if spec.channels_last:
        model.to(memory_format=torch.channels_last)
    preprocess = Preprocessing(info.spec.input_size, spec.channels_last, device)

    with repeatable(device, spec.threads), _Recorder(model, spec.layers).hooked() as recorder:

        def forward(staged: Tensor) -> dict[str, NDArray[Any]]:
            with autocast(device, spec.precision):
                outputs = model(preprocess(staged))
            return recorder.take(outputs, len(staged))

        _store(
            forward,
            spec,
            dataset,
            preprocess,
            Path(out_folder),
            _provenance(spec, info) | dict(attrs or {}),
            progress,
            lambda: {name: _task_names(info) for name in recorder.outputs},
        )


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

    provenance = {"objective": PIXELS, "input_size": input_size or dataset.image_shape[0]}
    with repeatable(preprocess.device, spec.threads):
        _store(
            forward,
            spec,
            dataset,
            preprocess,
            Path(out_folder),
            provenance | dict(attrs or {}),
            progress,
            dict,
        )


def _store(
    forward: Callable[[Tensor], dict[str, NDArray[Any]]],
    spec: ExtractSpec,
    dataset: LabelledImages,
    preprocess: Preprocessing,
    folder: Path,
    attrs: Mapping[str, Any],
    progress: Progress | None,
    unit_coords: Callable[[], dict[str, dict[str, NDArray[Any]]]],
) -> None:
    batches = slices(dataset.split("all"), spec.batch_size)
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
        closing(read_ahead(lambda rows: preprocess.stage(dataset.images(rows)), batches)) as images,
    ):
        writing: deque[Future[None]] = deque()
        for staged in images:
            with torch.inference_mode():
                activations = forward(staged)
            writing.append(pool.submit(writer.append, activations, unit_coords()))
            del activations
            while len(writing) > _WAITING or (writing and writing[0].done()):
                writing.popleft().result()
            done += len(staged)
            if progress is not None:
                progress(done, dataset.n_images)
        for write in writing:
            write.result()


class _Recorder:
    """Keeps what chosen modules returned at their last call in a forward pass.

    It copies at once, for a later in-place operation may overwrite an output, and into
    buffers used in turn: fresh memory costs more than the copy.
    """

    def __init__(self, model: nn.Module, layers: tuple[str, ...]) -> None:
        self._modules = {name: find_module(model, name) for name in layers}
        self._last: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}
        self._buffers: list[dict[tuple[str, torch.Size], Tensor]] = [
            {} for _ in range(_WAITING + 2)
        ]
        self._pass = 0
        self.outputs: tuple[str, ...] = ()

    @contextmanager
    def hooked(self) -> Iterator[_Recorder]:
        """Listen to the modules as long as the context lasts."""
        handles = [
            module.register_forward_hook(self._hook(name)) for name, module in self._modules.items()
        ]
        try:
            yield self
        finally:
            _remove(handles)

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor) or output.ndim == 0:
                raise HypError(f"layer {name} does not return one tensor with a row an image.")
            self._last[name] = output
            self._kept[name] = self._buffer(name, output)
            self._kept[name].copy_(output)

        return keep

    def take(self, outputs: Tensor, n_images: int) -> dict[str, NDArray[Any]]:
        """Return the activations of the pass that just ended, shape (images, ...) each.

        Their memory is in the network's layout and used again a few passes later.
        """
        silent = [name for name in self._modules if name not in self._last]
        if silent:
            raise HypError(f"the network's forward pass does not use layer {silent[0]}.")
        for name, last in self._last.items():
            if last.shape[0] != n_images:
                raise HypError(f"layer {name} does not give one row an image.")
        self.outputs = tuple(name for name, last in self._last.items() if last is outputs)
        self._pass += 1
        self._last = {}
        return {name: self._kept[name].numpy() for name in self._modules}

    def _buffer(self, name: str, output: Tensor) -> Tensor:
        key = (name, output.shape[1:])
        buffers = self._buffers[self._pass % len(self._buffers)]
        if len(buffers.get(key, ())) < len(output):
            buffers[key] = torch.empty_like(output, dtype=torch.float32, device="cpu")
        return buffers[key][: len(output)]


def _remove(handles: list[RemovableHandle]) -> None:
    for handle in handles:
        handle.remove()


def _provenance(spec: ExtractSpec, info: ModelInfo) -> dict[str, Any]:
    return {
        "objective": info.spec.objective,
        "seed": info.spec.seed,
        "backbone": info.spec.backbone,
        "batches": info.spec.n_batches if spec.snapshot is None else spec.snapshot,
        "input_size": info.spec.input_size or info.image_shape[0],
        "precision": spec.precision,
        "device": spec.device,
        "torch": torch.__version__,
    }


def _task_names(info: ModelInfo) -> dict[str, NDArray[Any]]:
    names = [units.task for units in info.head for _ in range(units.start, units.stop)]
    return {"task": np.array(names, dtype=object)}


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
    return xr.Dataset(coords=coords)
