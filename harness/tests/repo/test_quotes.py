# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device test quotes of the specification stands there word for word, so that text and test
cannot part. A quotation is what stands between double quotes in the docstring of a test that names
a rule, a section or a chapter, and it stands in one of those that it names; [...] is where words
are left out.
"""
from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from chimney.paths import TOP

# not the section of an RFC, nor a version
NAME = re.compile(
    r"(?<!rfc \d{3} )(?<!rfc \d{4} )(?<![\d.])\b(?:[a-z]+-[dh]\d+|chapter \d+|\d+\.\d+)\b(?!\.\d)"
    r"|driver-rules\.md")
QUOTED = re.compile(r'"([^"]{10,})"')
RULE = re.compile(r"^- ([A-Z]+-[DH]\d+): .*(?:\n  .*)*", re.M)
SECTION = re.compile(r"^## (\d+\.\d+) .*\n(?:(?!## ).*\n)*", re.M)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).lower()


@cache
def places() -> dict[str, str]:
    """What can be named, and its text: rules, sections, chapters, the table of the driver's rules.
    """
    found = {"driver-rules.md": plain((TOP / "spec" / "driver-rules.md").read_text())}
    for path in sorted((TOP / "spec").glob("[0-9]*.md")):
        text = path.read_text()
        found[f"chapter {int(path.name[:2])}"] = plain(text)
        for kind in (RULE, SECTION):
            for match in kind.finditer(text):
                found[match.group(1).lower()] = plain(match.group(0))
    return found


def named(text: str) -> list[str]:
    """The places that a docstring names."""
    return [name for name in NAME.findall(plain(text)) if name in places()]


def findings(text: str) -> list[str]:
    """What is wrong with a docstring's quotations."""
    if text.count('"') % 2:
        return ["a quotation without an end"]
    texts = [places()[name] for name in named(text)]
    parts = [part.strip(" .,") for quotation in QUOTED.findall(plain(text))
             for part in quotation.split("[...]")]
    return [part for part in parts if not any(part in place for place in texts)]


@cache
def quoting() -> dict[str, str]:
    """The docstrings with quotations, by test."""
    found: dict[str, str] = {}
    for path in sorted((TOP / "harness" / "tests" / "device").glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            text = (ast.get_docstring(node) or "") if isinstance(node, ast.FunctionDef) else ""
            if '"' in text and named(text):
                found[f"{path.name}::{getattr(node, 'name', '')}"] = text
    return found


@pytest.mark.parametrize("test", quoting())
def test_quotation_stands_where_it_is_said_to_be(test: str) -> None:
    assert findings(quoting()[test]) == []


def test_there_are_quotations() -> None:
    assert len(quoting()) > 40


@pytest.mark.parametrize("text,wrong", [
    ('RING-D8: "a doorbell is a hint [...] whether or not the doorbell\'s value covers it"', []),
    ('3.2: "a doorbell is a command [...] covers it"', ["a doorbell is a command"]),
    ('RING-D7: "a doorbell is a hint"', ["a doorbell is a hint"]),
    ('3.3: "a doorbell is a hint"', ["a doorbell is a hint"]),
    ('3.3, chapter 3: "a doorbell is a hint"', []),
    ('RING-D8: "a doorbell is a hint", 14" long', ["a quotation without an end"]),
])
def test_wrong_quotation_is_found(text: str, wrong: list[str]) -> None:
    assert findings(text) == wrong


def test_sections_of_others_are_no_places() -> None:
    assert named("RFC 5961 5.2 and RFC 791 3.1, version 3.2.1, 10.0 and OP-H99") == []
    assert named("RING-D8, 5.2; Chapter 7, 7") == ["ring-d8", "5.2", "chapter 7"]
