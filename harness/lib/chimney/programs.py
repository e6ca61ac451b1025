# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of our own that tests put into the guest and run at the peer, built on demand."""
from __future__ import annotations

import subprocess
from pathlib import Path

from . import paths
from .errors import HarnessError

XFER_SOURCE = paths.TOP / "harness/xfer/xfer.c"


def build(source: Path, *flags: str) -> Path:
    """Compile one C file into build/harness/; returns the program. Nothing to do when it is newer
    than its source.
    """
    program = paths.BUILD / "harness" / source.stem
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(".new")
    done = subprocess.run(
        [
            "gcc",
            "-O2",
            "-g",
            "-Wall",
            "-Wextra",
            "-Wshadow",
            "-Werror",
            "-o",
            str(fresh),
            str(source),
            *flags,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise HarnessError(f"{source.name} does not compile: {done.stderr.strip()}")
    fresh.replace(program)
    return program


def xfer() -> Path:
    """The data-integrity program."""
    return build(XFER_SOURCE, "-pthread")
