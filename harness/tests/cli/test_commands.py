# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of demo, mutants and conformance: each is understood, named by --help, and refused
with one sentence where it makes no sense.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chimney import paths
from chimney.conformance import main as conformance
from chimney.demo import main as demo
from chimney.mutants import main as mutants
from chimney.tomorrow import main as tomorrow

DRIVER = paths.TOP / "guest-driver" / "build"
Command = Callable[[list[str]], int]

WRONG = [
    (demo.main, ["--kernel", "5.0"], "--kernel 5.0 is unknown"),
    (demo.main, ["--seed", "x"], "--seed: 'x' is not a number"),
    (demo.main, ["--cycles", "0"], "--cycles: '0' is not a number from 1"),
    (demo.main, ["--mib", "9999"], "--mib: '9999' is not a number from 1 to 4095"),
    (demo.main, ["--only", "everything"], "there is no part everything; parts are handover, "),
    (demo.main, ["--family", "5"], "--family: '5' is not one of 4, 6"),
    (demo.main, ["--fast"], "unknown option: --fast"),
    (mutants.main, ["XYZ-1"], "there is no patch for XYZ-1"),
    (mutants.main, ["driver/BRD-6"], "there is no patch for driver/BRD-6"),
    (mutants.main, ["--jobs", "0"], "--jobs: '0' is not a number from 1"),
    (mutants.main, ["--keep=yes"], "--keep: ignored explicit argument 'yes'"),
    (conformance.main, ["--check=yes"], "--check: ignored explicit argument 'yes'"),
    (conformance.main, ["--chec"], "unknown option: --chec"),
    (conformance.main, ["all"], "unknown option: all"),
    (tomorrow.main, ["unstable"], "unknown option: unstable"),
]


@pytest.mark.parametrize(("main", "words", "sentence"), WRONG)
def test_wrong_use_is_one_sentence(main: Command, words: list[str], sentence: str,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and not said.out


def options_of(main: Command, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The options that --help names, but for itself."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    return set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", capsys.readouterr().out, re.M)) - {"--help"}


@pytest.mark.parametrize("main", [demo.main, mutants.main, conformance.main])
def test_each_option_of_the_help_has_a_wrong_use(main: Command,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {words[0].partition("=")[0] for command, words, _ in WRONG if command is main}
    options = options_of(main, capsys)
    assert options and options <= wrong


DEMO: list[tuple[list[str], str, Any]] = [
    (["--kernel", "6.12"], "kernel", "6.12"),
    (["--seed", "7"], "seed", 7),
    (["--cycles", "3"], "cycles", 3),
    (["--mib", "2"], "mib", 2),
    (["--only", "cards", "--only", "unread_data"], "only", ["cards", "unread_data"]),
    (["--family", "6"], "family", 6),
]


@pytest.mark.parametrize(("words", "name", "value"), DEMO)
def test_demo_understands(words: list[str], name: str, value: Any) -> None:
    assert getattr(demo.make_parser().parse_args(words), name) == value


def test_every_option_of_the_demo_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert {words[0] for words, _, _ in DEMO} == options_of(demo.main, capsys)


def test_mutants_understand() -> None:
    assert mutants.arguments(["--jobs", "3"]).jobs == 3
    assert mutants.arguments([]).jobs == os.cpu_count()
    assert mutants.arguments(["--keep", "BRD-6"]).keep and not mutants.arguments([]).keep


@pytest.mark.parametrize(("words", "sentence"), [
    ([], "which kernel?"),
    (["--fast", "6.1"], "unknown option: --fast"),
    (["--sources"], "--sources wants a folder"),
    (["--out", "/tmp/x", "6.1", "6.12"], "--out is for one kernel"),
    (["5.0"], "no kernel headers at "),
])
def test_driver_build_refuses(words: list[str], sentence: str, tmp_path: Path) -> None:
    if words == ["5.0"]:
        words = ["--out", str(tmp_path), *words]
    done = subprocess.run([str(DRIVER), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == (1 if "5.0" in words else 2)
    assert sentence in done.stderr and done.stderr.count("\n") == 1
