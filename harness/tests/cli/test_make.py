# SPDX-License-Identifier: GPL-2.0-or-later
"""What make help prints, and which test make test runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chimney.paths import TOP

ONE = TOP / "harness" / "setup" / "one-test"
FILE = "tests/linkemu/test_linkemu.py"
TEST = f"{FILE}::test_delay_is_kept"
SECONDS = 60


def call(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, cwd=TOP,
                          timeout=SECONDS, stdin=subprocess.DEVNULL)


def test_help_has_every_target_once_and_in_a_group() -> None:
    text = call("make", "help").stdout
    assert text == call("make").stdout
    groups = [group.splitlines() for group in text.rstrip("\n").split("\n\n")]
    assert len(groups) > 4 and all(len(group) > 1 for group in groups)
    assert all(re.fullmatch(r"[A-Z].*", title) for title, *_ in groups)
    targets = [line.split()[0] for _, *lines in groups for line in lines]
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", (TOP / "Makefile").read_text(), re.M)
    assert phony
    assert sorted(targets) == sorted(set(phony[1].replace("\\", " ").split()) - {"help"})


def test_readme_and_contributing_name_only_targets_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.M))
    for name in ("README.md", "CONTRIBUTING.md", "RELEASING.md", "harness/README.md"):
        text = (TOP / name).read_text()
        named = set(re.findall(r"(?:^ {4,}|`)make ([a-z][a-z-]+)", text, re.M))
        assert named and named <= targets, name


def test_make_hands_the_name_over_as_it_is() -> None:
    done = call("make", "-n", "test", "T=tests/x.py::test[a b]", "ARGS=-x")
    assert done.stdout.splitlines()[-1] == 'harness/setup/one-test "$T" -x'


@pytest.mark.parametrize(("words", "series", "name"), [
    ((), "", "debug"), (("KERNEL=6.12",), " 6.12", "debug"),
    (("KERNEL=7.3",), " 7.3", "debug-7.3")])
def test_make_runs_the_suite_on_the_debug_kernel_that_is_meant(words: tuple[str, ...], series: str,
                                                               name: str) -> None:
    lines = call("make", "-n", "check-debug", *words).stdout.splitlines()
    assert f"images/debug-kernel{series}" in [line.strip() for line in lines]
    assert f"guest-driver/build {name}" in lines
    assert lines[-1].startswith(f"CHIMNEY_DEBUG_KERNEL={name} CHIMNEY_PACE=4 ")


@pytest.mark.parametrize(("what", "found"), [
    (TEST, 1), (f"harness/{TEST}", 1), (f"{TOP}/harness/{TEST}", 1),
    pytest.param("delay and kept", 1, marks=pytest.mark.slow),
    (f"{FILE}::test_ip4_fragments_join_to_the_packet[7]", 1), (FILE, 20), (f"harness/{FILE}", 20),
    ("tests/linkemu", 20),
], ids=range(8))
def test_what_is_named_is_found(what: str, found: int) -> None:
    done = call(ONE, what, "--collect-only", "-q")
    assert done.returncode == 0, done
    names = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(names) >= found and all(name.startswith(FILE) for name in names)
    assert len(names) == 1 or found > 1


@pytest.mark.parametrize(("what", "sentence"), [
    ("", "one-test: which test? T=tests/"),
    ("tests/nope.py", "one-test: there is no test tests/nope.py, neither from harness/ nor"),
    ("harness/chimney", "one-test: there is no test harness/chimney, neither"),
    ("nope.py::test_x", "one-test: there is no test nope.py::test_x, neither"),
    ("tests/device/matrix.toml", "one-test: there are no tests in tests/device/matrix.toml"),
])
def test_what_is_no_test_is_told(what: str, sentence: str) -> None:
    done = call(ONE, what)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert done.stderr.startswith(sentence)


@pytest.mark.slow
def test_a_name_that_no_test_has_is_told() -> None:
    done = call(ONE, "no_test_has_this_name", "--collect-only", "-q")
    assert done.returncode == 5
    assert done.stderr == ("one-test: of the tests that make check runs none is meant by "
                           "no_test_has_this_name\n")
