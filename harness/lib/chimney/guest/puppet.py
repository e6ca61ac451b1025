# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ends of a connection in the hands of a test: puppet, in the guest and at the peer.

One puppet is one process that holds many sockets, each an End here. A command is one line, and so
is its answer; begin() gives a command whose answer is waited for later, which is how a program is
blocked in a call while its connection changes hands.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from queue import Empty, Queue

from ..errors import HarnessError, WaitTimeout
from ..host import programs
from ..host.nest import Room
from ..host.proc import Child
from ..vm.boot import Vm
from ..wait import paced

SECONDS = int(paced(20))
# The guest's clock may be slower than ours; puppet itself says "late" first.
GRACE = paced(15.0)
SLICE = 0.5


class CallFailed(Exception):
    """A call of the program failed: errno by its name, and the bytes that went before."""

    def __init__(self, what: str, errno: str, done: int) -> None:
        self.errno, self.done = errno, done
        super().__init__(f"{what}: {errno} after {done} bytes")


class WrongBytes(AssertionError):
    """A byte that was received is not the one that was sent at its position."""


class Puppet(ABC):
    """One process with sockets."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._free = list(range(255, -1, -1))
        self._pending: Pending | None = None

    @abstractmethod
    def _write(self, line: str) -> None:
        """Send a line."""

    @abstractmethod
    def _read(self, seconds: float) -> str | None:
        """One line of the answer; None when the time has run out."""

    @abstractmethod
    def kill(self) -> None:
        """End the process with SIGKILL."""

    @abstractmethod
    def close(self) -> None:
        """End the process by closing its standard input, and wait for it."""

    def begin(self, verb: str, slot: int, *words: object, seconds: int = SECONDS) -> Pending:
        """Send a command; the caller must take the answer before the next one."""
        if self._pending is not None:
            raise HarnessError(f"{self.name} is still busy with '{self._pending.what}'.")
        what = " ".join([verb, str(slot), *map(str, words)])
        self._pending = Pending(self, what, seconds)
        self._write(f"{seconds} {what}\n")
        return self._pending

    def do(self, verb: str, slot: int, *words: object, seconds: int = SECONDS) -> dict[str, int]:
        """Send a command and return its answer."""
        return self.begin(verb, slot, *words, seconds=seconds).wait()

    def finish(self, pending: Pending) -> dict[str, int]:
        """Take the answer of a command."""
        line = self._read(pending.seconds + GRACE)
        self._pending = None
        what = f"{self.name}: {pending.what}"
        if line is None:
            raise WaitTimeout(f"'{what}' to be answered", pending.seconds + GRACE)
        return parse(what, pending.seconds, line)

    def socket(self, family: int = 4, protocol: int = 0) -> End:
        """A new socket; TCP unless another protocol is named."""
        end = End(self, self._free.pop())
        end.do("socket", family, protocol)
        return end

    def take_slot(self) -> int:
        """A number for a socket that is about to be."""
        return self._free.pop()

    def give_slot(self, slot: int) -> None:
        """The number of a socket that has been closed."""
        self._free.append(slot)


def parse(what: str, seconds: float, line: str) -> dict[str, int]:
    """An answer as numbers by name, or the exception that it stands for."""
    kind, *words = line.split()
    name = words.pop(0) if kind == "err" else ""
    values = {key: int(value) for key, _, value in (word.partition("=") for word in words)}
    if kind == "ok":
        return values
    if kind == "err":
        raise CallFailed(what, name, values["done"])
    if kind == "late":
        raise WaitTimeout(f"'{what}' to end", seconds, f"{values['done']} bytes were done")
    if kind == "wrong":
        raise WrongBytes(f"{what}: wrong byte at position {values['at']} of the stream")
    raise HarnessError(f"{what}: strange answer '{line}'.")


class Pending:
    """A command under way."""

    def __init__(self, puppet: Puppet, what: str, seconds: int) -> None:
        self._puppet, self.what, self.seconds = puppet, what, seconds

    def wait(self) -> dict[str, int]:
        """Its answer."""
        return self._puppet.finish(self)


class GuestPuppet(Puppet):
    """Puppet in the guest."""

    def __init__(self, vm: Vm, inside: Sequence[str] = ()) -> None:
        """`inside`: the command that starts it in another namespace."""
        super().__init__("guest")
        self._vm = vm
        self._bytes: Queue[bytes] = Queue()
        self._rest = b""
        self._command = vm.agent.start([*inside, "puppet"], stdin=True, on_output=self._heard)

    def _heard(self, stream: str, data: bytes) -> None:
        if stream == "stdout":
            self._bytes.put(data)

    def _write(self, line: str) -> None:
        self._command.send(line.encode())

    def _read(self, seconds: float) -> str | None:
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            try:
                self._rest += self._bytes.get(timeout=min(SLICE, max(0.0, end - time.monotonic())))
            except Empty:
                self._vm.watch()
                if time.monotonic() > end:
                    return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def kill(self) -> None:
        self._command.kill(signal=signal.SIGKILL)
        self._command.wait(20)

    def close(self) -> None:
        self._command.close_stdin()
        self._command.wait(20)


class PeerPuppet(Puppet):
    """Puppet at the other end of the wire."""

    def __init__(self, room: Room, watch: Callable[[], None]) -> None:
        super().__init__("peer")
        self._watch = watch
        self._rest = b""
        self._child: Child = room.spawn([str(programs.puppet())], name="puppet",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _write(self, line: str) -> None:
        pipe = self._child.popen.stdin
        assert pipe is not None
        pipe.write(line.encode())
        pipe.flush()

    def _read(self, seconds: float) -> str | None:
        pipe = self._child.popen.stdout
        assert pipe is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], min(SLICE, max(0.0,
                                                                       end - time.monotonic())))
            if ready:
                data = os.read(pipe.fileno(), 4096)
                if not data:
                    raise HarnessError("the peer's puppet has ended.")
                self._rest += data
            else:
                self._watch()
                if time.monotonic() > end:
                    return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        if self._child.popen.stdin is not None:
            self._child.popen.stdin.close()
        if self._child.running:
            self._child.wait(20)
        self._child.close()


class End:
    """One socket of a puppet."""

    def __init__(self, puppet: Puppet, slot: int) -> None:
        self.puppet, self.slot = puppet, slot
        self.open = True

    def do(self, verb: str, *words: object, seconds: int = SECONDS) -> dict[str, int]:
        """A command on this socket."""
        return self.puppet.do(verb, self.slot, *words, seconds=seconds)

    def begin(self, verb: str, *words: object, seconds: int = SECONDS) -> Pending:
        """A command on this socket whose answer is taken later."""
        return self.puppet.begin(verb, self.slot, *words, seconds=seconds)

    def send(self, count: int, *flags: str, seconds: int = SECONDS) -> None:
        """Send so many bytes of the stream."""
        assert self.do("send", count, *flags, seconds=seconds)["done"] == count

    def recv(self, count: int, *flags: str, seconds: int = SECONDS) -> None:
        """Receive exactly so many bytes, all of them right."""
        done = self.do("recv", count, *flags, seconds=seconds)["done"]
        assert done == count, f"{self.puppet.name}: {done} bytes instead of {count}"

    def drain(self, seconds: int = SECONDS) -> int:
        """Receive to the end of the stream; returns how much that was."""
        answer = self.do("drain", seconds=seconds)
        assert answer["end"]
        return answer["done"]

    def accept(self) -> End:
        """The next connection of a listening socket."""
        end = End(self.puppet, self.puppet.take_slot())
        self.do("accept", end.slot)
        return end

    def set(self, level: int, name: int, *values: int) -> None:
        """setsockopt with one number or two."""
        self.do("set", level, name, *values)

    def set_raw(self, level: int, name: int, value: bytes) -> None:
        """setsockopt with a structure."""
        self.do("setraw", level, name, value.hex())

    def get(self, level: int, name: int) -> int:
        """getsockopt of one number."""
        return self.do("get", level, name)["value"]

    def queues(self) -> dict[str, int]:
        """SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK and the positions in the streams."""
        return self.do("queues")

    def info(self) -> dict[str, int]:
        """Fields of TCP_INFO."""
        return self.do("info")

    def close(self, seconds: int = SECONDS) -> None:
        """Close the socket."""
        if self.open:
            self.open = False
            self.do("close", seconds=seconds)
            self.puppet.give_slot(self.slot)
