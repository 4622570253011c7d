"""What devices this machine has, and the numerics to compute with; needs no torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from hyp.models.specs import Device, Precision


class Numerics(NamedTuple):
    """Precision, memory layout and device of a training or extraction step."""

    precision: Precision
    channels_last: bool
    device: Device


def best_numerics(
    backbone: str,
    image_size: int,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
) -> Numerics:
    """Return the numerics that suit this machine and network.

    Images arrive channels last, and every device measured was at least as fast with that layout.

    Parameters
    ----------
    backbone, image_size
        The network, and the pixels a side of what it sees.
    device : {"auto", "cpu", "cuda"}
        ``auto`` takes CUDA where the driver shows a device.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` measures, see `hyp.models.precision.choose_precision`.

    Returns
    -------
    Numerics
        A named tuple (precision, channels_last, device).
    """
    place = best_device() if device == "auto" else device
    if precision == "auto":
        from hyp.models.precision import choose_precision

        precision = choose_precision(backbone, image_size, place)
    return Numerics(precision, True, place)


class Wanted(NamedTuple):
    """What a profile says of numerics, and what they are for."""

    backbone: str
    image_size: int
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"


Ask = Callable[[Wanted], Numerics]
"""What is asked for the numerics of a run."""


def suits_here(wanted: Wanted) -> Numerics:
    """Return what suits this machine, see `best_numerics`."""
    return best_numerics(
        wanted.backbone, wanted.image_size, device=wanted.device, precision=wanted.precision
    )


def keeping(numerics: Numerics, ask: Ask) -> Ask:
    """Return what answers with `numerics`, unless a profile names another device or precision."""

    def kept(wanted: Wanted) -> Numerics:
        if wanted.device not in ("auto", numerics.device):
            return ask(wanted)
        if wanted.precision == "auto":
            return numerics
        return numerics._replace(precision=wanted.precision)

    return kept


def best_device() -> Device:
    """Return ``cuda`` where the driver shows a device, ``cpu`` elsewhere."""
    return "cuda" if _cuda_devices() else "cpu"


def visible_gpus() -> list[str]:
    """Return the GPUs of this machine as ``CUDA_VISIBLE_DEVICES`` names, or would name, them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(_cuda_devices()))]


def machine_facts(device: Device) -> list[str]:
    """Return what the speed of a device depends on: its name, and a processor's abilities."""
    return _cuda_devices() if device == "cuda" else [platform.system(), platform.machine(), *_cpu()]


def _cuda_devices() -> list[str]:
    """Names of the CUDA devices; one without a name where the driver does not say."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return []
    program = shutil.which("nvidia-smi")
    if program is None:
        return [""] if any(Path("/proc/driver/nvidia/gpus").glob("*")) else []
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.split("\n")[:-1]


def _cpu() -> list[str]:
    """Return the processor's name and flags as Linux lists them; elsewhere, what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    wanted = ("model name", "flags", "Features", "CPU part")
    return [found[name] for name in wanted if name in found] or [platform.processor()]
