"""Which metric compares which layers with a recording, as part of a score's identity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hyp.errors import HypError

N_COMPONENTS = 25
TOLERANCE = 1e-6
MAX_ITERATIONS = 500
"""Of Brain-Score's ``pls``, and scikit-learn's defaults."""

NEURAL_ALPHAS = tuple(10.0**power for power in range(-3, 9))
"""Candidate ridge penalties: unscaled activations of large layers need large ones."""


CANDIDATE_LAYERS: dict[str, tuple[str, ...]] = {
    "resnet18": (
        "relu",
        *(f"layer{stage}.{block}.relu" for stage in range(1, 5) for block in range(2)),
        "avgpool",
        "fc",
    ),
    "resnet50": (
        "relu",
        *(
            f"layer{stage}.{block}.relu"
            for stage, blocks in enumerate((3, 4, 6, 3), 1)
            for block in range(blocks)
        ),
        "avgpool",
        "fc",
    ),
}
"""The paper's candidate layers of either backbone (appendix C)."""


class _Metric(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pls(_Metric):
    """PLS regression, scored by Pearson r: Brain-Score's ``pls``."""

    kind: Literal["pls"] = "pls"
    n_components: int = Field(N_COMPONENTS, ge=1)
    tol: float = Field(TOLERANCE, gt=0)
    max_iter: int = Field(MAX_ITERATIONS, ge=1)


class Ridge(_Metric):
    """Ridge regression, one penalty a neuroid by leave-one-out, scored by Pearson r."""

    kind: Literal["ridge"] = "ridge"
    alphas: tuple[float, ...] = Field(NEURAL_ALPHAS, min_length=1)


class Rsa(_Metric):
    """Agreement of two dissimilarity matrices; the default is Brain-Score's ``rdm``."""

    kind: Literal["rsa"] = "rsa"
    dissimilarity: Literal["correlation", "euclidean"] = "correlation"
    comparison: Literal["spearman", "pearson", "cosine"] = "spearman"


class Cka(_Metric):
    """Linear CKA with the unbiased estimator of HSIC: Brain-Score's ``cka``.

    Attributes
    ----------
    neurons : {"all", "sampled"}
        Whether the recorded neurons are the population, or a sample of it that is corrected for
        (`hyp.metrics.sampled_neurons`).
    """

    kind: Literal["cka"] = "cka"
    neurons: Literal["all", "sampled"] = Field("all", exclude_if=lambda neurons: neurons == "all")


NeuralMetric = Annotated[Pls | Ridge | Rsa | Cka, Field(discriminator="kind")]

_BY_NAME: dict[str, Pls | Ridge | Rsa | Cka] = {
    "pls": Pls(),
    "ridge": Ridge(),
    "rsa": Rsa(),
    "cka": Cka(),
    "cka-sampled": Cka(neurons="sampled"),
}


def neural_metric(name: str) -> Pls | Ridge | Rsa | Cka:
    """Return the metric of that name.

    Raises
    ------
    HypError
        If there is none of that name.
    """
    if name not in _BY_NAME:
        raise HypError(f"unknown neural metric {name!r}; use {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]
