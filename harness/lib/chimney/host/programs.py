# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of our own that tests put into the guest and run at the peer, built on demand."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .. import paths
from ..errors import HarnessError

XFER_SOURCE = paths.TOP / "harness/programs/xfer/xfer.c"
PUPPET_SOURCE = paths.TOP / "harness/programs/puppet"
ASKNL_SOURCE = paths.TOP / "harness/programs/asknl"
TAGGER_SOURCE = paths.TOP / "harness/programs/tagger"
DECODE_SOURCE = paths.TOP / "harness/programs/decode"
SLOWRX_SOURCE = paths.TOP / "harness/programs/slowrx"
UNREADABLE_SOURCE = paths.TOP / "harness/programs/unreadable"
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Werror")
SECONDS = 120


def _newer(product: Path, sources: list[Path]) -> bool:
    return product.exists() and all(
        product.stat().st_mtime >= source.stat().st_mtime for source in sources
    )


def _compile(argv: list[str], what: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise HarnessError(f"{what} does not compile: {(done.stderr or done.stdout).strip()}")


def build(source: Path, *flags: str, name: str = "") -> Path:
    """Compile a C file, or the C files of a folder, into build/harness/; returns the program, which
    is called as its source unless it has another name. Nothing to do when it is newer than that.
    """
    sources = sorted(source.glob("*.[ch]")) if source.is_dir() else [source]
    program = paths.BUILD / "harness" / (name or source.stem)
    if _newer(program, sources):
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(f".{os.getpid()}")  # another process may compile it as well
    units = [str(file) for file in sources if file.suffix == ".c"]
    _compile(["gcc", "-O2", "-g", *WARNINGS, "-o", str(fresh), *units, *flags], source.name)
    fresh.replace(program)
    return program


def xfer() -> Path:
    """The data-integrity program."""
    return build(XFER_SOURCE, "-pthread")


def puppet() -> Path:
    """The socket program that does what it is told."""
    return build(PUPPET_SOURCE)


def asknl() -> Path:
    """The program that asks the kernel by generic netlink."""
    return build(ASKNL_SOURCE)


def tagger() -> Path:
    """The switch between a trunk port and an access port."""
    return build(TAGGER_SOURCE)


def decode() -> Path:
    """The program that changes the map of memory while it reads a device's register."""
    return build(DECODE_SOURCE, "-pthread")


def slowrx(kernel: str) -> Path:
    """The kernel module that delays segments between the driver's hook and the kernel's TCP."""
    return _module(SLOWRX_SOURCE, kernel)


def unreadable(kernel: str) -> Path:
    """The kernel module that marks received segments as unreadable."""
    return _module(UNREADABLE_SOURCE, kernel)


def _module(source: Path, kernel: str) -> Path:
    folder = paths.BUILD / "harness" / f"{source.name}-{kernel}"
    module = folder / f"{source.name}.ko"
    sources = sorted(file for file in source.iterdir() if file.is_file())
    if _newer(module, sources):
        return module
    folder.mkdir(parents=True, exist_ok=True)
    for file in sources:
        shutil.copy(file, folder)
    kdir = paths.KERNELS / kernel / "kdir"
    _compile(["make", "-s", "-C", str(kdir), f"M={folder}", "CONFIG_DEBUG_INFO_BTF_MODULES=",
              "modules"], module.name)
    return module
