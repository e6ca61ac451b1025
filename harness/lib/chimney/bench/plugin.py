# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin that counts guest instructions: builds it, loads it into a VM, and asks it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..errors import HarnessError
from ..host import programs
from ..host.proc import run

SOURCE = paths.TOP / "harness/programs/insncount"
HEADERS = paths.QEMU.parent.parent / "source" / "include"
SECONDS = 5.0


@dataclass(frozen=True)
class Counts:
    """What the guest has executed since it was switched on."""

    insns: int
    accesses: int


def build() -> Path:
    """The plugin, compiled against the headers of the QEMU that loads it, which takes no other."""
    if not HEADERS.is_dir():
        raise HarnessError("bench needs a QEMU that `make qemu` has built, with its headers; "
                           f"there is no {HEADERS}.")
    glib = run(["pkg-config", "--cflags", "glib-2.0"]).stdout.split()
    return programs.build(SOURCE, "-shared", "-fPIC", "-pthread", f"-I{HEADERS}", *glib,
                          name=f"insncount-{paths.QEMU_VERSION}")


def arguments(plugin: Path, ear: Path, blocks: bool = False) -> list[str]:
    """What QEMU's command line needs for it."""
    value = f"{paths.in_option(plugin)},socket={paths.in_option(ear)}"
    return ["-plugin", value + (",blocks=on" if blocks else "")]


def read(ear: Path) -> Counts:
    """Ask now; the guest goes on meanwhile."""
    return _ask(ear, "count")


def settle(ear: Path) -> None:
    """End the slow phase: from now on only the accesses that it has seen are watched."""
    _ask(ear, "settle")


def read_blocks(ear: Path) -> dict[int, int]:
    """Instructions executed so far by the address at which their block of code begins."""
    pairs = (line.split() for line in _talk(ear, "blocks").splitlines())
    return {int(address, 16): int(count) for address, count in pairs}


def _ask(ear: Path, word: str) -> Counts:
    try:
        insns, reads, writes = (int(number) for number in _talk(ear, word).split())
    except ValueError:
        raise HarnessError(f"the instruction counter did not {word}.") from None
    return Counts(insns, reads + writes)


def _talk(ear: Path, word: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(SECONDS)
        try:
            sock.connect(str(ear))
            sock.sendall(word.encode() + b"\n")
            with sock.makefile("r") as stream:
                return stream.read()
        except OSError as error:
            raise HarnessError(f"the instruction counter did not {word}: {error}.") from None
