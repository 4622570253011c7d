"""A strict stand-in for ThreeDWorld's Unity build.

ThreeDWorld (TDW) is a controller in Python and a "build" made with Unity, which talk over ZMQ. The
build needs a GPU and a display and downloads its assets; this program speaks its side of the wire
so that a controller can be tested anywhere. What it knows of the protocol comes from the ``tdw``
package (``Controller``, ``output_data``, ``FBOutput``) and TDW's command API of versions 1.12.23
and 1.13.

Running it
----------
``python -m tdw_build --port 1071`` with ``tests/datasets`` on ``sys.path``, or the executable
script that `write_launcher` writes, which takes the arguments of the real build too (``-port=1071``
or ``"-port 1071"``, ``-address=HOST``, ``-logFile FILE``, ``-flip_images``, ``-force-glcore42``).

=====================  ==========================================================================
``--port N``           the controller's port (1071); the build connects, the controller binds
``-address=HOST``      the controller's host (127.0.0.1)
``--image-cache``      every image is one JPEG drawn once, which shows no pose: for throughput
``--fault KIND``       go wrong on purpose, see below
``--after K``          answer K messages well before the fault (0)
``--missing NAME``     the asset bundle NAME cannot be downloaded (may be given several times)
``--summary FILE``     write a JSON file at the end, see `read_summary`
``--idle S``           quit with status 4 after S seconds without a message (60)
``--build-version V``  the version that it says it has (that of the installed ``tdw``, but at least
                       1.12.24)
``-logFile FILE``      log to FILE instead of standard output
=====================  ==========================================================================

On the wire
-----------
A REQ socket connects to the controller's REP socket and sends one single-part message, whose
content means nothing. Each message from the controller is one part, a JSON list of commands. Each
answer is a multipart message: one FlatBuffer a piece of output data (but ``Version`` is packed by
hand from 1.13 on), in an order that changes from frame to frame, and last the frame's number as
big-endian bytes, which grows by one with each answer. Output data asked for with frequency "once"
come with the same answer, "always" with each answer from then on.

Strictness
----------
Every command is checked for its name, its parameters (missing, unknown, of the wrong type, out of
range) and against the state of the scene: no scene, no avatar, an unknown or repeated id, an image
without pass masks, an asset whose address, category or sky settings are not the library's, asset
bundles unloaded while objects exist, images while physics would let the object fall, a quaternion
whose length is not 1. ``use_centroid`` of ``teleport_object`` exists from version 1.12.24 on, and a
build that says it is older objects to it. A new scene takes away all avatars and objects. Commands
of TDW that the paper's generator has no use for are objected to as well.

An objection is logged as a line ``OBJECTION: command NAME: REASON``, answered as the real build
answers an error (a ``QuitSignal`` that is not ok, after a ``LogMessage`` where
``send_log_messages`` was sent), and ends the program with status 1. ``terminate`` is answered by a
``QuitSignal`` that is ok and ends it with status 0.

Faults
------
=================  ==============================================================================
``silent``         connects and never sends a word, not even the first
``hang``           stops answering, without closing the connection
``quit``           exits with status 3 without an answer
``lose-frame``     one frame's number is skipped, once
``wrong-frame``    the previous answer comes a second time in place of the right one, once
``no-image``       an answer lacks the images that were asked for, once
``garbage``        the output data of one answer are random bytes, its frame number is right
``resend``         "failed to receive": a new socket sends ``[ftre, 0]`` and the commands are not
                   done; the controller has to send them again (the real build does this), once
``asset-missing``  the next asset bundle cannot be downloaded: the lines that the real build logs
                   (``Asset bundle is null: URL [TDWInput.AddObject]`` ...), a ``QuitSignal`` that
                   is not ok, status 1
=================  ==============================================================================

The faults "once" strike at the first message after K that they can spoil; the others last from
there on. Each is logged as ``Fault: KIND.``

What the images show
--------------------
The object is its bounding box (size and centre from the model library), drawn in a dull colour of
its model, with seven discs: white at the centre and one on each half-axis, from which
`tdw_build.reading.recover_pose` reads the pose. Pillars stand in the scene; they, the floor and, in
the two rooms, the walls hide the object in the occlusion data. The colour above the horizon tells
the skybox, the one below it the scene: `tdw_build.reading.read_surroundings`.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["read_summary", "running", "write_launcher"]

HOME = Path(__file__).parent.parent


def write_launcher(path: Path, *flags: str) -> Path:
    """Write an executable that starts the stand-in with these flags, in place of TDW.x86_64."""
    words = shlex.join([sys.executable, "-m", "tdw_build", *flags])
    path.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(_paths())} exec {words} "$@"\n')
    path.chmod(0o755)
    return path


@contextmanager
def running(port: int, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """Run the stand-in in a process of its own, whose ``stdout`` is its log."""
    words = [sys.executable, "-m", "tdw_build", "--port", str(port), *flags]
    environment = os.environ | {"PYTHONPATH": _paths()}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def _paths() -> str:
    return os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))


def read_summary(path: Path) -> dict[str, Any]:
    """Read what ``--summary`` wrote.

    ``status`` (of the exit), ``replies``, ``images``, ``commands`` (name to number), ``objections``
    (lines of the log; empty when there was nothing to object to), ``images_of`` (a list of
    ``scene``, ``model``, ``skybox``, ``images``) and ``display`` (the ``DISPLAY`` it ran under).
    """
    return json.loads(path.read_text(encoding="utf-8"))
