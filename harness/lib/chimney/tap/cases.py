# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests have come to: cases in suites, which may be nested, and how much of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

# Of one stream: cases, and characters of the text that goes with those that have failed.
CASES_MAX = 100_000
TEXT_MAX = 16 << 20
# Lines of text for one case.
LINES_MAX = 100


class Outcome(Enum):
    """What a case has come to. An error is no result of a test: the results are not whole."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failure"
    ERROR = "error"


@dataclass
class Case:
    """One test: why it has come to that, in a sentence or a word, and lines that tell more."""

    name: str
    outcome: Outcome = Outcome.PASSED
    why: str = ""
    text: list[str] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether a run with this case has failed."""
        return self.outcome in (Outcome.FAILED, Outcome.ERROR)


@dataclass
class Suite:
    """Cases and suites that belong together, in the order of their results."""

    name: str
    items: list[Case | Suite] = field(default_factory=list)

    def cases(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Case]]:
        """Every case below it, with the names of the suites above the case."""
        for item in self.items:
            if isinstance(item, Suite):
                yield from item.cases((*path, self.name))
            else:
                yield (*path, self.name), item

    @property
    def bad(self) -> bool:
        """Whether a case below it is."""
        return any(case.bad for _, case in self.cases())


class Budget:
    """How much more one stream may have kept."""

    def __init__(self, cases: int = CASES_MAX, text: int = TEXT_MAX) -> None:
        self.most = cases
        self._cases = cases
        self._text = text

    @property
    def spent(self) -> bool:
        """Whether there have been more cases than may be."""
        return self._cases < 0

    def case(self) -> bool:
        """Whether one more case may be kept."""
        self._cases -= 1
        return not self.spent

    def add(self, case: Case, lines: list[str]) -> None:
        """Give a case lines, as many as there is room for."""
        for line in lines:
            if len(case.text) >= LINES_MAX or len(line) > self._text:
                return
            self._text -= len(line)
            case.text.append(line)
