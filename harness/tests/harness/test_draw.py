# SPDX-License-Identifier: GPL-2.0-or-later
"""What make check draws of tests that are too many: one in N of each function, by a printed number
that gives the same ones again, also to several workers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chimney import paths

pytestmark = pytest.mark.slow

TESTS = '''
import pytest


@pytest.mark.drawn(5)
@pytest.mark.parametrize("number", range(20))
def test_many(number):
    pass


@pytest.mark.drawn(5)
@pytest.mark.parametrize("number", range(3))
def test_few(number):
    pass


@pytest.mark.parametrize("number", [
    pytest.param(number, id=f"{number}cpu", marks=pytest.mark.drawn(3, over=f"{number}cpu"))
    for number in (1, 2, 4)])
@pytest.mark.parametrize("letter", "ab")
def test_places(letter, number):
    pass


@pytest.mark.parametrize("number", [
    pytest.param(number, id=f"{number}cpu",
                 marks=pytest.mark.drawn(4, over=f"{number}cpu", alike="shared"))
    for number in range(4)])
@pytest.mark.parametrize("letter", "abcdef")
def test_shared(letter, number):
    pass


@pytest.mark.drawn(4, per="file")
@pytest.mark.parametrize("number", range(5))
def test_of_file(number):
    pass


@pytest.mark.drawn(4, per="file")
@pytest.mark.parametrize("number", range(3))
def test_of_file_too(number):
    pass


@pytest.mark.drawn(4, per="folder")
@pytest.mark.parametrize("number", range(5))
def test_in_folder(number):
    pass


@pytest.mark.drawn(4, per="folder")
@pytest.mark.parametrize("number", range(3))
def test_in_folder_too(number):
    pass


def test_plain():
    pass
'''


MORE = '''
import pytest


@pytest.mark.drawn(4, per="folder")
@pytest.mark.parametrize("number", range(4))
def test_in_folder_as_well(number):
    pass
'''


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A harness with these tests and our conftest."""
    harness = tmp_path / "harness"
    (harness / "tests").mkdir(parents=True)
    (harness / "lib").symlink_to(paths.TOP / "harness" / "lib")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy2(paths.TOP / "harness" / name, harness)
    (harness / "tests" / "test_draw.py").write_text(TESTS)
    (harness / "tests" / "test_draw_more.py").write_text(MORE)
    return harness


def names(here: Path, *words: str) -> set[str]:
    """The tests that a run selects."""
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "--collect-only", *words],
                          cwd=here, text=True, capture_output=True, timeout=60)
    return set(re.findall(r"::(test_\S+)", done.stdout))


def test_one_in_n_of_each_function_is_drawn(here: Path) -> None:
    chosen = names(here, "-m", "not long", "--draw", "7")
    assert "test_plain" in chosen
    assert sum(name.startswith("test_many") for name in chosen) == 4
    assert sum(name.startswith("test_few") for name in chosen) == 1
    assert sorted(name[:14] for name in chosen if name.startswith("test_places")) == [
        "test_places[a-", "test_places[b-"]
    shared = [name for name in chosen if name.startswith("test_shared")]
    assert len(shared) == 6 and len({name.partition("-")[2] for name in shared}) == 1
    assert sum(name.startswith("test_of_file") for name in chosen) == 2
    assert sum(name.startswith("test_in_folder") for name in chosen) == 3
    rest = names(here, "-m", "long", "--draw", "7")
    assert len(chosen | rest) == 74 and not chosen & rest


def test_the_number_is_printed_and_draws_the_same_again(here: Path) -> None:
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-m", "not long"], cwd=here,
                          text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    printed = re.search(r"^drawn: --draw (\d+) ", done.stdout, re.M)
    assert done.returncode == 0 and printed is not None, done
    number = printed.group(1)
    first = names(here, "-m", "not long", "--draw", number)
    assert names(here, "-m", "not long", "--draw", number) == first
    others = {frozenset(names(here, "-m", "not long", "--draw", str(other)))
              for other in range(5)}
    assert len(others) > 1


def test_workers_draw_alike(here: Path) -> None:
    """Workers that collected other tests than each other would make xdist fail."""
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-n", "2", "-m", "not long"],
                          cwd=here, text=True, capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and " 19 passed" in done.stdout, done
