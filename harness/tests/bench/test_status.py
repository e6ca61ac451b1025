# SPDX-License-Identifier: GPL-2.0-or-later
"""With which status the bench ends: the whole command, on rows that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chimney.bench import main, report
from chimney.bench.main import ROUNDS, STATUS_GOALS, STATUS_INCOMPLETE

Row = dict[str, Any]
Goal = report.Goal


def row_of(goal: Goal, ratio: float | None, rounds: int = ROUNDS, failed: int = 0) -> Row:
    """The row of a goal's metric."""
    return {"metric": goal.metric, "device": goal.device, "unit": "1", "value": ratio,
            "ratio": ratio, "quartiles": None, "ratio_quartiles": None, "rounds": rounds,
            "failed": failed, "why": "broken" if failed else None}


def reached() -> list[Row]:
    """Every goal, just reached."""
    return [row_of(goal, goal.bound) for goal in report.GOALS]


def missed(goal: Goal) -> float:
    """A ratio that is not good enough."""
    return goal.bound * (0.99 if goal.at_least else 1.01)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the results; nothing is built or started."""
    monkeypatch.setattr(main, "_prepare", lambda *_: None)
    monkeypatch.setattr(main.net, "check_tap_possible", lambda: None)
    for helper in (main.loadgen, main.plugin):
        monkeypatch.setattr(helper, "build", lambda: tmp_path)
    monkeypatch.setattr(main.Bench, "execute", lambda _self: [])
    return tmp_path


def status(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Row], *words: str) -> int:
    """The status of a bench that has measured these rows."""
    monkeypatch.setattr(main.figures, "rows", lambda *_: rows)
    return main.main(["--json", str(folder / "bench.json"), "--kernel", "6.1", *words])


def test_every_goal_reached_is_success(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(folder, monkeypatch, reached()) == 0


@pytest.mark.parametrize("number", range(len(report.GOALS)),
                         ids=[f"{goal.device}-{goal.metric}" for goal in report.GOALS])
def test_each_goal_can_fail_the_bench(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """One goal that is missed, has no figure, or is not there at all, and all others reached."""
    goal, rows = report.GOALS[number], reached()
    rows[number] = row_of(goal, missed(goal))
    assert status(folder, monkeypatch, rows) == STATUS_GOALS
    assert capsys.readouterr().out.count("NOT MET") == 1
    rows[number] = row_of(goal, None, rounds=0, failed=ROUNDS)
    assert status(folder, monkeypatch, rows) == STATUS_GOALS
    assert status(folder, monkeypatch, rows[:number] + rows[number + 1:]) == STATUS_GOALS


def test_rows_without_their_rounds_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Goal("igb", "send-tap", 0, True)
    rows = [*reached(), row_of(other, 1.0, rounds=ROUNDS - 1, failed=1)]
    assert status(folder, monkeypatch, rows) == STATUS_INCOMPLETE
    cannot_have_it = row_of(other, None, rounds=0)
    assert status(folder, monkeypatch, [*reached(), cannot_have_it]) == 0


@pytest.mark.parametrize("words", [["--quick"], ["--devices", "chimney"],
                                   ["--metrics", "send-tap"]])
def test_part_of_the_bench_decides_nothing(words: list[str], folder: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    goal = report.GOALS[0]
    assert status(folder, monkeypatch, [row_of(goal, missed(goal))], *words) == 0
    short = row_of(goal, 2.0, rounds=1, failed=1)
    assert status(folder, monkeypatch, [short], *words) == STATUS_INCOMPLETE


def test_the_statuses_are_distinct_and_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert len({0, 2, 124, 125, STATUS_GOALS, STATUS_INCOMPLETE}) == 6
    with pytest.raises(SystemExit):
        main.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"exits with {STATUS_GOALS} if one is missed or was not measured" in said
