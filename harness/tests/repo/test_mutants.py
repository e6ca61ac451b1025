# SPDX-License-Identifier: GPL-2.0-or-later
"""The patches of `make mutants` fit the tree as it is, there is one for each founding rule, and the
others break rules that there are.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chimney import paths
from chimney.conformance.requirements import catalogue
from chimney.mutants import patches

MUTANTS = patches.wanted([])


def is_founding(mutant: patches.Mutant) -> bool:
    item = catalogue().get(mutant.requirement)
    return item is not None and item.seed


def test_a_rule_stands_for_both_halves() -> None:
    assert [mutant.name for mutant in patches.wanted(["BRD-1"])] == ["device/BRD-1", "driver/BRD-1"]
    assert [mutant.name for mutant in patches.wanted(["driver/BRD-1"])] == ["driver/BRD-1"]


def test_a_rule_has_further_patches() -> None:
    assert [mutant.name for mutant in patches.wanted(["INI-7"])] == [
        "device/INI-7", "driver/INI-7", "driver/INI-7-backoff"]
    assert [mutant.name for mutant in patches.wanted(["driver/INI-7"])] == ["driver/INI-7"]
    assert [mutant.requirement for mutant in patches.wanted(["INI-7-backoff"])] == ["INI-7"]


@pytest.mark.parametrize("name", ["BRD-1-", "BRD-1-Word", "brd-1", "BRD", "BRD-1.2", "BRD-2"])
def test_name_that_is_not_the_requirement(name: str, tmp_path: Path) -> None:
    patch = tmp_path / f"{name}.patch"
    patch.write_text("Requirement: BRD-1\nBreaks: x\nTest: x::y\nSays: x\n")
    with pytest.raises(patches.Broken):
        patches.read(patch)


def test_every_founding_rule_is_broken_where_it_binds() -> None:
    founding = [item for item in catalogue().values() if item.seed]
    assert {mutant.id for mutant in MUTANTS if mutant.half == "device"} >= {
        item.id for item in founding}
    assert {mutant.id for mutant in MUTANTS if mutant.half == "driver"} >= {
        item.id for item in founding if item.side in "HB"}


def test_every_rule_that_is_broken_is_one() -> None:
    """A requirement of the catalogue, or a numbered rule of the specification."""
    rules = {rule for chapter in (paths.TOP / "spec").glob("*.md")
             for rule in re.findall(r"^- ([A-Z]+-D\d+):", chapter.read_text(), re.M)}
    assert {mutant.requirement for mutant in MUTANTS} <= set(catalogue()) | rules


@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if not is_founding(mutant)],
    ids=lambda mutant: str(mutant.name))
def test_the_test_names_the_rule(mutant: patches.Mutant) -> None:
    """Of a further patch, in its docstring or its file's."""
    file, _, function = mutant.test.partition("::")
    tree = ast.parse((paths.TOP / file).read_text())
    texts = [ast.get_docstring(node) or "" for node in [tree, *tree.body]
             if node is tree or getattr(node, "name", "") == function.partition("[")[0]]
    assert any(re.search(rf"\b{mutant.requirement}\b", text) for text in texts)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_patch_fits_and_names_a_test(mutant: patches.Mutant, tmp_path: Path) -> None:
    for file in mutant.files:
        copy = tmp_path / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((paths.TOP / file).read_bytes())
    patches.apply(mutant, tmp_path)
    file, _, function = mutant.test.partition("::")
    source = (paths.TOP / file).read_text()
    assert f"def {function.partition('[')[0]}(" in source
    if mutant.says.startswith("assert "):
        assert mutant.says in source


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_patch_fits_in_one_place(mutant: patches.Mutant) -> None:
    """patch(1) takes the nearest place at which the lines are the same, which may be another."""
    for part in re.split(r"^(?=--- a/)", mutant.patch.read_text(), flags=re.M)[1:]:
        names, *hunks = re.split(r"^@@.*\n", part, flags=re.M)
        source = (paths.TOP / names.rpartition("+++ b/")[2].strip()).read_text()
        for hunk in hunks:
            old = "".join(line[1:] for line in hunk.splitlines(True) if line[0] != "+")
            assert f"\n{source}".count(f"\n{old}") == 1, old
