"""Weights from a file, put into the network that they are said to be of."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hyp.errors import HypError
from hyp.models.backbones import load_weights, outline
from hyp.models.states import read_state
from hyp.text import some

_NAMED = 4


def read_network(
    backbone: str, path: Path, part: str = "", *, without_head: bool = False
) -> tuple[nn.Module, int]:
    """Make a network with the weights of a file.

    Parameters
    ----------
    backbone : str
        As `hyp.models.backbones.build_backbone` takes it.
    path, part : Path, str
        As `hyp.models.states.read_state` takes them.
    without_head : bool
        Leave out whatever the file has where the network has its head, as a projector of
        several layers.

    Returns
    -------
    (Module, int)
        The network, and its number of outputs as the weights have it; 0 without a head.

    Raises
    ------
    HypError
        If the file cannot be read, or its tensors are not finite or not those of the network;
        what lacks, is too much or has another shape is named.
    """
    few, more = (_blank(backbone, n).state_dict() for n in (2, 3))
    heads = {name: axis for name in few if (axis := _head_axis(few[name], more[name])) is not None}
    state = read_state(path, [name for name in few if name not in heads], part)
    if without_head:
        places = tuple(name.rpartition(".")[0] + "." for name in heads)
        state = {name: value for name, value in state.items() if not name.startswith(places)}
    n_outputs = _count_outputs(few, heads, state)
    model = _blank(backbone, n_outputs)
    expected = model.state_dict()
    if n_outputs == 0:
        _require_linear(model, heads, backbone)
        empty = {name: value for name, value in expected.items() if name in heads}
        zeros = {n: torch.zeros(value.shape, dtype=value.dtype) for n, value in empty.items()}
        state = zeros | state
    problem = mismatch(expected, state)
    if problem:
        head = f"with {n_outputs} outputs" if n_outputs else "without a head"
        raise HypError(f"the weights {path} are not those of a {backbone} {head}: {problem}.")
    _load(model, state, path)
    return model, n_outputs


def _require_linear(model: nn.Module, heads: Iterable[str], backbone: str) -> None:
    for place in {name.rpartition(".")[0] for name in heads}:
        if isinstance(model.get_submodule(place), nn.Conv2d):
            raise HypError(
                f"a {backbone} cannot run without its head, as {place} is a convolution; import it "
                "with its head."
            )


def mismatch(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """Say which tensors lack, which are too much and which have another shape; empty if none."""
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(wanted.shape)}"
        for name, wanted in expected.items()
        if name in state and state[name].shape != wanted.shape
    ]
    told = {
        "missing": [name for name in expected if name not in state],
        "not expected": [name for name in state if name not in expected],
        "of another shape": shapes,
    }
    return "; ".join(f"{what}: {some(names, _NAMED)}" for what, names in told.items() if names)


def _blank(backbone: str, n_outputs: int) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a head without outputs
        return outline(backbone, n_outputs)


def _head_axis(few: Tensor, more: Tensor) -> int | None:
    """Return the axis of a tensor that follows the number of outputs."""
    pairs = zip(few.shape, more.shape, strict=True)
    differ = [axis for axis, (one, other) in enumerate(pairs) if one != other]
    return differ[0] if len(differ) == 1 else None


def _count_outputs(
    expected: Mapping[str, Tensor], heads: Mapping[str, int], state: Mapping[str, Tensor]
) -> int:
    """Return the number of outputs that a state dict has; 0 where it has no head."""
    found = (
        int(state[name].shape[axis])
        for name, axis in heads.items()
        if name in state and state[name].ndim == expected[name].ndim
    )
    return next(found, 0)


def _load(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    expected = model.state_dict()
    fitting = {name: value.to(expected[name].dtype) for name, value in state.items()}
    broken = next((name for name, value in fitting.items() if not value.isfinite().all()), None)
    if broken is not None:
        raise HypError(f"the weights {path} are not finite in {broken}; fetch them again.")
    load_weights(model, fitting, assign=True)
