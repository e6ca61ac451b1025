# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person reads at the end of a bench: main figures with their spread, costs, goals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .plan import BASE, MAIN, NO_TSO, RECV, SEND, TAP

Row = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """What the card has to reach: a ratio at least, or at most, so large."""

    device: str
    metric: str
    bound: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        """Whether a ratio is good enough."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound


GOALS = [
    *(Goal("chimney", f"{order}-{TAP}", 1.0, True) for order in (SEND, RECV)),
    *(Goal("chimney", f"{order}-{TAP}-insns", 0.8, False) for order in (SEND, RECV)),
    *(Goal("chimney-nic", f"{order}-{TAP}", 0.7, True) for order in (SEND, RECV)),
]
COSTS = [
    ("insns", "guest instructions"), ("irqs", "interrupts of the card"),
    ("doorbells", "doorbells, by the card's own count"),
    ("accesses", "accesses to device memory"), ("vcpu", "CPU time of the guest's processor, us"),
    ("device", "CPU time of the rest of QEMU, us"), ("peer", "CPU time of the peer, us"),
]
EXPLAINED = """\
Ratios are to virtio-net-pci in the same round. Of card and driver, the same on hardware: guest
instructions (copies included: this processor model copies by plain loops), interrupts, doorbells,
accesses to device memory (interrupt controllers and timer left out). Of the emulation: CPU times,
which is what it takes to run those instructions under TCG, to play the card, and to be the peer."""


def text(rows: Sequence[Row], head: str) -> str:
    """The whole report."""
    return "\n".join([head, *_figures(rows), *_costs(rows), *_failures(rows), *_goals(rows)]) + "\n"


def all_met(rows: Sequence[Row]) -> bool:
    """Whether every goal was measured and reached."""
    ratios = {(row["metric"], row["device"]): row["ratio"] for row in rows}
    measured = [(goal, ratios.get((goal.metric, goal.device))) for goal in GOALS]
    return all(ratio is not None and goal.met(ratio) for goal, ratio in measured)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value and abs(value) < 10:
        return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
    return f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"


def _range(pair: Sequence[float] | None) -> str:
    return f"{_number(pair[0])} .. {_number(pair[1])}" if pair else ""


def _figures(rows: Sequence[Row]) -> Iterator[str]:
    """One block for each main metric: value, ratio, and their quartiles."""
    shown = None
    for row in rows:
        if row["metric"] not in MAIN:
            continue
        if row["metric"] != shown:
            shown = row["metric"]
            yield ""
            yield (f"{shown + ', ' + row['unit']:<22}{'median':>9}  {'quartiles':<18}"
                   f"{'ratio':>6}  {'quartiles':<15} rounds")
        yield (f"  {row['device']:<20}{_number(row['value']):>9}  "
               f"{_range(row['quartiles']):<18}{_number(row['ratio']):>6}  "
               f"{_range(row['ratio_quartiles']):<15} {row['rounds']:>6}")


def _costs(rows: Sequence[Row]) -> Iterator[str]:
    """One table for each transfer: what it costs whom, device by device."""
    cells = {(row["metric"], row["device"]): row for row in rows}
    devices = list(dict.fromkeys(row["device"] for row in rows))
    any_shown = False
    for stem, per in _transfers():
        lines = [(name, label) for name, label in COSTS
                 if any((f"{stem}-{name}", device) in cells for device in devices)]
        if not lines:
            continue
        any_shown = True
        yield ""
        yield f"{f'{stem}: cost of one {per}':<38}" + "".join(f"{d:>16}" for d in devices)
        for name, label in lines:
            yield f"  {label:<36}" + "".join(
                f"{_cell(cells.get((f'{stem}-{name}', device))):>16}" for device in devices)
        if {("insns", COSTS[0][1]), ("vcpu", COSTS[4][1])} <= set(lines):
            yield f"  {'ns of CPU time per instruction':<36}" + "".join(
                f"{_pace(cells, stem, device):>16}" for device in devices)
    if any_shown:
        yield ""
        yield EXPLAINED


def _transfers() -> list[tuple[str, str]]:
    bulk = [(f"{order}-{wire}", "MB") for wire in (TAP, NO_TSO) for order in (SEND, RECV)]
    return [*bulk, ("rr", "request")]


def _cell(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return "-"
    ratio = f" ({row['ratio']:.2f})" if row["ratio"] is not None else ""
    return _number(row["value"]) + ratio


def _pace(cells: dict[tuple[str, str], Row], stem: str, device: str) -> str:
    insns = cells[f"{stem}-insns", device]["value"]
    vcpu = cells[f"{stem}-vcpu", device]["value"]
    return _number(vcpu * 1e3 / insns) if insns and vcpu is not None else "-"


def _failures(rows: Sequence[Row]) -> Iterator[str]:
    """Every device whose runs did not all count, and why."""
    said: set[str] = set()
    for row in rows:
        sentence = f"{row['device']}: {row['why']}"
        if row["failed"] and sentence not in said:
            if not said:
                yield ""
            said.add(sentence)
            yield f"{row['failed']} runs of {row['metric']} did not count, {sentence}"


def _goals(rows: Sequence[Row]) -> Iterator[str]:
    """The goals whose metrics were measured."""
    cells = {(row["metric"], row["device"]): row for row in rows}
    for index, goal in enumerate(goal for goal in GOALS if (goal.metric, goal.device) in cells):
        if index == 0:
            yield ""
        ratio = cells[goal.metric, goal.device]["ratio"]
        wanted = f"{'at least' if goal.at_least else 'at most'} {goal.bound:g} of {BASE}"
        answer = "not measured" if ratio is None else (
            f"{ratio:.2f}, " + ("met" if goal.met(ratio) else "NOT MET"))
        yield f"goal: {goal.device} {goal.metric} {wanted}: {answer}"
