# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers that come to a server in the guest: they start when it listens, and their end is its end.

The order that `--wait-listen` promises: the command runs, it listens, the peer starts, the peer
ends, the command is ended. What these peers print goes to our standard error while they run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..agent.exchange import AgentError
from ..host.nest import listens_in
from ..host.proc import Child
from ..vm.boot import Vm
from ..wait import Deadline

LISTEN_SECONDS = 30.0
# For a peer whose server has just ended.
LAST_SECONDS = 10.0
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


class LatePeers:
    """The peers of one run that wait, in order, each for its port."""

    def __init__(self, vm: Vm, wanted: Sequence[tuple[int, list[str]]],
                 show: Callable[[bytes], None]) -> None:
        self._vm = vm
        self._waiting = list(wanted)
        self._show = show
        self._running: list[tuple[int, Child]] = []
        self._shown: dict[int, int] = {}
        self._deadline = Deadline(LISTEN_SECONDS)

    def step(self) -> None:
        """Start those whose port is listened at, and pass on what has been printed."""
        while self._waiting and self._listens(self._waiting[0][0]):
            _, argv = self._waiting.pop(0)
            self._running.append((len(self._vm.peers), self._vm.peer(argv)))
            self._deadline = Deadline(LISTEN_SECONDS)
        if self._waiting:
            self._deadline.check(f"the guest to listen at TCP port {self._waiting[0][0]}")
        self.pass_on()

    @property
    def ended(self) -> bool:
        """Whether each has been started and has ended."""
        return not self._waiting and not any(child.running for _, child in self._running)

    @property
    def awaited(self) -> int | None:
        """The port at which nobody has listened yet."""
        return self._waiting[0][0] if self._waiting else None

    def pass_on(self) -> None:
        """Show what they have printed since the last time."""
        for index, _ in self._running:
            at = self._shown.get(index, 0)
            with self._vm.peer_file(index).open("rb") as file:
                file.seek(at)
                data = file.read()
            self._shown[index] = at + len(data)
            if data:
                self._show(data)

    def _listens(self, port: int) -> bool:
        for table in TABLES:
            try:
                if listens_in(os.fsdecode(self._vm.agent.get(table)), port):
                    return True
            except AgentError:
                continue  # a kernel without IPv6
        return False
