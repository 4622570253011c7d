"""Brain-Score's own virtual environment: where it lies and how it is made.

``brainscore-vision`` 2.4.2 needs numpy < 2, pandas < 3, xarray < 2022.6 and Python 3.11, so
it cannot share hyp's environment. It gets one of its own, made from ``constraints.txt``
(plain ``name==version`` lines; without them the solver ends at a boto3 that cannot be
imported). The environment counts as made when its record is there, which is written last:
whatever was interrupted is recognised and made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from hyp.errors import HypError
from hyp.store.artifacts import readable_disk_errors, write_atomically

PYTHON = (3, 11)
PACKAGE = "brainscore-vision"
REQUIREMENTS = (PACKAGE, "torch", "torchvision")
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
FOLDER_VARIABLE = "HYP_BRAINSCORE_ENV"
RECORD = "hyp-brainscore.json"
STARTED = "hyp-brainscore.started"
NEEDED_BYTES = 8 * 2**30
LOG = "install.log"
_CHECK = (
    "import json, torchvision, brainscore_vision.model_helpers.activations.pytorch\n"
    "from importlib.metadata import version\n"
    "names = ['brainscore-vision', 'brainscore-core', 'torch', 'torchvision', 'numpy',\n"
    "         'scipy', 'scikit-learn', 'pandas', 'xarray']\n"
    "print(json.dumps({name: version(name) for name in names}))\n"
)
_NETWORK = (
    "dns error",
    "name resolution",
    "name or service not known",
    "connection",
    "connect error",
    "error sending request",
    "failed to fetch",
    "timed out",
    "network is unreachable",
)

State = Literal["absent", "half-made", "outdated", "ready", "foreign"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """A folder that holds Brain-Score's environment, or will hold it."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return self.folder / inside

    @property
    def site_packages(self) -> Path:
        """Where its packages lie."""
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{PYTHON[0]}.{PYTHON[1]}" / "site-packages"

    @property
    def package(self) -> Path:
        """The installed ``brainscore_vision``."""
        return self.site_packages / "brainscore_vision"

    def record(self) -> dict[str, object]:
        """Return what was written when it was made; empty if it is not there or damaged."""
        try:
            found = json.loads((self.folder / RECORD).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that decide a score."""
        found = self.record().get("versions")
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def state(self) -> State:
        """Return how far it is made; ``foreign`` is a folder that hyp did not make."""
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return "absent"
        if not (self.folder / RECORD).exists():
            return "half-made" if (self.folder / STARTED).exists() else "foreign"
        if not self.python.exists() or not self.package.is_dir():
            return "half-made"
        return "ready" if self.record().get("constraints") == constraints_digest() else "outdated"


def open_environment(folder: Path | None = None) -> Environment:
    """Return Brain-Score's environment.

    Parameters
    ----------
    folder : Path, optional
        Where it lies; default as `default_folder` says.

    Raises
    ------
    HypError
        If it is not there.
    """
    environment = Environment((folder or default_folder()).expanduser().absolute())
    state = environment.state()
    if state in ("ready", "outdated"):
        return environment
    found = f"is {state}" if state in ("absent", "half-made") else "is not one made by hyp"
    raise HypError(
        f"Brain-Score's environment at {environment.folder} {found}; make it with: "
        "hyp brainscore install."
    )


def default_folder() -> Path:
    """Return where the environment lies: ``$HYP_BRAINSCORE_ENV``, else the user's data folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("hyp") / "brainscore"


def constraints_digest() -> str:
    """Return what identifies the pinned versions."""
    return hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()


def install_environment(
    folder: Path | None = None,
    python: Path | str | None = None,
    say: Say = lambda text: None,
) -> Environment:
    """Make Brain-Score's environment, unless it is there.

    uv does it where it is at hand, else ``venv`` and pip; both take the versions from
    ``constraints.txt`` and the packages from wherever they are configured to.

    Parameters
    ----------
    folder : Path, optional
        Where; default as `default_folder` says.
    python : path or str, optional
        A Python 3.11; default this one, or a ``python3.11`` on the path.
    say : callable, optional
        Called with one line a step.

    Returns
    -------
    Environment

    Raises
    ------
    HypError
        If Python 3.11, room on the disk or the network is missing, another process is
        making it, the folder holds something else, or the installation fails.
    """
    environment = Environment((folder or default_folder()).expanduser().absolute())
    state = environment.state()
    if state == "foreign":
        raise HypError(
            f"{environment.folder} holds something that hyp did not make; name another --folder."
        )
    if state == "ready":
        return environment
    base = find_python(python)
    with readable_disk_errors(environment.folder):
        environment.folder.parent.mkdir(parents=True, exist_ok=True)
        _check_room(environment.folder.parent)
        lock = FileLock(environment.folder.with_name(f".{environment.folder.name}.lock"))
        try:
            with lock.acquire(timeout=0):
                _make(environment, base, say)
        except Timeout:
            raise HypError(
                f"another process is making {environment.folder}; wait until it is done."
            ) from None
    return environment


def find_python(python: Path | str | None) -> str:
    """Return a Python 3.11.

    Raises
    ------
    HypError
        If the one that was named is of another version or does not run, or none is found.
    """
    if python is not None:
        found = shutil.which(str(python))
        version = _python_version(found) if found else None
        if version is None or found is None:
            raise HypError(f"{python} is no Python that runs; name a Python 3.11 with --python.")
        if version != PYTHON:
            shown = ".".join(map(str, version))
            raise HypError(f"{python} is Python {shown}, but Brain-Score needs Python 3.11.")
        return found
    for candidate in (sys.executable, "python3.11", "python3", "python"):
        found = shutil.which(candidate)
        if found and _python_version(found) == PYTHON:
            return found
    raise HypError("Brain-Score needs Python 3.11 and none was found; name one with --python PATH.")


def _python_version(python: str) -> tuple[int, int] | None:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=True
        )
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _check_room(place: Path) -> None:
    free = shutil.disk_usage(place).free
    if free < NEEDED_BYTES:
        raise HypError(
            f"Brain-Score's environment takes up to {NEEDED_BYTES / 2**30:.0f} GB, but {place} "
            f"has {free / 2**30:.1f} GB left; free some space or name another --folder."
        )


