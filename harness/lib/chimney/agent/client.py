# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest can be asked for: commands, files, a ping, a sync, power-off."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import GuestFailure, HarnessError, WaitTimeout
from .command import Command, Result
from .exchange import AgentError, Exchange
from .frames import EXEC_MERGE, EXEC_STDIN, EXEC_TERMINAL, PAYLOAD_MAX, Frame
from .port import SECONDS, Port

FILE_MAX = 1024 * 1024 * 1024


class Agent:
    """What a guest's agent does when it is asked."""

    def __init__(self, path: Path, seconds: float = 60.0,
                 watch: Callable[[], None] | None = None) -> None:
        """Connect and wait for the guest's hello; every wait calls watch, which may raise."""
        self._port = Port(path, seconds, watch or (lambda: None))
        self.release = self._port.release
        self.boot_seconds = self._port.boot_seconds

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the agent kills what it runs for us."""
        self._port.close()

    def start(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = "",
              stdin: bool = False, merge: bool = False, terminal: tuple[int, int] | None = None,
              on_output: Callable[[str, bytes], None] | None = None,
              seconds: float = SECONDS) -> Command:
        """Start a command and return once it runs.

        on_output gets ("stdout" or "stderr", bytes) in the reading thread, and then nothing is
        collected. With stdin the command reads what Command.send() gives it, else /dev/null; with
        terminal, rows and columns, it reads and writes a terminal of its own of that size.
        """
        words = [str(word) for word in argv]
        strings = [os.fsencode(word) for word in (
            cwd, *words, *(f"{name}={value}" for name, value in (env or {}).items()))]
        if any(b"\0" in string for string in strings):
            raise ValueError("a NUL character cannot be passed to a command")
        flags = ((EXEC_STDIN if stdin else 0) | (EXEC_MERGE if merge else 0)
                 | (EXEC_TERMINAL if terminal else 0))
        payload = struct.pack("<IHH", flags, len(words), len(env or {}))
        if terminal:
            payload += struct.pack("<HH", *terminal)
        payload += b"".join(string + b"\0" for string in strings)
        what = " ".join(words)
        if len(payload) > PAYLOAD_MAX:
            raise HarnessError(f"the command line of {words[0]} is longer than the guest takes.")
        number, exchange = self._port.open()
        exchange.on_output = on_output
        self._port.send(Frame.EXEC, number, payload, what, seconds)
        self._port.wait(lambda: exchange.started is not None or exchange.error is not None,
                        f"the guest to start {what}", seconds)
        if exchange.error is not None:
            self._port.forget(number)
            raise AgentError(what, *exchange.error)
        return Command(self._port, number, tuple(words), exchange)

    def run(self, argv: Sequence[str], *, input: bytes | None = None, check: bool = True,
            seconds: float = SECONDS, env: Mapping[str, str] | None = None, cwd: str = "",
            merge: bool = False,
            on_output: Callable[[str, bytes], None] | None = None) -> Result:
        """Run a command to its end, or kill it when the time runs out; check raises on failure."""
        deadline = time.monotonic() + seconds
        command = self.start(argv, env=env, cwd=cwd, stdin=input is not None, merge=merge,
                             on_output=on_output, seconds=seconds)
        try:
            if input is not None:
                command.send(input, deadline - time.monotonic())
                command.close_stdin()
            result = command.wait(deadline - time.monotonic())
        except WaitTimeout:
            command.kill()
            raise WaitTimeout(f"{' '.join(command.argv)} to end in the guest", seconds,
                              command.last_words()) from None
        if check and not result.ok:
            raise HarnessError(f"in the guest, {result}.")
        return result

    def put(self, path: str, content: bytes | str | Path, mode: int = 0o644,
            seconds: float = SECONDS) -> None:
        """Write a file of the guest; folders above it are made."""
        data = content.read_bytes() if isinstance(content, Path) else content
        data = data.encode() if isinstance(data, str) else data
        what = f"writing {path}"
        number, exchange = self._port.open()
        self._port.send(Frame.PUT_OPEN, number, struct.pack("<I", mode) + os.fsencode(path),
                        what, seconds)
        for at in range(0, len(data), PAYLOAD_MAX):
            self._port.send(Frame.PUT_DATA, number, data[at:at + PAYLOAD_MAX], what, seconds)
        self._port.send(Frame.PUT_CLOSE, number, b"", what, seconds)
        self._done(number, exchange, what, seconds)

    def get(self, path: str, seconds: float = SECONDS, limit: int = FILE_MAX) -> bytes:
        """The contents of a file of the guest, at most limit bytes of it."""
        what = f"reading {path}"
        number, exchange = self._port.open()
        self._port.send(Frame.GET, number, struct.pack("<Q", limit) + os.fsencode(path), what,
                        seconds)
        self._done(number, exchange, what, seconds)
        return bytes(exchange.data)

    def ping(self, payload: bytes = b"", seconds: float = SECONDS) -> float:
        """Seconds for a round trip through the agent."""
        begin = time.monotonic()
        number, exchange = self._port.open()
        self._port.send(Frame.PING, number, payload, "ping", seconds)
        self._port.wait(lambda: exchange.pong is not None, "the guest's agent to answer a ping",
                        seconds)
        self._port.forget(number)
        if exchange.pong != payload:
            raise GuestFailure("the guest's agent answered a ping with other bytes.")
        return time.monotonic() - begin

    def sync(self, seconds: float = SECONDS) -> None:
        """Let the guest write out its file systems."""
        number, exchange = self._port.open()
        self._port.send(Frame.SYNC, number, b"", "sync", seconds)
        self._done(number, exchange, "sync", seconds)

    def power_off(self, seconds: float = SECONDS) -> None:
        """Turn the guest off, and return when its agent is gone."""
        number, _ = self._port.open()
        self._port.send(Frame.POWEROFF, number, b"", "power-off", seconds)
        self._port.wait_gone("the guest to power off", seconds)

    def _done(self, number: int, exchange: Exchange, what: str, seconds: float) -> None:
        self._port.wait(lambda: exchange.done is not None or exchange.error is not None,
                        f"the guest's answer to {what}", seconds)
        self._port.forget(number)
        if exchange.error is not None:
            raise AgentError(what, *exchange.error)
        assert exchange.done is not None
        if exchange.done[0]:
            raise AgentError(what, exchange.done[0], os.strerror(exchange.done[0]))
