# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run` for tests: after each command none of its processes may be there."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimney import paths
from chimney.host.rundir import remove
from chimney.wait import wait_until

COMMAND = [str(paths.TOP / "harness" / "chimney"), "run"]
KEPT = re.compile(r"kept in (\S+)")
MARK = "CHIMNEY_MARK"
# The kernel takes a moment to end what is in a namespace that has ended.
END_SECONDS = 30


class Runs:
    """Runs the command and forgets the folders that the failing ones keep."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.pid = 0
        self._count = itertools.count()

    def new_mark(self) -> str:
        """A word for the environment of one command, from which its processes are known."""
        return f"chimneymark{os.getpid()}.{id(self)}.{next(self._count)}."

    def marked(self, mark: str) -> dict[str, str]:
        """The environment that carries a mark."""
        return {**os.environ, MARK: mark}

    def processes(self, mark: str) -> list[int]:
        """Processes whose environment carries a mark."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def wait_gone(self, mark: str) -> None:
        """See every process with a mark end."""
        wait_until(lambda: not self.processes(mark), "every process of the run to end",
                   END_SECONDS)

    def __call__(self, *words: str, device: str = "virtio-net-pci", seconds: float = 300,
                 feed: bytes = b"") -> subprocess.CompletedProcess[str]:
        mark = self.new_mark()
        argv = [*COMMAND, "--device", device, *words]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.marked(mark)) as command:
            try:
                out, err = command.communicate(feed, seconds)
            finally:
                command.kill()
        self.pid = command.pid
        kept = KEPT.search(err.decode())
        if kept:
            self.folders.append(Path(kept[1]))
        self.wait_gone(mark)
        return subprocess.CompletedProcess(argv, command.returncode, out.decode(), err.decode())


@pytest.fixture
def run() -> Iterator[Runs]:
    """Run the command."""
    runs = Runs()
    yield runs
    for folder in runs.folders:
        remove(folder)
