"""What is there of Brain-Score on this machine, said within seconds and without a hang."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hyp.metrics.brainscore.environment import Environment, State, default_folder
from hyp.metrics.brainscore.identifiers import PAPER_BENCHMARKS, benchmark_data

BUCKET_URL = "https://brainscore-storage.s3.amazonaws.com/"
NETWORK_SECONDS = 4.0


@dataclass(frozen=True)
class EnvironmentReport:
    """What `describe_environment` found.

    Attributes
    ----------
    folder : Path
        Of the environment.
    state : {"absent", "half-made", "outdated", "ready", "foreign"}
        ``outdated`` was made from other pinned versions; it works.
    versions : mapping of str to str
        Versions of the packages that decide a score.
    benchmarks : mapping of str to bool or None
        For the paper's benchmarks whether all their data are on this machine; None where
        that cannot be told because the environment is not there.
    imagenet : bool
        Whether the ImageNet images are there that layers are chosen with.
    credentials : bool
        Whether Amazon credentials are configured; only private benchmarks need them.
    network : bool or None
        Whether Brain-Score's storage answers; None if it was not asked.
    data_folder : Path
        Where Brain-Score keeps recordings and stimuli.
    """

    folder: Path
    state: State
    versions: Mapping[str, str]
    benchmarks: Mapping[str, bool | None]
    imagenet: bool
    credentials: bool
    network: bool | None
    data_folder: Path


def describe_environment(
    folder: Path | None = None, *, check_network: bool = True
) -> EnvironmentReport:
    """Say what is there of Brain-Score; nothing is imported, started or changed.

    Parameters
    ----------
    folder : Path, optional
        Of the environment; default as `default_folder` says.
    check_network : bool
        Whether to ask Brain-Score's storage for an answer, for at most 4 seconds.
    """
    environment = Environment((folder or default_folder()).expanduser().absolute())
    return EnvironmentReport(
        folder=environment.folder,
        state=environment.state(),
        versions=environment.versions(),
        benchmarks={name: has_data(name, environment) for name in PAPER_BENCHMARKS},
        imagenet=imagenet_file().is_file(),
        credentials=_has_credentials(),
        network=storage_answers() if check_network else None,
        data_folder=data_folder(),
    )


def has_data(benchmark: str, environment: Environment) -> bool | None:
    """Return whether a benchmark's files are on this machine; None where they are not known."""
    files = benchmark_data(benchmark, environment.package)
    if files is None:
        return None
    return all(file.path(data_folder()).is_file() for file in files)


def data_folder() -> Path:
    """Return where Brain-Score keeps recordings and stimuli (``BRAINIO_HOME``)."""
    return Path(os.environ.get("BRAINIO_HOME") or "~/.brainio").expanduser()


def imagenet_file() -> Path:
    """Return where Brain-Score keeps the ImageNet images (``MT_IMAGENET_PATH``, ``MT_HOME``)."""
    named = os.environ.get("MT_IMAGENET_PATH")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("MT_HOME") or "~/.model-tools").expanduser() / "imagenet2012.hdf5"


def storage_answers(seconds: float = NETWORK_SECONDS) -> bool:
    """Return whether Brain-Score's storage answers, be it with a refusal.

    Proxies are used as the environment names them.
    """
    request = urllib.request.Request(BUCKET_URL, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def _has_credentials() -> bool:
    if os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE"):
        return True
    named = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    return Path(named).expanduser().is_file()
