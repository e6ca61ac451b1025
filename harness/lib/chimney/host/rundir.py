# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of one run: its name, and how many of them stay."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

from .. import paths
from ..errors import HarnessError

KEPT = 12
# A Unix socket's path has at most 107 bytes.
SOCKET_FOLDER_MAX = 90
SHORT_PARENT_MAX = 60
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", f"/run/user/{os.getuid()}")
_numbers = itertools.count(1)


def new_run_dir(parent: Path | None = None) -> Path:
    """Make a folder for a run, below build/run or, where that cannot be written, in /tmp."""
    parent = parent or paths.RUNS
    name = f"{time.strftime('%m%d-%H%M%S')}-{os.getpid()}-{next(_numbers)}"
    try:
        (parent / name).mkdir(parents=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="chimney-run-"))
    return parent / name


def short_parent() -> Path:
    """Where a folder for Unix sockets can be made: their paths are short, TMPDIR may be long."""
    for parent in map(Path, (tempfile.gettempdir(), *SHORT_FOLDERS)):
        if len(os.fsencode(parent)) <= SHORT_PARENT_MAX and os.access(parent, os.W_OK | os.X_OK):
            return parent
    raise HarnessError("there is no folder for Unix sockets, whose paths must be short: TMPDIR is "
                       f"too long, and none of {', '.join(SHORT_FOLDERS)} can be written.")


def forget_old(parent: Path | None = None) -> None:
    """Remove all but the newest kept folders; one that another run still fills is new."""
    try:
        folders = sorted((parent or paths.RUNS).iterdir(), key=lambda path: path.stat().st_mtime)
    except OSError:
        return
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove the folder of a run that nobody needs any more."""
    shutil.rmtree(folder, ignore_errors=True)


def subfolder(folder: Path, name: str) -> Path:
    """A folder of one VM in the folder of a run that starts several."""
    inner = folder / name
    inner.mkdir()
    return inner
