"""Talks to the worker process in Brain-Score's environment."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hyp.errors import HypError
from hyp.metrics.brainscore.environment import Environment

WORKER = Path(__file__).with_name("worker.py")
LOG = "worker.log"
START_SECONDS = 300.0
_PATIENCE = 5.0
_HIDDEN = ("PYTHON", "VIRTUAL_ENV", "RESULTCACHING_", "BRAINSCORE_")

Say = Callable[[str], None]


class WorkerError(HypError):
    """The worker could not do what it was asked.

    Attributes
    ----------
    kind : str
        ``network``, ``credentials``, ``benchmark``, ``environment``, ``data`` or ``disk``
        (nothing else of this benchmark or cohort will work either), ``checkpoint``,
        ``layer``, ``memory``, ``input``, ``failed`` or ``died``.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class Worker:
    """A process in Brain-Score's environment; a context manager.

    Parameters
    ----------
    environment : Environment
        As `open_environment` returns it.
    home : Path
        Folder for Brain-Score's caches and the worker's log.
    threads : int
        Threads of torch and of the linear algebra; a score may depend on them in its last
        bits.
    """

    def __init__(self, environment: Environment, home: Path, threads: int = 1) -> None:
        self.log = home / LOG
        self.versions: dict[str, str] = {}
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        home.mkdir(parents=True, exist_ok=True)
        command = [str(environment.python), "-I", "-u", str(WORKER), "--home", str(home)]
        with self.log.open("a", encoding="utf-8") as log:
            try:
                self._process = subprocess.Popen(
                    [*command, "--threads", str(threads)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=_variables(threads),
                )
            except OSError as error:
                raise HypError(
                    f"Brain-Score's environment at {environment.folder} does not start ({error}); "
                    "make it anew with: hyp brainscore install."
                ) from error
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self.versions = self._wait(0, lambda text: None, START_SECONDS)["versions"]
        except BaseException:
            self.close()
            raise

    def request(self, do: str, say: Say = lambda text: None, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer, however long it takes.

        Raises
        ------
        WorkerError
            If the worker says so, or dies.
        """
        self._number += 1
        assert self._process.stdin is not None
        with suppress(OSError):  # a dead worker is noticed below
            self._process.stdin.write(
                json.dumps({"id": self._number, "do": do, **arguments}) + "\n"
            )
            self._process.stdin.flush()
        return self._wait(self._number, say, None)

    def close(self) -> None:
        """End the process; what it published stays."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def _wait(self, number: int, say: Say, seconds: float | None) -> dict[str, Any]:
        while True:
            try:
                answer = self._answers.get(timeout=seconds)
            except queue.Empty:
                self._process.kill()
                raise WorkerError(
                    "environment",
                    f"Brain-Score's worker did not start within {seconds:.0f} s (log: {self.log}).",
                ) from None
            if answer is None:
                raise WorkerError("died", self._why_dead())
            if answer["id"] != number:
                continue
            if answer["event"] == "stage":
                say(str(answer["text"]))
            elif answer["event"] == "failed":
                raise WorkerError(answer["kind"], answer["sentence"])
            else:
                return answer

    def _why_dead(self) -> str:
        status = self._process.wait()
        if status in (-9, 137):
            return f"Brain-Score's worker was killed, likely for want of memory (log: {self.log})."
        return f"Brain-Score's worker ended with status {status} (log: {self.log})."


def _variables(threads: int) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        kept[name] = str(threads)
    # Without these, asking for credentials or retrying hangs for minutes on a machine offline.
    kept.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    kept.setdefault("AWS_MAX_ATTEMPTS", "2")
    kept["MT_MULTITHREAD"] = str(int(threads > 1))
    return kept
