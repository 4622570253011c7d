"""Networks to be scored, described so that another process can build them: no pickles."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError

if TYPE_CHECKING:
    from torch import nn

READOUT = "avgpool"
_PAPER_LAYER = re.compile(r"relu|layer\d+\.\d+\.relu|avgpool|fc")
_PREFIXES = ("_orig_mod.", "module.")
_WRAPPERS = ("state_dict", "model_state_dict", "model")


@dataclass(frozen=True)
class Network:
    """A trained network and how it is shown stimuli.

    Attributes
    ----------
    name : str
        What it is called in tables.
    architecture : str
        A torchvision classifier, or ``package.module:function``.
    n_outputs : int
        Units of its last layer.
    weights : Path
        A file that ``torch.load(weights_only=True)`` reads: a state dict.
    sha256 : str
        Of that file; part of every identifier, so that no cache can serve other weights.
    layers : tuple of str
        Candidates for the regions.
    readout : str
        The layer that behaviour is read from.
    image_size : int
        Both sides in pixels after resizing; then ImageNet's mean and SD.
    region_layers : mapping of str to str
        Layers that were chosen before, by region.
    source : Path or None
        Package or module file of an architecture that is not torchvision's.
    labels : mapping of str to str or int
        Where it belongs in a cohort: objective, seed, batches, dataset.
    """

    name: str
    architecture: str
    n_outputs: int
    weights: Path
    sha256: str
    layers: tuple[str, ...]
    readout: str
    image_size: int
    region_layers: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = None
    labels: Mapping[str, str | int] = field(default_factory=dict)

    def identifier(self, settings: Mapping[str, Any]) -> str:
        """Return the name under which Brain-Score sees it.

        Half of the SHA-256 of the weights (a file name holds no more beside what
        Brain-Score adds), then a digest of what else its cached results depend on.
        """
        config = {
            "architecture": self.architecture,
            "n_outputs": self.n_outputs,
            "sha256": self.sha256,
            "layers": self.layers,
            "readout": self.readout,
            "image_size": self.image_size,
            "region_layers": dict(self.region_layers),
            **settings,
        }
        text = json.dumps(config, sort_keys=True)
        return f"{self.sha256[:32]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def describe_checkpoint(
    folder: Path | str,
    snapshot: int | None = None,
    *,
    layers: Sequence[str] = (),
    readout: str | None = None,
    image_size: int | None = None,
    region_layers: Mapping[str, str] | None = None,
) -> Network:
    """Describe a network that hyp trained, after checking that it can be loaded.

    Parameters
    ----------
    folder : path
        As `hyp.models.train` fills it.
    snapshot : int, optional
        Batch count of the weights; default the last.
    layers : sequence of str
        Candidate layers; default those of the paper, for any ResNet.
    readout : str, optional
        Layer that behaviour is read from; default ``avgpool``, else the last candidate.
    image_size : int, optional
        Default: what it was trained on.
    region_layers : mapping of str to str, optional
        Layers that are not to be chosen.

    Raises
    ------
    HypError
        If the folder holds no finished model or not that snapshot, the weights are damaged
        or do not fit, or a layer does not exist.
    """
    from hyp.models.checkpoints import load_model, weights_name

    folder = Path(folder)
    network, info = load_model(folder, snapshot)
    batch = info.checkpoints[-1] if snapshot is None else snapshot
    layers = _check_layers(network, layers, readout, region_layers, info.spec.backbone)
    labels: dict[str, str | int] = {
        "objective": info.spec.objective,
        "seed": info.spec.seed,
        "batches": batch,
        "dataset": _dataset_key(folder),
    }
    weights = folder / weights_name(batch)
    return Network(
        name=f"{info.spec.objective}-{info.spec.seed}-{batch}",
        architecture=info.spec.backbone,
        n_outputs=info.n_outputs,
        weights=weights.absolute(),
        sha256=_digest(weights),
        layers=tuple(layers),
        readout=readout or _default_readout(layers),
        image_size=image_size or info.spec.input_size or info.image_shape[0],
        region_layers=dict(region_layers or {}),
        source=_source_of(info.spec.backbone),
        labels=labels,
    )


def describe_weights(
    path: Path | str,
    architecture: str,
    *,
    layers: Sequence[str] = (),
    readout: str | None = None,
    image_size: int = 224,
    region_layers: Mapping[str, str] | None = None,
) -> Network:
    """Describe a state dict that somebody else trained; the head's size is read from it.

    Prefixes that ``torch.compile`` and ``DataParallel`` add are dropped, and a state dict
    inside a dict (``state_dict``, ``model_state_dict``, ``model``) is found.

    Parameters
    ----------
    path : path
        The weights, as ``torch.save`` wrote them.
    architecture : str
        A torchvision classifier, or ``package.module:function``.
    layers, readout, image_size, region_layers
        As for `describe_checkpoint`.

    Raises
    ------
    HypError
        If the file cannot be read or does not fit the architecture.
    """
    import torch

    from hyp.models.backbones import build_backbone
    from hyp.models.fitting import mismatch

    path = Path(path)
    try:
        state = _plain_names(torch.load(path, map_location="cpu", weights_only=True))
        n_outputs = len(list(state.values())[-1])
    except Exception as error:
        raise HypError(
            f"{path} holds no state dict that torch can read without pickles; "
            "save one with torch.save(model.state_dict(), path)."
        ) from error
    network = build_backbone(architecture, n_outputs)
    problem = mismatch(network.state_dict(), state)
    if problem:
        raise HypError(
            f"the weights {path} do not fit {architecture} with {n_outputs} outputs: {problem}; "
            "name the architecture they were trained with."
        )
    layers = _check_layers(network, layers, readout, region_layers, architecture)
    return Network(
        name=path.stem,
        architecture=architecture,
        n_outputs=n_outputs,
        weights=path.absolute(),
        sha256=_digest(path),
        layers=tuple(layers),
        readout=readout or _default_readout(layers),
        image_size=image_size,
        region_layers=dict(region_layers or {}),
        source=_source_of(architecture),
    )


def paper_layers(network: nn.Module) -> list[str]:
    """Return the paper's candidate layers of a ResNet; empty for other networks.

    ``relu``, the ReLU of every block (its last call, after the residual is added),
    ``avgpool`` and ``fc``.
    """
    names = [str(name) for name, _ in network.named_modules()]
    found = [name for name in names if _PAPER_LAYER.fullmatch(name)]
    return found if any("." in name for name in found) else []


def _check_layers(
    network: nn.Module,
    layers: Sequence[str],
    readout: str | None,
    region_layers: Mapping[str, str] | None,
    architecture: str,
) -> list[str]:
    from hyp.models.checkpoints import find_module

    chosen = list(dict.fromkeys(layers)) or paper_layers(network)
    if not chosen:
        raise HypError(
            f"{architecture} has no layers that are candidates by default; name them with --layer."
        )
    for layer in [*chosen, *([readout] if readout else []), *(region_layers or {}).values()]:
        find_module(network, layer)
    return chosen


def _default_readout(layers: Sequence[str]) -> str:
    return READOUT if READOUT in layers else layers[-1]


def _plain_names(state: Any) -> dict[str, Any]:
    for key in _WRAPPERS:
        if isinstance(state.get(key), dict):
            state = state[key]
    plain = {}
    for name, value in state.items():
        while name.startswith(_PREFIXES):
            name = name.partition(".")[2]
        plain[name] = value
    return plain


def _source_of(architecture: str) -> Path | None:
    """Return the package folder or module file that a user's architecture comes from."""
    if ":" not in architecture:
        return None
    top = architecture.partition(":")[0].partition(".")[0]
    found = importlib.util.find_spec(top)
    if found is None or not found.origin:
        raise HypError(f"the package {top} of {architecture} has no file; make it importable.")
    origin = Path(found.origin)
    return origin.parent if found.submodule_search_locations else origin


def _dataset_key(folder: Path) -> str:
    try:
        record = json.loads((folder / "artifact.json").read_text())
        return str(record["inputs"].get("dataset", ""))
    except (OSError, ValueError, KeyError, AttributeError):
        return ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
