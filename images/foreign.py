# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of another Debian release, run on this host with that release's own C library.

The headers of a newer kernel bring programs (modpost, objtool ...) that may need a newer C library
than the host's, and name the compiler that the kernel was built with: their configuration holds
options that an older one does not know. So both come from the kernel's own release, unpacked below
build/foreign/<suite>, and in the place of each program is a script that starts it by that release's
loader. Paths are relative, so a tree of such programs may be moved. Called by images/kernels.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
OUT = TOP / "build" / "foreign"
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")
LOADER = "ld-linux-x86-64.so.2"

# What the programs of kernel headers are linked with.
RUNTIME = ("libc6", "libelf1t64", "libssl3t64", "zlib1g", "libzstd1")

# The compiler proper; the assembler and linker of the host will do.
COMPILER = ("gcc-{0}-x86-64-linux-gnu", "cpp-{0}-x86-64-linux-gnu",
            "libgmp10", "libisl23", "libmpc3", "libmpfr6")

SCRIPT = """#!/bin/sh
here=${{0%/*}}
exec "$here/{loader}" --library-path "$here/{libraries}" --argv0 "$0" "$here/{program}" "$@"
"""

Unpack = Callable[[Path, list[str]], object]


def runs(program: Path) -> bool:
    """Whether the host has every library, in a version that the program can use."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=30)
    return done.returncode == 0 and "not found" not in done.stdout + done.stderr


def programs(folder: Path) -> Iterator[Path]:
    """The dynamically linked programs below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or not os.access(path, os.X_OK):
            continue
        with path.open("rb") as file:
            start = file.read(4096)
        if start.startswith(b"\x7fELF") and f"/{LOADER}".encode() in start:
            yield path


def provide(suite: str, packages: tuple[str, ...], unpack: Unpack) -> Path:
    """Packages of a suite, unpacked side by side; a half-made set never counts as there."""
    root = OUT / suite
    have = root / "packages"
    known = have.read_text().split() if have.exists() else []
    missing = [name for name in packages if name not in known]
    if missing:
        unpack(root, [f"{name}/{suite}" for name in missing])
        shutil.rmtree(root / "usr" / "share", ignore_errors=True)
        have.write_text("".join(f"{name}\n" for name in [*known, *missing]))
    return root


def wrap(folder: Path, root: Path) -> None:
    """Put a script in the place of each program below a folder."""
    for program in programs(folder):
        if ".so" in program.name or program.name.startswith("."):
            continue
        hidden = program.with_name(f".{program.name}.elf")
        program.rename(hidden)
        libraries = os.path.relpath(root / LIBRARIES, program.parent)
        program.write_text(SCRIPT.format(loader=f"{libraries}/{LOADER}", libraries=libraries,
                                         program=hidden.name))
        program.chmod(0o755)


def compiler(version: str, suite: str, unpack: Unpack) -> Path:
    """gcc of that version: the host's own name for it if it is installed, else the suite's."""
    name = f"x86_64-linux-gnu-gcc-{version}"
    found = shutil.which(name)
    if found:
        return Path(found)
    root = provide(suite, (*RUNTIME, *(p.format(version) for p in COMPILER)), unpack)
    wrap(root / "usr" / "bin", root)
    wrap(root / "usr" / "libexec", root)
    return root / "usr" / "bin" / name
