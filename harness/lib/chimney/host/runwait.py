# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the host made processes wait for a processor.

A gap on the wire is the card's fault only as far as the host has let the VM run. The kernel counts
for each thread how long it stood ready without a processor (the second number of schedstat), and
for the whole machine what a hypervisor below took away (steal, in /proc/stat).
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

PERIOD = 0.02  # seconds between two looks
TICK = 1 / os.sysconf("SC_CLK_TCK")
STEAL = 8  # its place in the first line of /proc/stat


def thread_waits(pid: int) -> dict[int, float]:
    """Seconds that each thread of a process has waited so far; none when it has ended."""
    waits: dict[int, float] = {}
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                waits[int(task.name)] = int((task / "schedstat").read_text().split()[1]) / 1e9
    return waits


def stolen() -> float:
    """Seconds of all processors that a hypervisor below has taken so far."""
    with Path("/proc/stat").open() as stat:
        return int(stat.readline().split()[STEAL]) * TICK


class RunWait:
    """Looks at the threads of some processes every 20 ms, from `with` to its end.

    `pids` is asked anew at each look, in a thread of its own. Times are seconds since the epoch, as
    captures have them.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._end = threading.Event()
        self._times: list[float] = []
        self._totals: list[float] = []
        self._threads: dict[int, float] = {}
        self._stolen = stolen()
        self._watcher = threading.Thread(target=self._watch, name="runwait", daemon=True)

    def __enter__(self) -> RunWait:
        self._look()
        self._watcher.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end.set()
        self._watcher.join()
        self._look()

    def between(self, begin: float, end: float) -> float:
        """How many seconds of this time all threads together have waited, at most all of it. What
        was counted from the last look before it until the first look after it belongs to it.
        """
        if not self._times or end <= begin:
            return 0.0
        first = max(0, bisect_right(self._times, begin) - 1)
        last = min(len(self._times) - 1, bisect_left(self._times, end))
        return min(end - begin, self._totals[last] - self._totals[first])

    def _watch(self) -> None:
        while not self._end.wait(PERIOD):
            self._look()

    def _look(self) -> None:
        now = {task: wait for pid in self._pids() for task, wait in thread_waits(pid).items()}
        taken = stolen()
        more = taken - self._stolen
        more += sum(wait - self._threads[task] for task, wait in now.items()
                    if task in self._threads)
        self._threads, self._stolen = now, taken
        self._times.append(time.time())
        self._totals.append(more + (self._totals[-1] if self._totals else 0.0))
