# SPDX-License-Identifier: GPL-2.0-or-later
"""What every program of the repository answers to an option that it does not have, and what those
that fetch and build for long answer before they do.

All of it runs in a copy of the repository without build/: what a program does that does not refuse
as it should is done there.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney import paths

OPTION = "--frobnicate"
# One hands its arguments to pytest, the other is called by a machine.
LEFT_OUT = {"harness/setup/pytest", ".ci/run"}
# What must be there for an option to be looked at.
NEEDED = {"harness/chimney": ["run"], "images/mkinitramfs": ["--kernel", "6.1", "--out", "out"],
          "spec/gen_abi.py": ["out"]}
Call = Callable[..., subprocess.CompletedProcess[str]]


def programs() -> list[str]:
    """Every program of the repository, and the one that is run by python's name."""
    found = ["spec/gen_abi.py"]
    for folder, folders, names in os.walk(paths.TOP):
        folders[:] = [name for name in folders if name not in ("build", ".git")]
        files = [Path(folder) / name for name in names]
        found += [str(file.relative_to(paths.TOP)) for file in files if os.access(file, os.X_OK)]
    return sorted(set(found) - LEFT_OUT)


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """One sentence on standard error, status 2, and nothing else."""
    assert done.returncode == 2, done
    assert sentence in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


def test_programs_are_found() -> None:
    assert {"harness/chimney", "harness/demo", "harness/bench", "images/kernels",
            "guest-driver/build", "spec/gen_abi.py"} <= set(programs())


@pytest.mark.parametrize("name", programs())
def test_unknown_option_is_one_sentence(name: str, call: Call, copy: Path) -> None:
    refused(call(name, *NEEDED.get(name, []), OPTION), OPTION)
    assert not (copy / "build").exists() and not (copy / "out").exists()


WRONG: list[tuple[str, list[str], str]] = [
    ("images/kernels", ["5.0"], "no such kernel: 5.0 (there are 6.1, 6.12, 7.3, newest, 6.1-gen"),
    ("images/kernels", ["--list=yes"], "--list: ignored explicit argument 'yes'"),
    ("images/kernels", ["--update", "5.0"], "no such kernel: 5.0"),
    ("images/debug-kernel", ["--jobs", "0"], "--jobs wants a positive number"),
    ("images/debug-kernel", ["--jobs", "many"], "--jobs: invalid int value: 'many'"),
    ("images/debug-kernel", ["--update=yes"], "--update: ignored explicit argument 'yes'"),
    ("images/debug-kernel", ["6.1"], "no debug kernel of 6.1 (there are 6.12, 7.3)"),
    ("images/mkinitramfs", [], "the following arguments are required: --kernel, --out"),
    ("images/mkinitramfs", ["--kernel"], "--kernel: expected one argument"),
    ("images/mkinitramfs", ["--out"], "--out: expected one argument"),
    ("images/mkinitramfs", ["--bin"], "--bin: expected one argument"),
    ("images/mkinitramfs", ["--copy"], "--copy: expected one argument"),
    ("images/mkinitramfs", ["--load"], "--load: expected one argument"),
    ("images/mkinitramfs", ["--kernel", "6.1", "--out", "out", "--driver", "/no/such.ko"],
     "no such file: /no/such.ko"),
    ("images/mkinitramfs", ["--kernel", "6.1", "--out", "out", "--no-driver", "--driver", "x.ko"],
     "--driver and --no-driver exclude each other"),
    ("spec/gen_abi.py", [], "the following arguments are required: output"),
    ("spec/gen_abi.py", ["--check=yes"], "--check: ignored explicit argument 'yes'"),
    ("spec/gen_abi.py", ["--facts"], "the following arguments are required: output"),
]


@pytest.mark.parametrize(("name", "words", "sentence"), WRONG)
def test_wrong_use_is_one_sentence(name: str, words: list[str], sentence: str, call: Call,
                                   copy: Path) -> None:
    refused(call(name, *words), sentence)
    assert not (copy / "build").exists() and not (copy / "out").exists()


@pytest.mark.parametrize("name", sorted({name for name, _, _ in WRONG}))
def test_each_option_of_the_help_has_a_wrong_use(name: str, call: Call) -> None:
    done = call(name, "--help")
    assert done.returncode == 0 and not done.stderr
    options = set(re.findall(r"^ +(?:-\w, |-\w \w+, )?(--[\w-]+)", done.stdout, re.M))
    tried = {word.partition("=")[0] for of, words, _ in WRONG if of == name for word in words}
    assert "--help" in options and options - {"--help"} <= tried
