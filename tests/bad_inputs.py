"""What may lie where hyp reads or writes, each of it bad in its own way."""

from __future__ import annotations

import gzip
import json


def tree(folder):
    """Everything below a folder: kind, size and time of change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found[str(path.relative_to(folder))] = (stat.st_mode, stat.st_size, stat.st_mtime_ns)
    return found


def nested(depth=100_000):
    return "[" * depth


READABLE = {
    "missing": lambda place: None,
    "below a file": lambda place: _under_file(place),
    "a link to itself": lambda place: place.symlink_to(place),
    "empty": lambda place: place.write_bytes(b""),
    "bytes": lambda place: place.write_bytes(bytes(range(256)) * 20),
    "UTF-16": lambda place: place.write_bytes("name = 'é', 1\n".encode("utf-16")),
    "brackets": lambda place: place.write_text("a = " + nested()),
    "JSON brackets": lambda place: place.write_text(nested()),
    "a huge number": lambda place: place.write_text('a = 1{}\n{{"a": 1'.format("0" * 5000)),
    "an empty folder": lambda place: place.mkdir(),
    "gzip cut short": lambda place: place.write_bytes(gzip.compress(b"a,b\n1,2\n" * 99)[:-20]),
    "half a Parquet": lambda place: place.write_bytes(b"PAR1" + b"\x15\x04" * 40 + b"PAR1"),
    "half an HDF5": lambda place: place.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 90),
    "control characters": lambda place: place.write_text("\x1b[31m,\x07\n\x00,\x9b\n"),
}
"""What may lie where a file or folder is asked for: each makes it."""


def _under_file(place):
    place.parent.rmdir()
    place.parent.write_text("a file")


UNWRITABLE = {
    "below a file": "file/x",
    "below a link to itself": "loop/x",
    "a name of 300 letters": "n" * 300,
    "below a name of 300 letters": f"{'n' * 300}/x",
    "a path of 5000 letters": "/".join(["n" * 200] * 25),
    "where no files can be": "/proc/self/x",
    "below what is no folder": "/dev/null/x",
}
"""Places that nothing can be written to, below a folder that has a file and a link to itself."""


def write_json(path, content):
    path.write_text(json.dumps(content))
    return path
