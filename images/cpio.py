# SPDX-License-Identifier: GPL-2.0-or-later
"""A writer of newc cpio archives, the format in which the kernel takes an initramfs.

Owns the bytes of the format and what makes two builds equal: entries in sorted order, one fixed
time, owner root, inode numbers by position. It does not know what goes into an image.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

# One time for every entry: the contents decide whether two archives are equal, not the clock.
MTIME = 1577836800


class Archive:
    """A tree in memory: paths without a leading slash, each with a mode and its contents."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes | Path, int]] = {}

    def __contains__(self, path: str) -> bool:
        return path.strip("/") in self._entries

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Add a directory and those above it; one that is there keeps its mode."""
        parts = path.strip("/").split("/")
        for end in range(1, len(parts) + 1):
            mode_here = mode if end == len(parts) else 0o755
            self._entries.setdefault("/".join(parts[:end]), (stat.S_IFDIR | mode_here, b"", 0))

    def _put(self, path: str, mode: int, content: bytes | Path, device: int = 0) -> None:
        path = path.strip("/")
        if "/" in path:
            self.directory(path.rsplit("/", 1)[0])
        self._entries[path] = (mode, content, device)

    def file(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        """Add a regular file; a Path is read when the archive is written."""
        self._put(path, stat.S_IFREG | mode, content)

    def symlink(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._put(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def char_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        """Add a character device node."""
        self._put(path, stat.S_IFCHR | mode, b"", major << 8 | minor)

    def write(self, out: BinaryIO) -> None:
        """Write the archive with its trailer, padded so that another archive may follow."""
        # Parents sort before their children: "a" < "a/b".
        for number, path in enumerate(sorted(self._entries), start=1):
            mode, content, device = self._entries[path]
            data = content.read_bytes() if isinstance(content, Path) else content
            links = 2 if stat.S_ISDIR(mode) else 1
            _write_entry(out, path, (number, mode, 0, 0, links, MTIME), data, device)
        _write_entry(out, "TRAILER!!!", (0, 0, 0, 0, 1, 0), b"", 0)


def _write_entry(out: BinaryIO, path: str, head: tuple[int, ...], data: bytes, device: int) -> None:
    name = os.fsencode(path) + b"\0"
    fields = (*head, len(data), 0, 0, device >> 8, device & 0xFF, len(name), 0)
    out.write(b"070701" + b"".join(b"%08X" % f for f in fields))
    # Name and data each end on a multiple of four, the name counted from the start of its header.
    out.write(name + bytes(-(110 + len(name)) % 4))
    out.write(data + bytes(-len(data) % 4))
