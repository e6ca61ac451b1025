# SPDX-License-Identifier: GPL-2.0-or-later
"""The founding cases, each made to happen on purpose; the table counts what came of it.

A scenario breaks the demo only by what a program would notice: wrong bytes, a connection that ends.
That its case really happened is what the table's counters say; a scenario goes on until its own
counters have moved, so that no line is left to luck. Scenarios that can share a VM do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator

from .. import programs
from ..agent.command import Command
from ..errors import WaitTimeout
from ..guestctl import GuestCtl
from ..linkemu import EmulatedWire
from ..nest import Room
from ..proc import Child
from ..rundir import subfolder
from ..vm import Vm
from ..wait import wait_until
from .handover import PORT, Counters, report_of
from .table import COUNTERS

if TYPE_CHECKING:
    from .main import Demo

PEER = "10.77.0.1"
GUEST = "10.77.0.2"
MTU_WITH_OPTIONS = 1400  # leaves the link emulator room for IP options
LOSS = 0.005
DELAY_MS = 2
TRIES = 25
LONGER_THAN_RTO = 0.45  # seconds; no RTO here is far from 200 ms


@dataclass
class Stage:
    """A running VM with what scenarios need of it."""

    demo: Demo
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
        before = self.ctl.stats()[0]
        for _ in range(TRIES):
            act()
            now = self.ctl.stats()[0]
            if all(now[name] > before[name] for name in counters):
                return

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
        words = [PEER, str(port), "--seed", str(stage.demo.seed), "--timeout", "30"]
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
            self.stage.demo.broken.append(f"{what}: guest {here}, peer {there}")


# -- an ordinary wire, and a second card of another kind ---------------------------------------


def a_reader_without_room(stage: Stage) -> None:
    """RIN-4, RRQ-22: refused and partial verdicts, and what re-arms indications after them."""
    pair = Pair(stage, "--pause", "4000", "--rcvbuf", "40000")
    stage.until(
        lambda: stage.shuttle(0.2),
        "verdict_refused",
        "verdict_partial",
        "verdict_accepted",
        "recv_zero",
    )
    stage.back()
    pair.finish("slow reader")


def unread_data(stage: Stage) -> None:
    """BRD-1, BRD-7, RRQ-1, RRQ-9: unread bytes go into receive requests of both modes, the rest is
    indicated.
    """
    pair = Pair(stage, "--pause", "1000")
    stage.until(
        lambda: stage.shuttle(0.1),
        "buffered_to_recv_bytes",
        "buffered_indicated_bytes",
        "buffered_out_bytes",
        "recv_push",
        "recv_nonpush",
    )
    stage.back()
    pair.finish("unread data")


def segments_from_elsewhere(stage: Stage) -> None:
    """FWD-1: on another card, for as long as the peer's route points there."""
    second = stage.vm.wires[1]
    stage.vm.run(["ip", "addr", "add", f"{second.subnet.guest4}/24", "dev", "eth1"])
    stage.vm.run(["ip", "link", "set", "eth1", "up"])
    stage.vm.run(["ping", "-c", "1", "-W", "5", second.subnet.peer4])
    for name in ("all", "eth0", "eth1"):
        stage.vm.run(["sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0"])
    detour = [f"{GUEST}/32", "via", second.subnet.guest4, "dev", second.device, "src", PEER]
    pair = Pair(stage, "--pause", "500")
    stage.ctl.offload_soon("all")
    stage.room.ip("route", "add", *detour)
    stage.until(lambda: stage.over(0.1), "forward_interface")
    stage.room.ip("route", "del", f"{GUEST}/32")
    stage.back()
    pair.finish("another card")


def many_at_once(stage: Stage) -> None:
    """ARC-6: several connections in one call."""
    calm = ("--pause", "4000")
    pairs = [Pair(stage, *calm, peer_words=calm) for _ in range(4)]
    stage.until(lambda: stage.shuttle(0.1), "bulk_lists")
    stage.back()
    for pair in pairs:
        pair.stop()
    for pair in pairs:
        pair.finish("four connections")


def operations_by_hand(stage: Stage) -> None:
    """DIS-1: query, update, invalidate, and disconnects through the target, on idle connections."""
    vm, ctl = stage.vm, stage.ctl
    vm.peer(["socat", "TCP-LISTEN:6001,fork,reuseaddr", "PIPE"])
    stage.room.wait_listens(6001)
    for act in ("query", "update", "invalidate", "disconnect", "disconnect --abort"):
        program = vm.agent.start(["nc", PEER, "6001"], stdin=True)
        program.send(b"hello\n")
        program.wait_output(b"hello\n")
        ctl.offload_soon("all")
        found = ctl.connections()
        if len(found) != 1:
            stage.demo.broken.append(f"{act}: {len(found)} connections offloaded, not one")
            continue
        vm.run(["chimneyctl", *act.split(), found[0]["local"], found[0]["remote"]])
        ctl.upload("all", check=False)
        wait_until(lambda: not ctl.connections(), f"{act} to end with an upload", 10)
        program.kill()
        program.wait(10)


