"""The command line in this process, for tests that need no process of its own."""

import io
import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from hyp.cli.main import main


def hyp(*arguments, cwd=None, encoding="utf-8", out=None):
    """Run a command line, in a folder if one is named; returns what `subprocess.run` would.

    `out` is a raw stream to print to; what goes there is not returned.
    """
    stdout = io.TextIOWrapper(out or io.BytesIO(), encoding=encoding)
    stderr = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    command = ["hyp", *map(str, arguments)]
    with (
        working_in(cwd) if cwd else nullcontext(),
        patch.object(sys, "argv", command),
        patch.object(sys, "stdout", stdout),
        patch.object(sys, "stderr", stderr),
    ):
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    shown = "" if out else _text(stdout)
    return subprocess.CompletedProcess(command, status, shown, _text(stderr))


def _text(stream):
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)


@contextmanager
def working_in(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
