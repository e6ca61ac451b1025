# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes, as they come from a program or from a console, become lines of text.

A line ends with LF; CRs before it, colours, and the time with which the kernel begins a line of its
log are taken off. What is behind LINE_MAX bytes of a line is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE_MAX = 4096
CUT = " [cut]"
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# "<6>[   12.345678][  T1] ": level and caller are not always there.
STAMP = re.compile(r"(?:<\d{1,3}>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
LEADING = re.compile(r"[ \t]*")
TAB = 4


@dataclass(frozen=True)
class Line:
    """One line, and whether it is one of the kernel's log."""

    text: str
    stamped: bool


def clean(data: bytes) -> Line:
    """What a line says, without its end."""
    text = data.decode(errors="replace").rstrip("\r")
    if "\x1b" in text:
        text = COLOUR.sub("", text)
    stamp = STAMP.match(text)
    if stamp:
        text = text[stamp.end():]
    blanks = LEADING.match(text)
    assert blanks is not None
    return Line(blanks[0].expandtabs(TAB) + text[blanks.end():].rstrip(), stamp is not None)


class Lines:
    """Takes bytes in pieces of any size, and gives whole lines."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that end within these bytes."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield self._take()
        self._keep(rest)

    def end(self) -> Iterator[Line]:
        """The last line, if it has no end."""
        if self._rest:
            yield self._take()

    def _keep(self, piece: bytes) -> None:
        room = LINE_MAX - len(self._rest)
        self._rest += piece[:room]
        # A CR more may be the end of a console's line.
        self._cut |= len(piece) > room and bool(piece[room:].strip(b"\r"))

    def _take(self) -> Line:
        line = clean(bytes(self._rest))
        cut, self._cut = self._cut, False
        self._rest.clear()
        return Line(line.text + CUT, line.stamped) if cut else line
