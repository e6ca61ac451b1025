# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembler and linker of a suite for that suite's compiler, when the host has no such compiler:
a newer gcc writes what an older assembler does not know.

gcc is built with the assembler's path in it and asks for no other, but it lets a wrapper start what
it starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

PACKAGE = "binutils-x86-64-linux-gnu"
WRAPPER = """#!/bin/sh
case $1 in
*/x86_64-linux-gnu-as | as)
    shift
    exec "${0%/*}/x86_64-linux-gnu-as" "$@"
    ;;
esac
exec "$@"
"""


def adapt(foreign: ModuleType, suite: str, headers: Path, depends: Callable[[str], str],
          unpack: Callable[[Path, list[str]], object]) -> None:
    """Have the headers use them, if their compiler is of the suite; foreign is images/foreign.py,
    which has unpacked it.
    """
    bin_folder: Path = foreign.OUT / suite / "usr" / "bin"
    if not any(bin_folder.glob("x86_64-linux-gnu-gcc-*")):
        return
    libraries = re.findall(r"^lib\S+$", depends(PACKAGE), re.M)
    root = foreign.provide(suite, (PACKAGE, *libraries), unpack)
    foreign.wrap(bin_folder, root)
    wrapper = bin_folder / "with-our-as"
    wrapper.write_text(WRAPPER)
    wrapper.chmod(0o755)
    tools = os.path.relpath(bin_folder, headers.resolve())
    here = "$(dir $(realpath $(lastword $(MAKEFILE_LIST))))"
    with (headers / ".kernelvariables").open("a") as file:
        file.write(f"CC += -wrapper {here}{tools}/{wrapper.name}\n"
                   f"LD := {here}{tools}/x86_64-linux-gnu-ld\n")
