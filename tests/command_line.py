"""The command line in this process, for tests that need no process of its own."""

import subprocess
from pathlib import Path

from bad_inputs import hyp as in_process
from bad_inputs import working_in


def hyp(*arguments, cwd=None):
    """Run a command line in a folder; returns what `subprocess.run` would."""
    with working_in(cwd or Path.cwd()):
        done = in_process(*arguments)
    return subprocess.CompletedProcess(["hyp", *arguments], done.status, done.out, done.err)
