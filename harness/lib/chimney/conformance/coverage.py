# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests there are, and which requirements each names.

A test covers the requirements that its docstring, or the comment directly above it, names. The
scenarios of the demo are tests too.
"""
from __future__ import annotations

import ast
import re
from pathlib import Path

from ..paths import TOP
from .requirements import Requirement, named

DEMO = TOP / "harness/lib/chimney/demo"


def python_tests(path: Path) -> list[tuple[str, str]]:
    """(name, docstring) of every test function, and of every scenario of the demo."""
    tree = ast.parse(path.read_text())
    scenarios = path.parent == DEMO
    return [
        (f"{path.relative_to(TOP)}::{node.name}", ast.get_docstring(node) or "")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (scenarios or node.name.startswith("test"))
    ]


def c_tests(path: Path) -> list[tuple[str, str]]:
    """(name, comment directly above it or behind it in its line) of every test in a C file."""
    text, found = path.read_text(), []
    for match in re.finditer(
        r"/\*((?:(?!\*/).)*)\*/\s*\nTEST\s*\(\s*(\w+)", text, flags=re.S
    ):
        found.append((f"{path.relative_to(TOP)}::{match.group(2)}", match.group(1)))
    for match in re.finditer(r"^TEST\s*\(\s*(\w+)\)[ \t]*/\*(.*?)\*/", text, flags=re.S | re.M):
        found.append((f"{path.relative_to(TOP)}::{match.group(1)}", match.group(2)))
    return found


def collect(requirements: dict[str, Requirement]) -> list[str]:
    """Attach tests to requirements; returns what tests name and the catalogue does not hold."""
    prefixes = {name.split("-")[0] for name in requirements}
    unknown = []
    tests = [
        test
        for path in sorted([*(TOP / "harness/tests").rglob("test_*.py"), *DEMO.glob("*.py")])
        for test in python_tests(path)
    ]
    tests += [
        test
        for path in sorted((TOP / "qemu-device/engine/tests").glob("test_*.c"))
        for test in c_tests(path)
    ]
    for name, text in tests:
        for identifier in sorted(named(text)):
            if identifier in requirements:
                requirements[identifier].tests.append(name)
            elif identifier.split("-")[0] in prefixes:
                unknown.append(f"{name} names {identifier}")
    return unknown
