"""Neural alignment: how well a network's layers account for recordings of the ventral stream.

Recordings are plain xarray (`read_assembly`), layers are Gram matrices, and the scores are
Brain-Score's own, computed without its package: PLS with scikit-learn's iteration, the same
splits, the same ceilings. Beside it ridge, RSA and unbiased CKA, recordings that are
dissimilarities already, layers chosen without seeing the responses they are scored on, and a
simulated ventral stream whose truth is known.
"""

from __future__ import annotations

from hyp._lazy import lazy_names

_HOME = {
    "check_assembly": "assembly",
    "drop_constant_neuroids": "assembly",
    "read_assembly": "files",
    "regions": "assembly",
    "leave_out_incomplete": "assembly",
    "subjects": "assembly",
    "sort_like_brainscore": "assembly",
    "write_assembly": "files",
    "PUBLIC_BENCHMARKS": "benchmark",
    "NeuralBenchmark": "benchmark",
    "align_gram": "benchmark",
    "neural_benchmark": "benchmark",
    "Ceiling": "ceilings",
    "ceiled": "ceilings",
    "internal_consistency": "ceilings",
    "usual_formula": "ceilings",
    "CANDIDATE_LAYERS": "specs",
    "reduce_by_pca": "layers",
    "score_region": "layers",
    "pls_from_gram": "pls",
    "RdmBenchmark": "rdm_scoring",
    "holds_rdms": "rdms",
    "rdm_benchmark": "rdm_scoring",
    "rdm_ceilings": "rdm_scoring",
    "score_rdms": "rdm_scoring",
    "score_layer": "scoring",
    "VENTRAL_STREAM": "simulation",
    "SimulatedRegion": "simulation",
    "drive_from_arrays": "simulation",
    "drive_from_network": "simulation",
    "simulate_ventral_stream": "simulation",
    "Cka": "specs",
    "NeuralMetric": "specs",
    "Pls": "specs",
    "Ridge": "specs",
    "Rsa": "specs",
    "neural_metric": "specs",
}

__all__ = sorted(_HOME)

__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
