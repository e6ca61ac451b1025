# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of a source file, in whichever language it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Function:
    """A function with a body: from the line of its name to its end."""

    name: str
    first: int
    last: int

    @property
    def lines(self) -> int:
        """How long it is."""
        return self.last - self.first + 1


@dataclass
class Source:
    """The seams of a file. `uses` has the first line that says a name."""

    path: Path
    lines: int
    includes: list[tuple[str, int]] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    prototypes: list[tuple[str, int]] = field(default_factory=list)
    public: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=set)
    uses: dict[str, int] = field(default_factory=dict)
