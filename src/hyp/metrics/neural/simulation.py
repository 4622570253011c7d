"""A simulated ventral stream: recordings whose truth is known, for laptops, tests, calibration.

Neuroids are random linear readouts of a hidden network's layers, and of latents where
declared, with trial noise of a planted size. Nobody recorded them: every assembly says
``origin = "simulated"`` in its attributes, and so does every score made from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import beta

from hyp.alone import alone
from hyp.errors import HypError, reason_of
from hyp.metrics.gram import Activations, Floats
from hyp.metrics.neural.assembly import SIMULATED

if TYPE_CHECKING:
    from torch import Tensor, nn

_WIDTH = 4096
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class SimulatedRegion(BaseModel):
    """A region of the simulated ventral stream.

    Attributes
    ----------
    region : str
        Its name.
    layer : str
        Layer of the hidden network that its neuroids read from.
    n_neuroids, n_repetitions : int
        Sizes of the recording.
    reliability : float
        Median over neuroids of the share of variance of their mean responses (over all
        repetitions) that the stimuli explain: what the split-half ceiling estimates. With 1
        there is no noise.
    concentration : float
        How alike the neuroids' reliabilities are: they follow a Beta distribution whose two
        parameters sum to this.
    latent_share : float
        Share of the stimulus-driven variance that is read from the latents instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    layer: str
    n_neuroids: int = Field(ge=1)
    n_repetitions: int = Field(ge=1)
    reliability: float = Field(gt=0, le=1)
    concentration: float = Field(20.0, gt=2)
    latent_share: float = Field(0.0, ge=0, le=1)


VENTRAL_STREAM = (
    SimulatedRegion(
        region="V1", layer="layer1.0.relu", n_neuroids=102, n_repetitions=20, reliability=0.87
    ),
    SimulatedRegion(
        region="V2", layer="layer2.0.relu", n_neuroids=103, n_repetitions=20, reliability=0.82
    ),
    SimulatedRegion(
        region="V4", layer="layer3.0.relu", n_neuroids=88, n_repetitions=46, reliability=0.90
    ),
    SimulatedRegion(
        region="IT", layer="layer4.0.relu", n_neuroids=168, n_repetitions=46, reliability=0.82
    ),
)
"""Sizes and ceilings as in FreemanZiemba2013 (V1, V2) and MajajHong2015 (V4, IT).

Neuroids as in Brain-Score's assemblies; 20 repetitions, and the 148,480 presentations of 3,200
stimuli that MajajHong2015.public has (46 each on average); reliabilities after the ceilings
that Brain-Score's own tests expect (0.873, 0.825, 0.895, 0.822)."""


