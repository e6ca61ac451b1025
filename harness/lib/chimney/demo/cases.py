# SPDX-License-Identifier: GPL-2.0-or-later
"""The founding cases, each made to happen in a VM of its own; the table counts what came of it.

A scenario breaks the demo only by what a program would notice: wrong bytes, a connection that ends.
That its case really happened is what the table's counters say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator

from .. import programs
from ..agent import Command
from ..guestctl import GuestCtl
from ..linkemu import EmulatedWire
from ..proc import Child
from ..rundir import subfolder
from ..vm import Vm
from ..wait import wait_until
from .handover import PORT, report_of

if TYPE_CHECKING:
    from .main import Demo

PEER = "10.77.0.1"
MTU_WITH_OPTIONS = 1400  # leaves the link emulator room for IP options


class Pair:
    """xfer in the guest and at the peer, of a fixed number of bytes."""

    def __init__(self, vm: Vm, seed: int, mib: int, *guest_words: str, port: int = PORT) -> None:
        words = ["--bytes", str(mib << 20), "--seed", str(seed), "--timeout", "30"]
        self.vm = vm
        self.peer: Child = vm.peer(
            [str(programs.xfer()), "--listen", PEER, str(port), *words, "--pause", "300"]
        )
        room = vm.wire.room
        assert room is not None
        room.wait_listens(port)
        self.guest: Command = vm.background(
            ["xfer", "--connect", PEER, str(port), *words, *guest_words]
        )

    def finish(self, demo: Demo, what: str) -> None:
        """Both ends must have compared every byte."""
        result = self.guest.wait(90)
        status = self.peer.wait(90)
        here = report_of(result.text, "guest")
        there = report_of(self.vm.peer_log(self.vm.peers.index(self.peer)), "peer")
        if result.status or status:
            demo.broken.append(f"{what}: guest {here}, peer {there}")


@contextmanager
def guest(demo: Demo, name: str, **config: Any) -> Iterator[tuple[Vm, GuestCtl]]:
    """A VM whose counters go into the table."""
    with Vm(demo.config(name, **config), subfolder(demo.folder, name), demo.say) as vm:
        yield vm, GuestCtl(vm)
        demo.collect(vm)


def shuttle(ctl: GuestCtl, pair: Pair, cycles: int, rest: float = 0.05) -> None:
    """Over and back while the pair runs."""
    for _ in range(cycles):
        if not pair.guest.running:
            return
        ctl.offload("all", check=False)
        time.sleep(rest)
        ctl.upload("all", check=False)
        time.sleep(rest / 2)


def sends_completed_at_upload(demo: Demo) -> None:
    """TRM-16, second way."""
    with guest(demo, "complete", device_options=["x-terminate-sends=complete"]) as (vm, ctl):
        pair = Pair(vm, demo.seed, 24, "--pause", "300")
        shuttle(ctl, pair, 12)
        pair.finish(demo, "sends completed at upload")


def sends_mixed_at_upload(demo: Demo) -> None:
    """TRM-16, both ways in one upload; TRM-24."""
    with guest(demo, "mix", device_options=["x-terminate-sends=mix"]) as (vm, ctl):
        pair = Pair(vm, demo.seed, 24, "--pause", "300")
        shuttle(ctl, pair, 12)
        pair.finish(demo, "sends mixed at upload")


def losses_repaired_by_the_target(demo: Demo) -> None:
    """A link that loses, and an offload while the host waits to retransmit (OSD-10)."""
    wire = EmulatedWire(demo.seed, both={"loss": 0.005, "delay_ms": 1})
    with guest(demo, "lossy", wire=wire) as (vm, ctl):
        pair = Pair(vm, demo.seed, 6, "--pause", "300")
        for _ in range(4):
            shuttle(ctl, pair, 2, 0.2)
            wire.link.set("ab", loss=1.0)
            time.sleep(0.7)
            ctl.offload("all", check=False)
            wire.link.set("ab", loss=0.005)
            time.sleep(0.3)
        ctl.upload("all", check=False)
        pair.finish(demo, "lossy link")
        driver, device = ctl.stats()
        if not device["tcp4_retransmitted_segments"]:
            demo.broken.append("lossy link: the target repaired no loss")


def a_reader_without_room(demo: Demo) -> None:
    """Refused and partial verdicts, and what re-arms indications after them."""
    with guest(demo, "slow") as (vm, ctl):
        pair = Pair(vm, demo.seed, 8, "--pause", "4000", "--rcvbuf", "40000")
        shuttle(ctl, pair, 10, 0.4)
        pair.finish(demo, "slow reader")


def segments_from_elsewhere(demo: Demo) -> None:
    """FWD-1: on another card of another kind, for as long as the peer's route points there."""
    with guest(demo, "elsewhere", second="vmxnet3") as (vm, ctl):
        for name in ("all", "eth0", "eth1"):
            vm.run(["sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0"])
        pair = Pair(vm, demo.seed, 16, "--pause", "500")
        time.sleep(0.2)
        ctl.offload("all")
        room = vm.wire.room
        assert room is not None
        second = vm.wires[1]
        room.ip(
            "route",
            "add",
            "10.77.0.2/32",
            "via",
            second.subnet.guest4,
            "dev",
            second.device,
            "src",
            PEER,
        )
        time.sleep(0.5)
        room.ip("route", "del", "10.77.0.2/32")
        ctl.upload("all")
        pair.finish(demo, "another card")


