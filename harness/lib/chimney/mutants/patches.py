# SPDX-License-Identifier: GPL-2.0-or-later
"""The patches under harness/mutants: which rule each breaks, where, and who must notice.

device/ID.patch breaks a rule in the device or the engine, driver/ID.patch in the guest driver, if
the rule binds the host. A further patch for the same rule is ID-WORD.patch.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import paths

PATCHES = paths.TOP / "harness" / "mutants"
OUT = paths.BUILD / "mutants"
HALVES = ("device", "driver")
NAME = re.compile(r"([A-Z]+-[A-Z]?\d+)(-[a-z]+)?")
HEADER = re.compile(r"Requirement: (\S+)\nBreaks: (.+)\nTest: (\S+)\nSays: (.+)\n")
PATCH_SECONDS = 30


class Broken(Exception):
    """A mutant that could not be tried."""


@dataclass(frozen=True)
class Mutant:
    """One patch with what its header says."""

    half: str
    id: str  # of the patch
    requirement: str
    breaks: str
    test: str
    says: str  # a part of what pytest prints: the check that must fail
    patch: Path

    @property
    def name(self) -> str:
        """With its half."""
        return f"{self.half}/{self.id}"

    @property
    def names(self) -> set[str]:
        """As the user may type it."""
        return {self.requirement, self.id, self.name}

    @property
    def log(self) -> Path:
        """Where what pytest says of it goes."""
        return OUT / f"{self.half}-{self.id}.log"

    @property
    def files(self) -> list[str]:
        """What it changes, from the top folder on."""
        return re.findall(r"^\+\+\+ b/(\S+)", self.patch.read_text(), re.M)


def read(patch: Path) -> Mutant:
    """Parse a patch's header."""
    match, name = HEADER.match(patch.read_text()), NAME.fullmatch(patch.stem)
    if match is None or name is None or match[1] != name[1]:
        raise Broken(f"{patch.name}: the header must name Requirement, Breaks, Test and Says")
    return Mutant(patch.parent.name, patch.stem, match[1], match[2], match[3], match[4], patch)


def wanted(words: Sequence[str]) -> list[Mutant]:
    """The mutants of these names, all without any; BRD-1 is device/BRD-1 and driver/BRD-1, INI-7
    is INI-7-backoff too.
    """
    mutants = [read(patch) for half in HALVES
               for patch in sorted((PATCHES / half).glob("*.patch"), key=lambda patch: patch.stem)]
    unknown = set(words) - {name for mutant in mutants for name in mutant.names}
    if unknown:
        raise Broken(f"there is no patch for {', '.join(sorted(unknown))}")
    return [mutant for mutant in mutants
            if not words or not mutant.names.isdisjoint(words)]


def apply(mutant: Mutant, folder: Path) -> None:
    """Apply the patch to a copy of the sources below folder; it must fit to the letter."""
    argv = ["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-d", str(folder)]
    run([*argv, "-i", str(mutant.patch)], f"{mutant.name} does not apply any more", PATCH_SECONDS)


def call(argv: Sequence[str], what: str, seconds: int, **more: object) -> tuple[int, str]:
    """Run a command to its end; returns its status and what it said."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            **more,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"{what}: it took longer than {seconds} s") from None
    return done.returncode, done.stdout


def run(argv: Sequence[str], what: str, seconds: int, **more: object) -> None:
    """Run a command that must succeed; `what` says what is wrong if it does not."""
    status, said = call(argv, what, seconds, **more)
    if status:
        raise Broken(f"{what}:\n{said[-3000:]}")
