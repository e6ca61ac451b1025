# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a workload plays: programs of the guest and of the peer, with a name for every wait."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..host.nest import Room
from ..vm.boot import Vm
from ..wait import wait_until

GUEST, PEER = "10.77.0.2", "10.77.0.1"
LISTEN_SECONDS = 120
WORK_SECONDS = 300

Results = dict[str, object]


def digest(data: bytes) -> str:
    """The checksum by which contents are compared."""
    return hashlib.sha256(data).hexdigest()


def content(seed: str, size: int) -> bytes:
    """So many bytes that follow from a word."""
    return random.Random(seed).randbytes(size)


class Scene:
    """A running VM, and a folder of the host that the peer's programs can use."""

    def __init__(self, vm: Vm, folder: Path) -> None:
        self.vm, self.folder = vm, folder
        room = vm.wire.room
        assert room is not None
        self.room: Room = room

    # -- the guest --------------------------------------------------------------------------------

    def guest(self, *argv: str, check: bool = True, seconds: float = WORK_SECONDS) -> str:
        """Run a program in the guest to its end; what it prints."""
        return self.vm.run(argv, seconds=seconds, check=check).text

    def guest_file(self, path: str, data: bytes) -> None:
        """Write a file in the guest."""
        self.guest("mkdir", "-p", str(Path(path).parent))
        self.vm.agent.put(path, data)

    def guest_listens(self, port: int) -> bool:
        """Whether something in the guest listens on a port."""
        return bool(self.guest("ss", "-Hltn", f"sport = :{port}"))

    @contextmanager
    def guest_serves(self, port: int, *argv: str) -> Iterator[None]:
        """A server in the guest, for as long as the block lasts."""
        server = self.vm.background(argv)
        try:
            wait_until(lambda: self.guest_listens(port), f"{argv[0]} in the guest to listen",
                       LISTEN_SECONDS, 0.2)
            yield
        finally:
            server.kill(signal=15)
            server.wait(60)

    # -- the peer ---------------------------------------------------------------------------------

    def peer(self, *argv: str, seconds: float = WORK_SECONDS) -> str:
        """Run a program at the peer to its end; what it prints. It must end with status 0."""
        return self.room.run(argv, seconds=seconds).stdout

    @contextmanager
    def peer_serves(self, port: int, *argv: str) -> Iterator[None]:
        """A server at the peer, for as long as the block lasts."""
        server = self.vm.peer(argv)
        try:
            self.room.wait_listens(port, LISTEN_SECONDS)
            yield
        finally:
            server.stop()

    def file(self, name: str) -> Path:
        """A file of the host for the peer, its folder made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