def fragments_and_options(demo: Demo) -> None:
    """FWD-1: datagrams that the target may not touch, reassembled or stripped by the host."""
    wire = EmulatedWire(demo.seed, mtu=MTU_WITH_OPTIONS, ba={"fragment": 0.02, "options": 0.02})
    with guest(demo, "fragments", wire=wire) as (vm, ctl):
        pair = Pair(vm, demo.seed, 6, "--pause", "300")
        shuttle(ctl, pair, 4, 0.4)
        pair.finish(demo, "fragments and options")


def many_at_once(demo: Demo) -> None:
    """ARC-6: several connections in one call, over all pairs."""
    with guest(demo, "bulk") as (vm, ctl):
        pairs = [Pair(vm, demo.seed + n, 4, "--pause", "1000", port=PORT + n) for n in range(8)]
        for _ in range(4):
            ctl.offload("all", check=False)
            time.sleep(0.1)
            ctl.upload("all", check=False)
        for pair in pairs:
            pair.finish(demo, "eight connections")


def operations_by_hand(demo: Demo) -> None:
    """Query, update, invalidate, and disconnects through the target, on idle connections."""
    with guest(demo, "byhand", bins=[str(programs.xfer())]) as (vm, ctl):
        vm.peer(["socat", "TCP-LISTEN:6001,fork,reuseaddr", "PIPE"])
        room = vm.wire.room
        assert room is not None
        room.wait_listens(6001)
        for act in (
            ("query",),
            ("update",),
            ("invalidate",),
            ("disconnect",),
            ("disconnect", "--abort"),
        ):
            program = vm.agent.start(["nc", PEER, "6001"], stdin=True)
            program.send(b"hello\n")
            program.wait_output(b"hello\n")
            ctl.offload("all")
            found = ctl.connections()
            if len(found) != 1:
                demo.broken.append(f"{act[0]}: {len(found)} connections offloaded, not one")
                continue
            vm.run(["chimneyctl", *act, found[0]["local"], found[0]["remote"]])
            ctl.upload("all", check=False)
            wait_until(lambda: not ctl.connections(), f"{act[0]} to end with an upload", 10)
            program.kill()
            program.wait(10)


SCENARIOS: tuple[Callable[[Demo], None], ...] = (
    sends_completed_at_upload,
    sends_mixed_at_upload,
    losses_repaired_by_the_target,
    a_reader_without_room,
    segments_from_elsewhere,
    fragments_and_options,
    many_at_once,
    operations_by_hand,
)

__all__ = ["SCENARIOS", "GuestCtl"]
