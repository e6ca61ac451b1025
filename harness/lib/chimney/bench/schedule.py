# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of runs: rounds that alternate over the devices, and what happens when one fails.

For each kind of VM and each wire the VMs of all devices stand ready together, paused. A round runs
each probe on every device, one after the other, and begins with another device than the round
before. A run that fails is noted with its reason and its VM is started afresh; a device that fails
twice running is given up for this kind and wire, and its rows say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..cli.signals import Interrupted
from ..errors import HarnessError
from .figures import Run
from .plan import COUNTED, MB, RR, Device, Probe, Sample
from .rig import Invalid, Rig, Setup

FAILURES_MAX = 2
SPARE_ROUNDS = 3
PROBE_BYTES, PROBE_TRIPS = 8 << 20, 200
BYTES_MIN, BYTES_MAX = 8 << 20, 1 << 30
TRIPS_MIN, TRIPS_MAX = 200, 20000
SIZE_PART = 0.3
COUNTED_BYTES, COUNTED_TRIPS = 32 << 20, 1000


@dataclass
class Place:
    """A device's place in a pass: its VM, how much it is given to do, and its failures."""

    device: Device
    rig: Rig | None = None
    amounts: dict[Probe, int] = field(default_factory=dict)
    failures: int = 0
    given_up: str = ""


@dataclass
class Bench:
    """A whole bench: runs every probe with every device, and keeps all runs."""

    setup: Setup
    devices: Sequence[Device]
    probes: Sequence[Probe]
    rounds: int
    seconds: float
    say: Callable[[str], None]
    runs: list[Run] = field(default_factory=list)

    def execute(self) -> list[Run]:
        """Run it all."""
        pairs = list(dict.fromkeys((probe.mode, probe.wire) for probe in self.probes))
        for mode, wire in pairs:
            Pass(self, mode, wire).execute()
        return self.runs


class Pass:
    """One kind of VM and one wire: all rounds of the probes that need them."""

    def __init__(self, bench: Bench, mode: str, wire: str) -> None:
        self.bench, self.mode, self.wire = bench, mode, wire
        self.probes = [probe for probe in bench.probes
                       if (probe.mode, probe.wire) == (mode, wire)]
        self.places = [Place(device) for device in bench.devices]

    def execute(self) -> None:
        """Boot, size, and go round."""
        try:
            for place in self.places:
                self._start(place)
                for probe in self.probes:
                    self._size(place, probe)
            for number in range(self.bench.rounds + SPARE_ROUNDS):
                if number >= self.bench.rounds and self._enough():
                    break
                self._round(number)
            for place in self.places:
                self._look(place)
        finally:
            for place in self.places:
                if place.rig is not None:
                    place.rig.close()

    def _round(self, number: int) -> None:
        for index, probe in enumerate(self.probes):
            for place in turns(self.places, number + index):
                self._turn(place, probe, number)

    def _turn(self, place: Place, probe: Probe, number: int) -> None:
        if place.given_up:
            self._note(Run(probe, place.device.name, number, why=place.given_up))
            return
        if place.rig is None:
            self._start(place)
        if probe not in place.amounts:
            self._size(place, probe)
        sample, why = self._try(place, probe, place.amounts.get(probe, 0))
        if sample is not None:
            place.failures = 0
        self._note(Run(probe, place.device.name, number, sample, why))

    def _enough(self) -> bool:
        """Whether every device that still runs has its rounds, of every probe."""
        for place in self.places:
            for probe in self.probes:
                good = sum(run.probe == probe and run.device == place.device.name
                           and run.sample is not None for run in self.bench.runs)
                if good < self.bench.rounds and not place.given_up:
                    return False
        return True

    def _note(self, run: Run) -> None:
        self.bench.runs.append(run)

    # -- one device ------------------------------------------------------------------------------

    def _start(self, place: Place) -> None:
        if place.given_up:
            return
        name = place.device.name
        self.bench.say(f"{self.mode}, {self.wire}: booting {name}")
        rig = Rig(place.device, self.mode, self.wire, self.bench.setup)
        try:
            rig.start()
        except Interrupted:
            raise
        except HarnessError as error:
            self._count_failure(place, f"its VM did not start: {error}")
            self._keep(rig)
        else:
            place.rig = rig

    def _try(self, place: Place, probe: Probe, amount: int) -> tuple[Sample | None, str]:
        if place.rig is None:
            return None, place.given_up or "its VM did not start."
        self.bench.say(f"{self.mode}, {self.wire}, {probe.order}: {place.device.name}")
        try:
            return place.rig.run(probe, amount), ""
        except Interrupted:
            raise
        except Invalid as error:
            self._count_failure(place, str(error))
            return None, str(error)
        except HarnessError as error:
            self._failed(place, str(error))
            return None, str(error)

    def _look(self, place: Place) -> None:
        """Figures of a VM in which something is broken or left over are no figures."""
        rig = place.rig
        findings = rig.look() if rig is not None else []
        if rig is None or not findings:
            return
        place.rig = None
        rig.close(keep=True)
        self._keep(rig)
        raise HarnessError(f"after the rounds, in the guest of {place.device.name}: "
                           + "; ".join(findings))

    def _failed(self, place: Place, why: str) -> None:
        """Note a failure after which the VM is not to be trusted."""
        if place.rig is not None:
            place.rig.close(keep=True)
            self._keep(place.rig)
            place.rig = None
        self._count_failure(place, why)

    def _keep(self, rig: Rig) -> None:
        self.bench.say(f"the files of this VM are kept in {rig.vm.run_dir}")

    def _count_failure(self, place: Place, why: str) -> None:
        self.bench.say(f"{self.mode}, {self.wire}: {place.device.name} failed: {why}")
        place.failures += 1
        if place.failures >= FAILURES_MAX:
            place.given_up = f"given up after {place.failures} failures, the last: {why}"

    def _size(self, place: Place, probe: Probe) -> None:
        """Find how much keeps this device busy for the time that a run shall take."""
        if probe.mode == COUNTED:
            place.amounts[probe] = COUNTED_TRIPS if probe.order == RR else COUNTED_BYTES
            return
        amount = PROBE_TRIPS if probe.order == RR else PROBE_BYTES
        # The first run meets code that has not been translated yet, and tells too low a pace.
        for part in (SIZE_PART, 1.0):
            sample, _ = self._try(place, probe, amount)
            if sample is None:
                return
            amount = amount_for(probe, sample, part * self.bench.seconds)
        place.amounts[probe] = amount
        place.failures = 0


def amount_for(probe: Probe, sample: Sample, seconds: float) -> int:
    """The bytes, or the round trips, that take about so long at the pace of a sample."""
    if probe.order == RR:
        return int(min(TRIPS_MAX, max(TRIPS_MIN, sample.amount * seconds / sample.seconds)))
    wanted = sample.amount * MB * seconds / sample.seconds
    return int(min(BYTES_MAX, max(BYTES_MIN, wanted))) >> 20 << 20


def turns(places: Sequence[Place], number: int) -> list[Place]:
    """The places in the order of a round: each round begins one further."""
    start = number % len(places)
    return [*places[start:], *places[:start]]
