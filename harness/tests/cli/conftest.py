# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of the repository without build/, in which programs may do what they like."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney import paths

SECONDS = 20
Call = Callable[..., subprocess.CompletedProcess[str]]


def left_out(folder: str, names: list[str]) -> list[str]:
    """What is built, and git's own; programs named build are copied."""
    at_top = Path(folder) == paths.TOP
    return [name for name in names if name == "__pycache__"
            or at_top and name in (".git", "build")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The top of the copy."""
    top = tmp_path_factory.mktemp("copy") / "chimney"
    shutil.copytree(paths.TOP, top, symlinks=True, ignore=left_out)
    return top


@pytest.fixture
def call(copy: Path) -> Call:
    """Run a program of the copy by its name from the top."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHIMNEY_")}

    def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        python = ["/usr/bin/python3"] if name.endswith(".py") else []
        return subprocess.run([*python, str(copy / name), *words], capture_output=True, text=True,
                              timeout=SECONDS, stdin=subprocess.DEVNULL, cwd=copy, env=env)
    return run
