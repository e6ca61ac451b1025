# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest has answered under one id: the answers of a command, a file, a ping."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ..errors import HarnessError
from .frames import DONE, EXIT, STDIN_WINDOW, Frame

# What one stream of a command may collect here; what comes after it is dropped and marked.
OUTPUT_MAX = 64 * 1024 * 1024


class AgentError(HarnessError):
    """The guest could not do what was asked; errno is the guest's."""

    def __init__(self, what: str, errno: int, text: str) -> None:
        self.errno = errno
        super().__init__(f"{what}: {text} (in the guest, errno {errno})")


class Exchange:
    """What has come back for one id. All fields are guarded by the port's condition."""

    def __init__(self) -> None:
        self.started: int | None = None
        self.error: tuple[int, str] | None = None
        self.done: tuple[int, ...] | None = None
        self.exit: tuple[int, ...] | None = None
        self.pong: bytes | None = None
        self.data = bytearray()
        self.streams = {Frame.STDOUT: bytearray(), Frame.STDERR: bytearray()}
        self.room = STDIN_WINDOW
        self.truncated = False
        self.on_output: Callable[[str, bytes], None] | None = None

    def store(self, kind: Frame, payload: bytes) -> None:
        """Note what a frame says; called with the port's condition held."""
        if kind in self.streams:
            stream = self.streams[kind]
            self.truncated |= len(stream) + len(payload) > OUTPUT_MAX
            stream += payload[:max(0, OUTPUT_MAX - len(stream))]
        elif kind is Frame.DATA:
            self.data += payload
        elif kind is Frame.STARTED:
            (self.started,) = struct.unpack("<I", payload)
        elif kind is Frame.STDIN_ROOM:
            self.room += struct.unpack("<I", payload)[0]
        elif kind is Frame.EXIT:
            self.exit = EXIT.unpack(payload)
        elif kind is Frame.DONE:
            self.done = DONE.unpack(payload)
        elif kind is Frame.PONG:
            self.pong = payload
        elif kind is Frame.ERROR:
            number = struct.unpack_from("<I", payload)[0]
            self.error = (number, payload[4:].decode(errors="replace"))
