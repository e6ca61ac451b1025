# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's serial console: reads the file QEMU writes and recognises what must not be there.

Knows the kernel's own words for its failures, and nothing about how the guest was started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PANIC = "Kernel panic - not syncing"
# The first match of a line counts; "fatal" ends a run at once.
PATTERNS: tuple[tuple[str, bool, re.Pattern[str]], ...] = tuple(
    (kind, fatal, re.compile(pattern)) for kind, fatal, pattern in (
        ("panic", True, PANIC),
        ("kasan", False, r"BUG: KASAN:"),
        ("oops", False, r"\bOops: |general protection fault|BUG: unable to handle|"
                        r"BUG: kernel NULL pointer|kernel BUG at "),
        ("lockdep", False, r"possible circular locking|possible recursive locking|"
                           r"inconsistent lock state|possible irq lock inversion|"
                           r"suspicious RCU usage|held lock freed|"
                           r"bad unlock balance|lock held when returning to user space|"
                           r"Invalid wait context"),
        ("stall", False, r"rcu.*(?:detected stalls|self-detected stall)|soft lockup|"
                         r"blocked for more than \d+ seconds|hard LOCKUP"),
        ("atomic", False, r"BUG: sleeping function called|BUG: scheduling while atomic"),
        ("ubsan", False, r"UBSAN: "),
        ("dma-unchecked", False, r"DMA-API: debugging out of memory"),
        ("dma", False, r"DMA-API: (?!preallocated|debugging enabled)"),
        ("card", False, r"\bcard failed\b"),
        ("leak", False, r"kmemleak: \d+ new suspected memory leaks"),
        ("bug", False, r"\bBUG: "),
        ("refcount", False, r"refcount_t: "),
        # The remark on unprivileged eBPF is about the processor, not about us.
        ("warning", False, r"\bWARNING: (?!Unprivileged eBPF)"),
    ))
# What a kernel panics for, the later ones if there is nothing of those before them: an oops that it
# has survived may have left others behind. With panic_on_warn it does for warnings too.
CRASHES = (("oops", "kasan"), ("bug",))
WARNINGS = (("kasan", "ubsan", "atomic", "warning"),)
# The second of two lines with which an oops begins: a bad access, or a BUG().
SECOND = re.compile(r"\bOops: (?:Oops: |invalid opcode: )?[0-9a-f]{4} \[#")
PLACE = re.compile(r"\bRIP: \S+")
TIMESTAMP = re.compile(r"^(?:<\d+>)?\[[ \d.]+\](?:\[ *[TC]\d+\])? ?")


@dataclass(frozen=True)
class Splat:
    """One line in which the kernel reports trouble."""

    kind: str
    line: str
    fatal: bool = False


def look(line: str) -> Splat | None:
    """What is wrong according to one line, None when nothing is."""
    for kind, fatal, pattern in PATTERNS:
        if pattern.search(line):
            return Splat(kind, TIMESTAMP.sub("", line.strip()), fatal)
    return None


def find_splats(text: str) -> list[Splat]:
    """All trouble that a kernel log tells of."""
    return [splat for splat in map(look, text.splitlines()) if splat is not None]


def panic_cause(text: str) -> str:
    """What the kernel said last before it panicked, if that is a reason to panic, and the place in
    the code if the log has it; empty for a panic without one.
    """
    before, _, words = text.partition(PANIC)
    lines = before.splitlines()
    reasons = WARNINGS if "panic_on_warn" in words.partition("\n")[0] else CRASHES
    for kinds in reasons:
        found = [(at, splat) for at, splat in enumerate(map(look, lines))
                 if splat is not None and splat.kind in kinds]
        if len(found) > 1 and SECOND.search(found[-1][1].line) and found[-2][1].kind == "oops":
            found.pop()
        if found:
            at, splat = found[-1]
            place = next(filter(None, map(PLACE.search, lines[at:])), None)
            return splat.line + (f", {place.group()}" if place else "")
    return ""


class Console:
    """The growing console file of one VM."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.splats: list[Splat] = []
        self._offset = 0
        self._rest = ""

    def poll(self) -> list[Splat]:
        """Read what is new; returns the trouble found in it, and remembers it."""
        try:
            with self.file.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        lines = (self._rest + data.decode(errors="replace")).split("\n")
        self._rest = lines.pop()
        found = find_splats("\n".join(lines))
        self.splats += found
        return found

    @property
    def panic(self) -> Splat | None:
        """The panic, if there was one."""
        return next((splat for splat in self.splats if splat.fatal), None)

    def text(self) -> str:
        """All that the console has shown."""
        try:
            return self.file.read_text(errors="replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def tail(self, count: int = 15) -> list[str]:
        """The last lines, for a person to look at."""
        lines = [line.rstrip() for line in self.text().splitlines() if line.strip()]
        return lines[-count:]
