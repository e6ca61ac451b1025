# SPDX-License-Identifier: GPL-2.0-or-later
"""The version follows the ABI's, and the changelog has a chapter for it (RELEASING.md)."""
from __future__ import annotations

import re

from chimney import abi
from chimney.paths import TOP, VERSION


def test_version_begins_with_the_abis() -> None:
    """Its first two numbers are the ABI's major and minor version."""
    assert re.fullmatch(rf"{abi.CHIM_ABI_MAJOR}\.{abi.CHIM_ABI_MINOR}\.\d+", VERSION)


def test_changelog_has_what_is_not_released() -> None:
    """On top what has come since the last release, then releases, newest first."""
    heads = re.findall(r"^## (.*)", (TOP / "CHANGELOG.md").read_text(), re.M)
    assert heads[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    released = [tuple(map(int, head.split()[0].split("."))) for head in heads[1:]]
    assert released == sorted(set(released), reverse=True)
    assert all(version <= tuple(map(int, VERSION.split("."))) for version in released)
