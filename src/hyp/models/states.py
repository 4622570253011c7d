"""State dicts as people save them: nested in checkpoints, under prefixes, as safetensors."""

from __future__ import annotations

import argparse
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hyp.errors import HypError
from hyp.text import some

SAFETENSORS = ".safetensors"
_WRAPPERS = ("_orig_mod.", "module.")  # torch.compile and data parallelism
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ImportError,
    pickle.UnpicklingError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def read_state(path: Path, wanted: Collection[str], part: str = "") -> dict[str, Tensor]:
    """Read a network's weights from a file, wherever they lie in it.

    The weights are those tensors that are called as the network's, after a prefix that all
    share (``module.``, ``model.backbone.``, ...), in whichever dict of a checkpoint they are.

    Parameters
    ----------
    path : Path
        What ``torch.save`` wrote, of which tensors, plain values and ``argparse.Namespace`` are
        unpickled and nothing else, or safetensors.
    wanted : collection of str
        Names of the network's tensors, without those of its head.
    part : str
        Which part of the file is meant, where several fit or others are to be left out: the
        name of a dict, a prefix, or both, joined by a dot (``state_dict_ema``,
        ``state_dict.encoder_q``).

    Raises
    ------
    HypError
        If it cannot be read, holds no weights or something else among them, or several parts of
        it fit.
    """
    places = dict(_tensor_places(_read(path)))
    if not places:
        raise HypError(f"{path} holds no state dict; save one with torch.save(state_dict).")
    found = {
        (place, prefix): sum(prefix + name in state for name in wanted)
        for place, state in places.items()
        for prefix in _prefixes(state, wanted)
    }
    if part:
        found = {key: count for key, count in found.items() if _full(*key) == part.strip(".")}
        if not found:
            known = ", ".join(sorted({_full(place, "") for place in places} - {""})) or "no dicts"
            raise HypError(
                f"{path} has no part {part!r} with weights of this network; it has {known}."
            )
    most = max(found.values(), default=0)
    best = [key for key, count in found.items() if count == most and count]
    if len(best) > 1:
        names = ", ".join(repr(_full(*key)) for key in best)
        raise HypError(f"{path} holds this network's weights several times: name a part, {names}.")
    if not best:
        best = [(max(places, key=lambda place: len(places[place])), "")]
    place, prefix = best[0]
    return _taken(places[place], prefix, path, _full(*best[0]), whole=not part)


def _taken(
    content: Mapping[str, Any], prefix: str, path: Path, full: str, *, whole: bool
) -> dict[str, Tensor]:
    """Return the tensors under a prefix; whatever else is there is refused, if it is `whole`."""
    state: dict[str, Tensor] = {}
    for key, value in content.items():
        if not key.startswith(prefix):
            if not whole:
                continue
            raise HypError(
                f"{path} holds {key!r} beside the network's weights, which are called "
                f"{prefix}...; to leave such tensors out name the part {full!r}."
            )
        name = key.removeprefix(prefix)
        if not isinstance(value, Tensor):
            raise HypError(f"{path} holds {key!r}, which is no tensor; it is no state dict.")
        state[name] = value
    for name in state:
        bare = name
        while bare.startswith(_WRAPPERS):
            bare = bare.partition(".")[2]
        if bare != name and bare in state:
            raise HypError(f"{path} holds {bare!r} twice, with and without a prefix.")
    return state


def _read(path: Path) -> Any:
    if path.suffix.lower() == SAFETENSORS:
        return _read_safetensors(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore", UserWarning)  # of pickles that are refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise HypError(f"there is no file {path}; check the path.") from None
    except _UNREADABLE as error:
        needed = _needed_code(path)
        if needed:
            raise HypError(
                f"{path} holds more than tensors ({some(needed)}), which could run code and is not "
                "opened; save its state_dict() alone, if you trust where it came from."
            ) from error
        raise HypError(
            f"{path} is no PyTorch file of weights, or it is truncated; fetch it again, or save "
            "its state_dict() alone."
        ) from error


def _needed_code(path: Path) -> list[str]:
    """Return the classes and functions that a checkpoint would have imported."""
    try:
        found = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except _UNREADABLE:
        return []
    return sorted({*found} - {"argparse.Namespace"})


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        raise HypError(f"there is no file {path}; check the path.")
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise HypError(f"{path} needs safetensors; install hyp-vision[safetensors].") from error
    try:
        state: dict[str, Tensor] = load_file(path)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise HypError(f"{path} cannot be read ({reason}); fetch it again.") from error
    return state


def _tensor_places(
    content: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every dict with tensors in it, and how it is reached; dicts in it are left out."""
    if not isinstance(content, Mapping):
        return
    here = {str(key): value for key, value in content.items() if not isinstance(value, Mapping)}
    if any(isinstance(value, Tensor) for value in here.values()):
        yield path, here
    for key, value in content.items():
        yield from _tensor_places(value, (*path, str(key)))


def _prefixes(state: Mapping[str, Any], wanted: Collection[str]) -> set[str]:
    """Return what may stand before the names, as any name that ends like a wanted one says."""
    known = set(wanted)
    found = set()
    for key in state:
        parts = key.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in known:
                found.add("".join(f"{one}." for one in parts[:start]))
    return found


def _full(place: tuple[str, ...], prefix: str) -> str:
    return ".".join([*place, prefix]).strip(".")
