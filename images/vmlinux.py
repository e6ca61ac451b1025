# SPDX-License-Identifier: GPL-2.0-or-later
"""The ELF file inside a bzImage, which a guest boots by PVH without unpacking it first.

That is done once on this host, and takes a guest without KVM a second or more at each boot. What
cannot be unpacked is left alone: then guests boot the bzImage.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import subprocess
from pathlib import Path

UNPACK_SECONDS = 60
MAGIC, HEADER_END = 0x202, 0x250
SETUP_SECTORS, PAYLOAD, SECTOR = 0x1F1, 0x248, 512
SIZE = struct.Struct("<I")  # of what was packed; behind the payload, for gzip a part of it
PVH_NOTE = struct.pack("<III", 4, 4, 18) + b"Xen\0"  # XEN_ELFNOTE_PHYS32_ENTRY, in 32 bits
PVH_NOTE_64 = struct.pack("<III", 4, 8, 18) + b"Xen\0"


def unpack(image: Path, to: Path) -> bool:
    """Write the kernel of a bzImage, if it is one that boots by PVH; whether it was written.
    A file that is there already is replaced. Raises OSError when it cannot be written.
    """
    data = image.read_bytes()
    if len(data) < HEADER_END or data[MAGIC:MAGIC + 4] != b"HdrS":
        return False
    offset, length = struct.unpack_from("<II", data, PAYLOAD)
    begin = ((data[SETUP_SECTORS] or 4) + 1) * SECTOR + offset
    payload = data[begin:begin + length]
    if len(payload) < length or length < SIZE.size:
        return False
    try:
        kernel = _unpacked(payload)
    except (OSError, EOFError, lzma.LZMAError, subprocess.SubprocessError):
        return False
    if len(kernel) != SIZE.unpack(payload[-SIZE.size:])[0] or kernel[:4] != b"\x7fELF":
        return False
    if PVH_NOTE not in kernel and PVH_NOTE_64 not in kernel:
        return False
    to.write_bytes(kernel)
    return True


def _unpacked(payload: bytes) -> bytes:
    if payload[:2] == b"\x1f\x8b":
        return gzip.decompress(payload)
    packed = payload[:-SIZE.size]
    if packed[:6] == b"\xfd7zXZ\0":
        return lzma.decompress(packed)
    for magic, program in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4")):
        if packed[:4] == magic:
            return subprocess.run([program, "-dc"], input=packed, capture_output=True, check=True,
                                  timeout=UNPACK_SECONDS).stdout
    raise OSError("it is packed in another way")
