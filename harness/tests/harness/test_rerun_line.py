# SPDX-License-Identifier: GPL-2.0-or-later
"""The line that a failing test prints: one, and a shell that is given it runs the same test again
with the same seed, the same drawn number and the same settings. A guest's panic prints its log too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chimney import paths

pytestmark = pytest.mark.slow

BEGIN = "cd harness && "
SETTINGS = {"CHIMNEY_PACE": "3", "CHIMNEY_QEMU": "11.1", "CHIMNEY_DRIVER": "/no such/x.ko"}
# Each test notes what it was run with, and fails in its body, in its fixture, or in both.
TESTS = '''
import os

import pytest

from chimney.errors import GuestPanic


def note(request, seed):
    with open(os.environ["NOTES"], "a") as file:
        settings = [os.environ.get(name, "") for name in ("CHIMNEY_PACE", "CHIMNEY_QEMU",
                                                          "CHIMNEY_DRIVER")]
        kernel = request.config.getoption("--guest-kernel")
        print(request.node.name, seed, kernel, *settings, sep="|", file=file)


@pytest.fixture
def ends_badly():
    yield
    assert False, "in teardown"


@pytest.fixture
def begins_badly(request, seed):
    note(request, seed)
    assert False, "in setup"


def test_setup(begins_badly):
    pass


@pytest.mark.parametrize("word", ["it's $HOME; `id` [x] \\"y\\""])
def test_body(request, seed, word):
    note(request, seed)
    assert False, "in the body"


def test_teardown(request, seed, ends_badly):
    note(request, seed)


def test_both(request, seed, ends_badly):
    note(request, seed)
    assert False, "in the body"


def test_that_draws(request, draw):
    note(request, draw)
    assert False, "in the body"


def test_that_panics(request, seed):
    note(request, seed)
    raise GuestPanic("Kernel panic", log=["BUG: in", "RIP: chimdrv_poll"])


def test_that_passes(request, seed):
    pass
'''
FAILING = 6


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository with these tests and our conftest."""
    here = paths.TOP / "harness"
    harness = tmp_path / "top" / "harness"
    (harness / "tests").mkdir(parents=True)
    (harness / "lib").symlink_to(here / "lib")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy2(here / name, harness)
    (harness / "tests" / "test_failing.py").write_text(TESTS)
    return harness.parent


def run(top: Path, line: str, **settings: str) -> tuple[str, list[str]]:
    """Run a line in a shell at the top; what it said, and what the tests noted."""
    notes = top / "notes"
    notes.unlink(missing_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHIMNEY_")}
    done = subprocess.run(["sh", "-c", line], cwd=top, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL,
                          env={**env, **settings, "NOTES": str(notes), "COLUMNS": "80"})
    assert done.returncode == 1, done
    return done.stdout, notes.read_text().splitlines()


def rerun_lines(said: str) -> list[str]:
    """The lines that rerun something."""
    return [line for line in said.splitlines() if line.startswith(BEGIN)]


@pytest.mark.parametrize(("more", "settings"), [("", {}), ("-n 2", SETTINGS)],
                         ids=["plain", "with-workers-and-settings"])
def test_each_failing_test_prints_one_line_that_reruns_it(top: Path, more: str,
                                                          settings: dict[str, str]) -> None:
    said, noted = run(top, f"cd harness && /usr/bin/python3 -m pytest {more} --seed 77 "
                           "--guest-kernel 6.12", **settings)
    lines = rerun_lines(said)
    assert len(noted) == FAILING and len(lines) == FAILING
    again = [run(top, line) for line in lines]
    assert all(rerun_lines(said) == [line] for (said, _), line in zip(again, lines, strict=True))
    assert all(len(notes) == 1 for _, notes in again)
    assert sorted(notes[0] for _, notes in again) == sorted(noted)
    expected = "|".join(["6.12", *(settings.get(name, "") for name in SETTINGS)])
    assert all(note.endswith("|" + expected) for note in noted)


def test_the_log_of_a_panic_is_shown(top: Path) -> None:
    said, _ = run(top, "cd harness && /usr/bin/python3 -m pytest -k test_that_panics")
    assert "\nBUG: in\nRIP: chimdrv_poll\n" in said


def test_seed_decides(top: Path) -> None:
    """The same seed gives a test the same number, another seed another one."""
    words = "cd harness && /usr/bin/python3 -m pytest -k test_teardown --seed"
    notes = [run(top, f"{words} {seed}")[1] for seed in (7, 7, 8)]
    assert notes[0] == notes[1] != notes[2]
