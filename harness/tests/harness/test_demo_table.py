# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's table tells what was not shown, and counters that contradict each other are found."""

from __future__ import annotations

from chimney.demo import table


def test_lines_are_shown_only_when_both_sides_count_alike() -> None:
    cases = [table.Case("a case", "sends"), table.Case("a word", "send_batches", "device")]
    both = {"sends": 3, "send_batches": 1}
    assert [line.shown for line in table.lines(cases, both, both)] == [True, True]
    text = table.render({"part": table.lines(cases, both, both | {"sends": 4})})
    assert "<-- differ" in text and "(by the device's word)" in text
    assert "<-- not shown" in table.render({"part": table.lines(cases, {}, {})})


def test_contradictions() -> None:
    counts = {name: 4 for pair in (table.COMPLETED | table.BATCHED).items() for name in pair}
    counts |= {"send_batches": 2, "forward_batches": 0}
    assert table.contradictions("driver", counts) == []
    assert table.contradictions("driver", counts | {"forwards": 5}) == [
        "driver: 5 forwards, 4 forward_completions"]
    assert table.contradictions("device", counts | {"send_batches": 3}) == [
        "device: 3 send_batches, each of two or more of 4 send_completions"]
