# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection, both ways at once, handed over at random moments; proof that nobody noticed.

The program pair is xfer, which compares every byte by position. A helper in the guest hands the
connection over and back until bytes and cycles suffice; then device counters, driver counters and
the capture are held against the rules.
"""
from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..agent.command import Command
from ..errors import HarnessError, WaitTimeout
from ..guest import offload
from ..guest.chimneyctl import GuestCtl
from ..host import programs
from ..host.proc import Child
from ..host.runwait import RunWait
from ..vm.boot import Vm
from ..wirecheck import rows as wire_rows
from ..wirecheck import rules
from ..wirecheck.cyclewatch import CycleWatch

GUEST_STOP = "/tmp/xfer.stop"
PORT = 5001
MSS = {4: 1448, 6: 1428}
SPARE_CYCLES, SPARE_BYTES = 1.2, 1.05  # as a rule the capture counts that much less than the driver
# Around a hand-over the wire cannot tell whether card or host takes a frame; they are few. Neither
# can it of one that comes again.
RECEIVED_TOLERANCE = 0.01


# What an upload had under way, as the driver counts it.
UPLOADS = {"in_flight": "in flight", "unread": "unread", "unsent": "unsent",
           "all": "of all three kinds"}

Counters = tuple[dict[str, int], dict[str, int]]


@dataclass
class Goal:
    """What has to be reached."""

    bytes: int = 256 << 20
    cycles: int = 200
    uploads_each: int = 100
    target_share: float = 0.40
    host_share: float = 0.10
    repeats: float = 0.3  # at most, per cycle, of either side
    tolerance: float = RECEIVED_TOLERANCE
    silence: float = 0.2  # seconds for which nothing may pass, at most, while the host has time
    wraps: int = 1  # of the IDs of either maker, at least
    seconds: float = 240


@dataclass
class Outcome:
    """What one run showed; `broken` is empty when every rule held."""

    family: int
    seed: int
    cycles: int = 0
    offloads: int = 0
    uploads: int = 0
    sent: int = 0
    received: int = 0
    seconds: float = 0
    target_share: float = 0
    host_share: float = 0
    in_flight: int = 0
    unread: int = 0
    unsent: int = 0
    all: int = 0
    resets: int = 0
    guest_again: int = 0
    peer_again: int = 0
    peer_dsacks: int = 0
    target_wraps: int = 0
    host_wraps: int = 0
    broken: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report_of(text: str, who: str) -> dict[str, Any]:
    """What xfer says at its end."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise HarnessError(f"xfer of the {who} printed no report: {text.strip()[-300:]}")
    return dict(json.loads(lines[-1]))


