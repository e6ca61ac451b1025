# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole output of a command: suites of cases, one for each document in it.

A console has two writers. Lines with the kernel's time stamp and lines without are therefore read
as two streams; a line of the kernel's that says nothing also goes with the program's, as it may be
why a test has failed.
"""

from __future__ import annotations

from collections.abc import Iterable

from .cases import CASES_MAX, Budget, Case, Outcome, Suite
from .level import Level
from .lines import Line, Lines
from .words import read


class Stream:
    """Takes the output in pieces of any size; never raises for what it says."""

    def __init__(self, name: str, cases: int = CASES_MAX) -> None:
        """Name the suites; keep so many cases at the most."""
        self._name = name
        self._lines = Lines()
        self._budget = Budget(cases)
        self._program = Level(self._budget)
        self._kernel = Level(self._budget)

    def feed(self, data: bytes) -> None:
        """What comes next."""
        self._take(self._lines.feed(data))

    def end(self, cut: str = "") -> list[Suite]:
        """The suites; `cut` says why the output ended before its time, if it did. No suite: there
        was no TAP.
        """
        self._take(self._lines.end())
        full = self._budget.spent
        for level in (self._program, self._kernel):
            if level.begun:
                level.end(cut)
        documents = [*self._program.documents, *self._kernel.documents]
        if full:
            documents.append([Case("too many cases", Outcome.ERROR, "there are more than "
                                   f"{self._budget.most} cases; the rest is not looked at")])
        return [Suite(self._name if number == 1 else f"{self._name} {number}", items)
                for number, items in enumerate(documents, 1)]

    def _take(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if self._budget.spent:
                continue
            if not line.stamped:
                self._program.take(line.text)
                continue
            self._kernel.take(line.text)
            if read(line.text.lstrip(" ")) is None:
                self._program.note(line.text)
