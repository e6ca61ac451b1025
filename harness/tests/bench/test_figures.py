# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench's arithmetic: medians, ratios within a round, and the shape of what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chimney.bench import figures, main, plan, report
from chimney.bench.figures import Run
from chimney.bench.plan import DEVICES, METRICS, Probe, Sample

SEND = METRICS["send-tap"]


def sample(gigabits: float, **fields: float) -> Sample:
    """A run of 1000 MB at a pace."""
    values = {"irqs": 0, "vcpu_ns": 0, "device_ns": 0, "peer_ns": 0} | fields
    return Sample(amount=1000.0, seconds=8 / gigabits, **values)


def runs(device: str, *paces: float | None, probe: Probe = SEND.probe) -> list[Run]:
    """One run per round; None is a run that did not count."""
    return [Run(probe, device, number, sample(pace) if pace else None, "" if pace else "broken")
            for number, pace in enumerate(paces)]


@pytest.mark.parametrize("values, low, median, high", [
    ([5.0], 5.0, 5.0, 5.0),
    ([1.0, 3.0], 1.5, 2.0, 2.5),
    ([9.0, 1.0, 5.0, 3.0, 7.0], 3.0, 5.0, 7.0),
    ([7.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2.5, 4.0, 5.5),
])
def test_spread_is_median_and_quartiles(values: list[float], low: float, median: float,
                                        high: float) -> None:
    assert figures.spread(values) == figures.Spread(low, median, high)


def test_spread_of_nothing_is_nothing() -> None:
    assert figures.spread([]) is None


def test_ratio_is_formed_within_the_round() -> None:
    """A machine that gets slower by half from round to round changes no ratio."""
    all_runs = runs(plan.BASE, 8, 4, 2) + runs("chimney", 12, 6, 3)
    row = figures.row(SEND, DEVICES["chimney"], all_runs)
    assert row["ratio"] == 1.5 and row["ratio_quartiles"] == [1.5, 1.5]
    assert row["value"] == 6 and row["quartiles"] == [4.5, 9]


def test_ratio_of_medians_would_be_another() -> None:
    all_runs = runs(plan.BASE, 1, 2, 10) + runs("igb", 2, 6, 10)
    row = figures.row(SEND, DEVICES["igb"], all_runs)
    assert row["ratio"] == 2 and row["value"] == 6


def test_round_counts_only_where_both_have_it() -> None:
    all_runs = runs(plan.BASE, 4, None, 4) + runs("igb", 2, 1, None)
    row = figures.row(SEND, DEVICES["igb"], all_runs)
    assert row["rounds"] == 2 and row["failed"] == 1 and row["ratio"] == 0.5
    assert row["why"] == "broken"


def test_device_that_never_ran_is_shown_with_its_reason() -> None:
    row = figures.row(SEND, DEVICES["chimney"], runs(plan.BASE, 4) + runs("chimney", None))
    assert row["value"] is None and row["ratio"] is None
    assert row["failed"] == 1 and row["why"] == "broken"
    text = report.text([row], "head")
    assert "1 runs of send-tap did not count, chimney: broken" in text


def test_other_probes_do_not_count() -> None:
    """Sends over the wire without TSO are no sends over the tap."""
    all_runs = runs(plan.BASE, 4) + runs("igb", 2, probe=METRICS["send-no-tso"].probe)
    assert figures.row(SEND, DEVICES["igb"], all_runs)["rounds"] == 0


def test_costs_are_by_megabyte_and_by_request() -> None:
    one = sample(1, irqs=5000, insns=2e6, doorbells=500, vcpu_ns=3e9)
    assert METRICS["send-tap-irqs"].pick(one) == 5
    assert METRICS["send-tap-insns"].pick(one) == 2000
    assert METRICS["send-tap-doorbells"].pick(one) == 0.5
    assert METRICS["send-tap-vcpu"].pick(one) == 3000
    assert METRICS["rr-insns"].pick(one) == 2000
    assert METRICS["send-tap"].pick(one) == pytest.approx(1)


def test_what_a_device_does_not_tell_is_left_out() -> None:
    row = figures.row(METRICS["send-tap-doorbells"], DEVICES["igb"], runs("igb", 1, 2, 3))
    assert row["rounds"] == 0 and row["failed"] == 0 and row["value"] is None


def test_written_json_is_a_list_of_rows(tmp_path: Path) -> None:
    all_runs = runs(plan.BASE, 4, 5) + runs("chimney", 4, None)
    devices = [DEVICES["chimney"], DEVICES[plan.BASE]]
    file = tmp_path / "bench.json"
    main.write(file, figures.rows([SEND, METRICS["rr-p50"]], devices, all_runs))
    rows = json.loads(file.read_text())
    assert [(row["metric"], row["device"]) for row in rows] == [
        ("send-tap", "chimney"), ("send-tap", plan.BASE), ("rr-p50", "chimney"),
        ("rr-p50", plan.BASE)]
    for row in rows:
        assert {"metric", "device", "unit", "value", "ratio"} <= set(row)
    assert rows[0]["unit"] == "Gbit/s" and rows[0]["value"] == 4 and rows[0]["ratio"] == 1


@pytest.mark.parametrize("paces, answer", [
    ((3.0, 3.0), "0.75, NOT MET"), ((5.0, 5.0), "1.25, met")])
def test_goals_are_judged(paces: tuple[float, ...], answer: str) -> None:
    rows = figures.rows([SEND], [DEVICES["chimney"], DEVICES[plan.BASE]],
                        runs(plan.BASE, 4, 4) + runs("chimney", *paces))
    lines = [line for line in report.text(rows, "head").splitlines() if line.startswith("goal: ")]
    assert lines == [f"goal: chimney send-tap at least 1 of virtio-net-pci: {answer}"]


def test_table_shows_every_device_and_its_spread() -> None:
    rows = figures.rows([SEND], [DEVICES["igb"], DEVICES[plan.BASE]],
                        runs(plan.BASE, 4, 4, 4) + runs("igb", 1, 2, 3))
    text = report.text(rows, "head")
    line = next(line for line in text.splitlines() if line.strip().startswith("igb"))
    assert line.split() == ["igb", "2.00", "1.50", "..", "2.50", "0.50", "0.38", "..", "0.62", "3"]
