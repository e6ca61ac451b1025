# SPDX-License-Identifier: GPL-2.0-or-later
"""A command in the guest: its input and output while it runs, and how it ended."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import HarnessError
from .exchange import Exchange
from .frames import KILL_LEADER_ONLY, PAYLOAD_MAX, Frame
from .port import SECONDS, Port


@dataclass(frozen=True)
class Result:
    """How a command ended and what it cost."""

    argv: tuple[str, ...]
    status: int
    signal: int
    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float
    user_seconds: float
    system_seconds: float
    max_rss_kib: int

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with status 0."""
        return self.status == 0 and self.signal == 0

    @property
    def returncode(self) -> int:
        """As a shell would say it: the status, or 128 and the signal."""
        return 128 + self.signal if self.signal else self.status

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    def __str__(self) -> str:
        how = f"signal {self.signal}" if self.signal else f"status {self.status}"
        tail = self.stderr.decode(errors="replace").strip()[-400:]
        return f"{' '.join(self.argv)}: {how}" + (f": {tail}" if tail else "")


class Command:
    """A command that runs in the guest."""

    def __init__(self, port: Port, number: int, argv: tuple[str, ...],
                 exchange: Exchange) -> None:
        self._port = port
        self._number = number
        self._exchange = exchange
        self.argv = argv
        self.pid = exchange.started or 0

    @property
    def running(self) -> bool:
        """Whether its end has not been reported yet."""
        with self._port.changed:
            return self._exchange.exit is None

    @property
    def stdout(self) -> bytes:
        """What it has written to standard output so far."""
        with self._port.changed:
            return bytes(self._exchange.streams[Frame.STDOUT])

    @property
    def stderr(self) -> bytes:
        """What it has written to standard error so far."""
        with self._port.changed:
            return bytes(self._exchange.streams[Frame.STDERR])

    def send(self, data: bytes, seconds: float = SECONDS) -> None:
        """Give it standard input, no faster than it reads."""
        deadline = time.monotonic() + seconds
        name = self.argv[0]
        while data:
            self._port.wait(lambda: self._exchange.room > 0 or self._exchange.exit is not None,
                            f"{name} to read its standard input", deadline - time.monotonic())
            if not self.running:
                return
            with self._port.changed:
                chunk = data[:min(PAYLOAD_MAX, self._exchange.room)]
                self._exchange.room -= len(chunk)
            self._port.send(Frame.STDIN, self._number, chunk, f"input for {name}",
                            max(0.0, deadline - time.monotonic()))
            data = data[len(chunk):]

    def resize(self, rows: int, columns: int) -> None:
        """Tell its terminal its size."""
        self._port.send(Frame.RESIZE, self._number, struct.pack("<HH", rows, columns),
                        f"the size of the terminal of {self.argv[0]}")

    def close_stdin(self) -> None:
        """End its standard input."""
        self._port.send(Frame.STDIN, self._number, b"", f"end of input for {self.argv[0]}")

    def kill(self, signal: int = 9, leader_only: bool = False) -> None:
        """Send a signal to it and all that it started in its session."""
        flags = KILL_LEADER_ONLY if leader_only else 0
        self._port.send(Frame.KILL, self._number, struct.pack("<II", signal, flags),
                        f"kill of {self.argv[0]}")

    def wait_output(self, text: bytes, seconds: float = SECONDS) -> None:
        """Wait until its standard output contains something (a server that says it listens)."""
        out = self._exchange.streams[Frame.STDOUT]
        self._port.wait(lambda: text in out or self._exchange.exit is not None,
                        f"{self.argv[0]} to print {text!r}", seconds)
        if text not in self.stdout:
            raise HarnessError(f"in the guest, {self.argv[0]} ended before it printed {text!r}; "
                               f"{self.last_words()}.")

    def wait_or(self, other: Callable[[], bool], seconds: float) -> bool:
        """Wait for its end, or for something else to become true; whether it has ended."""
        self._port.wait(lambda: self._exchange.exit is not None or other(),
                        f"{' '.join(self.argv)} to end in the guest", seconds)
        return not self.running

    def wait(self, seconds: float = SECONDS) -> Result:
        """Wait for its end. It goes on when the time runs out; kill() ends it."""
        self._port.wait(lambda: self._exchange.exit is not None,
                        f"{' '.join(self.argv)} to end in the guest", seconds)
        self._port.forget(self._number)
        assert self._exchange.exit is not None
        status, signal, wall, user, system, rss = self._exchange.exit
        return Result(self.argv, status, signal, self.stdout, self.stderr,
                      self._exchange.truncated, wall / 1e9, user / 1e6, system / 1e6, rss)

    def last_words(self) -> str:
        """The end of what it has written, for a message."""
        text = (self.stderr or self.stdout).decode(errors="replace").strip()
        return f"its last output: {text[-300:]}" if text else "it printed nothing"
