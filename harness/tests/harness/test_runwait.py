# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host owes a process is seen, and nothing else is taken for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.host import runwait
from chimney.host.runwait import RunWait

SPIN = "import os; os.sched_setaffinity(0, {int(%r)})\nwhile True: pass"
SLEEP = "import time; time.sleep(60)"


@contextmanager
def children(*scripts: str) -> Iterator[list[int]]:
    """Python programs that run meanwhile; their processes."""
    running = [subprocess.Popen([sys.executable, "-c", script]) for script in scripts]
    try:
        yield [child.pid for child in running]
    finally:
        for child in running:
            child.kill()
            child.wait()


def seen(pids: list[int], seconds: float) -> tuple[float, float]:
    """How long it looked, and what it saw."""
    with RunWait(lambda: pids) as waits:
        begin = time.time()
        time.sleep(seconds)
        end = time.time()
    return end - begin, waits.between(begin, end)


def test_programs_that_share_a_processor_wait() -> None:
    """Three that spin on one processor wait for twice as long as there is, and all of it at most is
    told; one that sleeps waits for nothing.
    """
    spin = SPIN % min(os.sched_getaffinity(0))
    with children(spin, spin, spin, SLEEP) as pids:
        time.sleep(0.3)
        length, waited = seen(pids[:3], 0.5)
        assert 0.5 * length < waited <= length
        assert seen(pids[3:], 0.2)[1] < 0.1


def test_time_of_a_hypervisor_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes processors away without any thread that waits."""
    taken = iter(number / 100 for number in range(10000))
    monkeypatch.setattr(runwait, "stolen", lambda: next(taken))
    length, waited = seen([], 0.3)
    assert 0 < waited <= length


def test_nothing_is_known_of_other_times() -> None:
    """Before the first look and after the last nothing was counted, and no process is no fault."""
    with RunWait(lambda: [0]) as waits:
        pass
    now = time.time()
    assert waits.between(now + 1, now + 2) == waits.between(now - 9, now - 8) == 0
    assert waits.between(now, now) == 0
