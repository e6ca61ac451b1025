# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of the sources as a graph: its files, and which of them knows which.

A file here is a C file together with its header, or a Python module; it is named by its path in the
part, without suffix. It knows another one if it includes or imports it, or says the name of a
function, a variable or a macro of it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from . import csource, pysource
from .source import Source


@dataclass
class Part:
    """One row of floors.toml: what it says, in its words."""

    name: str
    root: str
    files: list[str]
    floors: list[list[str]]
    largest_circle: int
    exceptions: list[dict[str, str]]
    source_lines: int
    function_lines: int
    header_lines: int = 0
    interface: list[str] = field(default_factory=list)
    package: str = ""
    top: Path = Path()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.top / self.root

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Its files by their paths in the part."""
        found = {path for pattern in self.files for path in self.folder.glob(pattern)}
        return {str(path.relative_to(self.folder)): (pysource if path.suffix == ".py" else csource)
                .read(path) for path in sorted(found)}

    @cached_property
    def nodes(self) -> set[str]:
        """Its files without suffix."""
        return {stem(path) for path in self.sources}

    @cached_property
    def owners(self) -> dict[str, str]:
        """Which file a public name belongs to: that with the body, if there is one."""
        found = {}
        for path in sorted(self.sources, key=lambda path: path.endswith(".c")):
            found.update(dict.fromkeys(self.sources[path].public, stem(path)))
        return found

    @cached_property
    def edges(self) -> dict[tuple[str, str], str]:
        """Each file that knows another, and one sentence by which it does."""
        found: dict[tuple[str, str], str] = {}
        for path, source in self.sources.items():
            for what, line in source.includes:
                if (target := self.included(path, what)) not in {None, stem(path)}:
                    found.setdefault((stem(path), str(target)), f"{path}:{line} includes {what}")
        for path, source in self.sources.items():
            for name, line in source.uses.items():
                target = self.owners.get(name)
                if target and target != stem(path) and name not in source.private:
                    found.setdefault((stem(path), target), f"{path}:{line} uses {name}")
        return found

    def included(self, path: str, what: str) -> str | None:
        """Which of our files an include or an import means."""
        if path.endswith(".py"):
            return self.imported(path, what)
        for folder in (Path(path).parent, Path()):
            if str(folder / what) in self.sources:
                return stem(str(folder / what))
        return None

    def imported(self, path: str, what: str) -> str | None:
        """Which module an import means; of `from .a import b` that is a/b, or a. Without a package
        the modules are found by their own names.
        """
        dots = len(what) - len(what.lstrip("."))
        words = what.lstrip(".").split(".")
        if dots:
            words = [*Path(path).parts[:-dots], *words]
        elif self.package:
            if words[0] != self.package:
                return None
            words = words[1:]
        while words:
            for candidate in ("/".join(words), "/".join([*words, "__init__"])):
                if candidate in self.nodes:
                    return candidate
            words.pop()
        return None

    def floor(self, node: str) -> int:
        """On which floor a file stands, the lowest being 0; -1 if on none or on two."""
        fits = [number for number, patterns in enumerate(self.floors)
                if any(fnmatchcase(node, pattern) for pattern in patterns)]
        return fits[0] if len(fits) == 1 else -1


def stem(path: str) -> str:
    """Return the path without its suffix."""
    return path.rpartition(".")[0]


def load(table: Path, top: Path) -> list[Part]:
    """Read the table of all parts."""
    return [Part(**row, top=top) for row in tomllib.loads(table.read_text())["part"]]


def circles(part: Part) -> list[list[str]]:
    """Files that know one another, directly or around, the largest circle first (Tarjan)."""
    known: dict[str, list[str]] = {node: [] for node in sorted(part.nodes)}
    for one, other in part.edges:
        known[one].append(other)
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in known[node]:
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            cut = stack.index(node)
            found.append(sorted(stack[cut:]))
            del stack[cut:]

    for node in known:
        if node not in order:
            visit(node)
    return sorted(found, key=len, reverse=True)
