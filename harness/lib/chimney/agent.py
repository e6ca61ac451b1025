# SPDX-License-Identifier: GPL-2.0-or-later
"""Client of the guest's agent: commands, files and power-off over a virtio-serial port.

Owns the host end of the protocol of images/PROTOCOL.md. One thread reads the port; any thread may
call in. Every wait has a deadline and a name, and looks after the guest while it waits.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from .errors import GuestFailure, HarnessError, WaitTimeout
from .wait import paced

VERSION = 1
PAYLOAD_MAX = 64 * 1024
STDIN_WINDOW = 256 * 1024
# What one stream of a command may collect here; what comes after it is dropped and marked.
OUTPUT_MAX = 64 * 1024 * 1024
FILE_MAX = 1024 * 1024 * 1024

SECONDS = paced(20.0)
_SLICE = 0.25
_HEADER = struct.Struct("<IHHI")
_EXIT = struct.Struct("<IIQQQQ")
_DONE = struct.Struct("<IQ")
_NONCE = 16
_HELLO = struct.Struct(f"<IIQ{_NONCE}s")


class Frame(IntEnum):
    """Types of frames; the guest's own begin at 64."""

    EXEC = 1
    STDIN = 2
    KILL = 3
    PUT_OPEN = 4
    PUT_DATA = 5
    PUT_CLOSE = 6
    GET = 7
    PING = 8
    SYNC = 9
    POWEROFF = 10
    OPEN = 11
    CLOSE = 12
    HELLO = 64
    STARTED = 65
    STDOUT = 66
    STDERR = 67
    STDIN_ROOM = 68
    EXIT = 69
    DATA = 70
    DONE = 71
    PONG = 72
    ERROR = 73


_EXEC_STDIN = 1
_EXEC_MERGE = 2
_KILL_LEADER_ONLY = 1


class AgentError(HarnessError):
    """The guest could not do what was asked; errno is the guest's."""

    def __init__(self, what: str, errno: int, text: str) -> None:
        self.errno = errno
        super().__init__(f"{what}: {text} (in the guest, errno {errno})")


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


class _Exchange:
    """What has come back for one id. All fields are guarded by the agent's condition."""

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


