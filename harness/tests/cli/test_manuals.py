# SPDX-License-Identifier: GPL-2.0-or-later
"""Manual pages and bash completions have what --help has, all of it and nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chimney.paths import QEMU_VERSIONS, TOOLS, TOP, VERSION
from chimney.run import options
from chimney.run.options import make_parser
from chimney.vm import kernel, machine

CTL = TOP / "guest-driver" / "tools"
HARNESS = TOP / "harness"
MANUALS = [CTL / "chimneyctl.8", HARNESS / "chimney.1"]
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
SECONDS = 60


def out(*argv: str | Path) -> str:
    """What a command prints that must not fail."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


@pytest.fixture(scope="module")
def ctl() -> Path:
    """chimneyctl, as its sources are now."""
    out(CTL / "build")
    return TOOLS / "chimneyctl"


def commands_of(ctl: Path) -> set[str]:
    return set(re.findall(r"^  (\w+) ", out(ctl, "--help"), re.M))


def manual_options(page: Path) -> set[str]:
    """The long options that a page describes."""
    lines = [line for line in page.read_text().splitlines() if line.startswith(".It")]
    return {f"-{word}" for line in lines for word in re.findall(r"\bFl (-[\w-]+)", line)}


def complete(script: Path, *words: str) -> set[str]:
    """What bash offers in place of the last word."""
    code = ('. "$1"; shift; f=$(complete -p "${1##*/}"); f=${f#*-F }; COMP_WORDS=("$@"); '
            'COMP_CWORD=$(($# - 1)); "${f%% *}"; printf "%s\\n" "${COMPREPLY[@]}"')
    return set(out("bash", "--norc", "-c", code, "bash", script, *words).splitlines()) - {""}


def test_version_stands_in_one_place(ctl: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert out(ctl, "--version") == out(ctl, "list", "--version") == f"chimneyctl {VERSION}\n"
    assert out(HARNESS / "chimney", "--version") == f"chimney {VERSION}\n"


@pytest.mark.parametrize("page", MANUALS, ids=[page.name for page in MANUALS])
def test_page_is_well_formed(page: Path) -> None:
    assert out("mandoc", "-T", "lint", "-W", "warning", page) == ""
    assert page.stem in out("mandoc", "-T", "utf8", page)


def test_chimneyctl_page(ctl: Path) -> None:
    text = (CTL / "chimneyctl.8").read_text()
    described = re.findall(r"^\.It Cm (\w+)", text, re.M)
    assert sorted(described) == sorted(commands_of(ctl) | {"all"})
    assert manual_options(CTL / "chimneyctl.8") == set(OPTION.findall(out(ctl, "--help")))


def test_chimneyctl_completion(ctl: Path) -> None:
    script = CTL / "chimneyctl.bash"
    general = {"--json", "--help", "--version"}
    assert complete(script, "chimneyctl", "") == commands_of(ctl) | general
    offered = {command: complete(script, "chimneyctl", command, "") - general
               for command in commands_of(ctl)}
    which = {"all", "--port", "--pid"}
    policies = re.search(r"policy +\[([^\]:[]*)", out(ctl, "--help"))
    assert policies
    assert {name: words for name, words in offered.items() if words} == {
        "offload": which, "upload": which, "disconnect": {"--abort"},
        "policy": set(policies[1].split("|"))}
    assert complete(script, "chimneyctl", "shuttle", "7", "") - general == which
    assert complete(script, "chimneyctl", "--json", "up") == {"update", "upload"}
    assert set.union(general, *offered.values()) >= set(OPTION.findall(out(ctl, "--help")))
    assert complete(script, "chimneyctl", "upload", "--pid", "1") >= {"1"}


def test_chimney_page() -> None:
    page = HARNESS / "chimney.1"
    assert re.findall(r"^\.It Cm (\w+)", page.read_text(), re.M) == ["run"]
    assert manual_options(page) == {*make_parser().options(), "--version"}


def test_chimney_completion() -> None:
    script = HARNESS / "chimney.bash"
    parser = make_parser()
    assert complete(script, "chimney", "") == {"run", "--help", "--version"}
    assert complete(script, "chimney", "run", "--cpus", "2", "") == {*parser.options(), "--"}
    assert complete(script, "chimney", "run", "--device", "") == set(machine.DEVICES)
    assert complete(script, "chimney", "run", "--kernel", "") >= set(kernel.NAMES)
    assert complete(script, "chimney", "run", "--qemu", "1") == set(QEMU_VERSIONS)
    assert complete(script, "chimney", "run", "--offload", "") == set(
        re.findall(r"\w+:?", options.OFFLOADS.replace(" or ", " ").replace("SEED", "")))
    accels = next(action.choices for action in parser._actions if action.dest == "accel")
    assert complete(script, "chimney", "run", "--accel", "") == set(accels or ())
    assert complete(script, "chimney", "run", "--net", "") == {"tap", "user", "stream:", "dgram:"}
    assert complete(script, "chimney", "run", "--bin", "mkfif") == {"mkfifo"}
    assert complete(script, "chimney", "run", "--driver", "/etc/passw") >= {"/etc/passwd"}
    assert complete(script, "chimney", "run", "--", "mkfif") == {"mkfifo"}
    assert complete(script, "chimney", "run", "--", "cat", "/etc/passw") >= {"/etc/passwd"}
    for option in parser.options():
        words = complete(script, "chimney", "run", option, "--n")
        takes_value = "--net" not in words
        action = next(a for a in parser._actions if option in a.option_strings)
        assert takes_value == (action.nargs != 0), option
