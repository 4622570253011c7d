"""Starting a build from its path."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from hyp.errors import HypError

_GRACE = 6.0


class Launched:
    """A build that this process started and that ends with it.

    Parameters
    ----------
    build : Path
        The executable, such as ``TDW.x86_64``.
    port : int
        The port it connects to.
    display : str or None
        The X display it draws on, such as ``:0``; None for that of this process.

    Raises
    ------
    HypError
        If there is no such executable.
    """

    def __init__(self, build: Path, port: int, display: str | None) -> None:
        if not build.is_file():
            raise HypError(f"there is no build {build}; give the path of TDW's executable.")
        if not os.access(build, os.X_OK):
            raise HypError(f"{build} cannot be executed; allow it (chmod +x) or name another file.")
        descriptor, name = tempfile.mkstemp(prefix=f"hyp-tdw-{port}-", suffix=".log")
        os.close(descriptor)
        self.log = Path(name)
        supervisor = Path(__file__).with_name("supervisor.py")
        command = [sys.executable, "-I", str(supervisor), str(build), f"-port={port}"]
        environment = {**os.environ, **({"DISPLAY": display} if display is not None else {})}
        with self.log.open("wb") as output:
            self._supervisor = subprocess.Popen(
                [*command, "-logFile", f"{self.log}.build"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def ended(self) -> str | None:
        """Say how the build ended; None if it runs."""
        status = self._supervisor.poll()
        if status is None:
            return None
        return f"with exit status {status} (its logs are {self.log} and {self.log}.build)"

    def close(self) -> None:
        """Let the build end and wait for it; what it logged is kept if it went wrong."""
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            status = self._supervisor.wait(_GRACE)
            if status == 0:
                for path in (self.log, Path(f"{self.log}.build")):
                    path.unlink(missing_ok=True)
