# SPDX-License-Identifier: GPL-2.0-or-later
"""A small synchronous QMP client: one command at a time, events kept aside.

QEMU's own qemu.qmp package is asynchronous and ships only with the QEMU source; the harness needs
a dozen lines of the protocol and has to work with an installed QEMU as well.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from ..errors import HarnessError, WaitTimeout
from ..wait import Deadline, wait_until

MAX_LINE = 1 << 20


class QmpError(HarnessError):
    """QEMU answered a command with an error."""


class Qmp:
    """A connection to QEMU's monitor."""

    def __init__(self, path: Path, seconds: float = 10) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        wait_until(lambda: self._connect(path), "QEMU's monitor", seconds)
        self._read(Deadline(seconds), "QEMU's greeting")
        self.command("qmp_capabilities")

    def _connect(self, path: Path) -> bool:
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def command(self, name: str, seconds: float = 10, **arguments: Any) -> Any:
        """Run one QMP command and return what it returns."""
        request: dict[str, Any] = {"execute": name}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value
                                    for key, value in arguments.items()}
        self._send(request)
        deadline = Deadline(seconds)
        while True:
            answer = self._read(deadline, f"QEMU's answer to {name}")
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(f"QEMU refused {name}: {answer['error'].get('desc', '')}")
            else:
                return answer.get("return")

    def human(self, line: str, seconds: float = 10) -> str:
        """Run a command of the human monitor."""
        self._send({"execute": "human-monitor-command", "arguments": {"command-line": line}})
        deadline = Deadline(seconds)
        while True:
            answer = self._read(deadline, f"QEMU's answer to '{line}'")
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(f"QEMU refused '{line}': {answer['error'].get('desc', '')}")
            else:
                return str(answer.get("return", ""))

    def wait_event(self, name: str, seconds: float) -> dict[str, Any]:
        """Wait for an event of that name, one that has already come included."""
        deadline = Deadline(seconds)
        while True:
            for index, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(index)
            answer = self._read(deadline, f"QEMU's event {name}")
            if "event" in answer:
                self.events.append(answer)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"QEMU's monitor is gone ({error.strerror}).") from None

    def _read(self, deadline: Deadline, what: str) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.001, deadline.left))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise WaitTimeout(what, deadline.seconds) from None
            except OSError as error:
                raise QmpError(f"QEMU's monitor is gone ({error.strerror}).") from None
            if not data:
                raise QmpError(f"QEMU ended before {what}.")
            self._buffer += data
            if len(self._buffer) > MAX_LINE:
                raise QmpError("QEMU's monitor sent a line without an end.")
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer
