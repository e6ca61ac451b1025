# SPDX-License-Identifier: GPL-2.0-or-later
"""The patches of `make mutants` fit the tree as it is, and there is one for each founding rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimney import conformance, paths
from chimney.mutants import patches

MUTANTS = patches.wanted([])


def test_a_rule_stands_for_both_halves() -> None:
    assert [mutant.name for mutant in patches.wanted(["BRD-1"])] == ["device/BRD-1", "driver/BRD-1"]
    assert [mutant.name for mutant in patches.wanted(["driver/BRD-1"])] == ["driver/BRD-1"]


def test_every_founding_rule_is_broken_where_it_binds() -> None:
    founding = [item for item in conformance.catalogue().values() if item.seed]
    assert {mutant.id for mutant in MUTANTS if mutant.half == "device"} == {
        item.id for item in founding}
    assert {mutant.id for mutant in MUTANTS if mutant.half == "driver"} == {
        item.id for item in founding if item.side in "HB"}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_patch_fits_and_names_a_test(mutant: patches.Mutant, tmp_path: Path) -> None:
    for file in mutant.files:
        copy = tmp_path / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((paths.TOP / file).read_bytes())
    patches.apply(mutant, tmp_path)
    file, _, function = mutant.test.partition("::")
    assert f"def {function.partition('[')[0]}(" in (paths.TOP / file).read_text()
