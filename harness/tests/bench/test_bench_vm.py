# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench for real, as small as it can be: two devices, two metrics, few rounds."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney.bench import loadgen, plan, plugin
from chimney.bench.rig import Invalid, Rig, Setup
from chimney.vm.boot import Vm

BENCH = Path(__file__).resolve().parents[2] / "bench"
pytestmark = [pytest.mark.vm, pytest.mark.tap, pytest.mark.slow, pytest.mark.timeout(1200)]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the bench as a user does."""
    return subprocess.run([str(BENCH), "--quick", *words], capture_output=True, text=True,
                          timeout=1180)


LOOP = """
int main(void)
{
    asm volatile("mov $100000000, %%rcx; 1: dec %%rcx; jnz 1b" ::: "rcx", "cc");
    return 0;
}
"""


def test_plugin_counts_what_the_guest_executes(make_vm: Callable[..., Vm], tmp_path: Path) -> None:
    """A program of 200 million instructions counts as that many, and an idle guest as few."""
    (tmp_path / "loop.c").write_text(LOOP)
    subprocess.run(["gcc", "-O2", "-o", tmp_path / "loop", tmp_path / "loop.c"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        ear = Path(folder) / "ear"
        vm = make_vm(device="virtio-net-pci", bins=[str(tmp_path / "loop")],
                     qemu_args=plugin.arguments(plugin.build(), ear))
        plugin.settle(ear)
        before = plugin.read(ear).insns
        vm.run([str(tmp_path / "loop")])
        counted = plugin.read(ear).insns - before
        assert 200e6 < counted < 220e6
        begin, at = plugin.read(ear).insns, time.monotonic()
        time.sleep(0.5)
        assert (plugin.read(ear).insns - begin) / (time.monotonic() - at) < 20e6


@pytest.mark.drawn(2, over="quick_bench_yields_rows_of_time_and_instructions")
def test_quick_bench_yields_rows_of_time_and_instructions(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = run("--devices", "vmxnet3", "--metrics", "send-tap,send-tap-insns", "--kernel", "6.1",
               "--json", str(file))
    assert done.returncode == 0, done.stderr
    rows = {(row["metric"], row["device"]): row for row in json.loads(file.read_text())}
    assert set(rows) == {(metric, device) for metric in ("send-tap", "send-tap-insns")
                         for device in ("virtio-net-pci", "vmxnet3")}
    assert all(row["rounds"] >= 3 and row["failed"] == 0 for row in rows.values())
    assert all(row["ratio"] == 1 for (_, device), row in rows.items() if device != "vmxnet3")
    # A copy of a megabyte alone takes more than 100000 instructions.
    assert 1e5 < rows["send-tap-insns", "vmxnet3"]["value"] < 1e8
    assert 0.01 < rows["send-tap", "vmxnet3"]["value"] < 1000
    assert "send-tap, Gbit/s" in done.stdout and "guest instructions" in done.stdout


def test_card_without_a_driver_is_refused() -> None:
    done = run("--devices", "igb", "--kernel", "6.1")
    assert done.returncode == 2 and "no module igb" in done.stderr and not done.stdout


def test_run_that_linux_carried_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: without the hand-over the card's own counters give the run away."""
    monkeypatch.setattr(Rig, "_hand_over", lambda _self: None)
    rig = Rig(plan.DEVICES["chimney"], plan.TIMED, plan.TAP,
              Setup("6.1", 1, loadgen.build(), Path("none")))
    rig.start()
    try:
        with pytest.raises(Invalid, match=r"the card carried 0\.0% of the bytes"):
            rig.run(plan.Probe(plan.TIMED, plan.TAP, plan.SEND), 4 << 20)
        assert not rig.look()
    finally:
        rig.close()


@pytest.mark.drawn(2, over="offloaded_rounds_are_carried_by_the_card")
def test_offloaded_rounds_are_carried_by_the_card(tmp_path: Path) -> None:
    """A row of the offloaded card stands only on rounds whose bytes the card carried."""
    file = tmp_path / "figures.json"
    done = run("--devices", "chimney,chimney-nic", "--metrics", "recv-no-tso*", "--kernel", "6.1",
               "--json", str(file))
    assert done.returncode == 0, done.stderr
    rows = {(row["metric"], row["device"]): row for row in json.loads(file.read_text())}
    assert rows["recv-no-tso", "chimney"]["rounds"] >= 3
    assert rows["recv-no-tso-doorbells", "chimney"]["value"] > 0
    assert rows["recv-no-tso-doorbells", "virtio-net-pci"]["value"] is None
