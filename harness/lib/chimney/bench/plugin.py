# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin that counts guest instructions: builds it, loads it into a VM, and asks it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from .. import paths, programs
from ..errors import HarnessError
from ..proc import run

SOURCE = paths.TOP / "harness/bench-plugin/insncount.c"
HEADERS = paths.BUILD / "qemu-src/include"
SECONDS = 5.0


@dataclass(frozen=True)
class Counts:
    """What the guest has executed since it was switched on."""

    insns: int
    accesses: int


def build() -> Path:
    """The plugin, compiled against the headers of our QEMU."""
    glib = run(["pkg-config", "--cflags", "glib-2.0"]).stdout.split()
    return programs.build(SOURCE, "-shared", "-fPIC", "-pthread", f"-I{HEADERS}", *glib)


def arguments(plugin: Path, ear: Path) -> list[str]:
    """What QEMU's command line needs for it."""
    return ["-plugin", f"{plugin},socket={ear}"]


def read(ear: Path) -> Counts:
    """Ask now; the guest goes on meanwhile."""
    return _ask(ear, "count")


def settle(ear: Path) -> None:
    """End the slow phase: from now on only the accesses that it has seen are watched."""
    _ask(ear, "settle")


def _ask(ear: Path, word: str) -> Counts:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(SECONDS)
        try:
            sock.connect(str(ear))
            sock.sendall(word.encode() + b"\n")
            text = sock.makefile("r").readline()
            insns, reads, writes = (int(word) for word in text.split())
        except (OSError, ValueError) as error:
            raise HarnessError(f"the instruction counter did not {word}: {error}.") from None
    return Counts(insns, reads + writes)
