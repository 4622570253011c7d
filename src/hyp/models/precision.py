"""Which precision a machine trains a network fastest in: measured once, and remembered."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.models.hardware import machine_facts
from hyp.models.specs import Device, Precision
from hyp.store.caches import cache_folder

if TYPE_CHECKING:
    import torch

_GAIN = 1.1
_OUTPUTS = 16
_IMAGES = (2, 64)
_STEP_SECONDS = 0.25
_ROUNDS = (2, 25)
_SECONDS = 2.0

Seconds = dict[Precision, float]


def choose_precision(backbone: str, image_size: int, device: Device) -> Precision:
    """Return the precision that this machine trains a network faster in.

    Training steps are timed in float32 and in bfloat16, in turn, on random images; on a CPU
    with one thread and by processor time, so that busy neighbours do not decide. bfloat16 is
    taken where it is at least 1.1 times as fast. That takes a few seconds, once: what was
    measured is kept in the user's cache folder, by processor or GPU, version of torch,
    backbone and size of the images. torch is imported only to measure. A CUDA device that
    the driver shows but torch cannot open is not measured: bfloat16, as all of this decade have.

    Parameters
    ----------
    backbone : str
        As `hyp.models.backbones.build_backbone` takes it.
    image_size : int
        Height and width, in pixels, of what the network sees.
    device : {"cpu", "cuda"}

    Returns
    -------
    {"fp32", "bf16"}

    Raises
    ------
    HypError
        If there is no such backbone.
    """
    facts = {
        "machine": machine_facts(device),
        "torch": _torch_version(),
        "backbone": backbone,
        "image_size": image_size,
        "device": device,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    path = cache_folder("precision") / f"{digest[:32]}.json"
    seconds = _remembered(path)
    if seconds is None and device == "cuda" and not _torch_sees_cuda():
        return "bf16"
    if seconds is None:
        seconds = _measured(backbone, image_size, device)
        _remember(path, {**facts, "seconds": seconds})
    faster = "bf16" in seconds and seconds["fp32"] >= _GAIN * seconds["bf16"]
    return "bf16" if faster else "fp32"


def _measured(backbone: str, image_size: int, device: Device) -> Seconds:
    """Return what a training step takes in either precision: the fastest of several.

    As many images as a quarter of a second allows, 2 to 64, since small batches time Python.
    """
    from hyp.models.runtime import open_device, repeatable

    place = open_device(device)
    with repeatable(place, threads=1):
        once = _Steps(backbone, image_size, "fp32", place)
        once.run(_IMAGES[0])
        images = int(_IMAGES[0] * _STEP_SECONDS / max(once.run(_IMAGES[0]), 1e-6))
        images = min(max(images, _IMAGES[0]), _IMAGES[1])
        other = _Steps(backbone, image_size, "bf16", place)
        try:
            other.run(images)
        except RuntimeError:  # a device, or a layer of the network, that has no bfloat16
            return {"fp32": once.run(images)}
        once.run(images)
        return _fastest(once, other, images)


def _fastest(once: _Steps, other: _Steps, images: int) -> Seconds:
    found: list[tuple[float, float]] = []
    fewest, most = _ROUNDS
    while len(found) < fewest or (len(found) < most and sum(map(sum, found)) < _SECONDS):
        found.append((once.run(images), other.run(images)))
    fp32, bf16 = (min(times) for times in zip(*found, strict=True))
    return {"fp32": fp32, "bf16": bf16}


class _Steps:
    """Training steps of one network, timed one by one."""

    def __init__(
        self, backbone: str, image_size: int, precision: Precision, device: torch.device
    ) -> None:
        from hyp.models.specs import TrainSpec
        from hyp.models.stepping import new_model

        self._precision, self._device, self._size = precision, device, image_size
        spec = TrainSpec(
            objective="distance", backbone=backbone, seed=0, n_batches=1, channels_last=True
        )
        self._model, self._optimizer = new_model(spec, _OUTPUTS, device)
        self._model.train()

    def run(self, images: int) -> float:
        """Make a step on random images and return its seconds."""
        import torch

        from hyp.models.runtime import autocast

        shape = (images, 3, self._size, self._size)
        inputs = torch.randn(shape, device=self._device).to(memory_format=torch.channels_last)
        start = self._clock()
        with autocast(self._device, self._precision):
            outputs = self._model(inputs)
        self._optimizer.zero_grad(set_to_none=True)
        outputs.float().square().mean().backward()
        self._optimizer.step()
        return self._clock() - start

    def _clock(self) -> float:
        import torch

        if self._device.type == "cpu":
            return time.thread_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()


def _remembered(path: Path) -> Seconds | None:
    try:
        found = json.loads(path.read_bytes())["seconds"]
        seconds: Seconds = {"fp32": float(found["fp32"])}
        if "bf16" in found:
            seconds["bf16"] = float(found["bf16"])
        return seconds
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path: Path, content: dict[str, Any]) -> None:
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        warnings.warn(f"{path} cannot be written ({error}); it is measured again.", stacklevel=2)


def _torch_sees_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
