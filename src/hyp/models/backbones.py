"""Backbones: torchvision's and timm's classifiers, or a function of the user's."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any, cast

from torch import Tensor, nn

from hyp.errors import HypError, reason_of
from hyp.models.inputs import IMAGENET_MEAN, IMAGENET_SD
from hyp.models.trust import TIMM, names_code


def build_backbone(name: str, n_outputs: int) -> nn.Module:
    """Make a randomly initialised network, drawing from torch's random numbers.

    Parameters
    ----------
    name : str
        A torchvision classifier (``resnet18``, ``convnext_tiny``, ...), one of timm's
        (``timm:NAME``, where timm is installed), or ``package.module:function``; the
        function is called with ``num_outputs=`` and returns a module from images (batch,
        3, height, width) to (batch, num_outputs).
    n_outputs : int
        Output units.

    Raises
    ------
    HypError
        If there is no such network, or the function does not return a module.
    """
    if name.startswith(TIMM):
        return see_imagenet(create_timm(name.removeprefix(TIMM), num_classes=n_outputs))
    if names_code(name):
        return _from_function(name, n_outputs)
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, known, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "use a torchvision classifier"
        raise HypError(f"unknown backbone {name!r}; {hint} (or package.module:function).")
    return cast(nn.Module, models.get_model(name, weights=None, num_classes=n_outputs))


def _from_function(name: str, n_outputs: int) -> nn.Module:
    module_name, _, function_name = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (Exception, SystemExit) as error:
        raise HypError(
            f"the backbone {name!r} cannot be imported ({reason_of(error)}); "
            "give it as package.module:function and make the package importable."
        ) from error
    try:
        module = function(num_outputs=n_outputs)
    except Exception as error:
        raise HypError(
            f"the backbone {name!r} cannot be made with num_outputs={n_outputs} "
            f"({reason_of(error)}); give a function that returns a network."
        ) from error
    if not isinstance(module, nn.Module):
        raise HypError(f"the backbone {name!r} returned {type(module).__name__}, not a Module.")
    return module


def create_timm(name: str, **settings: Any) -> nn.Module:
    """Make one of timm's networks with ``timm.create_model``.

    Raises
    ------
    HypError
        If timm is not installed, has no such network, or cannot make it.
    """
    timm = _import_timm(name)
    if not timm.is_model(name.partition(".")[0]):
        close = difflib.get_close_matches(name, timm.list_models(), 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "see timm.list_models()."
        raise HypError(f"timm has no network {name!r}; {hint}")
    try:
        return cast(nn.Module, timm.create_model(name, **settings))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise HypError(
            f"timm cannot make {name!r} ({reason}); check its name, and the network if its "
            "weights were asked for."
        ) from error


def see_imagenet(network: nn.Module) -> nn.Module:
    """Let one of timm's networks take images with ImageNet's normalisation.

    Where its ``pretrained_cfg`` says that it was trained with another one, images are brought
    to it before they enter; the names of the layers stay as they are.
    """
    config = cast(dict[str, Any], network.pretrained_cfg)
    mean, sd = config["mean"], config["std"]
    if (tuple(mean), tuple(sd)) != (IMAGENET_MEAN, IMAGENET_SD):
        scale = [ours / theirs for ours, theirs in zip(IMAGENET_SD, sd, strict=True)]
        levels = zip(IMAGENET_MEAN, mean, sd, strict=True)
        shift = [(ours - theirs) / spread for ours, theirs, spread in levels]

        def rescale(_: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
            return inputs[0] * _by_channel(scale, inputs[0]) + _by_channel(shift, inputs[0])

        network.register_forward_pre_hook(rescale)
    return network


def _by_channel(values: Sequence[float], images: Tensor) -> Tensor:
    return images.new_tensor(values)[:, None, None]


def _import_timm(name: str) -> ModuleType:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise HypError(f"the network timm:{name} needs timm; pip install timm.") from error
