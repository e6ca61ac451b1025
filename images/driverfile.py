# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel module that somebody hands us: its bytes unpacked, and a sentence when it is none.

A guest says of such a file only that the card has no driver, so what can be seen in the file is
looked at here. It knows the ELF header and section table, and nothing about how modules are placed.
"""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from programs import ImageError

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
IDENT = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1
RELOCATABLE, X86_64, NOBITS = 1, 62, 8
UNPACK_SECONDS = 20
UNPACKED_MAX = 1 << 28


def read_module(path: Path) -> bytes:
    """The bytes of a module as the kernel takes them; it may be packed by gzip, xz or zstd."""
    data = path.read_bytes()
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:6] == b"\xfd7zXZ\0":
            data = lzma.decompress(data)
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            data = _zstd(path)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise ImageError(f"{path} cannot be unpacked: {error}") from None
    problem = _problem(data)
    if problem is not None:
        raise ImageError(f"{path} {problem}")
    return data


def _zstd(path: Path) -> bytes:
    program = shutil.which("zstd")
    if program is None:
        raise ImageError(f"{path} is packed by zstd, which this host lacks: install zstd or "
                         "unpack it")
    done = subprocess.run([program, "-dc", "-M256MB", "--", path], capture_output=True,
                          timeout=UNPACK_SECONDS)
    if done.returncode or len(done.stdout) > UNPACKED_MAX:
        raise OSError("zstd refuses it")
    return done.stdout


def _problem(data: bytes) -> str | None:
    """What is wrong with an ELF file of a module, None when nothing can be seen."""
    if not data:
        return "is empty"
    if data[:4] != IDENT[:4] or len(data) < ELF_HEADER.size:
        return "is not a kernel module"
    (ident, kind, machine, _, _, _, table, _, _, _, _, entry, count, _) = ELF_HEADER.unpack_from(
        data)
    if ident[:7] != IDENT or machine != X86_64:
        return "is not a module for x86-64"
    if kind != RELOCATABLE or entry != SECTION.size:
        return "is not a kernel module"
    ends = [table + count * entry]
    if ends[0] <= len(data):
        for number in range(count):
            _, section, _, _, at, size, *_ = SECTION.unpack_from(data, table + number * entry)
            ends.append(0 if section == NOBITS else at + size)
    if max(ends) > len(data):
        return f"is cut off: it has {len(data)} bytes, and by its own tables {max(ends)}"
    return None


def release_of(path: Path, data: bytes) -> str:
    """The release of the kernel that a module was built for."""
    magic = re.search(rb"(?:^|\0)vermagic=([^ \0]+)", data)
    if magic is None:
        raise ImageError(f"{path} is not a kernel module")
    return magic[1].decode(errors="replace")
