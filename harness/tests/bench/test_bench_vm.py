# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench for real, as small as it can be: two devices, two metrics, few rounds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
pytestmark = [pytest.mark.vm, pytest.mark.tap, pytest.mark.slow, pytest.mark.timeout(400)]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the bench as a user does."""
    return subprocess.run([str(BENCH), "--quick", *words], capture_output=True, text=True,
                          timeout=380)


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
