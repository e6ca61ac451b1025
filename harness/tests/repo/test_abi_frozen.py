# SPDX-License-Identifier: GPL-2.0-or-later
"""Version 1.0 of the ABI is frozen: what spec/abi-1.0.txt says holds in every later 1.x.

An addition uses reserved space behind a feature bit and raises the minor version; this test fails
for one that does not, and for whatever moves or changes something that 1.0 has.
"""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chimney import abi
from chimney.paths import TOP

FROZEN = TOP / "spec" / "abi-1.0.txt"
RESERVED = ("rsvd", "pad")


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the header says now."""
    out: Path = tmp_path_factory.mktemp("abi") / "facts"
    subprocess.run(
        [sys.executable, str(TOP / "spec/gen_abi.py"), "--facts", str(out)], check=True, timeout=60
    )
    return set(out.read_text().splitlines())


def frozen() -> set[str]:
    return set(FROZEN.read_text().splitlines())


def is_reserved(fact: str) -> bool:
    return any(f", {name}" in fact or f".{name}" in fact for name in RESERVED)


def test_nothing_frozen_has_changed(facts: set[str]) -> None:
    assert abi.CHIM_ABI_MAJOR != 1 or not {
        fact for fact in frozen() - facts if not is_reserved(fact)
    }


def test_additions_raise_the_minor_version(facts: set[str]) -> None:
    assert abi.CHIM_ABI_MINOR > 0 or facts == frozen()
