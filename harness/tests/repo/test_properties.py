# SPDX-License-Identifier: GPL-2.0-or-later
"""The device's properties: the table of its README has those that its sources define and no others,
and the spec's chapter on testing a driver names each of them, and no other.
"""
from __future__ import annotations

import re

from chimney.paths import TOP

DEVICE = TOP / "qemu-device"
README = (DEVICE / "README.md").read_text()
CHAPTER = (TOP / "spec" / "11-driver-testing.md").read_text()


def defined() -> set[str]:
    """Names in the sources, without those that every network card has."""
    text = "".join(path.read_text() for path in DEVICE.rglob("*.c"))
    names = re.findall(r'DEFINE_PROP_\w+\("([^"]+)"', text)
    return set(names + re.findall(r'object_class_property_add(?:_str)?\(klass, "([^"]+)"', text))


def in_readme() -> list[str]:
    section = README.partition("## Properties")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.M)


def test_readme_has_every_property() -> None:
    assert sorted(in_readme()) == sorted(defined()) and len(defined()) > 10


def test_chapter_names_every_property() -> None:
    plain = "|".join(sorted(name for name in defined() if not name.startswith("x-")))
    named = set(re.findall(rf"`(x-[a-z-]+|{plain})\b", CHAPTER))
    assert named == defined()


def test_readme_has_every_status_of_fail_initiate() -> None:
    """A new object can be made to fail with these; the README's row names them in their order."""
    knobs = (DEVICE / "commands" / "knobs.c").read_text()
    known = re.findall(r'\{ "([A-Z_]+)", CHIM_ST_', knobs)
    row = re.findall(r"^\| `x-fail-initiate` \|.*", README, re.M)[0]
    listed = row.partition("STATUS is ")[2].rstrip(" |").replace(" or ", ", ")
    assert listed.split(", ") == known and len(known) > 10


def test_chapter_and_readme_are_linked() -> None:
    assert "(../qemu-device/README.md#properties)" in CHAPTER
    assert "(../spec/11-driver-testing.md)" in README
