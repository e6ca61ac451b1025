# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the demo's scenarios play: a running VM, in which something is done until a counter has
moved, and pairs of programs that compare every byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..agent.command import Command
from ..guest.chimneyctl import GuestCtl
from ..host import programs
from ..host.nest import Room
from ..host.proc import Child
from ..vm.boot import Vm
from ..wire.linkemu import EmulatedWire
from .handover import PORT, report_of
from .session import Session

PEER = "10.77.0.1"
SECONDS = 60  # in which a counter must have moved


@dataclass
class Stage:
    """A running VM with what scenarios need of it."""

    session: Session
    vm: Vm
    ctl: GuestCtl
    wire: EmulatedWire | None = None
    ports: Iterator[int] = field(default_factory=lambda: iter(range(PORT, PORT + 1000)))

    @property
    def room(self) -> Room:
        """Where the peer's programs run."""
        room = self.vm.wire.room
        assert room is not None
        return room

    def until(self, act: Callable[[], object], *counters: str) -> None:
        """Act until the driver has counted each of these at least once more."""
        before, still = self.ctl.stats()[0], list(counters)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            act()
            now = self.ctl.stats()[0]
            still = [name for name in counters if now[name] == before[name]]
            if not still:
                return
        self.session.broken.append(f"never seen in {SECONDS} s: {', '.join(still)}")

    @contextmanager
    def at_most(self, seen: Callable[[], dict[str, int]]) -> Iterator[None]:
        """What the driver counts meanwhile under these names cannot be more than others have seen
        of it, and those must have seen some.
        """
        wire, driver = seen(), self.ctl.stats()[0]
        yield
        now = seen()
        counted = self.ctl.stats()[0]
        for name in wire:
            most, count = now[name] - wire[name], counted[name] - driver[name]
            if not 0 < count <= most:
                self.session.broken.append(f"{name}: {count}, of {most} that came by the wire")

    def over(self, rest: float = 0.0) -> None:
        """Every connection to the card; what stands in the way now may pass until the next time."""
        self.ctl.offload("all", check=False)
        time.sleep(rest)

    def back(self, rest: float = 0.0) -> None:
        """Every connection to Linux TCP."""
        self.ctl.upload("all", check=False)
        time.sleep(rest)

    def shuttle(self, rest: float) -> None:
        """Over and back."""
        self.over(rest)
        self.back(rest / 2)


class Pair:
    """xfer in the guest and at the peer, sending both ways until told to finish."""

    def __init__(
        self, stage: Stage, *guest_words: str, peer_words: Iterable[str] = ("--pause", "300")
    ) -> None:
        vm, port = stage.vm, next(stage.ports)
        self.stage = stage
        self.stops = vm.run_dir / f"xfer{port}.stop", f"/tmp/xfer{port}.stop"
        words = [PEER, str(port), "--seed", str(stage.session.seed), "--timeout", "30"]
        words += ["--bytes", "1", "--until"]
        self.peer: Child = vm.peer(
            [str(programs.xfer()), "--listen", *words, str(self.stops[0]), *peer_words]
        )
        stage.room.wait_listens(port)
        self.guest: Command = vm.background(
            ["xfer", "--connect", *words, self.stops[1], *guest_words]
        )

    def stop(self) -> None:
        """Both ends write no more."""
        self.stops[0].touch()
        self.stage.vm.agent.put(self.stops[1], b"")

    def finish(self, what: str) -> None:
        """Both ends must have compared every byte."""
        self.stop()
        vm = self.stage.vm
        result = self.guest.wait(60)
        status = self.peer.wait(60)
        if result.status or status:
            here = report_of(result.text, "guest")
            there = report_of(vm.peer_log(vm.peers.index(self.peer)), "peer")
            self.stage.session.broken.append(f"{what}: guest {here}, peer {there}")
