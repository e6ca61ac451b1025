# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench's rounds, with rigs that follow a script: what counts, what is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimney.bench import plan, rig, schedule
from chimney.bench.plan import DEVICES, SEND, TAP, TIMED, Device, Probe, Sample
from chimney.bench.rig import Invalid, Setup, check_share, count_irqs
from chimney.bench.schedule import Bench
from chimney.cli.signals import Interrupted
from chimney.errors import HarnessError

PROBE = Probe(TIMED, TAP, SEND)
SETUP = Setup("6.1", 1, Path("load"), Path("plugin"))
GOOD = Sample(100.0, 1.0, 0, 0, 0, 0)


class Script:
    """What the rigs of each device do, and what was done to them."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failures: dict[str, list[HarnessError | None]] = {}
        self.left: dict[str, list[str]] = {}
        self.closed = 0

    def rig(self, device: Device, *_rest: object) -> ScriptedRig:
        return ScriptedRig(self, device)


class ScriptedRig:
    """Stands in for a VM: only the schedule is under test."""

    vm = type("Vm", (), {"run_dir": Path("somewhere")})

    def __init__(self, script: Script, device: Device) -> None:
        self.script, self.device = script, device

    def start(self) -> None:
        if self.device.name == "igb" and "igb" not in self.script.failures:
            return
        plan_ = self.script.failures.get(self.device.name + " boot", [])
        if plan_ and (error := plan_.pop(0)):
            raise error

    def run(self, _probe: Probe, _amount: int) -> Sample:
        self.script.ran.append(self.device.name)
        plan_ = self.script.failures.get(self.device.name, [])
        if plan_ and (error := plan_.pop(0)):
            raise error
        return GOOD

    def look(self) -> list[str]:
        return self.script.left.get(self.device.name, [])

    def close(self, keep: bool = False) -> None:
        self.script.closed += 1


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Rigs by script."""
    made = Script()
    monkeypatch.setattr(schedule, "Rig", made.rig)
    return made


def bench(*names: str, rounds: int = 3) -> Bench:
    """A bench of one probe."""
    return Bench(SETUP, [DEVICES[name] for name in names], [PROBE], rounds, 1.0, lambda _text: None)


def good(made: Bench, device: str) -> int:
    """How many rounds counted."""
    return sum(run.device == device and run.sample is not None for run in made.runs)


def test_rounds_alternate_over_the_devices(script: Script) -> None:
    bench("igb", "vmxnet3", plan.BASE).execute()
    assert script.ran[6:] == ["igb", "vmxnet3", plan.BASE, "vmxnet3", plan.BASE, "igb", plan.BASE,
                              "igb", "vmxnet3"]
    assert script.closed == 3


def test_run_that_does_not_count_is_repeated_by_all(script: Script) -> None:
    script.failures["chimney"] = [None, None, Invalid("the card carried 98.0%.")]
    made = bench("chimney", plan.BASE)
    made.execute()
    assert good(made, "chimney") == 3 and good(made, plan.BASE) == 4
    assert [run.why for run in made.runs if run.sample is None] == ["the card carried 98.0%."]


def test_vm_that_fails_is_started_afresh(script: Script) -> None:
    script.failures["vmxnet3"] = [None, None, HarnessError("panic")]
    made = bench("vmxnet3", plan.BASE)
    made.execute()
    assert good(made, "vmxnet3") == 3 and script.closed == 3


def test_device_that_fails_twice_running_is_given_up_and_shown(script: Script) -> None:
    script.failures["vmxnet3"] = [None, None, HarnessError("panic"), HarnessError("panic again")]
    made = bench("vmxnet3", plan.BASE)
    made.execute()
    assert good(made, "vmxnet3") == 0 and good(made, plan.BASE) == 3
    last = [run for run in made.runs if run.device == "vmxnet3"][-1]
    assert "given up after 2 failures, the last: panic again" in last.why


def test_device_that_does_not_boot_is_shown(script: Script) -> None:
    script.failures["vmxnet3 boot"] = [HarnessError("no link"), HarnessError("no link")]
    made = bench("vmxnet3", plan.BASE)
    made.execute()
    assert good(made, "vmxnet3") == 0 and good(made, plan.BASE) == 3
    assert all("did not start: no link" in run.why for run in made.runs if run.device == "vmxnet3")


def test_interrupt_ends_the_bench_and_its_vms(script: Script) -> None:
    """A signal is no failure of a device: nothing else may start, and every VM must end."""
    script.failures["vmxnet3"] = [None, None, Interrupted(2)]
    made = bench("vmxnet3", plan.BASE)
    with pytest.raises(Interrupted):
        made.execute()
    assert not made.runs and script.closed == 2


def test_share_decides_whether_an_offloaded_run_counts() -> None:
    def with_share(share: float | None) -> Sample:
        return Sample(100.0, 1.0, 0, 0, 0, 0, share=share)

    check_share(DEVICES["chimney"], with_share(0.99))
    check_share(DEVICES["chimney-nic"], with_share(0.0))
    check_share(DEVICES["igb"], with_share(None))
    for device, share in (("chimney", 0.98), ("chimney", None), ("chimney-nic", 0.5)):
        with pytest.raises(Invalid):
            check_share(DEVICES[device], with_share(share))


def test_interrupts_of_the_card_are_summed_over_processors() -> None:
    text = ("           CPU0       CPU1\n"
            " 24:          5          7   PCI-MSI 1-edge      eth0-tx-0\n"
            " 25:        100          0   PCI-MSI 2-edge      eth0-rx-0\n"
            "124:         50         50   PCI-MSI 3-edge      virtio0-virtqueues\n"
            "LOC:        750        750   Local timer interrupts\n")
    assert count_irqs(text, {"24", "25"}) == 112


def test_order_texts() -> None:
    assert rig.order_text(PROBE, 1000) == "send 1000"
    assert rig.order_text(Probe(TIMED, TAP, plan.RR), 50) == "rr 50 64"


def test_what_is_left_over_in_a_guest_ends_the_bench(script: Script) -> None:
    """Leftovers in one VM: no figures, and every VM is ended."""
    script.left["chimney"] = ["objects left over: slab chimney_conn had 0 and has 1"]
    with pytest.raises(HarnessError, match="in the guest of chimney: objects left over"):
        bench("virtio-net-pci", "chimney").execute()
    assert script.closed == 2
