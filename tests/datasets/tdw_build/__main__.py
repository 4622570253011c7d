"""The program; its flags are told in the package's docstring."""

import argparse
import sys
from functools import partial
from pathlib import Path

import tdw

from tdw_build.frames import numbers_of
from tdw_build.scene import CENTROID_SINCE, Scene
from tdw_build.serving import FAULTS, Build, write_summary


def _arguments(given: list[str]) -> argparse.Namespace:
    """Read the flags of this program and those of the real build."""
    words = []
    for word in given:  # tdw's controller passes "-port 1071" as one word
        words += word.split() if word.startswith("-port ") else [word]
    parser = argparse.ArgumentParser(prog="tdw_build", allow_abbrev=False)
    parser.add_argument("--port", "-port", type=int, default=1071)
    parser.add_argument("--address", "-address", default="127.0.0.1")
    parser.add_argument("--logFile", "-logFile", type=Path, dest="log")
    parser.add_argument("-flip_images", action="store_true")
    parser.add_argument("-force-glcore42", action="store_true")
    parser.add_argument("--image-cache", action="store_true")
    parser.add_argument("--fault", choices=FAULTS, default="")
    parser.add_argument("--after", type=int, default=0)
    parser.add_argument("--missing", action="append", default=[])
    parser.add_argument("--summary", type=Path)
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("--build-version", default=_usual_version(), type=_version)
    return parser.parse_args(words)


def _version(words: str) -> str:
    numbers_of(words)
    return words


def _usual_version() -> str:
    """The version of the installed controller, or the first that the paper's generator can use."""
    numbers = max(numbers_of(tdw.__version__), CENTROID_SINCE)
    return ".".join(str(number) for number in numbers)


def main(given: list[str]) -> int:
    """Run the build and return its exit status."""
    arguments = _arguments(given)
    log_file = arguments.log.open("w", encoding="utf-8") if arguments.log else sys.stdout
    with log_file:
        log = partial(print, file=log_file, flush=True)
        log(f"TDW v{arguments.build_version} (stand-in)")
        scene = Scene(arguments.build_version, frozenset(arguments.missing), arguments.image_cache)
        build = Build(
            f"tcp://{arguments.address}:{arguments.port}",
            scene,
            log,
            fault=arguments.fault,
            after=arguments.after,
            idle=arguments.idle,
        )
        status = build.serve()
        if arguments.summary:
            write_summary(arguments.summary, build, status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
