# SPDX-License-Identifier: GPL-2.0-or-later
"""`--shard k/n`: the shards of a run are the whole, each test once, also of what is drawn; what a
shard prints, what it does when it is empty, and what is refused.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chimney import paths
from chimney.shards import again

pytestmark = pytest.mark.slow

PYTEST = ["/usr/bin/python3", "-m", "pytest"]
CHECK = "not debug and not long"
SECONDS = 120
TESTS = '''
import pytest


@pytest.mark.drawn(5)
@pytest.mark.parametrize("number", range(100))
def test_many(number):
    pass


@pytest.mark.shares("vm")
@pytest.mark.parametrize("number", range(8))
def test_together(number):
    pass


@pytest.fixture(scope="module")
def once():
    pass


@pytest.mark.parametrize("number", range(8))
def test_of_file(number, once):
    pass


def test_plain():
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
    (harness / "tests" / "test_shards.py").write_text(TESTS)
    return harness


def run(here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PYTEST, *words], cwd=here, text=True, capture_output=True,
                          timeout=SECONDS, stdin=subprocess.DEVNULL)


def names(here: Path, *words: str) -> list[str]:
    """The tests that a run selects."""
    done = run(here, "-q", "--collect-only", *words)
    assert done.returncode == 0, done
    return re.findall(r"^(tests/\S+::.+)$", done.stdout, re.M)


def shards(here: Path, of: int, *words: str) -> list[list[str]]:
    """The tests of each shard of a run."""
    return [names(here, "--shard", f"{number}/{of}", *words) for number in range(1, of + 1)]


def test_the_shards_of_our_tests_are_all_of_them() -> None:
    """Of make check, each once, and none of them much larger than the others."""
    here, of = paths.TOP / "harness", 4
    whole = names(here, "-m", CHECK, "--draw", str(again.draw_of_commit()))
    parts = shards(here, of, "-m", CHECK)
    assert len(whole) > 1000 and sorted(sum(parts, [])) == sorted(whole)
    assert all(0.7 < len(part) * of / len(whole) < 1.4 for part in parts)
    for folder in ("tests/guest", "tests/device"):
        assert all(any(name.startswith(folder) for name in part) for part in parts)


def test_tests_that_share_stay_together(here: Path) -> None:
    for word in ("together", "of_file"):
        parts = shards(here, 2, "-m", CHECK, "--draw", "7")
        assert sorted(len([name for name in part if f"test_{word}" in name]) for part in parts) == [
            0, 8]


def test_shards_draw_the_same_without_being_told(here: Path) -> None:
    """By the commit; --draw says otherwise, for all of them."""
    first = [names(here, "--shard", "1/2", "-m", CHECK) for _ in range(2)]
    assert first[0] == first[1]
    whole = names(here, "-m", CHECK, "--draw", "8")
    assert sorted(sum(shards(here, 2, "-m", CHECK, "--draw", "8"), [])) == sorted(whole)


def test_the_number_follows_from_the_commit(tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git's word, as in an unpacked archive within another repository, it is 0."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=N", "-c", "user.email=m@example.org"]
    inner = tmp_path / "archive"
    inner.mkdir()
    found = []
    subprocess.run([*git, "init", "-q"], check=True)
    for number in range(2):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", str(number)], check=True)
        monkeypatch.setattr(paths, "TOP", tmp_path)
        found += [again.draw_of_commit() for _ in range(2)]
        monkeypatch.setattr(paths, "TOP", inner)
        assert again.draw_of_commit() == 0
    assert found[0] == found[1] != found[2] == found[3]
    monkeypatch.setenv("PATH", str(inner))
    assert again.draw_of_commit() == 0


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_shard_prints_what_it_is_and_what_runs_it_again(here: Path,
                                                          workers: tuple[str, ...]) -> None:
    done = run(here, *workers, "--shard", "2/3", "-m", CHECK, "-v")
    number = re.search(r"^drawn: --draw (\d+) ", done.stdout, re.M)
    assert done.returncode == 0 and number is not None, done
    assert f"\nshard: 2/3; the other shards need --draw {number[1]} too\n" in done.stdout
    line = re.search(r"^again: (.*)$", done.stdout, re.M)
    assert line is not None and line[1].endswith(f" --draw {number[1]} --seed 1")
    repeated = subprocess.run(["sh", "-c", line[1]], cwd=here.parent, text=True,
                              capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    passed = [sorted(re.findall(r"test_\w+\S* ?(?=PASSED)|(?<=PASSED )tests/\S+", said))
              for said in (done.stdout, repeated.stdout)]
    assert passed[0] == passed[1] and len(passed[0]) > 1
    count = re.search(r"^shard 2/3: (\d+) of the 37 tests of this run$", done.stdout, re.M)
    assert count is not None and int(count[1]) == len(passed[0]), done


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "workers"])
def test_an_empty_shard_says_so_and_is_no_failure(here: Path, workers: tuple[str, ...]) -> None:
    """But where no shard has a test, that is one, as without shards."""
    done = [run(here, *workers, "--shard", f"{number}/2", "-k", "test_plain") for number in (1, 2)]
    assert [one.returncode for one in done] == [0, 0], done
    empty = [one.stdout for one in done if " 1 passed" not in one.stdout]
    assert len(empty) == 1
    assert re.search(r"^shard [12]/2: none of the 1 tests of this run is in it, which is no "
                     r"failure$", empty[0], re.M)
    assert run(here, *workers, "--shard", "1/2", "-k", "no_such_test").returncode == 5


@pytest.mark.parametrize("text", ["0/3", "4/3", "x", "1/0"])
def test_what_is_no_shard_is_refused(here: Path, text: str) -> None:
    done = run(here, "--shard", text)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.strip() == (f"ERROR: the shard '{text}' is not of the form k/n, such as "
                                   "2/4, with k from 1 to n and n up to 999.")


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=paths.TOP, text=True, capture_output=True,
                          timeout=SECONDS, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("verb", ["check", "check-fast", "check-debug", "check-long"])
def test_make_asks_for_the_shard_before_it_builds(verb: str) -> None:
    lines = [line.strip() for line in make("-n", verb, "SHARD=1/2").stdout.splitlines()]
    asked = [line for line in lines if '--shard "$SHARD" --markers' in line]
    assert len(asked) == 1 and lines.index(asked[0]) <= 1
    assert not any("--shard" in line for line in make("-n", verb, "SHARD=").stdout.splitlines())


def test_make_says_what_is_no_shard() -> None:
    done = make(".shard", "SHARD=5/4")
    assert done.returncode == 2 and "ERROR: the shard '5/4' is not" in done.stderr
    assert "Error 4" in done.stderr
    assert make(".shard", "SHARD=4/4").returncode == make(".shard").returncode == 0


@pytest.mark.parametrize("shard", ["", "2/3"])
def test_the_script_passes_the_shard_on(shard: str, tmp_path: Path) -> None:
    """An empty SHARD is none."""
    setup = tmp_path / "harness" / "setup"
    setup.mkdir(parents=True)
    script = (paths.TOP / "harness" / "setup" / "pytest").read_text()
    (setup / "pytest").write_text(script.replace("/usr/bin/python3", "echo"))
    done = subprocess.run(["sh", str(setup / "pytest"), "check", "a b", "-x"], text=True,
                          capture_output=True, timeout=SECONDS,
                          env={**os.environ, "SHARD": shard})
    more = f" --shard {shard}" if shard else ""
    assert done.stdout.endswith(f" -m a b{more} -x\n"), done