def simulate_ventral_stream(
    drives: Mapping[str, Floats],
    regions: Sequence[SimulatedRegion] = VENTRAL_STREAM,
    *,
    seed: int,
    stimulus_id: Sequence[str] | None = None,
    latents: Mapping[str, NDArray[np.floating]] | None = None,
    stimulus_coords: Mapping[str, NDArray[Any]] | None = None,
    hidden: str = "arrays",
) -> dict[str, xr.DataArray]:
    """Record every region of a simulated ventral stream.

    A neuroid's response to a presentation is ``gain (signal + noise)``: the signal, of unit
    variance over the stimuli, is the neuroid's drive by its layer, mixed with a random
    projection of the latents; the noise is Gaussian and new in every presentation, with
    variance ``R (1 - p) / p`` for R repetitions and the neuroid's reliability p; gains are
    log-normal. The best possible model so reaches ``r = sqrt(p)`` with the mean responses.

    Parameters
    ----------
    drives : mapping of str to ndarray of shape (n, m)
        By region, what its layer drives its neuroids with: see `drive_from_arrays` and
        `drive_from_network`.
    regions : sequence of SimulatedRegion
    seed : int
        Seed of gains, noise and projections of the latents.
    stimulus_id : sequence of str, optional
        Names of the n stimuli; ``stimulus_00000`` and so on by default.
    latents : mapping of str to ndarray of shape (n,), optional
        Numbers that describe the stimuli, stored beside them and read by regions with a
        `latent_share`.
    stimulus_coords : mapping of str to ndarray of shape (n,), optional
        Further coordinates of the stimuli, such as ``object_name``.
    hidden : str
        What the drives were recorded from, for the attributes.

    Returns
    -------
    dict of str to DataArray
        By region: float32, dims (presentation, neuroid), one assembly as `read_assembly`
        gives, with the planted ``reliability`` along ``neuroid``.

    Raises
    ------
    HypError
        If a drive is missing, has another shape or does not vary, or latents are missing.
    """
    n = len(next(iter(drives.values()))) if drives else 0
    names = _names(n) if stimulus_id is None else np.array(stimulus_id, dtype=object)
    described = {**(latents or {}), **(stimulus_coords or {})}
    for name, values in {"stimulus_id": names, **described}.items():
        if len(values) != n:
            raise HypError(f"{name} has {len(values)} values for {n} stimuli; give one a stimulus.")
    assemblies = {}
    for number, region in enumerate(regions):
        rng = np.random.default_rng([seed, number])
        signal = _signal(region, drives, latents or {}, n, rng)
        reliability = rng.permutation(_reliabilities(region))
        noise = np.sqrt(region.n_repetitions * (1 - reliability) / reliability)
        gain = np.exp(rng.normal(0, 0.3, region.n_neuroids))
        trials = rng.standard_normal((region.n_repetitions, *signal.shape))
        trials = gain * (signal + noise * trials)
        stimulus = np.tile(np.arange(n), region.n_repetitions)
        neuroids = [f"{SIMULATED}-{region.region}-{i:03d}" for i in range(region.n_neuroids)]
        coords: dict[str, Any] = {
            "stimulus_id": ("presentation", names[stimulus]),
            "repetition": ("presentation", np.repeat(np.arange(region.n_repetitions), n)),
            **{k: ("presentation", np.asarray(v)[stimulus]) for k, v in described.items()},
            "neuroid_id": ("neuroid", np.array(neuroids, dtype=object)),
            "region": ("neuroid", np.full(region.n_neuroids, region.region, dtype=object)),
            "reliability": ("neuroid", reliability),
        }
        assemblies[region.region] = xr.DataArray(
            trials.reshape(-1, region.n_neuroids).astype(np.float32),
            dims=("presentation", "neuroid"),
            coords=coords,
            attrs={
                "identifier": f"{SIMULATED}-ventral-stream",
                "origin": SIMULATED,
                "hidden": f"{hidden}, {region.layer}",
                "seed": seed,
                "specification": region.model_dump_json(),
            },
        )
    return assemblies


def drive_from_arrays(
    features: Mapping[str, Activations], regions: Sequence[SimulatedRegion], *, seed: int
) -> dict[str, Floats]:
    """Project a hidden network's stored activations on random weights, one set a neuroid.

    Parameters
    ----------
    features : mapping of str to array of shape (n, d)
        Activations by layer: NumPy, Dask, Zarr or xarray, read by blocks of columns.
    regions : sequence of SimulatedRegion
    seed : int
        Seed of the weights.

    Returns
    -------
    dict of str to ndarray of shape (n, m)
        By region.

    Raises
    ------
    HypError
        If a region's layer is not among the features.
    """
    drives = {}
    for number, region in enumerate(regions):
        if region.layer not in features:
            raise HypError(
                f"region {region.region} reads from layer {region.layer}, but there is "
                f"{', '.join(features)}."
            )
        X = features[region.layer]
        total = np.zeros((X.shape[0], region.n_neuroids))
        for start in range(0, X.shape[1], _WIDTH):
            block = np.asarray(X[:, start : start + _WIDTH], dtype=np.float64)
            total += block @ _weights(seed, number, start, block.shape[1], region.n_neuroids)
        drives[region.region] = total
    return drives


def drive_from_network(
    network: nn.Module | str,
    images: NDArray[np.uint8],
    regions: Sequence[SimulatedRegion],
    *,
    seed: int,
    batch_size: int = 32,
) -> dict[str, Floats]:
    """Record from a hidden network: what its layers drive the neuroids with.

    The activations are projected batch by batch and never stored.

    Parameters
    ----------
    network : torch module or str
        The hidden network, or the name of a torchvision classifier to be used untrained,
        with weights that `seed` alone decides.
    images : ndarray of shape (n, height, width, 3), uint8
        The stimuli, normalised with ImageNet's mean and deviation.
    regions : sequence of SimulatedRegion
        Their layers are names of the network's modules; of several calls in a pass the last
        counts.
    seed : int
        Seed of the weights of an untrained network, and of the projections.
    batch_size : int
        Images in a forward pass; it changes no more than rounding.

    Returns
    -------
    dict of str to ndarray of shape (n, m)
        By region.

    Raises
    ------
    HypError
        If the network or a layer does not exist, or a layer gives no tensor.
    """
    import torch

    model = _untrained(network, seed) if isinstance(network, str) else network
    last: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(_keep(last, layer))
        for layer, module in _layers(model, regions).items()
    ]
    was_training = model.training
    model.eval()
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    mean, std = (torch.tensor(v, device=device)[:, None, None] for v in (_MEAN, _STD))
    parts: dict[str, list[Floats]] = {region.region: [] for region in regions}
    try:
        for start in range(0, len(images), batch_size):
            batch = torch.from_numpy(images[start : start + batch_size]).to(device)
            with torch.inference_mode():
                model((batch.permute(0, 3, 1, 2).float() / 255 - mean) / std)
            found = {name: output.flatten(1).cpu().numpy() for name, output in last.items()}
            for region, drive in drive_from_arrays(found, regions, seed=seed).items():
                parts[region].append(drive)
    finally:
        for handle in handles:
            handle.remove()
        model.train(was_training)
    return {region: np.concatenate(drives) for region, drives in parts.items()}


