"""What chosen modules return in a forward pass: which axis is the images', and where units are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from hyp.errors import HypError
from hyp.models.checkpoints import find_module

WAITING = 2
"""Batches that may wait to be written."""

PROBES = (2, 3)
"""Numbers of images of the passes that establish the axis of images."""

POOLS = ("cls", "mean")
"""What may be taken of the tokens of a layer: the class token, or the mean of all."""

_PICKED = re.compile(r"(?P<module>.+)\[(?P<part>\w+)\]")
_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")
"""What the parameter of the class token is called: timm and Hugging Face, torchvision, CLIP."""


class Recorder:
    """Keeps what chosen modules returned at their last call in a forward pass.

    It copies at once, for a later in-place operation may overwrite an output, and into
    buffers used in turn: fresh memory costs more than the copy. The first passes are probes
    (`probe`), after which the axis of images of every layer is known.

    Parameters
    ----------
    model : Module
    layers : tuple of str
        Names of modules, perhaps with the part of what they return (``attention[0]``), or with
        what is taken of their tokens: ``blocks.3[cls]``, ``blocks.3[mean]``.
    """

    def __init__(self, model: nn.Module, layers: tuple[str, ...]) -> None:
        self._model = model
        self._parts = {name: find_layer(model, name) for name in layers}
        self._shapes: list[dict[str, tuple[int, ...]]] = []
        self._axes: dict[str, int] = {}
        self._tokens: dict[str, int] = {}
        self._last: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}
        self._buffers: list[dict[tuple[str, torch.Size], Tensor]] = [{} for _ in range(WAITING + 2)]
        self._pass = 0
        self._output: Any = None
        self._outputs: tuple[str, ...] = ()

    @contextmanager
    def hooked(self) -> Iterator[Recorder]:
        """Listen to the modules as long as the context lasts."""
        handles: list[RemovableHandle] = [
            module.register_forward_hook(self._hook(name, part))
            for name, (module, part) in self._parts.items()
        ]
        handles.append(self._model.register_forward_hook(self._whole))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _whole(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._output = output

    def _hook(self, name: str, part: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            found = _one_tensor(output, name, part)
            if found.is_complex():
                raise HypError(f"layer {name} returns complex numbers; choose another layer.")
            self._last[name] = found
            if name in self._axes:
                rows = self._pooled(name, part, found.movedim(self._axes[name], 0))
                self._kept[name] = self._buffer(name, rows)
                self._kept[name].copy_(rows)

        return keep

    def probe(self) -> None:
        """Note the shapes of the pass that just ended; after the last probe the axes are known.

        Raises
        ------
        HypError
            If the pass did not use a layer, or no axis of it, or several, follow the number of
            images.
        """
        self._refuse_silent()
        self._shapes.append({name: tuple(last.shape) for name, last in self._last.items()})
        self._outputs = tuple(n for n, last in self._last.items() if last is self._output)
        self._last = {}
        if len(self._shapes) == len(PROBES):
            few, more = self._shapes
            self._axes = {name: _image_axis(name, few[name], more[name]) for name in self._parts}
            self._tokens = {name: self._token_axis(name) for name in self._pools()}

    def units(self, tasks: NDArray[Any]) -> dict[str, dict[str, NDArray[Any]]]:
        """Return labels of every layer's units: where they are, and of outputs their task.

        Parameters
        ----------
        tasks : ndarray of str, shape (n_outputs,)
            The task of every output unit of the network.
        """
        found: dict[str, dict[str, NDArray[Any]]] = {}
        for name, (module, _) in self._parts.items():
            shape = self._unit_shape(name)
            if name in self._tokens:
                del shape[self._tokens[name]]
                found[name] = {"channel": np.arange(shape[0], dtype=np.int32)}
                continue
            found[name] = place_units(tuple(shape), channels=_channel_axis(module, tuple(shape)))
            if name in self._outputs and shape == [len(tasks)]:
                found[name] = {"task": tasks}
        return found

    def take(self, n_images: int) -> dict[str, NDArray[Any]]:
        """Return the activations of the pass that just ended, shape (images, ...) each.

        Their memory is in the network's layout and used again a few passes later.
        """
        self._refuse_silent()
        for name in self._parts:
            if len(self._kept[name]) != n_images:
                raise HypError(f"layer {name} does not give one row an image.")
        self._pass += 1
        self._last = {}
        return {name: self._kept[name].numpy() for name in self._parts}

    def _unit_shape(self, name: str) -> list[int]:
        shape = list(self._shapes[-1][name])
        del shape[self._axes[name]]
        return shape

    def _pools(self) -> list[str]:
        return [name for name, (_, part) in self._parts.items() if part in POOLS]

    def _token_axis(self, name: str) -> int:
        module, _ = self._parts[name]
        shape = tuple(self._unit_shape(name))
        channels = _channel_axis(module, shape) if len(shape) == 2 else None
        if channels is None:
            raise HypError(
                f"layer {name} gives {' x '.join(map(str, shape))} numbers an image, and which of "
                "them are tokens is not known; name the layer without what is in brackets."
            )
        return 1 - channels

    def _pooled(self, name: str, part: str, rows: Tensor) -> Tensor:
        """Return the class token or the mean token of rows of shape (images, ...)."""
        if name not in self._tokens:
            return rows
        axis = 1 + self._tokens[name]
        return rows.select(axis, 0) if part == "cls" else rows.mean(axis)

    def _refuse_silent(self) -> None:
        silent = [name for name in self._parts if name not in self._last]
        if silent:
            raise HypError(f"the network's forward pass does not use layer {silent[0]}.")

    def _buffer(self, name: str, output: Tensor) -> Tensor:
        key = (name, output.shape[1:])
        buffers = self._buffers[self._pass % len(self._buffers)]
        if len(buffers.get(key, ())) < len(output):
            buffers[key] = torch.empty_like(output, dtype=torch.float32, device="cpu")
        return buffers[key][: len(output)]


def place_units(shape: tuple[int, ...], *, channels: int | None) -> dict[str, NDArray[Any]]:
    """Return where the units of a layer are, from the shape of its output to one image.

    Parameters
    ----------
    shape : tuple of int
        Without the images; units run over it in C order.
    channels : int or None
        The axis of channels, where it is known.

    Returns
    -------
    dict of str to ndarray of int, shape (n_units,)
        ``channel``, ``row`` and ``column``, or ``channel`` and ``token``; empty where it is not
        known which axis is which.
    """
    if channels is None or len(shape) not in (2, 3):
        return {}
    others = ["token"] if len(shape) == 2 else ["row", "column"]
    names = [*others[:channels], "channel", *others[channels:]]
    places = np.unravel_index(np.arange(np.prod(shape)), shape)
    return {name: place.astype(np.int32) for name, place in zip(names, places, strict=True)}


def _channel_axis(module: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Return which axis is that of channels: not one of a square map's sides, or of tokens."""
    if len(shape) == 3:
        square = [axis for axis in (0, 2) if len({*shape[:axis], *shape[axis + 1 :]}) == 1]
        return square[0] if len(square) == 1 else None
    if len(shape) == 2:
        sizes = {len(one) for one in module.parameters() if one.ndim == 1}
        fits = [axis for axis in (0, 1) if shape[axis] in sizes]
        return fits[0] if len(fits) == 1 else None
    return None


