# SPDX-License-Identifier: GPL-2.0-or-later
"""The arithmetic of the bench: from the samples of all rounds to rows with medians and ratios.

Pure. A ratio is formed within one round, of two runs that followed each other, and the median is
taken of the ratios: what the machine does to a whole round falls out.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .plan import BASE, Device, Metric, Probe, Sample

DIGITS = 6


@dataclass(frozen=True)
class Run:
    """One run of a probe with one device; without a sample it did not count, and why says so."""

    probe: Probe
    device: str
    round: int
    sample: Sample | None = None
    why: str = ""


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """Median and quartiles; None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, median, high)


def values_by_round(metric: Metric, device: str, runs: Iterable[Run]) -> dict[int, float]:
    """The metric's value in each round that counted."""
    found = {}
    for run in runs:
        if run.probe == metric.probe and run.device == device and run.sample is not None:
            value = metric.pick(run.sample)
            if value is not None:
                found[run.round] = value
    return found


def ratios(values: dict[int, float], base: dict[int, float]) -> list[float]:
    """Value by the base's value of the same round, for the rounds that both have."""
    return [value / base[number] for number, value in values.items() if base.get(number)]


def row(metric: Metric, device: Device, runs: Sequence[Run]) -> dict[str, Any]:
    """One row of the result."""
    mine = values_by_round(metric, device.name, runs)
    value = spread(list(mine.values()))
    ratio = spread(ratios(mine, values_by_round(metric, BASE, runs)))
    failures = [run.why for run in runs if run.probe == metric.probe
                and run.device == device.name and run.sample is None]
    return {
        "metric": metric.name, "device": device.name, "unit": metric.unit,
        "value": _rounded(value.median) if value else None,
        "ratio": _rounded(ratio.median) if ratio else None,
        "quartiles": [_rounded(value.low), _rounded(value.high)] if value else None,
        "ratio_quartiles": [_rounded(ratio.low), _rounded(ratio.high)] if ratio else None,
        "rounds": len(mine), "failed": len(failures), "why": failures[-1] if failures else None,
    }


def rows(metrics: Sequence[Metric], devices: Sequence[Device],
         runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Every row, by metric and then by device."""
    return [row(metric, device, runs) for metric in metrics for device in devices]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