class Agent:
    """A connection to one guest's agent."""

    def __init__(self, path: Path, seconds: float = 60.0,
                 watch: Callable[[], None] | None = None) -> None:
        """Connect and wait for the guest's hello; every wait calls watch, which may raise."""
        self._watch = watch or (lambda: None)
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._exchanges: dict[int, _Exchange] = {}
        self._next_id = 0
        self._gone: str | None = None
        self.release = ""
        self.boot_seconds = 0.0
        deadline = time.monotonic() + seconds
        self._nonce = os.urandom(_NONCE)
        self._socket = _connect(path, deadline, seconds, self._watch)
        self._reader = threading.Thread(target=self._read, name="agent", daemon=True)
        self._reader.start()
        try:
            self._send(Frame.OPEN, 0, self._nonce, "the first frame", seconds)
            self._wait(lambda: bool(self.release), "the guest's agent to say hello",
                       deadline - time.monotonic())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the agent kills what it runs for us."""
        try:
            if self._gone is None:
                self._send(Frame.CLOSE, 0, b"", "the end", 1.0)
        except HarnessError:
            pass  # the hang-up says it too
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._reader.join(2)
        self._socket.close()

    # -- what users call -------------------------------------------------------------------------

    def start(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = "",
              stdin: bool = False, merge: bool = False,
              on_output: Callable[[str, bytes], None] | None = None,
              seconds: float = SECONDS) -> Command:
        """Start a command and return once it runs.

        on_output gets ("stdout" or "stderr", bytes) in the reading thread, and then nothing is
        collected. With stdin the command reads what Command.send() gives it, else /dev/null.
        """
        words = [str(word) for word in argv]
        strings = [cwd, *words, *(f"{name}={value}" for name, value in (env or {}).items())]
        if any("\0" in word for word in strings):
            raise ValueError("a NUL character cannot be passed to a command")
        flags = (_EXEC_STDIN if stdin else 0) | (_EXEC_MERGE if merge else 0)
        payload = struct.pack("<IHH", flags, len(words), len(env or {}))
        payload += b"".join(word.encode() + b"\0" for word in strings)
        what = " ".join(words)
        if len(payload) > PAYLOAD_MAX:
            raise HarnessError(f"the command line of {words[0]} is longer than the guest takes.")
        number, exchange = self._open()
        exchange.on_output = on_output
        self._send(Frame.EXEC, number, payload, what, seconds)
        self._wait(lambda: exchange.started is not None or exchange.error is not None,
                   f"the guest to start {what}", seconds)
        if exchange.error is not None:
            self._forget(number)
            raise AgentError(what, *exchange.error)
        return Command(self, number, tuple(words), exchange)

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
                              _tail(command)) from None
        if check and not result.ok:
            raise HarnessError(f"in the guest, {result}.")
        return result

    def put(self, path: str, content: bytes | str | Path, mode: int = 0o644,
            seconds: float = SECONDS) -> None:
        """Write a file of the guest; folders above it are made."""
        data = content.read_bytes() if isinstance(content, Path) else content
        data = data.encode() if isinstance(data, str) else data
        what = f"writing {path}"
        number, exchange = self._open()
        self._send(Frame.PUT_OPEN, number, struct.pack("<I", mode) + path.encode(), what, seconds)
        for at in range(0, len(data), PAYLOAD_MAX):
            self._send(Frame.PUT_DATA, number, data[at:at + PAYLOAD_MAX], what, seconds)
        self._send(Frame.PUT_CLOSE, number, b"", what, seconds)
        self._done(number, exchange, what, seconds)

    def get(self, path: str, seconds: float = SECONDS, limit: int = FILE_MAX) -> bytes:
        """The contents of a file of the guest, at most limit bytes of it."""
        what = f"reading {path}"
        number, exchange = self._open()
        self._send(Frame.GET, number, struct.pack("<Q", limit) + path.encode(), what, seconds)
        self._done(number, exchange, what, seconds)
        return bytes(exchange.data)

    def ping(self, payload: bytes = b"", seconds: float = SECONDS) -> float:
        """Seconds for a round trip through the agent."""
        begin = time.monotonic()
        number, exchange = self._open()
        self._send(Frame.PING, number, payload, "ping", seconds)
        self._wait(lambda: exchange.pong is not None, "the guest's agent to answer a ping", seconds)
        self._forget(number)
        if exchange.pong != payload:
            raise GuestFailure("the guest's agent answered a ping with other bytes.")
        return time.monotonic() - begin

    def sync(self, seconds: float = SECONDS) -> None:
        """Let the guest write out its file systems."""
        number, exchange = self._open()
        self._send(Frame.SYNC, number, b"", "sync", seconds)
        self._done(number, exchange, "sync", seconds)

    def power_off(self, seconds: float = SECONDS) -> None:
        """Turn the guest off, and return when its agent is gone."""
        number, _ = self._open()
        self._send(Frame.POWEROFF, number, b"", "power-off", seconds)
        with self._changed:
            if not self._changed.wait_for(lambda: self._gone is not None, seconds):
                raise WaitTimeout("the guest to power off", seconds)

    # -- the two directions of the port ----------------------------------------------------------

    def _open(self) -> tuple[int, _Exchange]:
        with self._changed:
            self._next_id += 1
            exchange = self._exchanges[self._next_id] = _Exchange()
            return self._next_id, exchange

    def _forget(self, number: int) -> None:
        with self._changed:
            self._exchanges.pop(number, None)

    def _done(self, number: int, exchange: _Exchange, what: str, seconds: float) -> None:
        self._wait(lambda: exchange.done is not None or exchange.error is not None,
                   f"the guest's answer to {what}", seconds)
        self._forget(number)
        if exchange.error is not None:
            raise AgentError(what, *exchange.error)
        assert exchange.done is not None
        if exchange.done[0]:
            raise AgentError(what, exchange.done[0], os.strerror(exchange.done[0]))

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for the reading thread to make a condition true."""
        deadline = time.monotonic() + seconds
        while True:
            with self._changed:
                left = deadline - time.monotonic()
                if self._changed.wait_for(condition, max(0.0, min(left, _SLICE))):
                    return
                gone = self._gone
            self._watch()
            if gone is not None:
                raise GuestFailure(f"{gone} while waiting for {what}.")
            if left <= 0:
                raise WaitTimeout(what, seconds)

    def _send(self, kind: Frame, number: int, payload: bytes, what: str,
              seconds: float = SECONDS) -> None:
        """Write one frame; a guest that does not take it within the time is reported."""
        data = memoryview(_HEADER.pack(len(payload), kind, 0, number) + payload)
        deadline = time.monotonic() + seconds
        with self._sending:
            while data:
                if self._gone is not None:
                    raise GuestFailure(f"{self._gone} before {what}.")
                try:
                    data = data[self._socket.send(data):]
                    continue
                except BlockingIOError:
                    pass
                except OSError as error:
                    why = f"the guest's agent is gone before {what}: {error}."
                    raise GuestFailure(why) from None
                if time.monotonic() > deadline:
                    # Half a frame may be out: nothing sensible can follow it.
                    self._lost("the guest's agent stopped reading")
                    raise WaitTimeout(f"the guest's agent to take {what}", seconds)
                select.select([], [self._socket], [], _SLICE)
                self._watch()

    def _lost(self, why: str) -> None:
        with self._changed:
            if self._gone is None:
                self._gone = why
            self._changed.notify_all()

    def _read(self) -> None:
        """The reading thread: from bytes to frames until the port closes."""
        buffer = bytearray()
        while True:
            try:
                select.select([self._socket], [], [])
                chunk = self._socket.recv(4 * PAYLOAD_MAX)
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                chunk = b""
            if not chunk:
                self._lost("the guest's agent went away")
                return
            buffer += chunk
            try:
                self._take_frames(buffer)
            except Exception as error:  # a callback of the user's, or a malformed frame
                self._lost(f"the reader of the guest's agent failed: {error!r}")
                return

    def _take_frames(self, buffer: bytearray) -> None:
        if not self.release and not self._find_hello(buffer):
            return
        while len(buffer) >= _HEADER.size:
            length, kind, _, number = _HEADER.unpack_from(buffer)
            if length > PAYLOAD_MAX:
                raise GuestFailure(f"frame of {length} bytes")
            end = _HEADER.size + length
            if len(buffer) < end:
                return
            payload = bytes(buffer[_HEADER.size:end])
            del buffer[:end]
            self._take(Frame(kind), number, payload)

    def _find_hello(self, buffer: bytearray) -> bool:
        """Drop what an earlier connection left in the port: ours begins with our mark."""
        at = buffer.find(self._nonce) - _HELLO.size + _NONCE - _HEADER.size
        if at < 0:
            del buffer[:-PAYLOAD_MAX]
            return False
        del buffer[:at]
        return True

    def _take(self, kind: Frame, number: int, payload: bytes) -> None:
        if kind is Frame.HELLO:
            self._hello(payload)
            return
        if kind is Frame.ERROR and number == 0:
            raise GuestFailure(payload[4:].decode(errors="replace"))
        with self._changed:
            exchange = self._exchanges.get(number)
        if exchange is None:
            return
        if exchange.on_output is not None and kind in exchange.streams:
            exchange.on_output(kind.name.lower(), payload)
            return
        with self._changed:
            _store(exchange, kind, payload)
            self._changed.notify_all()

    def _hello(self, payload: bytes) -> None:
        version, _, uptime, _ = _HELLO.unpack_from(payload)
        if version != VERSION:
            raise GuestFailure(f"it speaks version {version}, this is version {VERSION}")
        with self._changed:
            self.boot_seconds = uptime / 1e9
            self.release = payload[_HELLO.size:].decode()
            self._changed.notify_all()


