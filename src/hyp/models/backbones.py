"""Backbones: torchvision's and timm's classifiers, or a function of the user's."""

from __future__ import annotations

import difflib
import importlib
import math
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from hyp.errors import HypError, reason_of
from hyp.models.inputs import IMAGENET_MEAN, IMAGENET_SD
from hyp.models.runtime import undisturbed
from hyp.models.trust import TIMM, names_code

WIDTH = "@"
"""What stands between a ResNet's name and the channels of its first stage."""
_FULL_WIDTH = 64
_COLOURS = 3


def build_backbone(name: str, n_outputs: int) -> nn.Module:
    """Make a randomly initialised network, drawing from torch's random numbers.

    Parameters
    ----------
    name : str
        A torchvision classifier (``resnet18``, ``convnext_tiny``, ...); one of its ResNets
        by width (``resnet18@16``: 16, 32, 64 and 128 channels where ``resnet18`` has 64, 128,
        256 and 512; the blocks and the names of the layers stay); one of timm's
        (``timm:NAME``, where timm is installed); or ``package.module:function``, where the
        function is called with ``num_outputs=`` and returns a module from images (batch,
        3, height, width) to (batch, num_outputs).
    n_outputs : int
        Output units.

    Raises
    ------
    HypError
        If there is no such network, it does not come in that width, or the function does
        not return a module.
    """
    if name.startswith(TIMM):
        return see_imagenet(create_timm(name.removeprefix(TIMM), num_classes=n_outputs))
    if names_code(name):
        return _from_function(name, n_outputs)
    if WIDTH in name:
        return _of_width(name, n_outputs)
    return _from_torchvision(name, n_outputs)


def outline(name: str, n_outputs: int) -> nn.Module:
    """Make a network without its numbers, on torch's meta device; arguments as `build_backbone`."""
    try:
        with torch.device("meta"):
            return build_backbone(name, n_outputs)
    except (NotImplementedError, HypError):  # it computes with numbers while it is made
        with undisturbed():
            return build_backbone(name, n_outputs).to("meta")


def load_weights(network: nn.Module, state: Mapping[str, Tensor], *, assign: bool = False) -> None:
    """Put weights into a network, as ``load_state_dict`` does.

    Some networks look for a version of their own that a plain dict of tensors does not have.
    """
    complete = OrderedDict(state)
    complete._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    network.load_state_dict(complete, assign=assign)


def _from_torchvision(name: str, n_outputs: int) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, known, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "use a torchvision classifier"
        raise HypError(f"unknown backbone {name!r}; {hint} (or package.module:function).")
    try:
        return cast(nn.Module, models.get_model(name, weights=None, num_classes=n_outputs))
    except ZeroDivisionError:  # it divides by the number of outputs: initial weights of none
        network: nn.Module = models.get_model(name, weights=None, num_classes=1)
        for layer, module in list(network.named_modules()):
            if isinstance(module, nn.Linear) and module.out_features == 1:
                network.set_submodule(layer, nn.Linear(module.in_features, 0))
        return network


def _of_width(name: str, n_outputs: int) -> nn.Module:
    """Make a ResNet of torchvision's with every layer's channels in proportion to a width."""
    from torchvision.models import ResNet

    full_name, _, text = name.partition(WIDTH)
    if not re.fullmatch("[1-9][0-9]*", text):
        raise HypError(
            f"the width in the backbone {name!r} must be a whole number above 0: the channels of "
            "the first stage, as in resnet18@16."
        )
    width = int(text)
    if width == _FULL_WIDTH:
        raise HypError(f"{name} is {full_name} itself; leave out {WIDTH}{text}.")
    with torch.device("meta"):
        network = _from_torchvision(full_name, n_outputs)
    if not isinstance(network, ResNet):
        raise HypError(
            f"the backbone {full_name} comes in one width; only torchvision's ResNets are made "
            "in others."
        )
    for layer, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
            network.set_submodule(layer, _in_proportion(module, width, name))
    return cast(nn.Module, network)


def _in_proportion(
    module: nn.Conv2d | nn.BatchNorm2d | nn.Linear, width: int, name: str
) -> nn.Module:
    """Give a layer of a ResNet another width, and the initial weights torchvision gives it."""

    def scaled(channels: int, groups: int = 1) -> int:
        found, rest = divmod(channels * width, _FULL_WIDTH)
        if rest or found % groups:
            step = _FULL_WIDTH * groups // math.gcd(_FULL_WIDTH * groups, channels)
            raise HypError(
                f"the backbone {name!r} cannot share its channels among {groups} groups; choose "
                f"a width that {step} divides."
            )
        return found

    if isinstance(module, nn.Linear):
        return nn.Linear(scaled(module.in_features), module.out_features)
    if isinstance(module, nn.BatchNorm2d):
        return nn.BatchNorm2d(scaled(module.num_features))
    if module.in_channels != _COLOURS:
        module.in_channels = scaled(module.in_channels, module.groups)
    module.out_channels = scaled(module.out_channels, module.groups)
    inputs = module.in_channels // module.groups
    weight = torch.empty(module.out_channels, inputs, *module.kernel_size)
    module.weight = nn.Parameter(
        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    )
    return module


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
