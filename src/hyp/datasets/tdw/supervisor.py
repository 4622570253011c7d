"""Runs a program for as long as standard input stays open, and ends it then.

hyp launches builds through this file, so that no build outlives it, however it ends. It takes
the program and its arguments, uses the standard library alone and exits with the program's
status.
"""

import contextlib
import os
import subprocess
import sys
import threading

_GRACE = 2.0


def main(command: list[str]) -> int:
    """Run a program and return its exit status; 127 if it cannot be started."""
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_with_input, args=(program,), daemon=True).start()
    status = program.wait()
    return status if status >= 0 else 128 - status


def _end_with_input(program: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_GRACE)
        return
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_GRACE)
        return
    program.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