class Handover:
    """Runs xfer between guest and peer of a running VM while connections change hands."""

    def __init__(
        self, vm: Vm, family: int, seed: int, goal: Goal, say: Callable[[str], None]
    ) -> None:
        self.vm, self.family, self.seed, self.goal, self.say = vm, family, seed, goal, say
        self.ctl = GuestCtl(vm)
        self.outcome = Outcome(family, seed)
        self.before: Counters = ({}, {})
        self.after: Counters = ({}, {})
        self.peer_stop = vm.run_dir / f"xfer{family}.stop"
        self.waits = RunWait(vm.pids)

    def run(self) -> None:
        """Move the bytes and hand over until enough has been seen."""
        with self.waits:
            self._run()

    def _run(self) -> None:
        self.before = self.ctl.stats()
        begin = time.monotonic()
        peer, guest = self._start_pair()
        helper = offload.apply(self.vm.agent, "random", self.seed)
        try:
            self._until_enough(guest)
        finally:
            counts = offload.stop(helper)
        self.ctl.upload("all", check=False)
        self._stop_pair(peer, guest)
        self.outcome.seconds = time.monotonic() - begin
        self.after = self.ctl.stats()
        self.say(f"IPv{self.family}: the helper in the guest: {counts}")

    def judge(self, capture: list[wire_rows.Row]) -> Outcome:
        """Hold counters and the finished capture, its rows of PORT, against the rules."""
        driver = {key: value - self.before[0].get(key, 0) for key, value in self.after[0].items()}
        device = {key: value - self.before[1].get(key, 0) for key, value in self.after[1].items()}
        rows = self._of_family(capture)
        self._judge_wire(rows)
        self._judge_shares(rows, device)
        out = self.outcome
        self._expect(out.cycles >= self.goal.cycles, f"{out.cycles} counted cycles")
        for name in UPLOADS:
            count = driver[f"upload_{name}"]
            setattr(out, name, count)
            self._expect(
                count >= self.goal.uploads_each,
                f"only {count} uploads had data {UPLOADS[name]}",
            )
        return out

    # -- the pair --------------------------------------------------------------------------------

    def _start_pair(self) -> tuple[Child, Command]:
        self.vm.run(["rm", "-f", GUEST_STOP])
        words = [str(PORT), "--bytes", str(self.goal.bytes), "--seed", str(self.seed)]
        words += ["--timeout", "30"]
        host = "10.77.0.1" if self.family == 4 else "fd77::1"
        peer = self.vm.peer(
            [
                str(programs.xfer()),
                "--listen",
                host,
                *words,
                "--read-pause",
                "300",
                "--write-pause",
                "100",
                "--until",
                str(self.peer_stop),
            ]
        )
        room = self.vm.wire.room
        assert room is not None
        room.wait_listens(PORT)
        guest = self.vm.background(
            [
                "xfer",
                "--connect",
                host,
                *words,
                "--read-pause",
                "300",
                "--write-pause",
                "30",
                "--until",
                GUEST_STOP,
            ]
        )
        return peer, guest

    def _stop_pair(self, peer: Child, guest: Command) -> None:
        self.peer_stop.touch()
        self.vm.agent.put(GUEST_STOP, b"")
        result = guest.wait(60)
        status = peer.wait(60)
        here, there = report_of(result.text, "guest"), report_of(self._peer_text(peer), "peer")
        self.outcome.sent, self.outcome.received = here["sent"], here["received"]
        for who, report in (("guest", here), ("peer", there)):
            for key in ("send_error", "recv_error"):
                if report[key]:
                    self.outcome.broken.append(f"{who}: {report[key]}")
        if result.status or status:
            self.outcome.broken.append(
                f"xfer ended with status {result.status} in the guest, {status} at the peer"
            )
        if (here["sent"], here["received"]) != (there["received"], there["sent"]):
            self.outcome.broken.append(f"bytes differ: guest {here}, peer {there}")
        if min(here["sent"], here["received"]) < self.goal.bytes:
            self.outcome.broken.append(f"only {here['sent']} bytes out and {here['received']} in")

    def _peer_text(self, peer: Child) -> str:
        return self.vm.peer_log(self.vm.peers.index(peer))

    def _until_enough(self, guest: Command) -> None:
        """Until bytes and hand-overs suffice. How many hand-overs the wire can tell depends on how
        busy the host is, so the capture is asked; while it counts too few, more are made.
        """
        end = time.monotonic() + self.goal.seconds
        capture = self.vm.config.pcap
        assert capture is not None
        wire = CycleWatch(capture, PORT, self.family)
        wanted = self.goal.cycles * SPARE_CYCLES
        while True:
            time.sleep(0.5)
            self.vm.watch()
            driver, device = self.ctl.stats()
            cycles = driver["terminates"] - self.before[0]["terminates"]
            into, out = (
                sum(
                    device[key] - self.before[1][key]
                    for key in (f"{way}_bytes", f"{way}_offloaded_bytes")
                )
                for way in ("rx", "tx")
            )
            enough = [
                driver[key] - self.before[0].get(key, 0)
                for key in (f"upload_{name}" for name in UPLOADS)
            ]
            self.say(f"IPv{self.family}: {cycles} cycles, {into >> 20} MiB in, {out >> 20} MiB out")
            if (
                cycles >= wanted
                and min(into, out) >= self.goal.bytes * SPARE_BYTES
                and min(enough) >= self.goal.uploads_each
            ):
                told = wire.counted()
                if told >= self.goal.cycles:
                    return
                wanted = cycles + self.goal.cycles - told
            if not guest.running:
                return
            if time.monotonic() > end:
                raise WaitTimeout(
                    f"{self.goal.cycles} cycles and {self.goal.bytes >> 20} MiB each way",
                    self.goal.seconds,
                    f"{cycles} cycles, {into >> 20} MiB in, {out >> 20} MiB out, "
                    f"uploads with data {', '.join(UPLOADS.values())}: {enough}",
                )

    def _of_family(self, rows: list[wire_rows.Row]) -> list[wire_rows.Row]:
        return [row for row in rows if (":" in row.src) == (self.family == 6)]

    # -- the verdict -----------------------------------------------------------------------------

    def _busy(self, rows: list[wire_rows.Row]) -> str:
        """What a reader has to know who sees timers that ran out: a processor that comes late looks
        like a loss.
        """
        begin, end = (rows[0].time, rows[-1].time) if rows else (0.0, 0.0)
        return (f"processors were elsewhere for {self.waits.between(begin, end):.1f} s "
                f"of {end - begin:.1f}")

    def _judge_wire(self, rows: list[wire_rows.Row]) -> None:
        out = self.outcome
        counted = rules.cycles(rows)
        out.cycles, out.offloads, out.uploads = counted.counted, counted.offloads, counted.uploads
        out.resets = len(rules.no_reset(rows))
        out.peer_again, out.peer_dsacks = rules.peer_repeats(rows)
        out.guest_again = rules.guest_repeats(rows)
        out.target_wraps, out.host_wraps = rules.wraps(rows, "target"), rules.wraps(rows, "host")
        out.broken += (
            rules.no_reset(rows)[:3]
            + rules.acks_never_back(rows)[:3]
            + rules.timestamps_agreed(rows)
            + rules.timestamps_never_back(rows)[:3]
            + rules.timestamps_never_missing(rows)[:3]
            + rules.right_edge_never_left(rows)[:3]
            + rules.silences(rows, self.goal.silence, self.waits.between)[:3]
            + rules.stalls(rows, self.goal.silence, self.waits.between)[:3]
            + rules.identifications(rows, MSS[self.family])[:3]
        )
        limit = self.goal.repeats * max(1, out.cycles)
        busy = self._busy(rows)
        self._expect(
            out.peer_again + out.peer_dsacks <= limit,
            f"the peer sent {out.peer_again} frames again and {out.peer_dsacks} DSACKs "
            f"in {out.cycles} cycles; {busy}",
        )
        self._expect(
            out.guest_again <= limit,
            f"the guest's side sent {out.guest_again} frames again in {out.cycles} cycles; {busy}",
        )
        if self.family == 4:
            for maker, count in (("target", out.target_wraps), ("host", out.host_wraps)):
                self._expect(count >= self.goal.wraps, f"the {maker}'s IDs wrapped {count} times")

    def _judge_shares(self, rows: list[wire_rows.Row], device: dict[str, int]) -> None:
        """By device counters, which have to agree with the capture. What the driver forwarded is no
        share of the card's: the device counts only what came by the wire.
        """
        out, share = self.outcome, rules.shares(rows)
        self._expect(
            device["tx_offloaded_bytes"] == share.target_out,
            f"the device counts {device['tx_offloaded_bytes']} payload bytes sent, "
            f"the capture {share.target_out}",
        )
        self._expect(
            abs(device["rx_offloaded_bytes"] - share.received_by_card)
            <= self.goal.tolerance * share.received_by_card + share.received_again,
            f"the device counts {device['rx_offloaded_bytes']} payload bytes taken from the wire, "
            f"the capture {share.received_by_card} while the card had the connection",
        )
        total = share.target_out + share.host_out + share.received
        card = device["tx_offloaded_bytes"] + device["rx_offloaded_bytes"]
        out.target_share = card / max(1, total)
        by_linux = share.host_out + share.received - device["rx_offloaded_bytes"]
        out.host_share = by_linux / max(1, total)
        self._expect(
            out.target_share >= self.goal.target_share, f"the card carried {out.target_share:.0%}"
        )
        self._expect(
            out.host_share >= self.goal.host_share, f"Linux TCP carried {out.host_share:.0%}"
        )

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.outcome.broken.append(otherwise)