class Command:
    """A command that runs in the guest."""

    def __init__(self, agent: Agent, number: int, argv: tuple[str, ...],
                 exchange: _Exchange) -> None:
        self._agent = agent
        self._number = number
        self._exchange = exchange
        self.argv = argv
        self.pid = exchange.started or 0

    @property
    def running(self) -> bool:
        """Whether its end has not been reported yet."""
        with self._agent._changed:
            return self._exchange.exit is None

    @property
    def stdout(self) -> bytes:
        """What it has written to standard output so far."""
        with self._agent._changed:
            return bytes(self._exchange.streams[Frame.STDOUT])

    @property
    def stderr(self) -> bytes:
        """What it has written to standard error so far."""
        with self._agent._changed:
            return bytes(self._exchange.streams[Frame.STDERR])

    def send(self, data: bytes, seconds: float = SECONDS) -> None:
        """Give it standard input, no faster than it reads."""
        deadline = time.monotonic() + seconds
        name = self.argv[0]
        while data:
            self._agent._wait(lambda: self._exchange.room > 0 or self._exchange.exit is not None,
                              f"{name} to read its standard input", deadline - time.monotonic())
            if not self.running:
                return
            with self._agent._changed:
                chunk = data[:min(PAYLOAD_MAX, self._exchange.room)]
                self._exchange.room -= len(chunk)
            self._agent._send(Frame.STDIN, self._number, chunk, f"input for {name}",
                              max(0.0, deadline - time.monotonic()))
            data = data[len(chunk):]

    def close_stdin(self) -> None:
        """End its standard input."""
        self._agent._send(Frame.STDIN, self._number, b"", f"end of input for {self.argv[0]}")

    def kill(self, signal: int = 9, leader_only: bool = False) -> None:
        """Send a signal to it and all that it started in its session."""
        flags = _KILL_LEADER_ONLY if leader_only else 0
        self._agent._send(Frame.KILL, self._number, struct.pack("<II", signal, flags),
                          f"kill of {self.argv[0]}")

    def wait_output(self, text: bytes, seconds: float = SECONDS) -> None:
        """Wait until its standard output contains something (a server that says it listens)."""
        out = self._exchange.streams[Frame.STDOUT]
        self._agent._wait(lambda: text in out or self._exchange.exit is not None,
                          f"{self.argv[0]} to print {text!r}", seconds)
        if text not in self.stdout:
            raise HarnessError(f"in the guest, {self.argv[0]} ended before it printed {text!r}; "
                               f"{_tail(self)}.")

    def wait(self, seconds: float = SECONDS) -> Result:
        """Wait for its end. It goes on when the time runs out; kill() ends it."""
        self._agent._wait(lambda: self._exchange.exit is not None,
                          f"{' '.join(self.argv)} to end in the guest", seconds)
        self._agent._forget(self._number)
        assert self._exchange.exit is not None
        status, signal, wall, user, system, rss = self._exchange.exit
        return Result(self.argv, status, signal, self.stdout, self.stderr,
                      self._exchange.truncated, wall / 1e9, user / 1e6, system / 1e6, rss)


