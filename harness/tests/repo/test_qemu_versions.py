# SPDX-License-Identifier: GPL-2.0-or-later
"""The card is built on several versions of QEMU from one source. What differs stands in one header,
what is patched in QEMU is its build and one fault, and one list says which versions there are.
"""

from __future__ import annotations

import re
from pathlib import Path

from chimney import paths

DEVICE = paths.TOP / "qemu-device"
OVERLAY = DEVICE / "overlay"
COMPAT = DEVICE / "core" / "qemu_compat.h"
PROGRAMS = paths.TOP / "harness" / "programs"
PLUGIN_API = PROGRAMS / "insncount" / "plugin_api.h"
BUILD_FILES = {"Kconfig", "meson.build", "pythondeps.toml"}
# What is mended in QEMU itself, for the reason that qemu-device/README.md gives.
MENDED = {"10.0": {"accel/tcg/cputlb.c", "accel/tcg/tb-maint.c", "include/hw/core/cpu.h"}}
ASKS = re.compile(r"^#.*QEMU_(?:PLUGIN_)?(?:VERSION|SINCE)|QEMU_VERSION_M", re.M)
SINCE = re.compile(r"^#if QEMU_SINCE\((\d+), (\d+)\)", re.M)


def sources() -> list[Path]:
    """What is compiled against QEMU's headers, and how."""
    names = [*DEVICE.rglob("*.[ch]"), *PROGRAMS.rglob("*.[ch]"), DEVICE / "meson.build"]
    assert len(names) > 100
    return names


def test_one_header_asks_for_the_version() -> None:
    """Another one does for plugins, whose interface has a version of its own."""
    assert {file for file in sources() if ASKS.search(file.read_text())} == {COMPAT, PLUGIN_API}


def test_each_difference_names_its_version() -> None:
    """In the comment before it."""
    text = COMPAT.read_text()
    assert SINCE.search(text)
    for match in SINCE.finditer(text):
        comment = text[text.rindex("/* ", 0, match.start()):]
        assert comment.startswith(f"/* {match[1]}.{match[2]}: "), match[0]


def test_each_version_has_a_patch() -> None:
    """Each release of the host has one version, and each version is one that can be asked for."""
    assert {file.stem for file in OVERLAY.glob("*.patch")} == set(paths.QEMU_VERSIONS)
    hosts = [host for hosts in paths.QEMU_VERSIONS.values() for host in hosts]
    assert sorted(hosts) == ["bookworm", "trixie"]


def test_patches_change_qemus_build_and_what_is_mended() -> None:
    for file in OVERLAY.glob("*.patch"):
        names = re.findall(r"^\+\+\+ b/(.*)", file.read_text(), re.M)
        build = [name for name in names if Path(name).name in BUILD_FILES]
        assert build and {*names} - {*build} == MENDED.get(file.stem, set()), file
