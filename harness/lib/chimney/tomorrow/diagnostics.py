# SPDX-License-Identifier: GPL-2.0-or-later
"""What a compiler has said of our sources: distinct errors and warnings, each with the symbol that
it is about and the line of ours that it comes from.

Made for gcc in the locale C, the assembler behind it, and modpost. Knows no kernel and no QEMU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

DIAGNOSTIC = re.compile(r"(?P<file>[^\s:][^:]*):(?P<line>\d+):(?:\d+:)? "
                        r"(?P<kind>fatal error|error|Error|warning|note): (?P<text>.*)")
INCLUDED = re.compile(r"(?P<first>In file included)? +from (?P<file>[^:]+):(?P<line>\d+)")
MODPOST = re.compile(r"(?P<kind>ERROR|WARNING): modpost: (?P<text>.*)")
OPTION = re.compile(r"(; did you mean .*)? *(\[-W[^\]]*\])?$")

# What a message is about, the first that fits; where there are two groups: a member of a structure.
ABOUT = tuple(re.compile(pattern) for pattern in (
    r"'(?:const )?((?:struct|union) [\w<>]+)'.* has no member named '(\w+)'",
    r"near initialization for '([^']+)'",
    r"^(\S+): No such file or directory",
    r"(?:function|argument \d+ of) '(\w+)'",
    r"uses symbol '?(\w+)",  # of modpost, as is the next one
    r"^\"(\w+)\" \[",
    r"^(static assertion failed.*)",
    r"'([^']+)'",
))


@dataclass(frozen=True)
class Origin:
    """Which of the files that a compiler names are ours: base is the folder that it runs in, roots
    are folders as it sees them, each with the place in the repository.
    """

    base: Path
    roots: tuple[tuple[Path, str], ...]

    def ours(self, name: str) -> str | None:
        """The file in the repository, if there is one."""
        path = Path(os.path.normpath(self.base / name))
        for root, place in self.roots:
            if root in path.parents:
                return f"{place}/{path.relative_to(root)}"
        return None


@dataclass(frozen=True)
class Finding:
    """One thing that was said; place is file:line of ours, or empty."""

    symbol: str
    text: str
    place: str
    error: bool = True


@dataclass
class Reader:
    """Reads line by line. What is said of a header comes after the files that include it, once for
    all that is said of that header; what is said inside a macro comes before the macro's user.
    """

    origin: Origin
    findings: list[Finding] = field(default_factory=list)
    _stack: list[tuple[str, str]] = field(default_factory=list)
    _of: str = ""  # the file that the stack belongs to, as soon as it is known
    _open: bool = False  # a stack is being read

    def line(self, line: str) -> None:
        """Take one line."""
        line = line.rstrip().replace("\u2018", "'").replace("\u2019", "'")
        if found := INCLUDED.match(line):
            self._stack = self._stack if self._open and not found["first"] else []
            self._stack.append((found["file"], found["line"]))
            self._open, self._of = True, ""
        elif found := MODPOST.match(line):
            self._add(found["text"], "", found["kind"] == "ERROR")
        elif found := DIAGNOSTIC.match(line):
            self._diagnostic(found["file"], found["line"], found["kind"], found["text"])

    def _diagnostic(self, file: str, line: str, kind: str, text: str) -> None:
        if kind == "note":
            self._note(file, line, text)
            return
        if not self._open and file != self._of:
            self._stack = []
        self._open, self._of = False, file
        place = self._place((file, line), *self._stack)
        self._add(text, place, kind != "warning", f"{'/'.join(file.split('/')[-3:])}:{line}")

    def _note(self, file: str, line: str, text: str) -> None:
        """A note may know better what the last finding is about, and where."""
        if not self.findings:
            return
        last = self.findings[-1]
        if "near initialization for" in text:
            self.findings[-1] = replace(last, symbol=about(text))
        elif "in expansion of macro" in text and (place := self._place((file, line))):
            outside = last.place == "" or self._stack and last.place == self._place(*self._stack)
            if outside:
                self.findings[-1] = replace(last, place=place)

    def _place(self, *candidates: tuple[str, str]) -> str:
        """The first that is ours."""
        for file, line in candidates:
            if ours := self.origin.ours(file):
                return f"{ours}:{line}"
        return ""

    def _add(self, text: str, place: str, error: bool, said_of: str = "") -> None:
        said = OPTION.sub("", text)
        if said_of and not place:
            said += f" ({said_of})"
        self.findings.append(Finding(about(text), said, place, error))


def about(text: str) -> str:
    """The symbol that a message is about; the message itself if it names none."""
    for pattern in ABOUT:
        if found := pattern.search(text):
            return ".".join(found.groups())
    return OPTION.sub("", text)


def read(lines: Iterable[str], origin: Origin) -> list[Finding]:
    """Everything distinct that was said, errors first; warnings only of lines that are ours."""
    reader = Reader(origin)
    for line in lines:
        reader.line(line)
    distinct = list(dict.fromkeys(reader.findings))
    return [finding for finding in distinct if finding.error] + [
        finding for finding in distinct if not finding.error and finding.place]


def located(findings: Iterable[Finding], folder: Path, place: str) -> list[Finding]:
    """Give findings without a place, such as modpost's, the first line below folder that names
    their symbol.
    """
    files = sorted(file for suffix in "hc" for file in folder.rglob(f"*.{suffix}"))
    result = []
    for finding in findings:
        if not finding.place and re.fullmatch(r"\w+", finding.symbol):
            where = first_use(finding.symbol, files)
            if where:
                file, number = where
                finding = replace(finding, place=f"{place}/{file.relative_to(folder)}:{number}")
        result.append(finding)
    return result


def first_use(symbol: str, files: Iterable[Path]) -> tuple[Path, int] | None:
    """The first file and line that names a symbol outside a line of comment."""
    word = re.compile(rf"\b{symbol}\b")
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if word.search(line) and not line.lstrip().startswith(("*", "/*", "//")):
                return file, number
    return None
