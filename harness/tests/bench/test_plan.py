# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bench takes and refuses, and in which order it would run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from chimney.bench import main, plan, schedule
from chimney.bench.plan import COUNTED, NO_TSO, RR, SEND, TAP, TIMED, Probe, Sample
from chimney.bench.schedule import Place, amount_for, turns

BENCH = Path(__file__).resolve().parents[2] / "bench"


WRONG = [
    (["--devices", "chimney,rtl8139"], "rtl8139 is unknown"),
    (["--devices", ","], "names no device"),
    (["--metrics", "speed"], "speed is unknown"),
    (["--metrics", "speed*"], "speed* is unknown"),
    (["--rounds", "0x"], "'0x' is not a number from 1 to 1000"),
    (["--rounds", "-1"], "'-1' is not a number from 1 to 1000"),
    (["--cpus", "0"], "'0' is not a number from 1 to 64"),
    (["--json", "/nonexistent/bench.json"], "does not exist"),
    (["--kernel", "7.7"], "7.7 is unknown"),
    (["--profile", "chimney"], "is not DEVICE:ORDER"),
    (["--profile", "rtl8139:send"], "is not DEVICE:ORDER"),
    (["--fast"], "unknown option: --fast"),
]


@pytest.mark.parametrize("words, sentence", WRONG)
def test_wrong_use_is_one_sentence(words: list[str], sentence: str,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(words) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and not said.out


def test_program_lists_its_metrics() -> None:
    done = subprocess.run([str(BENCH), "--list"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(plan.METRICS)


def test_help_names_every_option_and_each_has_a_test(capsys: pytest.CaptureFixture[str]) -> None:
    """--list is tried above, --quick decides on rounds and on the status."""
    with pytest.raises(SystemExit) as ended:
        main.main(["--help"])
    said = capsys.readouterr().out
    options = main.make_parser().options()
    assert ended.value.code == 0 and all(f"{option} " in said for option in options)
    wrong = {words[0] for words, _ in WRONG if words[0] != "--fast"}
    assert set(options) == wrong | {"--help", "--list", "--quick"}


def test_all_devices_by_default_and_the_base_always() -> None:
    assert [device.name for device in plan.pick_devices(None)] == [
        "chimney", "chimney-nic", "virtio-net-pci", "igb", "e1000e", "vmxnet3"]
    assert [device.name for device in plan.pick_devices("igb")] == ["virtio-net-pci", "igb"]


def test_metrics_can_be_named_by_their_beginning() -> None:
    names = [metric.name for metric in plan.pick_metrics("rr-p*,send-tap")]
    assert names == ["send-tap", "rr-p50", "rr-p99", "rr-peer"]


def test_only_what_is_needed_is_run() -> None:
    assert plan.probes_of(plan.pick_metrics("send-tap,send-tap-irqs")) == [
        Probe(TIMED, TAP, SEND)]
    assert plan.probes_of(plan.pick_metrics("rr-insns,send-no-tso")) == [
        Probe(TIMED, NO_TSO, SEND), Probe(COUNTED, TAP, RR)]


def test_every_wanted_figure_has_a_metric() -> None:
    for order in ("send", "recv"):
        for wire in ("tap", "no-tso"):
            assert plan.METRICS[f"{order}-{wire}"].more_is_better
            for cost in ("insns", "irqs", "doorbells"):
                assert plan.METRICS[f"{order}-{wire}-{cost}"].unit == "1/MB"
    assert plan.METRICS["rr-p50"].unit == plan.METRICS["rr-p99"].unit == "us"


def test_each_round_begins_with_another_device() -> None:
    places = [Place(device) for device in plan.pick_devices(None)]
    orders = [[place.device.name for place in turns(places, number)] for number in range(12)]
    assert {order[0] for order in orders[:6]} == set(plan.DEVICES)
    assert all(sorted(order) == sorted(plan.DEVICES) for order in orders)
    assert orders[0] == orders[6] != orders[1]


@pytest.mark.parametrize("megabytes, took, amount", [
    (8, 0.02, 400_000_000 >> 20 << 20),
    (8, 100.0, schedule.BYTES_MIN),
    (8, 0.0001, schedule.BYTES_MAX),
])
def test_runs_take_the_time_asked_for(megabytes: float, took: float, amount: int) -> None:
    sample = Sample(megabytes, took, 0, 0, 0, 0)
    assert amount_for(Probe(TIMED, TAP, SEND), sample, 1.0) == amount


def test_round_trips_are_sized_by_their_pace() -> None:
    assert amount_for(Probe(TIMED, TAP, RR), Sample(200, 0.1, 0, 0, 0, 0), 1.0) == 2000
