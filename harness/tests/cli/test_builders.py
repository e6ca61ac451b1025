# SPDX-License-Identifier: GPL-2.0-or-later
"""What the options of kernels, debug-kernel and gen_abi do, in a copy of the repository where
nothing can be fetched: a program that says so is in private-apt's place.
"""

from __future__ import annotations

import hashlib
import re
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
    (place / "layout").write_text("3")
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


def test_kernel_of_an_older_layout_is_not_fetched_again(call: Call, copy: Path,
                                                        asked: Callable[[], str]) -> None:
    """Only what is new is added, and it is said if that cannot be done."""
    place = kernel(copy, "6.1", "{}")
    (place / "layout").write_text("2")
    (place / "vmlinuz").write_bytes(b"not packed in any way that we know")
    for said in (f"kernels: {place}/vmlinuz cannot be unpacked; guests boot it as it is\n", ""):
        done = call("images/kernels", "6.1")
        assert (done.returncode, done.stdout, done.stderr, asked()) == (0, "", said, "")
    assert not (place / "vmlinux").exists()


MAKE_FAILS = "tinyconfig:\n\t@echo 'flags $(MAKEFLAGS)'; exit 1\n"


def debug_kernel(copy: Path, name: str, series: str) -> Path:
    """A debug kernel that is up to date, and whose source only tells how it is made."""
    place = kernel(copy, name, "{}")
    source = place / "source"
    source.mkdir(exist_ok=True)
    (source / "Makefile").write_text(MAKE_FAILS)
    fragments = b"".join((copy / "images" / name).read_bytes()
                         for name in ("debug.config", f"debug-{series}.config"))
    (place / "stamp").write_text(hashlib.sha256(fragments + b"2").hexdigest())
    return place


@pytest.fixture
def debug(copy: Path) -> Path:
    """The debug kernel that is built when no series is named."""
    return debug_kernel(copy, "debug", "6.12")


def test_debug_kernel_is_left_as_it_is(call: Call, debug: Path, asked: Callable[[], str]) -> None:
    done = call("images/debug-kernel")
    assert (done.returncode, done.stdout, done.stderr, asked()) == (0, "", "", "")


def test_debug_kernel_update_fetches_the_source_again(call: Call, debug: Path,
                                                      asked: Callable[[], str]) -> None:
    done = call("images/debug-kernel", "--update")
    assert done.returncode == 1 and asked().split()[0] == "unpack"
    assert done.stderr.endswith("debug-kernel: fetching linux-source-6.12 failed (status 7)\n")
    assert not (debug / "source").exists()


def test_debug_kernel_of_another_series(call: Call, copy: Path, debug: Path,
                                        asked: Callable[[], str]) -> None:
    """It has a folder of its own, and what only its series knows is part of what it is built of."""
    other = debug_kernel(copy, "debug-7.3", "7.3")
    done = call("images/debug-kernel", "6.12", "7.3")
    assert (done.returncode, done.stdout, done.stderr, asked()) == (0, "", "", "")
    own = copy / "images" / "debug-7.3.config"
    before = own.read_bytes()
    own.write_bytes(before + b"CONFIG_MORE=y\n")
    done = call("images/debug-kernel", "7.3")
    own.write_bytes(before)
    assert done.returncode == 1 and "make tinyconfig failed" in done.stderr
    assert (debug / "release").exists() and not (other / "release").exists()
    done = call("images/debug-kernel", "--update", "7.3")
    assert done.stderr.endswith("debug-kernel: fetching linux-source-7.3 failed (status 7)\n")


def test_debug_kernel_tells_each_line_that_is_lost(call: Call, copy: Path) -> None:
    """An option that Kconfig drops, and one to be off that it does not know: there is no merging
    but one file behind the other, and olddefconfig drops an option.
    """
    place = debug_kernel(copy, "debug-7.3", "7.3")
    source = place / "source"
    (source / "Makefile").write_text("tinyconfig:\n\t@: >$(O)/.config\nolddefconfig:\n"
                                     "\t@sed -i /CONFIG_TUN=m/d $(O)/.config\n")
    merge = source / "scripts" / "kconfig" / "merge_config.sh"
    merge.parent.mkdir(parents=True)
    merge.write_text('#!/bin/sh\nshift 3\nout=$1\nshift\ncat "$@" >"$out"\n')
    merge.chmod(0o755)
    text = (copy / "images" / "debug.config").read_text()
    off = re.findall(r"^# CONFIG_(\w+) is not set$", text, flags=re.M)
    assert "IPV6_SIT" in off
    (source / "Kconfig.all").write_text("".join(
        f"config {name}\n\tbool\n" for name in off if name != "IPV6_SIT"))
    (place / "release").unlink()
    done = call("images/debug-kernel", "7.3")
    assert done.returncode == 1
    assert done.stderr == ("debug-kernel: Kconfig did not take these lines of debug.config:\n"
                           "  # CONFIG_IPV6_SIT is not set\n  CONFIG_TUN=m\n")


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
