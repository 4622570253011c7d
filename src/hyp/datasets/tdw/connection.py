"""A socket to one build: commands out, output data in, and a clear word when it fails.

On the wire (``tdw.controller``, 1.12 and 1.13): the controller binds a ZMQ REP socket, the build
connects and says one message. Then each message is a JSON list of commands; each answer is a list
of FlatBuffers or packed data, whose bytes 4 to 8 name their kind, and last the frame's number,
big-endian. An answer with ``ftre`` ("failed to receive") asks for the same commands again. TDW's
own controller waits for ever and listens to the whole network; this one does neither.
"""

from __future__ import annotations

import json
import socket as sockets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from hyp.datasets.tdw.client import output_data
from hyp.errors import HypError

Command = dict[str, Any]

_TICK = 0.1
_RECONNECTING = 2.0
_RESENDS = 10
_GOODBYE = 2.0


@dataclass
class Answer:
    """Output data of one frame, by kind, and what the build logged as errors."""

    parts: dict[str, bytes] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


class BuildError(HypError):
    """A build that failed, or whose answer is no good."""


class Connection:
    """One build on one port.

    Parameters
    ----------
    host, port : str, int
        Where to listen: ``localhost`` listens to this machine alone, ``*`` to any network,
        another name or address to the network that has it.
    alive : callable
        Says how the build ended, if hyp launched it; None as long as it runs.

    Raises
    ------
    HypError
        If the port is taken or the host is none of this machine's.
    """

    def __init__(self, host: str, port: int, alive: Callable[[], str | None]) -> None:
        interface = _interface(host)
        self.name = f"{host}:{port}"
        self._alive = alive
        self._frame: int | None = None
        self._answering = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.rcvtimeo = round(1000 * _TICK)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._peers = 0
        try:
            self._socket.bind(f"tcp://{interface}:{port}")
        except zmq.ZMQError as error:
            self.close()
            raise _bind_error(error, host, port) from error

    def wait_for_build(self, patience: float) -> None:
        """Wait until a build connects and says its first word.

        Raises
        ------
        HypError
            If none connects, or it stays silent, within `patience` seconds.
        """
        self._receive(patience, first=True)

    def ask(self, commands: Sequence[Command], patience: float, *, loads: str = "") -> Answer:
        """Have commands done and return the output data.

        Parameters
        ----------
        commands : sequence of dict
        patience : float
            Seconds to wait for the answer.
        loads : str
            What the commands download, in words; frames may be skipped meanwhile.

        Raises
        ------
        HypError
            If the build quits, hangs, refuses the commands or loses a frame.
        """
        message = json.dumps(commands).encode()
        for _ in range(_RESENDS):
            self._answering = True
            self._socket.send(message)
            parts = self._receive(patience, loads=loads)
            self._answering = False
            if all(part[4:8] != b"ftre" for part in parts[:-1]):
                return self._read(parts, loads)
        raise self.failed(f"failed to receive a message {_RESENDS} times", "restart it")

    def close(self) -> None:
        """Have the build end, if it listens, and free the port."""
        if not self._answering and self._frame is not None:
            self._socket.send(json.dumps([{"$type": "terminate"}]).encode())
            self._socket.poll(round(_GOODBYE * 1000))
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)
        self._context.term()

    def failed(self, what: str, remedy: str) -> BuildError:
        """Return an error about this build."""
        self._count_peers()
        if self._peers > 1:
            what, remedy = f"is not alone: {self._peers} use this port", "give each its own"
        return BuildError(
            f"the build on {self.name} {what}; {remedy}, then run the same command: it goes on "
            "where it stopped."
        )

    def _receive(self, patience: float, *, first: bool = False, loads: str = "") -> list[bytes]:
        start = time.monotonic()
        gone = None
        while True:
            with suppress(zmq.Again):
                return self._socket.recv_multipart()
            now = time.monotonic()
            self._count_peers()
            ended = self._alive()
            if ended is not None:
                raise self.failed(f"ended {ended}", "see what its log says")
            gone = None if self._peers else gone or now
            if not first and gone is not None and now - gone > min(_RECONNECTING, patience):
                raise self.failed("quit without a word", "start it again")
            if now - start > patience:
                raise self._late(patience, first, loads)

    def _late(self, patience: float, first: bool, loads: str) -> HypError:
        if first and not self._peers:
            host, _, port = self.name.rpartition(":")
            return HypError(
                f"no build connected to {self.name} within {patience:g} s; start TDW on this port "
                f"(-port={port}{'' if host == 'localhost' else ' -address=THIS_MACHINE'}), or give "
                "the path of the build with build=PATH to have it started."
            )
        if first:
            return self.failed(f"connected but said nothing for {patience:g} s", "restart it")
        if loads:
            return self.failed(
                f"did not finish loading {loads} within {patience:g} s",
                "check its network, or wait longer with loading=SECONDS",
            )
        return self.failed(f"gave no answer for {patience:g} s: it hangs", "end it and restart it")

    def _count_peers(self) -> None:
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self._peers += 1 if event == zmq.EVENT_ACCEPTED else -1

    def _read(self, parts: list[bytes], loads: str) -> Answer:
        answer = Answer()
        for part in parts[:-1]:
            kind = part[4:8]
            if not (kind.isalpha() and kind.islower()):
                raise self.failed("sent something that is no output data", "restart it")
            if kind == b"logm":
                self._add_error(answer, part)
            else:
                answer.parts[kind.decode()] = part
        if "quit" in answer.parts:
            raise self._quit(answer, loads)
        self._check_frame(int.from_bytes(parts[-1], "big"), bool(loads))
        return answer

    def _add_error(self, answer: Answer, part: bytes) -> None:
        log = output_data().LogMessage(part)
        if log.get_message_type() == "error":
            answer.errors.append(log.get_message())

    def _check_frame(self, frame: int, loaded: bool) -> None:
        before, self._frame = self._frame, frame
        if before is None or frame == before + 1 or (loaded and frame > before):
            return
        if frame > before:
            lost = f"lost {frame - before - 1} frame(s) after frame {before}"
        else:
            lost = f"answered frame {before + 1} with frame {frame}"
        raise self.failed(lost, "restart it")

    def _quit(self, answer: Answer, loads: str) -> BuildError:
        self._answering = True  # it listens no more
        if output_data().QuitSignal(answer.parts["quit"]).get_ok():
            return self.failed("was closed", "start it again")
        said = answer.errors[0].rstrip(". ") if answer.errors else "see its log"
        if any("Asset Bundle" in line or "Asset bundle" in line for line in answer.errors):
            return self.failed(
                f"could not download {loads} ({said})", "check its network and start it again"
            )
        return self.failed(f"quit because of an error ({said})", "start it again")


def _interface(host: str) -> str:
    """Return the address to listen on."""
    if host in ("*", "0.0.0.0"):
        return "*"
    try:
        return sockets.gethostbyname(host)
    except OSError as error:
        raise HypError(
            f"there is no host {host!r}; name this machine's, or * to listen to any network."
        ) from error


def _bind_error(error: zmq.ZMQError, host: str, port: int) -> HypError:
    if error.errno == zmq.EADDRINUSE:
        return PortInUseError(
            f"port {port} is in use, by another run of hyp or another program; end that one, or "
            f"name another port: tdw:{host}:PORT."
        )
    return HypError(
        f"hyp cannot listen on {host}:{port} ({error.strerror}); name an address of this machine "
        "and a port above 1023."
    )


class PortInUseError(HypError):
    """A port that another program listens on."""
