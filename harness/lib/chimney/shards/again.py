# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of the tests is repeated with, as words for a shell at the top of the repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import zlib
from collections.abc import Sequence

from .. import paths

PYTEST = "/usr/bin/python3 -m pytest"
DRAWS = 10**6  # a number for --draw is smaller


def settings() -> str:
    """The variables of the environment that the harness heeds, each as NAME=VALUE and a blank."""
    return "".join(f"{name}={shlex.quote(value)} " for name, value in sorted(os.environ.items())
                   if name.startswith("CHIMNEY_"))


def command(words: Sequence[str], **numbers: int) -> str:
    """The line that calls pytest with these words again, and with each number as an option, unless
    the words have that option.
    """
    more = [f"--{name} {number}" for name, number in numbers.items()
            if not any(word == f"--{name}" or word.startswith(f"--{name}=") for word in words)]
    return " ".join([f"cd harness && {settings()}{PYTEST}", shlex.join(words), *more])


def draw_of_commit() -> int:
    """A number for --draw, from 0 to DRAWS - 1, that all clones of one commit agree on; 0 where git
    does not know the commit, as in an unpacked archive.
    """
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(paths.TOP.parent)}
    try:
        done = subprocess.run(["git", "-C", str(paths.TOP), "rev-parse", "--verify", "HEAD"],
                              capture_output=True, env=env, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return 0
    return zlib.crc32(done.stdout.strip()) % DRAWS if done.returncode == 0 else 0
