# SPDX-License-Identifier: GPL-2.0-or-later
"""The founding cases, each made to happen on purpose; the table counts what came of it.

A scenario goes on until its own counters have moved, so that no line of the table is left to luck.
It breaks the demo when they do not, when a program would notice something (wrong bytes, a
connection that ends), and when what the wire has seen contradicts the counters. Scenarios that can
share a VM do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..guest.chimneyctl import GuestCtl
from ..host.rundir import subfolder
from ..vm.boot import Vm
from ..wait import wait_until
from ..wire.linkemu import EmulatedWire
from ..wirecheck import rows as wire_rows
from ..wirecheck import rules
from .handover import MSS
from .session import Session
from .stage import PEER, Pair, Stage

GUEST = "10.77.0.2"
MTU_WITH_OPTIONS = 1400  # leaves the link emulator room for IP options
LOSS = 0.005
DELAY_MS = 2
LONGER_THAN_RTO = 0.45  # seconds; no RTO here is far from 200 ms


# -- an ordinary wire, and a second card of another kind ---------------------------------------


def a_reader_without_room(stage: Stage) -> None:
    """RIN-4, RRQ-22: refused and partial verdicts, and what re-arms indications after them. With
    one size of buffer and one pattern of writes a kernel may have room for all or nothing each
    time.
    """
    pairs = [Pair(stage, "--pause", "4000", "--rcvbuf", size) for size in
             ("20000", "40000", "80000", "160000")]
    stage.until(
        lambda: stage.shuttle(0.2),
        "verdict_refused",
        "verdict_partial",
        "verdict_accepted",
        "recv_zero",
    )
    stage.back()
    for pair in pairs:
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
        "recv_nonpush",
    )
    stage.back()
    pair.finish("unread data")


def bytes_in_bulk(stage: Stage) -> None:
    """Much at once for a reader that is quick goes into requests that wait for it."""
    pair = Pair(stage, peer_words=())
    stage.until(lambda: stage.shuttle(0.3), "recv_push")
    stage.back()
    pair.finish("bytes in bulk")


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
    with stage.at_most(lambda: {"forward_interface": received(stage, "eth1")}):
        stage.room.ip("route", "add", *detour)
        stage.until(lambda: stage.over(0.1), "forward_interface")
        stage.room.ip("route", "del", f"{GUEST}/32")
    stage.back()
    pair.finish("another card")


def received(stage: Stage, device: str) -> int:
    """As many segments as another card of the guest can have received; its frames may be large."""
    counts = [f"/sys/class/net/{device}/statistics/rx_{what}" for what in ("packets", "bytes")]
    frames, size = map(int, stage.vm.run(["cat", *counts]).text.split())
    return frames + size // MSS[4]


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
            stage.session.broken.append(f"{act}: {len(found)} connections offloaded, not one")
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


def link_counts(stage: Stage, way: str) -> dict[str, int]:
    """What the emulated link has done to frames of a direction."""
    assert stage.wire is not None
    return stage.wire.link.stats()[way]


def sends_at_upload(stage: Stage) -> None:
    """TRM-15..20, TRM-24: handed back in order, completed, or both, in turn; OSD-1, OSD-3, OSD-6,
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

    before = link_counts(stage, "ab")["lost"]
    stage.until(once, "rexmit_segments", "send_back_rexmit_bytes", "send_in_rexmit_bytes")
    if link_counts(stage, "ab")["lost"] == before:
        stage.session.broken.append("the lossy link has lost nothing")
    link("both", loss=0)
    pair.finish("lossy link")


def fragments_and_options(stage: Stage) -> None:
    """FWD-1: datagrams that the target may not touch, reassembled or stripped by the host."""
    link = link_of(stage)
    link("ba", fragment=0.1, options=0.1)
    pair = Pair(stage, "--pause", "300")
    with stage.at_most(lambda: mangled(stage)):
        stage.until(lambda: stage.shuttle(0.2), "forward_fragments", "forward_options")
        link("ba", fragment=0, options=0)
    stage.back()
    pair.finish("fragments and options")


def mangled(stage: Stage) -> dict[str, int]:
    """Frames to the guest that the link has cut, and given options."""
    counts = link_counts(stage, "ba")
    return {"forward_fragments": counts["fragmented"], "forward_options": counts["options"]}


Scenario = Callable[[Stage], None]


@dataclass(frozen=True)
class Group:
    """Scenarios that share a VM."""

    name: str
    scenarios: tuple[Scenario, ...]
    emulated: bool = False

    @contextmanager
    def stage(self, session: Session) -> Iterator[Stage]:
        """The VM, whose counters go into the table."""
        wire = EmulatedWire(session.seed, mtu=MTU_WITH_OPTIONS) if self.emulated else None
        config: dict[str, Any] = {"wire": wire} if wire else {"second": "vmxnet3"}
        config["device_options"] = ["x-terminate-sends=turns"]
        folder = subfolder(session.folder, self.name)
        with Vm(session.config(self.name, **config), folder, session.say) as vm:
            yield Stage(session, vm, GuestCtl(vm), wire)
            _, device = session.collect(vm)
        if wire:
            capture = session.folder / f"{self.name}.pcapng"
            session.judge_later(partial(repeats_on_the_wire, capture, device["rexmit_segments"]))


GROUPS = (
    Group(
        "cards",
        (
            a_reader_without_room,
            unread_data,
            bytes_in_bulk,
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


def repeats_on_the_wire(capture: Path, counted: int) -> list[str]:
    """The card's count of segments that it has sent again, held against what it has sent. On this
    wire it makes no large frames. What Linux took for sent need not have come so far: the capture
    may know fewer, not more.
    """
    rows = wire_rows.read(capture)
    found = sum(
        rules.repeats([row for row in rows if row.connection == connection], outgoing=True,
                      maker="target")
        for connection in {row.connection for row in rows}
    )
    if 0 < found <= counted:
        return []
    return [f"the card counts {counted} segments that it sent again, the capture {found}"]
