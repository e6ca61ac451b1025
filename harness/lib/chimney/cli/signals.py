# SPDX-License-Identifier: GPL-2.0-or-later
"""The signals that end a program, as an exception, so that everything is cleaned up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..errors import HarnessError


class Interrupted(HarnessError):
    """A signal asked the harness itself to stop."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name}.")


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let the signals that end a program raise instead, so that everything is cleaned up."""
    def act(number: int, _frame: FrameType | None) -> None:
        # A second signal must not cut the clean-up short.
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = {number: signal.signal(number, act) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
