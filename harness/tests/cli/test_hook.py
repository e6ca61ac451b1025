# SPDX-License-Identifier: GPL-2.0-or-later
"""The pre-commit hook, in a copy of the repository with a git of its own: it is there for those who
ask for it, it looks at what is staged and at nothing else, and what it finds stops the commit.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKERS = ("shellcheck", "mandoc", "flake8", "mypy", "cppcheck", "clang-tidy", "sparse")
STUB = """#!/bin/sh
for word; do
    case $word in -*) ;; *) echo "${0##*/} $word" >>"$CALLED" ;; esac
done
"""
SECONDS = 60
Git = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def git(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Git:
    """git in the copy, with the hook; stubs write down which files the checkers are given."""
    stubs = tmp_path_factory.mktemp("stubs")
    for name in CHECKERS:
        (stubs / name).write_text(STUB)
        (stubs / name).chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
            "PATH": f"{stubs}:{env['PATH']}", "CALLED": str(copy.parent / "called"),
            **{f"GIT_{who}_{what}": "somebody@example.org"
               for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *words], capture_output=True, text=True, cwd=copy, env=env,
                              timeout=SECONDS, stdin=subprocess.DEVNULL)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        assert call(*words).returncode == 0
    assert call("config", "core.hooksPath", "harness/setup/hooks").returncode == 0
    return call


@pytest.fixture
def called(copy: Path, git: Git) -> Iterator[Callable[[], list[str]]]:
    """Which checker has been given which file; afterwards the copy is as it was."""
    log = copy.parent / "called"
    log.write_text("")
    yield lambda: log.read_text().splitlines()
    git("reset", "-q", "--hard", "HEAD")


def add_line(copy: Path, name: str, line: str) -> None:
    with (copy / name).open("a") as file:
        file.write(f"{line}\n")


def test_a_finding_stops_the_commit(copy: Path, git: Git, called: Callable[[], list[str]]) -> None:
    before = git("rev-parse", "HEAD").stdout
    add_line(copy, "harness/setup/clean", "true  ")
    done = git("commit", "-qam", "build: a blank")
    assert done.returncode == 1 and git("rev-parse", "HEAD").stdout == before
    assert "blanks at the end of the line" in done.stdout + done.stderr
    assert "findings by: style" in done.stderr
    assert called() == ["shellcheck harness/setup/clean"]
    assert git("commit", "-qam", "build: a blank", "--no-verify").returncode == 0


def test_what_is_not_staged_is_not_looked_at(copy: Path, git: Git,
                                             called: Callable[[], list[str]]) -> None:
    add_line(copy, "harness/setup/sizes", "true  ")
    (copy / "scratch.py").write_text("x = 1  \n")
    add_line(copy, "guest-driver/tools/chimneyctl.8", '.\\" a comment')
    git("add", "guest-driver/tools/chimneyctl.8")
    done = git("commit", "-qm", "driver: a comment")
    assert done.returncode == 0, done
    assert called() == ["mandoc lint", "mandoc warning", "mandoc guest-driver/tools/chimneyctl.8"]
    (copy / "scratch.py").unlink()


def test_a_change_of_each_language_goes_to_its_checkers(copy: Path, git: Git,
                                                        called: Callable[[], list[str]]) -> None:
    add_line(copy, "harness/lib/chimney/wait.py", "# a comment")
    add_line(copy, "qemu-device/engine/engine.c", "/* a comment */")
    done = git("commit", "-qam", "harness: comments")
    assert done.returncode == 0, done
    files = {word for word in called() if "/" in word}
    assert {"flake8 harness/lib/chimney/wait.py", "mypy lib/chimney",
            "cppcheck qemu-device/engine/engine.c", "clang-tidy qemu-device/engine/engine.c",
            "sparse qemu-device/engine/engine.c"} <= files
    assert not [word for word in files if word.endswith((".sh", ".8", ".bash"))]


def test_a_file_that_is_staged_in_part_is_told(copy: Path, git: Git,
                                               called: Callable[[], list[str]]) -> None:
    add_line(copy, "README.md", "More.")
    git("add", "README.md")
    add_line(copy, "README.md", "And more.")
    done = git("commit", "-qm", "docs: more")
    assert done.returncode == 0 and not called()
    assert "lint: has changes that are not staged: README.md\n" in done.stderr


def test_nothing_staged_is_no_finding(copy: Path, git: Git) -> None:
    done = git("-c", "alias.lint=!harness/setup/lint --changed", "lint")
    assert (done.returncode, done.stdout, done.stderr) == (0, "lint: no file is staged\n", "")
