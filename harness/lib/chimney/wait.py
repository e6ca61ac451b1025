# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting with a deadline and a name: how everything waits here for what has no event to wait on.

A wait that runs out raises WaitTimeout, which says what was waited for and for how long. Where
guests are slow, as on the debug kernel, CHIMNEY_PACE in the environment makes every deadline that
many times longer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from .errors import WaitTimeout

T = TypeVar("T")
PACE = float(os.environ.get("CHIMNEY_PACE", "1"))


def paced(seconds: float) -> float:
    """What `seconds` of an ordinary guest are in the guests of this run."""
    return seconds * PACE


class Deadline:
    """A point in time that several waits of one operation share."""

    def __init__(self, seconds: float) -> None:
        self.seconds = paced(seconds)
        self._end = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time has run out."""
        return self.left == 0.0

    def check(self, what: str, detail: str = "") -> None:
        """Raise WaitTimeout when the time has run out."""
        if self.passed:
            raise WaitTimeout(what, self.seconds, detail)


def wait_until(condition: Callable[[], T], what: str, seconds: float,
               interval: float = 0.02) -> T:
    """Call condition until it returns something true, and return that. The last call begins after
    the deadline: it counts what the guest did, also where this process stood still.
    """
    deadline = Deadline(seconds)
    while True:
        passed = deadline.passed
        value = condition()
        if value:
            return value
        if passed:
            deadline.check(what)
        time.sleep(min(interval, deadline.left + 0.001))


def stays(condition: Callable[[], bool], what: str, seconds: float,
          interval: float = 0.2) -> None:
    """Look for some time that a condition holds; raise AssertionError as soon as it does not."""
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        if not condition():
            raise AssertionError(f"{what} was true for {passed:.1f} s only, "
                                 f"not for {seconds:.1f} s")
        time.sleep(min(interval, seconds - passed))
