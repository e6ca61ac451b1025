# SPDX-License-Identifier: GPL-2.0-or-later
"""What the options of kernels, debug-kernel and gen_abi do, in a copy of the repository where
nothing can be fetched: a program that says so is in private-apt's place.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]
NO_FETCHING = '#!/bin/sh\necho "$*" >>"$(dirname "$0")/asked"\nexit 7\n'
MIRROR = "harness/lib/chimney/abi.py"


@pytest.fixture
def asked(copy: Path) -> Iterator[Callable[[], str]]:
    """What private-apt has been asked for, one request a line."""
    setup = copy / "harness" / "setup"
    (setup / "private-apt").write_text(NO_FETCHING)
    asked = setup / "asked"
    yield lambda: asked.read_text() if asked.exists() else ""
    asked.unlink(missing_ok=True)


def kernel(copy: Path, name: str, nics: str) -> Path:
    """A kernel that is there, as far as its builder looks."""
    place = copy / "build" / "kernels" / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "layout").write_text("2")
    (place / "release").write_text(f"{name}.0-test\n")
    (place / "nics").write_text(nics)
    return place


def test_kernels_lists_what_is_there(call: Call, copy: Path, asked: Callable[[], str]) -> None:
    kernel(copy, "6.1", '{"igb": false, "vmxnet3": true}')
    kernel(copy, "6.12-generic", '{"igb": true, "vmxnet3": true}')
    done = call("images/kernels", "--list")
    assert done.returncode == 0 and not done.stderr and not asked()
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["6.1", "6.1.0-test", "vmxnet3"],
        ["6.12-generic", "6.12-generic.0-test", "igb", "vmxnet3"]]


def test_kernels_update_fetches_what_is_there(call: Call, copy: Path,
                                              asked: Callable[[], str]) -> None:
    """What cannot be fetched is told in one sentence, and the kernel that was there stays."""
    place = kernel(copy, "6.1", "{}")
    done = call("images/kernels", "6.1")
    assert (done.returncode, done.stdout, done.stderr, asked()) == (0, "", "", "")
    done = call("images/kernels", "--update", "6.1")
    assert done.returncode == 1 and "list ^linux-image-6" in asked()
    assert done.stderr.splitlines() == ["kernels: fetching 6.1 (cloud-amd64)",
                                        "kernels: private-apt list failed (status 7)"]
    assert (place / "release").exists()


@pytest.fixture
def debug(copy: Path) -> Path:
    """A debug kernel that is up to date, and whose source only tells how it is made."""
    place = kernel(copy, "debug", "{}")
    source = place / "source"
    source.mkdir(exist_ok=True)
    (source / "Makefile").write_text("tinyconfig:\n\t@echo 'flags $(MAKEFLAGS)'; exit 1\n")
    fragment = (copy / "images" / "debug.config").read_bytes()
    (place / "stamp").write_text(hashlib.sha256(fragment + b"1").hexdigest())
    return place


def test_debug_kernel_is_left_as_it_is(call: Call, debug: Path, asked: Callable[[], str]) -> None:
    done = call("images/debug-kernel")
    assert (done.returncode, done.stdout, done.stderr, asked()) == (0, "", "", "")


def test_debug_kernel_update_fetches_the_source_again(call: Call, debug: Path,
                                                      asked: Callable[[], str]) -> None:
    done = call("images/debug-kernel", "--update")
    assert done.returncode == 1 and asked().split()[0] == "unpack"
    assert done.stderr.endswith("debug-kernel: fetching linux-source-6.12 failed (status 7)\n")
    assert not (debug / "source").exists()


@pytest.mark.parametrize("words", [["--jobs", "3"], ["-j3"]])
def test_debug_kernel_compiles_with_so_many_jobs(words: list[str], call: Call, debug: Path) -> None:
    (debug / "release").unlink()
    done = call("images/debug-kernel", *words)
    assert done.returncode == 1
    assert "make tinyconfig failed" in done.stderr and " -j3" in done.stderr


def test_mirror_that_is_stale_is_told(call: Call, copy: Path) -> None:
    """gen_abi writes the mirror, finds it fresh, and finds it stale once it is changed."""
    assert call("spec/gen_abi.py", "mirror").returncode == 0
    assert (copy / "mirror").read_text() == (copy / MIRROR).read_text()
    assert call("spec/gen_abi.py", "--check", "mirror").returncode == 0
    (copy / "mirror").write_text("x = 1\n")
    done = call("spec/gen_abi.py", "--check", "mirror")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "mirror does not mirror chimney_abi.h: run make abi\n"
    assert (copy / "mirror").read_text() == "x = 1\n"


def test_facts_are_checked_as_the_mirror_is(call: Call, copy: Path) -> None:
    assert call("spec/gen_abi.py", "--facts", "facts").returncode == 0
    assert "sizeof(struct " in (copy / "facts").read_text()
    assert call("spec/gen_abi.py", "--facts", "--check", "facts").returncode == 0
    assert call("spec/gen_abi.py", "--facts", "--check", MIRROR).returncode == 1