# -- a wire with delay, losses, fragments and options --------------------------------------------


def link_of(stage: Stage) -> Callable[..., None]:
    """What sets the emulated link's values."""
    assert stage.wire is not None
    return stage.wire.link.set


def sends_at_upload(stage: Stage) -> None:
    """TRM-15..20, TRM-24: handed back in order, completed, or both, in turn; OSD-1..3, OSD-6,
    SND-2, SND-3, SND-5, FWD-1..3, EVO-6. With a slow peer at the end of a long link some bytes are
    under way and some wait.
    """
    link_of(stage)("both", delay_ms=DELAY_MS)
    pair = Pair(stage, peer_words=("--read-pause", "1000", "--rcvbuf", "60000"))
    stage.until(
        lambda: stage.shuttle(0.05),
        "send_in_unacked_bytes",
        "send_in_unsent_bytes",
        "send_back_requests",
        "send_back_completed",
        "send_back_mixed",
        "send_back_unacked_bytes",
        "send_back_unsent_bytes",
        "send_batches",
        "forward_initiate",
        "forward_batches",
    )
    stage.back()
    pair.finish("sends at upload")


def losses_repaired_by_the_target(stage: Stage) -> None:
    """A link that loses, and connections that change hands while either side waits to send again
    (OSD-10, TRM-20).
    """
    link = link_of(stage)
    link("both", delay_ms=1, loss=LOSS)
    pair = Pair(stage, "--pause", "300")

    def fall_silent(rest: float) -> None:
        link("ab", loss=1.0)
        time.sleep(rest)

    def once() -> None:
        stage.over(0.2)
        fall_silent(LONGER_THAN_RTO)
        stage.back(LONGER_THAN_RTO)
        stage.over()
        link("ab", loss=LOSS)
        time.sleep(0.3)
        stage.back(0.1)

    stage.until(once, "rexmit_segments", "send_back_rexmit_bytes", "send_in_rexmit_bytes")
    link("both", loss=0)
    pair.finish("lossy link")


def fragments_and_options(stage: Stage) -> None:
    """FWD-1: datagrams that the target may not touch, reassembled or stripped by the host."""
    link = link_of(stage)
    link("ba", fragment=0.1, options=0.1)
    pair = Pair(stage, "--pause", "300")
    stage.until(lambda: stage.shuttle(0.2), "forward_fragments", "forward_options")
    link("ba", fragment=0, options=0)
    stage.back()
    pair.finish("fragments and options")


Scenario = Callable[[Stage], None]


@dataclass(frozen=True)
class Group:
    """Scenarios that share a VM."""

    name: str
    scenarios: tuple[Scenario, ...]
    emulated: bool = False

    @contextmanager
    def stage(self, demo: Demo) -> Iterator[Stage]:
        """The VM, whose counters go into the table."""
        wire = EmulatedWire(demo.seed, mtu=MTU_WITH_OPTIONS) if self.emulated else None
        config: dict[str, Any] = {"wire": wire} if wire else {"second": "vmxnet3"}
        config["device_options"] = ["x-terminate-sends=turns"]
        folder = subfolder(demo.folder, self.name)
        with Vm(demo.config(self.name, **config), folder, demo.say) as vm:
            yield Stage(demo, vm, GuestCtl(vm), wire)
            demo.collect(vm)


GROUPS = (
    Group(
        "cards",
        (
            a_reader_without_room,
            unread_data,
            segments_from_elsewhere,
            many_at_once,
            operations_by_hand,
        ),
    ),
    Group(
        "link",
        (sends_at_upload, losses_repaired_by_the_target, fragments_and_options),
        emulated=True,
    ),
)


def settled(ctl: GuestCtl) -> Counters:
    """The counters when all connections are back and what goes on behind them has ended."""

    def cases(counters: Counters) -> list[int]:
        return [side.get(name, 0) for side in counters for name in COUNTERS]

    last = ctl.stats()

    def still() -> bool:
        nonlocal last
        before, last = last, ctl.stats()
        return not ctl.connections() and cases(before) == cases(last)

    with suppress(WaitTimeout):
        wait_until(still, "the counters to stand still", 3, 0.1)
    return last
