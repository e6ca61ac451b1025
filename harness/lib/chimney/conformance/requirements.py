# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue of requirements, and the sentences on those that no test can show.

What no test can show has one sentence in spec/conformance-reasons.toml. A requirement that binds
the host [H] is not shown by tests in which the test itself plays the host: they show that the card
lets a host keep the rule. What binds both [B] is shown by tests of either.
"""
from __future__ import annotations

import re
import tomllib
from pathlib import Path

from ..paths import TOP

CATALOGUE = TOP / "spec/requirements.md"
REASONS = TOP / "spec/conformance-reasons.toml"
WITH_GUEST = ("harness/tests/guest/", "harness/tests/vm/", "harness/lib/chimney/demo/")
REQUIREMENT = re.compile(
    r"^- \*\*([A-Z]{3}-\d+)\*\* \[(T|H|B|out of scope)\](?: ([A-Z ]+?)(?: \(derived\))?:)?(.*)$"
)


class Requirement:
    """One line of the catalogue."""

    def __init__(self, match: re.Match[str]) -> None:
        self.id, self.side, self.strength = (
            match.group(1),
            match.group(2),
            (match.group(3) or "").strip(),
        )
        self.seed = "[seed" in match.group(4)
        self.tests: list[str] = []

    @property
    def guest(self) -> bool:
        """Whether a test with a guest names it."""
        return any(test.startswith(WITH_GUEST) for test in self.tests)

    @property
    def shown(self) -> bool:
        """Whether a test runs the side that the requirement binds."""
        return self.guest or (bool(self.tests) and self.side != "H")


def catalogue(path: Path = CATALOGUE) -> dict[str, Requirement]:
    """Every requirement by its number, in the catalogue's order."""
    found = (REQUIREMENT.match(line) for line in path.read_text().splitlines())
    return {match.group(1): Requirement(match) for match in found if match}


def named(text: str) -> set[str]:
    """The identifiers in a text; `DLV-4..7` and `DLV-4 to DLV-7` name all between."""
    found = set()
    for match in re.finditer(r"\b([A-Z]{3})-(\d+)(?:\s*(?:\.\.|to)\s*(?:\1-)?(\d+))?", text):
        first, last = int(match.group(2)), int(match.group(3) or match.group(2))
        found |= {f"{match.group(1)}-{n}" for n in range(first, min(last, first + 60) + 1)}
    return found


def load_reasons(requirements: dict[str, Requirement], part: str = "no-test") -> dict[str, str]:
    """Reasons of one part of the file by identifier; a key may be a prefix such as IMD-*."""
    table = tomllib.loads(REASONS.read_text())[part]
    out: dict[str, str] = {}
    for key, reason in table.items():
        matches = [
            name
            for name in requirements
            if name == key or key.endswith("*") and name.startswith(key[:-1])
        ]
        if not matches:
            raise SystemExit(f"{REASONS.name}: {key} is not in the catalogue")
        out.update(dict.fromkeys(matches, reason))
    return out
