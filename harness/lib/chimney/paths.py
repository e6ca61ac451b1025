# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are: the top of the checkout, build/, and what more than one module wants of them;
and the version, which stands at the top.

CHIMNEY_BUILD in the environment names another build/ for the harness. The programs that it starts
to build something, images/mkinitramfs among them, know only the one of their own checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
VERSION = (TOP / "VERSION").read_text().strip()
BUILD = Path(os.environ.get("CHIMNEY_BUILD", TOP / "build"))

QEMU = BUILD / "qemu" / "qemu-system-x86_64"
FIRMWARE = (Path("/usr/share/seabios"), Path("/usr/share/qemu"))
KERNELS = BUILD / "kernels"
DRIVERS = BUILD / "driver"
TOOLS = BUILD / "tools"
RUNS = BUILD / "run"
LINKEMU_SOURCE = TOP / "harness" / "programs" / "linkemu" / "linkemu.c"
LINKEMU = BUILD / "harness" / "linkemu"
ACCEL_MEMORY = BUILD / "accel.json"


def in_option(path: Path) -> str:
    """A path as part of one of QEMU's options, in which a comma ends a value."""
    return str(path).replace(",", ",,")
