# SPDX-License-Identifier: GPL-2.0-or-later
"""The codes of refusals: spec/refusals.md has those of the device, word for word and in order; each
stands for a rule or a section that there is, is used, and is shown by a device test or is excused.
"""
from __future__ import annotations

import re

from chimney.paths import TOP

DEVICE, SPEC = TOP / "qemu-device", TOP / "spec"
NUMBER = re.compile(r"CHIMDEV_WHY_(\w+) = (\d+),")
NAME = re.compile(r'\[CHIMDEV_WHY_(\w+)\] = \{\s+"([^"]+)",\s+"([^"]+)"')
ROW = re.compile(r"^\| (\d+) \| (\S+/\S+) \| (.+) \|$", re.M)
# What no device test brings about, and why.
UNSHOWN = {
    "5.6/command": "stands for a command that has no better code",
    "4.3/node": "stands for a status that has no better code",
    "8.3/bug": "conftest.py fails each test in which it comes",
    "OP-D19/memory": "test_memory.py::test_memory_of_requests uses up the memory",
    "OP-D5/memory": "test_memory.py::test_memory_of_lists uses up the memory",
}


def codes() -> list[tuple[str, str, str, str]]:
    """Number, constant, name and text of each."""
    names = NAME.findall((DEVICE / "core" / "refusal_codes.c").read_text())
    numbers = NUMBER.findall((DEVICE / "core" / "refusal_codes.h").read_text())
    assert [constant for constant, _ in numbers] == [constant for constant, *_ in names]
    return [(number, *row) for (_, number), row in zip(numbers, names, strict=True)]


def test_the_table_is_that_of_the_device() -> None:
    rows = ROW.findall((SPEC / "refusals.md").read_text())
    assert rows == [(number, name, text) for number, _, name, text in codes()]


def test_numbers_go_on_and_nothing_is_there_twice() -> None:
    assert [int(number) for number, *_ in codes()] == list(range(1, len(codes()) + 1))
    for column in zip(*codes(), strict=True):
        assert len(set(column)) == len(column) > 50


def test_a_code_names_a_rule_or_a_section() -> None:
    text = "".join(path.read_text() for path in sorted(SPEC.glob("[0-9]*.md")))
    known = set(re.findall(r"^- ([A-Z]+-[DH]\d+): ", text, re.M)) | set(
        re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", text, re.M))
    assert {name.split("/")[0] for _, _, name, _ in codes()} <= known


def test_each_code_is_used() -> None:
    text = "".join(path.read_text() for path in DEVICE.rglob("*.c")
                   if path.name != "refusal_codes.c")
    used = set(re.findall(r"CHIMDEV_WHY_(\w+)", text)) | set(
        re.findall(r"BROKEN(?:_AT)?\([^,]+, [^,]+, (\w+),", text))
    assert {constant for _, constant, _, _ in codes()} - used == set()


def test_each_code_is_shown_by_a_device_test() -> None:
    tests = (TOP / "harness" / "tests" / "device").glob("test_*.py")
    text = "".join(path.read_text() for path in tests)
    silent = {name for _, _, name, _ in codes() if f'"{name}"' not in text}
    assert silent == set(UNSHOWN)
