# SPDX-License-Identifier: GPL-2.0-or-later
"""What one line of TAP or KTAP says, without its indentation. All that says nothing is None.

TAP calls for directives SKIP and TODO in any case and with anything behind them ("# Skipped: why");
KTAP has XFAIL, TIMEOUT and ERROR too. Any other " # " ends a name: behind it KTAP has data on the
result, such as "exit=1", and so has kselftest, which says TAP 13. In TAP 14 the name goes on, and
what says no version has names with a hash in them too, as that of bats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .cases import Outcome

VERSION = re.compile(r"(K?TAP) version (\d{1,9})")
PLAN = re.compile(r"1\.\.(\d{1,9})(?:\s*#\s*(.*)|\s+todo\b.*)?", re.IGNORECASE)
RESULT = re.compile(r"(not )?ok(?=\s|$)(?:\s+(\d{1,9})(?=[\s-]|$))?\s*(?:-(?=\s|$)\s*)?(.*)")
BAIL = re.compile(r"bail out!\s*(.*)", re.IGNORECASE)
SUBTEST = re.compile(r"#\s*Subtest(?::\s*(.*))?")
HASH = re.compile(r"\\[\\#]|#")
DIRECTIVE = re.compile(r"\s*(?:(?i:(skip|todo))\S*|(XFAIL|TIMEOUT|ERROR)(?=\s|$))\s*(.*)")
FIRST = frozenset("onTK1bB#")  # with what a line begins that says something
SKIPPED = re.compile(r"skip\S*\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Version:
    """A document begins."""

    ktap: bool
    number: int


@dataclass(frozen=True)
class Plan:
    """How many results there shall be; with none, why."""

    count: int
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """A test has ended: ok or not, its number if it has one, and what a directive makes of it."""

    ok: bool
    number: int | None
    name: str
    directive: str = ""
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """A test that is expected to fail counts as skipped when it does; that one has timed out
        or met an error is a failure, even if the line says ok.
        """
        if self.directive in ("SKIP", "XFAIL") or self.directive == "TODO" and not self.ok:
            return Outcome.SKIPPED
        if self.directive in ("TIMEOUT", "ERROR") or not self.ok:
            return Outcome.FAILED
        return Outcome.PASSED

    @property
    def why(self) -> str:
        """What the line says about it."""
        return f"{self.directive} {self.note}".strip() or ("" if self.ok else "not ok")


@dataclass(frozen=True)
class Bail:
    """All tests are given up."""

    reason: str


@dataclass(frozen=True)
class Subtest:
    """The name of tests that follow."""

    name: str


Said = Version | Plan | Result | Bail | Subtest


def read(text: str, whole_names: bool = False) -> Said | None:
    """What a line says; whole_names: a name goes on behind a " # " that begins no directive."""
    if text[:1] not in FIRST:
        return None
    if found := RESULT.fullmatch(text):
        number = int(found[2]) if found[2] else None
        return Result(not found[1], number, *_described(found[3], whole_names))
    if found := VERSION.fullmatch(text):
        return Version(found[1] == "KTAP", int(found[2]))
    if found := PLAN.fullmatch(text):
        return Plan(int(found[1]), _unescaped(SKIPPED.sub("", found[2] or "", count=1)))
    if found := BAIL.fullmatch(text):
        return Bail(_unescaped(found[1]))
    if found := SUBTEST.fullmatch(text):
        return Subtest(found[1] or "")
    return None


def _described(text: str, whole_names: bool) -> tuple[str, str, str]:
    """Name, directive and note of what stands behind a result's number."""
    for found in HASH.finditer(text):
        start, end = found.span()
        if found[0] != "#" or start and not (text[start - 1].isspace()
                                             or text.endswith("\\\\", 0, start)):
            continue
        directive = DIRECTIVE.fullmatch(text, end)
        if directive:
            word = (directive[1] or directive[2]).upper()
            return _unescaped(text[:start]), word, _unescaped(directive[3])
        if end == len(text) or text[end].isspace():
            if whole_names:
                break
            return _unescaped(text[:start]), "", _unescaped(text[end:])
    return _unescaped(text), "", ""


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\\#])", r"\1", text).strip()
