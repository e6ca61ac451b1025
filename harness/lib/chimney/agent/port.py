# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio-serial port to the guest's agent: frames out, and a thread that sorts what comes in.

Owns the socket, the exchanges by id, and the waits for what the thread brings.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import GuestFailure, HarnessError, WaitTimeout
from ..wait import paced
from .exchange import Exchange
from .frames import HEADER, HELLO, NONCE, PAYLOAD_MAX, VERSION, Frame

SECONDS = paced(20.0)
_SLICE = 0.25


class Port:
    """A connection to one guest's agent, and the exchanges that are under way on it."""

    def __init__(self, path: Path, seconds: float, watch: Callable[[], None]) -> None:
        """Connect and wait for the guest's hello; every wait calls watch, which may raise."""
        self._watch = watch
        self.changed = threading.Condition()
        self._sending = threading.Lock()
        self._exchanges: dict[int, Exchange] = {}
        self._next_id = 0
        self._gone: str | None = None
        self.release = ""
        self.boot_seconds = 0.0
        deadline = time.monotonic() + seconds
        self._nonce = os.urandom(NONCE)
        self._socket = _connect(path, deadline, seconds, self._watch)
        self._reader = threading.Thread(target=self._read, name="agent", daemon=True)
        self._reader.start()
        try:
            self.send(Frame.OPEN, 0, self._nonce, "the first frame", seconds)
            self.wait(lambda: bool(self.release), "the guest's agent to say hello",
                      deadline - time.monotonic())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the agent kills what it runs for us."""
        try:
            if self._gone is None:
                self.send(Frame.CLOSE, 0, b"", "the end", 1.0)
        except HarnessError:
            pass  # the hang-up says it too
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._reader.join(2)
        self._socket.close()

    def open(self) -> tuple[int, Exchange]:
        """A new exchange, and its id."""
        with self.changed:
            self._next_id += 1
            exchange = self._exchanges[self._next_id] = Exchange()
            return self._next_id, exchange

    def forget(self, number: int) -> None:
        """End an exchange: what still comes under its id is dropped."""
        with self.changed:
            self._exchanges.pop(number, None)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for the reading thread to make a condition true."""
        deadline = time.monotonic() + seconds
        while True:
            with self.changed:
                left = deadline - time.monotonic()
                if self.changed.wait_for(condition, max(0.0, min(left, _SLICE))):
                    return
                gone = self._gone
            self._watch()
            if gone is not None:
                raise GuestFailure(f"{gone} while waiting for {what}.")
            if left <= 0:
                raise WaitTimeout(what, seconds)

    def wait_gone(self, what: str, seconds: float) -> None:
        """Wait for the guest's agent to go away."""
        with self.changed:
            if not self.changed.wait_for(lambda: self._gone is not None, seconds):
                raise WaitTimeout(what, seconds)

    def send(self, kind: Frame, number: int, payload: bytes, what: str,
             seconds: float = SECONDS) -> None:
        """Write one frame; a guest that does not take it within the time is reported, and one that
        is gone, by watch if that knows why.
        """
        data = memoryview(HEADER.pack(len(payload), kind, 0, number) + payload)
        deadline = time.monotonic() + seconds
        with self._sending:
            while data:
                if self._gone is not None:
                    self._watch()
                    raise GuestFailure(f"{self._gone} before {what}.")
                try:
                    data = data[self._socket.send(data):]
                    continue
                except BlockingIOError:
                    pass
                except OSError as error:
                    self._watch()
                    why = f"the guest's agent is gone before {what}: {error}."
                    raise GuestFailure(why) from None
                if time.monotonic() > deadline:
                    # Half a frame may be out: nothing sensible can follow it.
                    self._lost("the guest's agent stopped reading")
                    raise WaitTimeout(f"the guest's agent to take {what}", seconds)
                select.select([], [self._socket], [], _SLICE)
                self._watch()

    def _lost(self, why: str) -> None:
        with self.changed:
            if self._gone is None:
                self._gone = why
            self.changed.notify_all()

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
        while len(buffer) >= HEADER.size:
            length, kind, _, number = HEADER.unpack_from(buffer)
            if length > PAYLOAD_MAX:
                raise GuestFailure(f"frame of {length} bytes")
            end = HEADER.size + length
            if len(buffer) < end:
                return
            payload = bytes(buffer[HEADER.size:end])
            del buffer[:end]
            self._take(Frame(kind), number, payload)

    def _find_hello(self, buffer: bytearray) -> bool:
        """Drop what an earlier connection left in the port: ours begins with our mark."""
        at = buffer.find(self._nonce) - HELLO.size + NONCE - HEADER.size
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
        with self.changed:
            exchange = self._exchanges.get(number)
        if exchange is None:
            return
        if exchange.on_output is not None and kind in exchange.streams:
            exchange.on_output(kind.name.lower(), payload)
            return
        with self.changed:
            exchange.store(kind, payload)
            self.changed.notify_all()

    def _hello(self, payload: bytes) -> None:
        version, _, uptime, _ = HELLO.unpack_from(payload)
        if version != VERSION:
            raise GuestFailure(f"it speaks version {version}, this is version {VERSION}")
        with self.changed:
            self.boot_seconds = uptime / 1e9
            self.release = payload[HELLO.size:].decode()
            self.changed.notify_all()


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
