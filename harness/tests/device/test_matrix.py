# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix of matrix.toml is whole: nothing that the ABI header or the spec names is without a
test or a sentence.
"""
from __future__ import annotations

import ast
import enum
import re
import tomllib
from pathlib import Path

import pytest

from chimney import abi
from chimney.paths import TOP

HERE = Path(__file__).resolve().parent
TABLE: dict[str, dict[str, str | list[str]]] = tomllib.loads((HERE / "matrix.toml").read_text())
RULE = re.compile(r"^- ((?:REG|RING|OBJ|OP|TCP|DEL|EVT|LIFE)-[DH]\d+):", re.M)
ENUMS: dict[str, type[enum.IntEnum]] = {
    "opcode": abi.chim_op,
    "completion": abi.chim_cq_type,
    "receive": abi.chim_rx_type,
    "status": abi.chim_status,
    "fatal": abi.chim_fatal,
    "fatal-rule": abi.chim_rule,
    "event": abi.chim_event,
    "upload-reason": abi.chim_upload_reason,
}


def wanted(section: str) -> list[str]:
    """What the header or the spec demands of a section."""
    if section in ENUMS:
        return [member.name for member in ENUMS[section]]
    chapters = sorted((TOP / "spec").glob("[0-9]*.md"))
    return [rule for chapter in chapters for rule in RULE.findall(chapter.read_text())]


def existing() -> set[str]:
    """Every device test there is."""
    found = set()
    for path in HERE.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                found.add(f"{path.name}::{node.name}")
    return found


@pytest.mark.parametrize("section", [*ENUMS, "rule"])
def test_nothing_is_missing(section: str) -> None:
    """Each key of the header, and each rule of the spec, stands in the table; nothing else does."""
    keys = wanted(section)
    assert len(keys) == len(set(keys)), "a number is given twice"
    assert sorted(TABLE[section]) == sorted(keys)


def test_every_named_test_exists() -> None:
    """A value is a test, a list of tests, or one sentence."""
    tests, wrong = existing(), []
    for section, rows in TABLE.items():
        for key, value in rows.items():
            if isinstance(value, str) and "::" not in value:
                if not re.fullmatch(r"[A-Z].{20,}\.", value):
                    wrong.append(f"{section}.{key}: no sentence")
                continue
            names = [value] if isinstance(value, str) else value
            wrong += [f"{section}.{key}: {name}" for name in names if name not in tests]
    assert not wrong


def test_commands_need_tests() -> None:
    """No command, no fatal cause that a driver can raise and no status of the interface is left to
    a sentence.
    """
    for section in ("opcode", "status"):
        lame = [k for k, v in TABLE[section].items() if isinstance(v, str) and "::" not in v]
        assert not lame
    assert set(TABLE) == {*ENUMS, "rule", "hostile"}
