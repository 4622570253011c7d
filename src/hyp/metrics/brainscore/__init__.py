"""Official scoring: the real ``brainscore-vision`` in an environment of its own.

``install_environment`` makes the environment, ``describe_environment`` says what is there,
``score_cohort`` scores networks on benchmarks through a worker process in it,
``read_score_table`` reads scores that somebody has already.
"""

from __future__ import annotations

from hyp._lazy import lazy_names

_HOME = {
    "PAPER_BENCHMARKS": "identifiers",
    "benchmark_region": "identifiers",
    "default_folder": "environment",
    "install_environment": "environment",
    "open_environment": "environment",
    "EnvironmentReport": "describe",
    "describe_environment": "describe",
    "Network": "networks",
    "describe_checkpoint": "networks",
    "describe_weights": "networks",
    "export_benchmark": "exporting",
    "LocalBenchmark": "local",
    "read_local_benchmark": "local",
    "write_local_benchmark": "local",
    "Worker": "client",
    "Scored": "scoring",
    "compare_features": "scoring",
    "score_cohort": "scoring",
    "read_raw": "results",
    "read_scores": "results",
    "score_table": "results",
    "neural_mean": "tables",
    "read_score_table": "tables",
}

__all__ = sorted(_HOME)

__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
