"""What this machine computes fastest with, asked without importing torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from hyp.models.specs import Device, Precision

_BF16_CAPABILITY = 8.0


class Numerics(NamedTuple):
    """Precision, memory layout and device of a training or extraction step."""

    precision: Precision
    channels_last: bool
    device: Device


Ask = Callable[[Literal["auto", "cpu", "cuda"]], Numerics]
"""What is asked for the numerics of a run, given the device that its profile names."""


def best_precision(device: Literal["auto", "cpu", "cuda"] = "auto") -> Numerics:
    """Return the numerics that suit this machine.

    bfloat16 where the hardware multiplies matrices of it (AMX, or a CUDA device of
    compute capability 8.0 and above); elsewhere it is slower than float32. Images arrive
    channels last, and every device measured was at least as fast with that layout.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        ``auto`` takes CUDA where the driver shows a device.

    Returns
    -------
    Numerics
        A named tuple (precision, channels_last, device).
    """
    capability = None if device == "cpu" else _cuda_capability()
    if device == "cuda" or capability is not None:
        fast = capability is not None and capability >= _BF16_CAPABILITY
        return Numerics("bf16" if fast else "fp32", True, "cuda")
    return Numerics("bf16" if "amx_bf16" in _cpu_flags() else "fp32", True, "cpu")


def keeping(numerics: Numerics, ask: Ask) -> Ask:
    """Return what answers with `numerics`, unless a profile names another device."""
    return lambda device: numerics if device in ("auto", numerics.device) else ask(device)


def _cuda_capability() -> float | None:
    """Lowest compute capability of the CUDA devices, 0 if unknown, None without any."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0.0 if any(Path("/proc/driver/nvidia/gpus").glob("*")) else None
    query = [program, "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        return min(float(line) for line in answer.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        flag
        for line in lines
        if line.startswith("flags")
        for flag in line.partition(":")[2].split()
    )
