"""Processes that need not import anything: forked from one that has imported what a run needs.

They are processes of their own in all else, to be killed or sent signals, and they end as Python
does. Importing torch and the rest takes five seconds of a core, several times what a tiny run does.

As a program this is the process that is forked: for a line of JSON it starts a module and prints
its process id, or says how a process has ended.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from importlib import import_module
from pathlib import Path

IMPORTED = (
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "hyp.cli.run",
    "hyp.cli.run_all",
    "hyp.cli.view",
    "hyp.datasets.engine.render",
    "hyp.hypotheses.builders",
    "hyp.hypotheses.run",
    "hyp.models.training",
    "hyp.reports.live",
    "sklearn.svm",
    "torch._dynamo",
    "torchvision",
)


class Warm:
    """Starts processes; a context manager.

    Parameters
    ----------
    environment : mapping
        Of what is imported, and of what is started but for what is given then.
    """

    def __init__(self, environment):
        self.environment = environment

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.parent = subprocess.Popen(
            [sys.executable, __file__],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores
        )
        return self

    def __exit__(self, *_):
        self.parent.communicate()
        self.folder.cleanup()

    def ask(self, **asked):
        print(json.dumps(asked), file=self.parent.stdin, flush=True)
        return json.loads(self.parent.stdout.readline())

    def start(self, module, *arguments, **environment):
        """Run a module as ``python -m`` does, in a session of its own; returns the process."""
        folder = Path(tempfile.mkdtemp(dir=self.folder.name))
        printed = [str(folder / name) for name in ("output", "errors")]
        argv = [module, *map(str, arguments)]
        return Forked(self, self.ask(argv=argv, environment=environment, printed=printed), printed)


class Forked:
    """What of `subprocess.Popen` the tests need."""

    def __init__(self, warm, pid, printed):
        self.warm, self.pid, self.returncode = warm, pid, None
        self._printed = [Path(path) for path in printed]

    def poll(self):
        if self.returncode is None:
            self.returncode = self.warm.ask(pid=self.pid)
        return self.returncode

    def wait(self, timeout=300):
        until = time.monotonic() + timeout
        while self.poll() is None:
            assert time.monotonic() < until, f"still running after {timeout} s: {self.printed()}"
            time.sleep(0.01)
        return self.returncode

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def printed(self):
        """What it has printed by now, on standard output and on standard error."""
        return tuple(path.read_text() if path.exists() else "" for path in self._printed)


def serve():
    """Answer until the tests end; in a process that is forked, return what it is to do."""
    for name in IMPORTED:
        import_module(name)
    tempfile.tempdir = None
    assert threading.active_count() == 1, "a fork would leave the locks of other threads shut"
    for line in sys.stdin:
        asked = json.loads(line)
        if "pid" in asked:
            pid, status = os.waitpid(asked["pid"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                return asked
        print(json.dumps(answer), flush=True)
    os._exit(0)


def begin(argv, environment, printed):
    os.setsid()
    os.environ.update(environment)
    for place, path in enumerate([os.devnull, *printed]):
        flags = os.O_RDWR | (os.O_CREAT if place else 0)
        os.dup2(os.open(path, flags, 0o600), place)
    sys.argv = argv
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    begin(**serve())
