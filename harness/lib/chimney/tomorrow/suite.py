# SPDX-License-Identifier: GPL-2.0-or-later
"""One suite of Debian's archive, asked through private-apt, which keeps it apart from all others;
and programs with a deadline.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..errors import WaitTimeout
from ..host import proc

OUT = paths.TOP / "build" / "tomorrow"  # where the programs that we call expect it, too
PRIVATE_APT = paths.TOP / "harness" / "setup" / "private-apt"
NAMES = ("testing", "unstable")
FETCH_SECONDS = 900


class Untried(Exception):
    """There is no answer, for the reason that this sentence gives."""


@dataclass(frozen=True)
class Suite:
    """A suite, and the folder with all that is made of it."""

    name: str

    @property
    def place(self) -> Path:
        """Where its packages are unpacked and tried."""
        return OUT / self.name

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Every private-apt that is started meanwhile knows this suite only."""
        before = os.environ.get("CHIMNEY_APT_SUITE", "")
        os.environ["CHIMNEY_APT_SUITE"] = self.name
        try:
            yield
        finally:
            os.environ["CHIMNEY_APT_SUITE"] = before

    def ask(self, *words: str) -> str:
        """What private-apt answers."""
        log = OUT / f"{self.name}.log"
        with self.chosen():
            status = run([str(PRIVATE_APT), *words], FETCH_SECONDS, log)
        text = log.read_text(errors="replace")
        if status != 0:
            raise Untried(reason(text))
        return text

    def forget(self) -> None:
        """Delete the files of packages that were fetched before."""
        for store in ("debs", "source"):
            shutil.rmtree(OUT / "apt" / self.name / store, ignore_errors=True)


def reason(text: str) -> str:
    """Why private-apt has failed: in apt's words what it could not fetch, else its last line."""
    missing = re.search(r"^E: Failed to fetch \S*/(\S+) +(.*?)(?: +\[IP:.*)?$", text, re.M)
    if missing:
        return f"not fetched: {missing[1]}: {' '.join(missing[2].split())}"
    return (text.strip().splitlines() or ["private-apt failed without a word"])[-1]


def run(argv: Sequence[str], seconds: float, log: Path, env: Mapping[str, str] | None = None,
        cwd: Path | None = None) -> int:
    """Run a program with all that it starts; what it says goes to log. Returns its status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        child = proc.spawn(argv, stdout=sink, cwd=cwd,
                           env={**os.environ, "LC_ALL": "C", **(env or {})})
        try:
            return child.wait(seconds)
        except WaitTimeout:
            raise Untried(f"{Path(argv[0]).name} did not end within {seconds:.0f} s") from None
        finally:
            if child.running:
                # It leads a group of its own.
                os.killpg(child.popen.pid, signal.SIGKILL)
            child.kill()


def in_repository(path: Path) -> str:
    """A path as people write it."""
    return str(path.relative_to(paths.TOP))
