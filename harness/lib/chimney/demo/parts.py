# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo as a whole: runs the parts, prints the table, says PASS or FAIL.

Parts: one connection handed over at random moments, over IPv4 and over IPv6; the same once over a
wire on which Linux segments; then each founding case by itself. Everything is judged by counters of
both sides and by the captures; figures go to build/demo.json.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..guest.station import NEVER
from ..host.rundir import subfolder
from ..vm.boot import Vm
from ..vm.config import VmConfig
from ..wire.net import captured
from ..wirecheck import rows as wire_rows
from ..wirecheck import rules
from . import cases, table
from .handover import PORT, Goal, Handover
from .session import Session

# Some thousand segments are enough for IDs; so many of each maker were cut from large frames.
SEGMENTED_EACH = 500
# Its queues overflow at times, which is no concern of the card.
SEGMENTED = Goal(bytes=12 << 20, cycles=5, uploads_each=0, repeats=math.inf, wraps=0)


class Demo(Session):
    """All parts of the demo, and the verdict on them."""

    def run_handover(self) -> None:
        """Acceptance of the hand-over itself: both families in one VM, judged when it has ended.
        Timestamps go on, nothing is fragmented and each maker's IDs stay in its half (SND-17..19,
        SND-21, SND-22).
        """
        config = self.config("handover")
        runs = []
        with Vm(config, subfolder(self.folder, "handover"), self.say) as vm:
            for family in self.families:
                one = Handover(vm, family, self.seed + family, self.goal, self.say)
                one.run()
                runs.append(one)
            self.collect(vm)
        self.judge_later(partial(self.judge_handover, runs, config))

    def judge_handover(self, runs: list[Handover], config: VmConfig) -> list[str]:
        """What the capture of the hand-overs breaks."""
        assert config.pcap is not None
        rows = wire_rows.read(config.pcap, PORT)
        self.outcomes += [one.judge(rows) for one in runs]
        return [f"IPv{one.family}: {text}" for one in self.outcomes for text in one.broken]

    def run_segmented(self) -> None:
        """IDs once more, on frames that Linux has segmented behind the tap."""
        config = self.config("segmented", wire="segmented")
        far = self.folder / "far.pcapng"
        with Vm(config, subfolder(self.folder, "segmented"), self.say) as vm:
            room = vm.wire.room
            assert room is not None
            goal = replace(SEGMENTED, silence=self.goal.silence, tolerance=self.goal.tolerance,
                           target_share=self.goal.target_share, host_share=self.goal.host_share)
            one = Handover(vm, 4, self.seed + 40, goal, self.say)
            with captured(room, vm.wire.device, far):
                one.run()
            self.collect(vm)
        self.judge_later(partial(self.judge_segmented, one, config, far))

    def judge_segmented(self, run: Handover, config: VmConfig, far: Path) -> list[str]:
        """What the hand-overs and the segments behind the tap break."""
        assert config.pcap is not None
        segments = [row for row in wire_rows.read(far, PORT) if row.dport == PORT]
        rows = wire_rows.read(config.pcap, PORT)
        made = [row for row in rows if row.outgoing]
        broken = run.judge(rows).broken
        broken += rules.segmented_identifications(made, segments, SEGMENTED_EACH)[:3]
        return [f"segmented wire: {text}" for text in broken]

    def parts(self) -> dict[str, Callable[[], None]]:
        """Everything the demo does, by name, in order."""
        found: dict[str, Callable[[], None]] = {
            "handover": self.run_handover,
            "segmented": self.run_segmented,
        }
        for group in cases.GROUPS:
            found[group.name] = partial(self.run_group, group)
        return found

    def scenarios(self, group: cases.Group) -> list[cases.Scenario]:
        """Those of a group that are wanted: all, or by name."""
        wanted = set(self.only)
        if not wanted or group.name in wanted:
            return list(group.scenarios)
        return [scenario for scenario in group.scenarios if scenario.__name__ in wanted]

    def run_group(self, group: cases.Group) -> None:
        """The founding cases that share a VM."""
        with group.stage(self) as stage:
            for scenario in self.scenarios(group):
                self.say(scenario.__name__.replace("_", " "))
                begin = time.monotonic()
                scenario(stage)
                self.times[scenario.__name__] = time.monotonic() - begin
            begin = time.monotonic()
        self.times[f"{group.name} end"] = time.monotonic() - begin

    def wanted(self) -> list[str]:
        """The parts to run."""
        groups = {group.name: group for group in cases.GROUPS}
        return [
            name
            for name in self.parts()
            if not self.only
            or name in self.only
            or (name in groups and self.scenarios(groups[name]))
        ]

    def run(self) -> int:
        begin = time.monotonic()
        parts = self.parts()
        for name in self.wanted():
            start = time.monotonic()
            parts[name]()
            self.times[name] = time.monotonic() - start
        self.say("reading the captures")
        self.broken += [text for verdict in self.verdicts for text in verdict.result()]
        found = {
            title: table.lines(lines, self.driver, self.device) for title, lines in table.PARTS
        }
        every = [line for lines in found.values() for line in lines]
        self.broken += [
            f"the driver counts {self.driver[name]} {name}"
            for name in NEVER
            if self.driver.get(name)
        ]
        self.broken += [
            f"{line.text.strip()}: driver {line.driver}, device {line.device}"
            for line in every
            if line.driver != line.device or not (line.shown or self.only)
        ]
        for side, counts in (("driver", self.driver), ("device", self.device)):
            self.broken += table.contradictions(side, counts)
        self.progress.clear()
        print(table.render(found))
        print()
        self.print_runs()
        self.write(every, time.monotonic() - begin)
        return self.verdict()

    def print_runs(self) -> None:
        for one in self.outcomes:
            print(
                f"IPv{one.family}: {one.cycles} cycles counted in {one.seconds:.0f} s, "
                f"{one.sent >> 20} MiB out, {one.received >> 20} MiB in, every byte compared; "
                f"card {one.target_share:.0%}, Linux {one.host_share:.0%}; uploads with data in "
                f"flight {one.in_flight}, unread {one.unread}, unsent {one.unsent}, all three "
                f"{one.all}; "
                f"sent again by the guest {one.guest_again}, by the peer {one.peer_again}; "
                f"DSACKs {one.peer_dsacks}, RSTs {one.resets}"
            )

    def write(self, found: list[table.Line], seconds: float) -> None:
        result = {
            "pass": not self.broken,
            "broken": self.broken,
            "seed": self.seed,
            "kernel": self.kernel,
            "seconds": round(seconds, 1),
            "seconds_of": {name: round(value, 1) for name, value in self.times.items()},
            "runs": [one.as_dict() for one in self.outcomes],
            "cases": [line.as_dict() for line in found],
            "driver": self.driver,
            "device": self.device,
        }
        self.folder.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")

    def verdict(self) -> int:
        cycles = sum(one.cycles for one in self.outcomes)
        moved = sum(one.sent + one.received for one in self.outcomes)
        resets = sum(one.resets for one in self.outcomes)
        figures = f"{cycles} cycles, {moved >> 20} MiB compared byte by byte, {resets} RSTs"
        if not self.broken:
            print(f"demo: PASS {figures}")
            return 0
        for text in self.broken:
            print(f"broken: {text}")
        print(f"files: {self.folder}")
        print(f"demo: FAIL {len(self.broken)} rules broken; {figures}")
        return 1
