"""A trained network on disk: weights, what they are, and the state to resume from."""

from __future__ import annotations

import difflib
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from hyp.errors import UNREADABLE, HypError, disk_sentence, reason_of
from hyp.models.backbones import build_backbone, load_weights
from hyp.models.objectives import Objective
from hyp.models.runtime import open_device, undisturbed
from hyp.models.specs import Device, TrainSpec, Units
from hyp.models.trust import require_trust
from hyp.store.checksums import checksum, sealed, unsealed

MODEL = "model.json"
HISTORY = "history.json"
RESUME = "resume.pt"
_HALF = ".half"


class ModelInfo(BaseModel):
    """What a model folder holds (``model.json``).

    Attributes
    ----------
    spec : TrainSpec
        What it was trained from.
    head : tuple of Units
        All tasks with their output units, in order; none of a network without a head.
    standardisation : dict of str to (float, float)
        Mean and standard deviation that continuous targets were standardised with.
    image_shape : (int, int, int)
        Of the training images, before resizing.
    checkpoints : tuple of int
        Batch counts whose weights are there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: TrainSpec
    head: tuple[Units, ...]
    standardisation: dict[str, tuple[float, float]]
    image_shape: tuple[int, int, int]
    checkpoints: tuple[int, ...]

    @property
    def n_outputs(self) -> int:
        """Output units of the whole head."""
        return self.head[-1].stop if self.head else 0


def make_info(
    spec: TrainSpec, objective: Objective, image_shape: tuple[int, int, int]
) -> ModelInfo:
    """Describe the network that `spec` trains."""
    return ModelInfo(
        spec=spec,
        head=tuple(
            Units(task=task.name, start=task.start, stop=task.stop) for task in objective.head
        ),
        standardisation=dict(objective.standardisation),
        image_shape=image_shape,
        checkpoints=spec.checkpoints,
    )


def weights_name(batch: int) -> str:
    """Return the name of the file that holds the weights after `batch` batches."""
    return f"weights-{batch:08d}.pt"


def save_weights(folder: Path, batch: int, model: nn.Module) -> str:
    """Write a state dict (on the CPU) atomically; ``torch.load(weights_only=True)`` reads it.

    Returns the file's checksum.
    """
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    _write(folder / weights_name(batch), content)
    return checksum(content)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically."""
    _write(path, (json.dumps(value, indent=1) + "\n").encode())


def read_info(folder: Path | str) -> ModelInfo:
    """Read ``model.json``.

    Raises
    ------
    HypError
        If there is no finished model in the folder.
    """
    path = Path(folder) / MODEL
    try:
        return ModelInfo.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise HypError(f"there is no finished model in {folder}; train it first.") from error
    except OSError as error:
        raise HypError(f"{disk_sentence(error, path) or reason_of(error)}.") from error
    except UNREADABLE as error:
        raise HypError(
            f"{path} is damaged or of another hyp ({reason_of(error)}); get or train the model "
            "again."
        ) from error


def load_model(
    folder: Path | str,
    snapshot: int | None = None,
    device: Device = "cpu",
    *,
    backbone: str | None = None,
) -> tuple[nn.Module, ModelInfo]:
    """Load a network in evaluation mode.

    Weights never run code. A folder that names code of its own (``package.module:function``
    for a backbone) is loaded only where that is trusted, see `hyp.models.trusting`.

    Parameters
    ----------
    folder : path
        As filled by `train`.
    snapshot : int or None
        Batch count of the weights; None takes the last.
    device : {"cpu", "cuda"}
        Where to put it.
    backbone : str, optional
        The backbone that the caller declared, which needs no trust.

    Returns
    -------
    (Module, ModelInfo)

    Raises
    ------
    HypError
        If the folder holds no finished model, or not that snapshot, or damaged weights, or
        names code that is not trusted.
    """
    info = read_info(folder)
    if info.spec.backbone != backbone:
        require_trust(info.spec.backbone, folder)
    batch = info.checkpoints[-1] if snapshot is None else snapshot
    if batch not in info.checkpoints:
        kept = ", ".join(map(str, info.checkpoints))
        raise HypError(f"the model in {folder} has no snapshot at batch {batch}; it has: {kept}.")
    target = open_device(device)
    with undisturbed(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        model: nn.Module = build_backbone(info.spec.backbone, info.n_outputs)
    path = Path(folder) / weights_name(batch)
    try:
        load_weights(model, torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise HypError(
            f"the weights {path} cannot be read ({reason_of(error)}); delete the folder {folder} "
            "and train again."
        ) from error
    model.to(target).eval()
    return model, info


def find_module(model: nn.Module, name: str) -> nn.Module:
    """Return the module called `name`.

    Raises
    ------
    HypError
        If there is none; the message offers close names and lists all.
    """
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if name in modules and name:
        return modules[name]
    known = [known for known in modules if known]
    close = difflib.get_close_matches(name, known, 3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise HypError(f"the network has no layer {name!r}; {hint}its layers: {', '.join(known)}.")


def save_resume(folder: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Write the state of an unfinished run, with a digest, by one atomic rename."""
    buffer = io.BytesIO()
    torch.save({"fingerprint": fingerprint, **state}, buffer)
    _write(folder / RESUME, sealed(buffer.getvalue()))


def load_resume(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the saved state of an unfinished run; None if absent, damaged or of another run."""
    try:
        payload = unsealed((folder / RESUME).read_bytes())
    except OSError:
        return None
    if payload is None:
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return state if state["fingerprint"] == fingerprint else None


def remove_resume(folder: Path) -> None:
    """Remove the saved state, and files that a killed process left half-written."""
    for path in (folder / RESUME, *folder.glob(f".*{_HALF}")):
        path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}{_HALF}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)  # noqa: PTH105
