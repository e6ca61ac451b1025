# SPDX-License-Identifier: GPL-2.0-or-later
"""The table: a row for each suite and package, and below a row what breaks, by symbol.

It is bounded, however much breaks; the whole is in the log that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .diagnostics import Finding

SYMBOLS = 24  # below one row
PLACES = 4  # of one symbol
WIDTH = 100  # of one message
HEAD = ("suite", "package", "version", "result")


@dataclass(frozen=True)
class Row:
    """What became of one package of one suite; why is a sentence if it came to no answer."""

    suite: str
    package: str
    version: str
    findings: tuple[Finding, ...] = ()
    why: str = ""
    same_as: str = ""  # the suite that has the same version, and was tried before
    log: str = ""
    newest: str = ""  # the version that was wanted, if it is another
    notes: tuple[str, ...] = ()

    @property
    def tried(self) -> bool:
        """Whether a compiler has been asked."""
        return not self.why

    @property
    def errors(self) -> int:
        """How many distinct ones."""
        return sum(finding.error for finding in self.findings)

    @property
    def result(self) -> str:
        """The last column."""
        if self.same_as:
            return f"the same version as in {self.same_as}"
        if self.why:
            return self.why
        warnings = len(self.findings) - self.errors
        said = counted(self.errors, "error") if self.errors else "builds"
        return f"{said}, {counted(warnings, 'warning')}" if warnings else said


def counted(number: int, what: str) -> str:
    """One error, two errors."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def cut(text: str) -> str:
    """A message that does not fill the screen."""
    return text if len(text) <= WIDTH else f"{text[:WIDTH - 3]}..."


def render(rows: Sequence[Row]) -> str:
    """The whole table."""
    cells = [HEAD, *((row.suite, row.package, row.version, row.result) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)),
                        cut(row[3])]) for row in cells]
    result = lines[:1]
    for row, line in zip(rows, lines[1:], strict=True):
        result += [line, *details(row)]
    return "\n".join(result) + "\n"


def details(row: Row) -> list[str]:
    """What is below a row: each symbol with its places."""
    groups: dict[str, list[Finding]] = {}
    for finding in row.findings:
        groups.setdefault(finding.symbol, []).append(finding)
    lines = [f"    {note}" for note in row.notes]
    for symbol, findings in list(groups.items())[:SYMBOLS]:
        lines.append(f"    {cut(symbol)}")
        lines += [f"        {where(finding)}" for finding in findings[:PLACES]]
        if len(findings) > PLACES:
            lines.append(f"        and {counted(len(findings) - PLACES, 'more place')}")
    if len(groups) > SYMBOLS:
        lines.append(f"    and {counted(len(groups) - SYMBOLS, 'more symbol')}")
    if row.log and (row.findings or row.why):
        lines.append(f"    all of it: {row.log}")
    return lines


def where(finding: Finding) -> str:
    """A line of ours and what is said of it."""
    kind = "" if finding.error else "warning: "
    return f"{finding.place or 'no line of ours'}: {kind}{cut(finding.text)}"
