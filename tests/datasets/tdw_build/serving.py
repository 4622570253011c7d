"""The build's side of the socket, what it says in its log, and the faults on request."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from tdw_build import frames
from tdw_build.objections import AssetMissing, Objection
from tdw_build.scene import COMMANDS, Scene, output_data

FAULTS = (
    "silent",
    "hang",
    "quit",
    "lose-frame",
    "wrong-frame",
    "no-image",
    "garbage",
    "resend",
    "asset-missing",
)
FINE, OBJECTED, QUIT, IDLE = 0, 1, 3, 4  # exit statuses; 2 is a wrong command line


class Finished(Exception):  # noqa: N818
    """The build stops, with an exit status as its argument."""


@dataclass
class Record:
    """What has happened, for the summary."""

    replies: int = 0
    images: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    objections: list[str] = field(default_factory=list)


class Build:
    """One build that answers one controller."""

    def __init__(
        self,
        address: str,
        scene: Scene,
        log: Callable[[str], None],
        *,
        fault: str = "",
        after: int = 0,
        idle: float = 60.0,
    ) -> None:
        self.address = address
        self.scene = scene
        self.log = log
        self.fault = fault
        self.after = after
        self.idle = idle
        self.record = Record()
        self.frame = 0
        self.last_answer: list[bytes] = []
        self.context = zmq.Context()
        self.socket = self._connected()

    def serve(self) -> int:
        """Answer until the end and return the exit status."""
        try:
            if self.fault == "silent":
                self._wait()
            self.socket.send(b"\x00")
            while True:
                self._answer(self._received())
        except Finished as finished:
            return finished.args[0]
        finally:
            self.socket.close(linger=2000)
            self.context.term()

    def _connected(self) -> zmq.Socket:
        socket = self.context.socket(zmq.REQ)
        socket.rcvtimeo = round(1000 * self.idle)
        socket.connect(self.address)
        return socket

    def _received(self) -> list[bytes]:
        try:
            return self.socket.recv_multipart()
        except zmq.Again:
            self.log(f"No message for {self.idle:g} s.")
            raise Finished(IDLE) from None

    def _wait(self) -> None:
        """Say nothing more, but keep the connection."""
        self.log(f"Fault: {self.fault}.")
        time.sleep(self.idle)
        raise Finished(IDLE)

    def _answer(self, message: list[bytes]) -> None:
        fault = self.fault if self.record.replies >= self.after else ""
        if fault == "hang":
            self._wait()
        if fault == "quit":
            self.log("Fault: quit.")
            raise Finished(QUIT)
        if fault == "resend":
            self._ask_again()
            return
        self.scene.next_missing = fault == "asset-missing"
        parts = self._obeyed(message)
        self.frame += 1
        turn = self.frame % max(len(parts), 1)
        answer = [*parts[turn:], *parts[:turn], self.frame.to_bytes(4, "big")]
        spoilt = self._spoilt(fault, answer)
        if spoilt != answer:
            self.log(f"Fault: {fault}.")
            self.fault = ""
        self._send(spoilt)
        if self.scene.quitting:
            raise Finished(FINE)

    def _spoilt(self, fault: str, answer: list[bytes]) -> list[bytes]:
        """Spoil an answer, where the fault can spoil this one."""
        parts, number = answer[:-1], answer[-1]
        if fault == "lose-frame":
            self.frame += 1
            return [*parts, self.frame.to_bytes(4, "big")]
        if fault == "wrong-frame":
            return self.last_answer or answer
        if fault == "no-image":
            return [part for part in parts if part[4:8] != b"imag"] + [number]
        if fault == "garbage":
            noise = np.random.default_rng(self.frame)
            return [noise.bytes(max(len(part), 64)) for part in parts] + [number]
        return answer

    def _obeyed(self, message: list[bytes]) -> list[bytes]:
        """Do the commands and return the output data; end the program at the first wrong one."""
        name = ""
        try:
            for command in _parsed(message):
                name = command["$type"]
                self.record.commands[name] += 1
                if name not in COMMANDS:
                    raise Objection("is unknown (Class not found)")
                getattr(self.scene, name)(**COMMANDS[name].arguments(command))
            name = "send_images" if "images" in self.scene.asked else "send_transforms"
            parts = output_data(self.scene)
        except Objection as objection:
            words = f"OBJECTION: command {name}: {objection}" if name else f"OBJECTION: {objection}"
            self._give_up([words])
        except AssetMissing as missing:
            self._give_up(list(missing.args))
        if self.scene.quitting:
            parts.append(frames.quit_signal(True))
        self.record.images += sum(part[4:8] == b"imag" for part in parts)
        return parts

    def _give_up(self, lines: list[str]) -> None:
        for line in lines:
            self.log(line)
        self.record.objections += lines
        parts = []
        if self.scene.log_messages:
            parts = [frames.error_message(line, "TDWInput") for line in lines]
        self.frame += 1
        self._send([*parts, frames.quit_signal(False), self.frame.to_bytes(4, "big")])
        raise Finished(OBJECTED)

    def _send(self, answer: list[bytes]) -> None:
        self.socket.send_multipart(answer)
        self.last_answer = answer
        self.record.replies += 1

    def _ask_again(self) -> None:
        """Drop the commands, take a new socket and ask for them once more."""
        self.log("Fault: resend.")
        self.fault = ""
        self.socket.close(linger=0)
        self.socket = self._connected()
        self.socket.send_multipart([frames.failed_to_receive(), (0).to_bytes(4, "big")])

    def summary(self, status: int) -> dict[str, Any]:
        """Tell what happened, as `read_summary` documents it."""
        return {
            "status": status,
            "replies": self.record.replies,
            "images": self.record.images,
            "commands": dict(sorted(self.record.commands.items())),
            "objections": self.record.objections,
            "images_of": [
                {"scene": scene, "model": model, "skybox": skybox, "images": count}
                for (scene, model, skybox), count in self.scene.images.items()
            ],
            "display": os.environ.get("DISPLAY", ""),
        }


def _parsed(message: list[bytes]) -> list[dict]:
    if len(message) != 1:
        raise Objection(f"the message has {len(message)} parts, not one")
    try:
        commands = json.loads(message[0])
    except ValueError as error:
        raise Objection(f"the message is not JSON ({error})") from None
    if type(commands) is not list:
        raise Objection("the message is not a list of commands")
    for command in commands:
        if type(command) is not dict or type(command.get("$type")) is not str:
            raise Objection(f'there is no command in {command!r}, for want of a "$type"')
    return commands


def write_summary(path: Path, build: Build, status: int) -> None:
    """Write the summary in one piece."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(build.summary(status), indent=1), encoding="utf-8")
    partial.replace(path)