def _store(exchange: _Exchange, kind: Frame, payload: bytes) -> None:
    """Note what a frame says; called with the agent's condition held."""
    if kind in exchange.streams:
        stream = exchange.streams[kind]
        exchange.truncated |= len(stream) + len(payload) > OUTPUT_MAX
        stream += payload[:max(0, OUTPUT_MAX - len(stream))]
    elif kind is Frame.DATA:
        exchange.data += payload
    elif kind is Frame.STARTED:
        (exchange.started,) = struct.unpack("<I", payload)
    elif kind is Frame.STDIN_ROOM:
        exchange.room += struct.unpack("<I", payload)[0]
    elif kind is Frame.EXIT:
        exchange.exit = _EXIT.unpack(payload)
    elif kind is Frame.DONE:
        exchange.done = _DONE.unpack(payload)
    elif kind is Frame.PONG:
        exchange.pong = payload
    elif kind is Frame.ERROR:
        number = struct.unpack_from("<I", payload)[0]
        exchange.error = (number, payload[4:].decode(errors="replace"))


def _connect(path: Path, deadline: float, seconds: float,
             watch: Callable[[], None]) -> socket.socket:
    """QEMU makes the socket soon after its start, not before."""
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(str(path))
            sock.setblocking(False)
            return sock
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            watch()
        if time.monotonic() > deadline:
            raise WaitTimeout(f"QEMU to open {path.name}", seconds)
        time.sleep(0.02)


def _tail(command: Command) -> str:
    """The last words of a command, for a message."""
    text = (command.stderr or command.stdout).decode(errors="replace").strip()
    return f"its last output: {text[-300:]}" if text else "it printed nothing"
