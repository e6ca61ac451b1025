# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what a run uses was built from the sources as they are now.

The builders decide what is up to date; here it is only noticed that a source has been changed since
the last build, because a run takes what is there, and an edit that nobody has built explains much.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import paths

SPEC = paths.TOP / "spec" / "chimney_abi.h"


@dataclass(frozen=True)
class Product:
    """Something built: its file, what its builder touches, its sources, and how it is built."""

    name: str
    file: Path
    stamp: Path
    folder: Path
    left_out: tuple[str, ...]
    command: str

    def sources(self) -> Iterator[Path]:
        """The C files that it is made of."""
        yield SPEC
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if name not in self.left_out]
            yield from (Path(folder) / name for name in names if name.endswith((".c", ".h")))


def driver(kernel: str) -> Product:
    """Our driver for one of our kernels."""
    place = paths.DRIVERS / kernel
    return Product(f"the driver for {kernel}", place / "chimney.ko", place / ".built",
                   paths.TOP / "guest-driver", ("tools",), f"make driver KERNELS={kernel}")


def qemu(program: Path) -> Product:
    """QEMU with the card."""
    return Product("QEMU", program, program.parent / ".chimney.built",
                   paths.TOP / "qemu-device", ("tests", "examples", "overlay"),
                   paths.make_qemu(program))


def chimneyctl() -> Product:
    """The tool in the guest."""
    file = paths.TOOLS / "chimneyctl"
    return Product("chimneyctl", file, file, paths.TOP / "guest-driver" / "tools", (),
                   "make driver")


def notes(products: Iterable[Product]) -> list[str]:
    """One line for each product that is there and older than a source of its own."""
    found = []
    for product in products:
        times = [_mtime(file) for file in (product.file, product.stamp)]
        if not times[0]:
            continue
        newest = max(product.sources(), key=_mtime)
        if _mtime(newest) > max(times):
            found.append(f"{newest.relative_to(paths.TOP)} is newer than {product.name}: "
                         f"`{product.command}` builds it.")
    return found


def _mtime(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
