# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of spec/driver-rules.md is whole and true: each rule of the chapters that binds the
driver has a row, and a row names a rule, tests of it, causes and statuses that there are, and what
the device says. Tables that are not are refused.
"""
from __future__ import annotations

import ast
import re
import tomllib
from functools import cache

import pytest

from chimney import abi
from chimney.paths import TOP

TABLE = TOP / "spec" / "driver-rules.md"
DEVICE_TESTS = TOP / "harness" / "tests" / "device"
RULE = re.compile(r"^- ([A-Z]+-H\d+): ", re.M)
ROW = re.compile(r"^\| ([A-Z]+-H\d+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.M)
CODE = re.compile(r"`([A-Z0-9.-]+/[a-z0-9-]+)`")
NODE = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def chapters() -> list[str]:
    return [path.read_text() for path in sorted((TOP / "spec").glob("0[1-9]-*.md"))]


def rules() -> list[str]:
    """The rules that bind the driver, by chapter and number."""
    return [rule for text in chapters()
            for rule in sorted(RULE.findall(text), key=lambda rule: int(rule.split("-H")[1]))]


@cache
def codes() -> list[str]:
    """The names of what the device can say that it refuses."""
    text = (TOP / "qemu-device" / "core" / "refusal_codes.c").read_text()
    return re.findall(r'\{\s+"([^"]+)",\s+"', text)


@cache
def existing(file: str) -> set[str]:
    path = DEVICE_TESTS / file
    body = ast.parse(path.read_text()).body if path.is_file() else []
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


@cache
def matrix() -> dict[str, list[str]]:
    table = tomllib.loads((DEVICE_TESTS / "matrix.toml").read_text())["rule"]
    return {rule: [value] if isinstance(value, str) else value for rule, value in table.items()}


def wrong_tests(rule: str, cell: str) -> list[str]:
    nodes = NODE.findall(cell)
    if not nodes or NODE.sub("", cell).replace("<br>", "").strip():
        return [f"{rule}: {cell} is no test"]
    return [f"{rule}: there is no {file}::{name}" for file, name in nodes
            if name not in existing(file)] + [
        f"{rule}: {file}::{name} is not in matrix.toml" for file, name in nodes
        if name in existing(file) and f"{file}::{name}" not in matrix().get(rule, [])]


def wrong_names(rule: str, cell: str) -> list[str]:
    known = {**abi.chim_status.__members__, **abi.chim_fatal.__members__}
    causes = re.findall(r"CHIM_FATAL_\w+, ([A-Z]+-H\d+)", cell)
    named = {name.removeprefix("CHIM_RULE_").replace("_", "-")
             for name in abi.chim_rule.__members__}
    return [f"{rule}: there is no {name}" for name in re.findall(r"CHIM_\w+", cell)
            if name not in known] + [
        f"{rule}: the header has no number for {cause}" for cause in causes if cause not in named]


def wrong_codes(rule: str, cell: str) -> list[str]:
    """Codes that the device does not have; nothing, or codes, is what it says."""
    if cell == "nothing":
        return []
    named = CODE.findall(cell)
    if not named or CODE.sub("", cell).replace(",", "").strip():
        return [f"{rule}: {cell} is no code"]
    return [f"{rule}: there is no code {code}" for code in named if code not in codes()]


def without_row(text: str) -> list[str]:
    """Codes of the driver's rules that the table does not have."""
    said = {code for row in ROW.findall(text) for code in CODE.findall(row[3])}
    return [f"there is no row for {code}" for code in codes()
            if code.split("/")[0] in rules() and code not in said]


def findings(text: str) -> list[str]:
    """All that is wrong with a table."""
    rows = ROW.findall(text)
    order = list(dict.fromkeys(row[0] for row in rows))
    found = [f"{rule} has no row" for rule in rules() if rule not in order]
    found += [f"{rule} is no rule" for rule in order if rule not in rules()]
    if not found and order != rules():
        found.append("the rules are not in the order of chapters and numbers")
    for rule, _, does, says, tests in rows:
        if says == "nothing" and re.search("CHIM_FATAL_|CHIM_ST_|ignored", does):
            found.append(f"{rule}: a refusal that is not told")
        found += wrong_names(rule, does) + wrong_codes(rule, says) + wrong_tests(rule, tests)
    return found + without_row(text)


def test_table_is_whole_and_true() -> None:
    text = TABLE.read_text()
    assert findings(text) == []
    count = sum(line.startswith("| ") and "::" in line for line in text.splitlines())
    assert count == len(ROW.findall(text)) > len(rules()) > 25
    assert len(codes()) > 50


def test_one_place_writes_to_the_log() -> None:
    """All that is refused goes by it: a line elsewhere would have no code."""
    files = [path.name for path in (TOP / "qemu-device").rglob("*.c")
             if "LOG_GUEST_ERROR" in path.read_text()]
    assert files == ["refusal.c"]


def test_rules_say_what_happens() -> None:
    """Each but REG-H5, which tells the driver what to make of a read, has "Broken:" in its text."""
    for text in chapters():
        for item in re.findall(r"^- [A-Z]+-H\d+: .*(?:\n  .*)*", text, re.M):
            assert re.search(r"Broken:\s", item) or item.startswith("- REG-H5: "), item


@pytest.mark.parametrize("document", ["README.md", "00-tour.md", "01-conventions.md"])
def test_table_is_linked(document: str) -> None:
    assert "(driver-rules.md)" in (TOP / "spec" / document).read_text()


def without(text: str, rule: str) -> str:
    return re.sub(rf"^\| {rule} \|.*\n", "", text, flags=re.M)


@pytest.mark.parametrize("old,new,finding", [
    ("| OP-H7 |", "| OP-H99 |", "OP-H7 has no row"),
    ("test_causes_of_a_forward", "test_causes",
     "OP-H7: there is no test_seed_forward.py::test_causes"),
    ("`test_seed_forward.py::test_causes_of_a_forward`", "`test_rings.py::test_first_cause_wins`",
     "OP-H7: test_rings.py::test_first_cause_wins is not in matrix.toml"),
    ("`test_seed_forward.py::test_causes_of_a_forward`", "none", "OP-H7: none is no test"),
    ("status CHIM_ST_IN_USE", "status CHIM_ST_USED", "OBJ-H2: there is no CHIM_ST_USED"),
    ("CHIM_FATAL_FENCE, OP-H1", "CHIM_FATAL_FENCE, OP-H2",
     "OP-H1: the header has no number for OP-H2"),
    ("| `REG-H3/doorbell` |", "| no ring |", "REG-H3: no ring is no code"),
    ("`REG-H3/doorbell`", "`REG-H3/bell`", "REG-H3: there is no code REG-H3/bell"),
    ("`REG-H3/doorbell`", "nothing", "REG-H3: a refusal that is not told"),
])
def test_untrue_table_is_refused(old: str, new: str, finding: str) -> None:
    text = TABLE.read_text()
    assert old in text
    assert finding in findings(text.replace(old, new, 1))


def test_missing_code_is_found() -> None:
    text = TABLE.read_text().replace("`REG-H1/size`", "nothing")
    assert "there is no row for REG-H1/size" in findings(text)


def test_missing_row_is_found() -> None:
    assert findings(without(TABLE.read_text(), "RING-H10")) == ["RING-H10 has no row"]