def find_layer(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the module of a layer and which part of what it returns is meant.

    Raises
    ------
    HypError
        If there is no such module, or the class token is asked of a network that has none.
    """
    match = _PICKED.fullmatch(name)
    if match is None:
        return find_module(model, name), ""
    module = find_module(model, match["module"])
    if match["part"] == "cls":
        known = {parameter.rpartition(".")[2] for parameter, _ in model.named_parameters()}
        if known.isdisjoint(_CLASS_TOKENS):
            raise HypError(
                f"{name} asks for the class token, but the network has none (no parameter called "
                f"{' or '.join(_CLASS_TOKENS)}); use {match['module']}[mean] or all tokens."
            )
    return module, match["part"]


def _one_tensor(output: Any, name: str, part: str) -> Tensor:
    if isinstance(output, Tensor) and part in ("", *POOLS):
        return output
    parts: dict[str, Any] = {}
    if isinstance(output, Mapping):
        parts = {str(key): value for key, value in output.items()}
    elif isinstance(output, tuple | list):
        parts = {str(place): value for place, value in enumerate(output)}
    tensors = {key: value for key, value in parts.items() if isinstance(value, Tensor)}
    if part in tensors:
        return tensors[part]
    if len(tensors) == 1 and part in ("", *POOLS):
        return next(iter(tensors.values()))
    base = name.partition("[")[0] if part else name
    which = ", ".join(f"{base}[{key}]" for key in tensors)
    said = f"several; name one of {which}" if which else f"{type(output).__name__}"
    raise HypError(f"layer {base} does not return one tensor, but {said}.")


def _image_axis(name: str, few: tuple[int, ...], more: tuple[int, ...]) -> int:
    if len(few) == len(more):
        pairs = list(zip(few, more, strict=True))
        follow = [axis for axis, sizes in enumerate(pairs) if sizes == PROBES]
        rest = [sizes for axis, sizes in enumerate(pairs) if axis not in follow]
        if len(follow) == 1 and all(one == other for one, other in rest):
            if any(one == 0 for one, _ in rest):
                raise HypError(f"layer {name} has no units; choose another layer.")
            return follow[0]
    shapes = " and ".join(" x ".join(map(str, shape)) or "one number" for shape in (few, more))
    raise HypError(
        f"layer {name} does not give one row an image: to {PROBES[0]} and {PROBES[1]} images it "
        f"returns {shapes}; choose another layer."
    )