def _make(environment: Environment, base: str, say: Say) -> None:
    folder = environment.folder
    if folder.exists():
        say("removing what is half-made or outdated")
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / STARTED).touch()
    uv = _find_uv()
    say(f"making a virtual environment in {folder}")
    target = [*REQUIREMENTS, "-c", str(CONSTRAINTS)]
    if uv:
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", base, str(folder)], folder)
        command = [uv, "pip", "install", "--python", str(environment.python), *target]
    else:
        _run([base, "-m", "venv", str(folder)], folder)
        options = ["--disable-pip-version-check", "--no-input", "--retries", "2"]
        command = [str(environment.python), "-I", "-m", "pip", "install", *options, *target]
    say("installing brainscore-vision, torch and what they need (6 GB, some minutes)")
    _run(command, folder)
    say("checking that it can be imported")
    versions = json.loads(_run([str(environment.python), "-I", "-c", _CHECK], folder))
    record = {
        "constraints": constraints_digest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": base,
        "versions": versions,
    }
    write_atomically(folder / RECORD, json.dumps(record, indent=1).encode())


def _find_uv() -> str | None:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    return beside or shutil.which("uv")


def _run(command: list[str], folder: Path) -> str:
    """Run one step; its last line of output, or one sentence that says what failed."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    variables["BS_INSTALL_DEPENDENCIES"] = "no"
    log = folder / LOG
    with log.open("a+", encoding="utf-8") as stream:
        stream.write(f"$ {' '.join(command)}\n")
        stream.flush()
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=stream, text=True, env=variables, check=False
        )
    if done.returncode == 0:
        return (done.stdout.strip().splitlines() or [""])[-1]
    lines = log.read_text(encoding="utf-8").strip().splitlines()
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    tail = "\n".join(lines[-40:]).lower()
    if "no space left" in tail:
        raise HypError(f"the disk became full; free some space and run it again (log: {log}).")
    if any(sign in tail for sign in _NETWORK):
        raise HypError(
            f"the package index could not be reached; check the network and run it again "
            f"(log: {log})."
        )
    raise HypError(f"the installation failed: {said} (log: {log}).")