def check_hidden(name: str, regions: Sequence[SimulatedRegion], image_size: int) -> None:
    """Check that a hidden network has the regions' layers and takes images of a size.

    Nothing is computed.

    Raises
    ------
    HypError
        If it does not.
    """
    import torch

    with torch.device("meta"):
        network = _classifier(name).eval()
        _layers(network, regions)
        try:
            network(torch.empty(1, 3, image_size, image_size))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise HypError(
                f"the hidden network {name} does not take images of {image_size} pixels "
                f"({reason_of(error)}); choose another size or network."
            ) from error


def _layers(network: nn.Module, regions: Sequence[SimulatedRegion]) -> dict[str, nn.Module]:
    modules = dict(network.named_modules())
    layers = dict.fromkeys(region.layer for region in regions)
    for layer in layers:
        if layer not in modules:
            raise HypError(f"the hidden network has no layer {layer!r}; name one of its modules.")
    return {layer: modules[layer] for layer in layers}


def _classifier(name: str) -> nn.Module:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise HypError(f"unknown network {name!r}; use a torchvision classifier or a module.")
    network: nn.Module = models.get_model(name, weights=None)
    return network


def _untrained(name: str, seed: int) -> nn.Module:
    import torch

    with alone(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _classifier(name)


def _keep(last: dict[str, Tensor], layer: str) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if not hasattr(output, "flatten"):
            raise HypError(f"layer {layer} of the hidden network does not return one tensor.")
        last[layer] = output.detach().clone()

    return hook


def _weights(seed: int, number: int, start: int, width: int, n_neuroids: int) -> Floats:
    return np.random.default_rng([seed, number, start]).standard_normal((width, n_neuroids))


def _signal(
    region: SimulatedRegion,
    drives: Mapping[str, Floats],
    latents: Mapping[str, NDArray[np.floating]],
    n: int,
    rng: np.random.Generator,
) -> Floats:
    drive = drives.get(region.region)
    if drive is None or drive.shape != (n, region.n_neuroids):
        raise HypError(
            f"region {region.region} needs a drive of shape {(n, region.n_neuroids)}, but has "
            f"{'none' if drive is None else drive.shape}."
        )
    signal = _standardised(drive, region.region)
    if region.latent_share == 0:
        return signal
    if not latents:
        raise HypError(f"region {region.region} reads from latents, but there are none; give some.")
    values = _standardised(np.stack([*latents.values()], axis=1).astype(np.float64), "the latents")
    projected = values @ rng.standard_normal((len(latents), region.n_neuroids))
    mixed = np.sqrt(1 - region.latent_share) * signal
    mixed += np.sqrt(region.latent_share) * _standardised(projected, region.region)
    return _standardised(mixed, region.region)


def _standardised(values: Floats, what: str) -> Floats:
    deviation = values.std(axis=0)
    if (deviation == 0).any():
        raise HypError(f"what drives {what} is the same for all stimuli; declare another layer.")
    scaled: Floats = (values - values.mean(axis=0)) / deviation
    return scaled


def _reliabilities(region: SimulatedRegion) -> Floats:
    if region.reliability == 1:
        return np.ones(region.n_neuroids)
    a = 1 / 3 + region.reliability * (region.concentration - 2 / 3)
    quantiles = (np.arange(region.n_neuroids) + 0.5) / region.n_neuroids
    return np.asarray(beta.ppf(quantiles, a, region.concentration - a))


def _names(n: int) -> NDArray[Any]:
    return np.array([f"stimulus_{i:05d}" for i in range(n)], dtype=object)
