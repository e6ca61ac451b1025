# SPDX-License-Identifier: GPL-2.0-or-later
"""The Python mirror of the ABI is fresh, and ctypes lays every structure out as the compiler does.
"""
from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from chimney import abi
from chimney.paths import TOP

MIRROR = TOP / "harness/lib/chimney/abi.py"


def test_mirror_is_what_the_generator_makes() -> None:
    done = subprocess.run(
        [sys.executable, str(TOP / "spec/gen_abi.py"), "--check", str(MIRROR)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(abi.SIZES))
def test_size(name: str) -> None:
    assert ctypes.sizeof(getattr(abi, name)) == abi.SIZES[name]


@pytest.mark.parametrize("name,path", sorted(abi.OFFSETS))
def test_offset(name: str, path: str) -> None:
    kind, offset = getattr(abi, name), 0
    for part in path.split("."):
        offset += getattr(kind, part).offset
        kind = dict(field[:2] for field in kind._fields_)[part]
    assert offset == abi.OFFSETS[(name, path)]


def test_status_numbers_are_never_reused() -> None:
    values = [int(item) for item in abi.chim_status]
    assert len(values) == len(set(values)) == len(abi.chim_status.__members__)
