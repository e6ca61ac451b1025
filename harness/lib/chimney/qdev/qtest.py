# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU under qtest: its process, and the client of QEMU's qtest protocol.

The protocol is lines over a socket, one answer a command; IRQ lines may come between and are kept
aside. Memory goes as base64. Nothing here knows about the card.
"""
from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from ..errors import GuestFailure, WaitTimeout
from ..host.rundir import short_parent
from ..paths import FIRMWARE, QEMU, in_option

ANSWER_SECONDS = 20.0
FREED_IS_FILLED = {"MALLOC_PERTURB_": "165"}  # glibc: whoever uses what has been freed finds nonsense
END_SECONDS = 20.0
REPORTS = ("Sanitizer", "runtime error")  # what the lines of a sanitizer's report say


class Qtest:
    """One QEMU process without CPUs. Use as a context manager; leaving it ends the process."""

    def __init__(
        self,
        args: list[str],
        *,
        qemu: Path = QEMU,
        memory: str = "64M",
        pass_fds: tuple[int, ...] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        self._dir = tempfile.TemporaryDirectory(prefix="chimney-qtest-", dir=short_parent())
        path = Path(self._dir.name) / "qtest.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(1)
        firmware = [word for folder in FIRMWARE for word in ("-L", str(folder))]
        self.argv = [
            str(qemu),
            "-M",
            "q35",
            "-m",
            memory,
            "-accel",
            "qtest",
            "-nodefaults",
            "-display",
            "none",
            *firmware,
            "-qtest",
            f"unix:{in_option(path)}",
            "-qtest-log",
            "none",
            *args,
        ]
        self._stderr = (Path(self._dir.name) / "stderr").open("w+b")
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            pass_fds=pass_fds,
            env={**(os.environ if env is None else env), **FREED_IS_FILLED},
        )
        listener.settimeout(0.2)
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                self._sock, _ = listener.accept()
                break
            except TimeoutError:
                if self.process.poll() is not None:
                    raise GuestFailure(f"QEMU ended at once: {self.stderr().strip()}") from None
                if time.monotonic() > end:
                    self.process.kill()
                    raise WaitTimeout("QEMU to connect its qtest socket", ANSWER_SECONDS) from None
        listener.close()
        self._sock.settimeout(ANSWER_SECONDS)
        self._pending = b""
        self._said = ""
        self.irqs: list[str] = []

    def __enter__(self) -> "Qtest":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, seconds: float = END_SECONDS) -> None:
        """End QEMU, which must go by itself, with status 0 and without a sanitizer's report; a second
        call does nothing.
        """
        if self._stderr.closed:
            return
        ended = self._end(seconds)
        self._sock.close()
        self._said = self.stderr()
        self._stderr.close()
        self._dir.cleanup()
        if not ended:
            raise WaitTimeout("QEMU to end", seconds, self._said[-2000:])
        if self.process.returncode:
            raise GuestFailure(
                f"QEMU ended with status {self.process.returncode}: {self._said[-4000:]}"
            )
        if any(word in self._said for word in REPORTS):
            raise GuestFailure(f"QEMU's sanitizers complain: {self._said[-4000:]}")

    def _end(self, seconds: float) -> bool:
        """Whether QEMU ends when it is asked to; afterwards it is gone in any case."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            return False
        return True

    def stderr(self) -> str:
        """What QEMU has said so far, to its last word once it is closed (guest errors, sanitizer
        reports).
        """
        if self._stderr.closed:
            return self._said
        self._stderr.flush()
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def _line(self) -> str:
        while b"\n" not in self._pending:
            try:
                more = self._sock.recv(1 << 20)
            except TimeoutError:
                raise WaitTimeout(
                    "an answer on the qtest socket", ANSWER_SECONDS, self.stderr()[-2000:]
                ) from None
            except ConnectionError:
                more = b""
            if not more:
                self.process.wait(5)
                raise GuestFailure(
                    f"QEMU ended with status {self.process.returncode}: {self.stderr()[-4000:]}"
                )
            self._pending += more
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode()

    def command(self, text: str) -> list[str]:
        """Send one command and return the words of its answer behind OK."""
        with contextlib.suppress(ConnectionError):  # the answer, or its absence, tells why
            self._sock.sendall(text.encode() + b"\n")
        while True:
            words = self._line().split()
            if words and words[0] == "IRQ":
                self.irqs.append(" ".join(words[1:]))
                continue
            if not words or words[0] != "OK":
                raise GuestFailure(f"qtest refused '{text[:60]}': {' '.join(words)}")
            return words[1:]

    def intercept_irqs(self, owner: str) -> None:
        """Tell about the interrupt lines that go into that object instead of raising them."""
        self.command(f"irq_intercept_in {owner}")

    def raised(self) -> set[int]:
        """The lines that are up."""
        self.command("endianness")  # what has been told comes before the answer
        up: set[int] = set()
        for line in self.irqs:
            level, number = line.split()
            (up.add if level == "raise" else up.discard)(int(number))
        return up

    def read(self, addr: int, size: int) -> bytes:
        """Guest memory."""
        return base64.b64decode(self.command(f"b64read {addr:#x} {size:#x}")[0]) if size else b""

    def write(self, addr: int, data: bytes) -> None:
        """Guest memory."""
        if data:
            self.command(f"b64write {addr:#x} {len(data):#x} {base64.b64encode(data).decode()}")

    def readl(self, addr: int) -> int:
        """One 32-bit access, to memory or to a register."""
        return int(self.command(f"readl {addr:#x}")[0], 16)

    def writel(self, addr: int, value: int) -> None:
        """One 32-bit access, to memory or to a register."""
        self.command(f"writel {addr:#x} {value & 0xffffffff:#x}")

    def access(self, width: str, addr: int, value: int | None = None) -> int:
        """An access of any width: b, w, l or q; a read when value is None."""
        if value is None:
            return int(self.command(f"read{width} {addr:#x}")[0], 16)
        self.command(f"write{width} {addr:#x} {value:#x}")
        return 0

    def outl(self, port: int, value: int) -> None:
        self.command(f"outl {port:#x} {value:#x}")

    def inl(self, port: int) -> int:
        return int(self.command(f"inl {port:#x}")[0], 16)

    def outw(self, port: int, value: int) -> None:
        self.command(f"outw {port:#x} {value:#x}")

    def inw(self, port: int) -> int:
        return int(self.command(f"inw {port:#x}")[0], 16)

    def clock_step(self, nanoseconds: int | None = None) -> int:
        """Move the virtual clock by so much, or to the next timer; returns its new value."""
        return int(
            self.command("clock_step" + (f" {nanoseconds}" if nanoseconds is not None else ""))[0]
        )

    def clock_set(self, nanoseconds: int) -> int:
        """Move the virtual clock to a value that is not in the past."""
        return int(self.command(f"clock_set {nanoseconds}")[0])
