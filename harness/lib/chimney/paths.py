# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are: the top of the checkout, build/, and what more than one module wants of them;
and the version, which stands at the top.

CHIMNEY_BUILD in the environment names another build/ for the harness. The programs that it starts
to build something, images/mkinitramfs among them, know only the one of their own checkout.
CHIMNEY_QEMU says which QEMU is used: a version that `make qemu QEMU=VERSION` has built, or the path
of a program, with a slash in it.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
VERSION = (TOP / "VERSION").read_text().strip()
BUILD = Path(os.environ.get("CHIMNEY_BUILD", TOP / "build"))

FIRMWARE = (Path("/usr/share/seabios"), Path("/usr/share/qemu"))
KERNELS = BUILD / "kernels"
DRIVERS = BUILD / "driver"
TOOLS = BUILD / "tools"
RUNS = BUILD / "run"
LINKEMU_SOURCE = TOP / "harness" / "programs" / "linkemu" / "linkemu.c"
LINKEMU = BUILD / "harness" / "linkemu"
ACCEL_MEMORY = BUILD / "accel.json"


def _qemu_versions() -> dict[str, list[str]]:
    """The versions that there are, each with the releases of the host that it is usual on."""
    lines = (TOP / "harness" / "setup" / "qemu-versions").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {version: releases for version, *releases in rows}


def _usual_qemu() -> str:
    """The version for this host; on a system that is not known, the first."""
    try:
        host = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        host = ""
    usual = [version for version, hosts in QEMU_VERSIONS.items() if host in hosts]
    return [*usual, *QEMU_VERSIONS][0]


def qemu(which: str) -> Path:
    """The program that a version or a path means."""
    if "/" in which:
        return Path(which).absolute()
    return BUILD / "qemu" / which / "plain" / "qemu-system-x86_64"


def make_qemu(program: Path, target: str = "qemu") -> str:
    """The command that builds a QEMU; empty for one that is not ours."""
    if BUILD / "qemu" not in program.parents:
        return ""
    version = program.parent.parent.name
    return f"make {target}" if version == USUAL_QEMU else f"make {target} QEMU={version}"


QEMU_VERSIONS = _qemu_versions()
USUAL_QEMU = _usual_qemu()
_WISH = os.environ.get("CHIMNEY_QEMU") or USUAL_QEMU
QEMU = qemu(_WISH)
QEMU_VERSION = USUAL_QEMU if "/" in _WISH else _WISH  # of what is built


def in_option(path: Path) -> str:
    """A path as part of one of QEMU's options, in which a comma ends a value."""
    return str(path).replace(",", ",,")
