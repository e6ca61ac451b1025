# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of one level of TAP or KTAP, and the levels below it.

A level below stands behind a prefix: blanks, two in KTAP and four in TAP, or the "# " of kselftest,
which makes comments of a test's own output. It begins with a version, a plan, a "# Subtest", or a
first result, and ends with the result of its level above, which has its name. Where a level has
several documents one after the other, each has its own plan.

Comments and foreign lines go to a test that has failed: the one whose result comes next where the
document has a version, as in KTAP, and the one before where it has none, as with Test::More.
"""

from __future__ import annotations

import re
from collections import deque

from .cases import LINES_MAX, Budget, Case, Outcome, Suite
from .plan import complaint
from .words import Bail, Plan, Result, Said, Subtest, Version, read

DEPTH_MAX = 16
HASH = "# "
YAML_BEGIN = re.compile(r"( +)---(?:\s.*)?")
NO_RESULT = "there is no result for these subtests as a whole"
NOT_OK = "not ok, although none of its subtests has failed"


class Level:
    """Takes lines without the prefix of the level; results gather in `items`."""

    def __init__(self, budget: Budget, depth: int = 0, name: str = "") -> None:
        self.items: list[Case | Suite] = []
        self.documents: list[list[Case | Suite]] = []
        self.name = name
        self.bailed = False
        self._budget = budget
        self._depth = depth
        self._child: Level | None = None
        self._prefix = ""
        self._waiting: list[Level] = []
        self._next_name: str | None = None
        self._text: deque[str] = deque(maxlen=LINES_MAX)
        self._yaml = ""
        self._begin()

    def _begin(self) -> None:
        """A new document."""
        self._version: Version | None = None
        self._plan: Plan | None = None
        self._plan_behind = False
        self._numbers: list[int] = []
        self._last: Case | None = None
        self._yaml_may = False

    @property
    def begun(self) -> bool:
        """Whether anything has been said at this level or below."""
        return bool(self._version or self._plan or self._numbers or self.documents or self.items
                    or self._child or self._waiting)

    def take(self, text: str) -> None:
        """The next line."""
        if self._yaml and self._in_yaml(text):
            return
        if self._child is not None and (text.startswith(self._prefix)
                                        or text == self._prefix.rstrip()):
            self._child.take(text[len(self._prefix):])
            return
        body = text.lstrip(" ")
        version = self._version
        said = read(body, version is None or not version.ktap and version.number > 13)
        if len(body) == len(text):
            self._own(text, said)
        elif not self._begins_yaml(text) and not self._descend(text, len(text) - len(body), said):
            self.note(text)

    def note(self, text: str) -> None:
        """A line that says nothing: it may be about the test below that is under way now, or about
        the one here that its result will be of.
        """
        if self._child is not None:
            self._child.note(text)
        if self.begun and text:
            self._text.append(text)

    def end(self, cut: str = "") -> None:
        """There are no more lines; `cut` says why not, if they ended before their time."""
        open_ = self._innermost()
        if self._yaml or self._child is not None:
            where = "a YAML block" if self._yaml else f"the subtests of {open_ or 'a test'}"
            self._truncated(f"the output ends within {where}", cut)
            self._silence()
        elif cut and self._complaint():
            self._truncated(self._complaint(), cut)
        self._finish()

    def _innermost(self) -> str:
        return (self._child._innermost() or self._child.name) if self._child else ""

    def _silence(self) -> None:
        """Nothing is to be said of what is missing from here on inwards."""
        self.bailed = True
        if self._child is not None:
            self._child._silence()

    def _truncated(self, what: str, cut: str) -> None:
        if not self.bailed and not (self._child and self._child._has_bailed()):
            self._give_up("truncated output", Outcome.ERROR,
                          f"truncated: {what}" + (f" ({cut})" if cut else ""))

    def _give_up(self, name: str, outcome: Outcome, why: str) -> None:
        """The document is not whole, so its plan is nothing to complain about any more."""
        self._add(Case(name, outcome, why), list(self._text))
        self.bailed = True

    def _has_bailed(self) -> bool:
        return self.bailed or self._child is not None and self._child._has_bailed()

    def _own(self, text: str, said: Said | None) -> None:
        """A line of this level."""
        if isinstance(said, Result):
            self._result(said)
        elif isinstance(said, Version):
            if self.begun:
                self._finish()
            self._version = said
        elif isinstance(said, Plan):
            if self._plan is not None:
                self._finish()
            self._plan, self._plan_behind = said, bool(self._numbers)
        elif isinstance(said, Bail):
            if not self._has_bailed():
                self._give_up("Bail out!", Outcome.ERROR, f"Bail out! {said.reason}".strip())
        elif isinstance(said, Subtest):
            if self._depth and not self.name and not self._numbers:
                self.name = said.name
            else:
                self._next_name = said.name
        elif not self._kselftest(text):
            self.note(text)

    def _kselftest(self, text: str) -> bool:
        """Whether a test's own output begins here, in comments."""
        inner = text.removeprefix(HASH)
        if inner == text or not isinstance(read(inner), Version) or self._depth >= DEPTH_MAX:
            return False
        self._open(HASH)
        assert self._child is not None
        self._child.take(inner)
        return True

    def _descend(self, text: str, indent: int, said: Said | None) -> bool:
        """Whether an indented line begins a level below. A result does so if it is the first, or if
        one that is further in waits for it.
        """
        first = isinstance(said, Result) and (
            said.number == 1 or said.number is None and self._next_name is not None
            or self._child is not None and self._prefix.isspace())
        if not first and not isinstance(said, Version | Plan | Subtest):
            return False
        if self._depth >= DEPTH_MAX:
            return False
        self._open(" " * indent)
        assert self._child is not None
        self._child.take(text[indent:])
        return True

    def _open(self, prefix: str) -> None:
        """Begin a level below. One that was further in belongs to it, if it has not ended: its
        result is still to come.
        """
        inner = self._child
        deeper = inner is not None and prefix != HASH and len(self._prefix) > len(prefix)
        if inner is not None and not deeper:
            self._close_child()
        self._budget.case()
        child = Level(self._budget, self._depth + 1, self._next_name or "")
        if inner is not None and deeper:
            inner._finish()
            child._waiting.append(inner)
            child.bailed = inner.bailed
        self._child, self._prefix, self._next_name = child, prefix, None

    def _close_child(self) -> None:
        if self._child is not None:
            self._child._finish()
            self.bailed |= self._child.bailed
            self._waiting.append(self._child)
            self._child = None

    def _result(self, result: Result) -> None:
        self._close_child()
        if (self._plan and len(self._numbers) >= max(1, self._plan.count)
                and (result.number == 1 or result.number is None and self._plan_behind)):
            waiting, self._waiting = self._waiting, []
            self._finish()
            self._waiting = waiting
        number = result.number
        if number is None:
            number = self._numbers[-1] + 1 if self._numbers else 1
        case = Case(result.name or f"test {number}", result.outcome, result.why)
        self._next_name = None
        if self._budget.spent:
            return
        self._numbers.append(number)
        if self._waiting and (suite := self._adopt(result.name)).items:
            self._judge(suite, case, result.directive)
        else:
            self._add(case, self._comments(case))
        self._yaml_may = True

    def _judge(self, suite: Suite, case: Case, directive: str) -> None:
        """The result of subtests: only what they do not say themselves is a case of its own, such
        as that the time was up.
        """
        self.items.append(suite)
        self._last = None
        if case.outcome is Outcome.SKIPPED:
            for _, one in suite.cases():
                if one.outcome is Outcome.FAILED:
                    one.outcome, one.why = Outcome.SKIPPED, f"{case.why}: {one.why}"
        elif case.bad and (directive or not suite.bad):
            case.why = NOT_OK if case.why == "not ok" else case.why
            if self._budget.case():
                suite.items.append(case)
                self._budget.add(case, list(self._text))
                self._last = case
        self._text.clear()

    def _adopt(self, name: str = "") -> Suite:
        """All that has ended below and waits for its result, as one suite. Only the last of it
        can have this result.
        """
        *lost, last = self._waiting
        self._waiting = []
        suite = Suite(name or last.name or "subtests")
        for child in lost:
            suite.items += [Suite(child.name or "subtests", child.items),
                            Case(child.name or "subtests", Outcome.ERROR, NO_RESULT)]
        suite.items += last.items
        return suite

    def _comments(self, case: Case) -> list[str]:
        """The lines since the last result, if they are about this one."""
        lines = list(self._text)
        self._text.clear()
        before = self._last is not None and self._last.bad
        if before and not (case.bad and self._version):
            assert self._last is not None
            self._budget.add(self._last, lines)
            return []
        return lines if case.bad else []

    def _add(self, case: Case, lines: list[str]) -> None:
        self._last = case
        if self._budget.case():
            self.items.append(case)
            self._budget.add(case, lines)

    def _complaint(self) -> str:
        """What is wrong with the plan of this document."""
        if self.bailed:
            return ""
        needs = not self._depth and not (self._version and self._version.ktap)
        return complaint(self._plan, self._numbers, needs)

    def _finish(self) -> None:
        """The document ends here."""
        self._close_child()
        self._yaml = ""
        if not (self._version or self._plan or self._numbers or self._waiting
                or self.items and not self._depth):
            return
        if self._last is not None and self._last.bad:
            self._budget.add(self._last, list(self._text))
        if self._waiting:
            name = self._waiting[-1].name
            self.items.append(self._adopt())
            if not self.bailed:
                self._add(Case(name or "subtests", Outcome.ERROR, NO_RESULT), [])
        elif self._plan and not self._plan.count and not self._numbers:
            self._add(Case("all tests", Outcome.SKIPPED, self._plan.reason or "no tests"), [])
        if why := self._complaint():
            self._add(Case("plan", Outcome.FAILED, why), list(self._text))
        self._text.clear()
        if not self._depth:
            self.documents += [self.items] if self.items else []
            self.items, self.bailed = [], False
        self._begin()

    def _begins_yaml(self, text: str) -> bool:
        """Whether a block of YAML on the last result begins here."""
        found = YAML_BEGIN.fullmatch(text)
        if not found or not self._yaml_may or self._child is not None:
            return False
        self._yaml, self._yaml_may = found[1], False
        return True

    def _in_yaml(self, text: str) -> bool:
        """Whether a line is part of that block. One that is indented less ends it too."""
        if text and not text.startswith(self._yaml):
            self._yaml = ""
            return False
        if text == f"{self._yaml}...":
            self._yaml = ""
        elif self._last is not None and self._last.bad:
            self._budget.add(self._last, [text.removeprefix(self._yaml)])
        return True
