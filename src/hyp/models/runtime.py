"""The device a network runs on, and settings of torch that make a run repeatable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from hyp.alone import alone
from hyp.errors import HypError
from hyp.models.specs import Device, Precision

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def open_device(device: Device) -> torch.device:
    """Return the torch device, having checked that torch sees it.

    Raises
    ------
    HypError
        If CUDA is asked for and torch has none.
    """
    if device == "cuda":
        os.environ.setdefault(_CUBLAS, ":4096:8")
        if not torch.cuda.is_available():
            raise HypError(
                "this step asks for device 'cuda' but torch sees no CUDA device; "
                "set the device to 'cpu', or install a torch build that fits the driver."
            )
    return torch.device(device)


@contextmanager
def repeatable(device: torch.device, threads: int) -> Iterator[None]:
    """Use `threads` CPU threads and deterministic kernels; put everything back at the end.

    Torch's random numbers are put back too, so that a run leaves no trace in its caller's.
    All of these belong to the process, so a second thread waits until the first is done.
    """
    with alone(), _settings(device, threads):
        yield


@contextmanager
def _settings(device: torch.device, threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    mode = torch.get_deterministic_debug_mode()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    gpus = [torch.cuda.current_device()] if device.type == "cuda" else []
    torch.set_num_threads(threads)
    # use_deterministic_algorithms does the same, but imports the compiler: seconds.
    torch.set_deterministic_debug_mode("warn")
    memory.fill_uninitialized_memory = False
    tf32, matmul = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False  # fp32 means float32
    torch.set_float32_matmul_precision("highest")
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=gpus):
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = tf32
        memory.fill_uninitialized_memory = fill
        torch.set_deterministic_debug_mode(mode)
        torch.set_num_threads(before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put torch's random numbers of the CPU back at the end; other threads wait."""
    with alone(), torch.random.fork_rng(devices=[]):
        yield


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context a forward pass runs in: bfloat16 autocast, or nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
