# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest memory for a test: an allocator that only grows, and never hands out unzeroed bytes."""
from __future__ import annotations

from .qtest import Qtest

START, END = 0x0020_0000, 0x0380_0000
NO_RAM = 0x7_0000_0000  # an address without memory behind it


class Memory:
    """A bump allocator over guest RAM that qtest leaves zero."""

    def __init__(self, qtest: Qtest, start: int = START, end: int = END) -> None:
        self.qtest, self._next, self._end = qtest, start, end

    def alloc(self, size: int, align: int = 64) -> int:
        """Address of size fresh zero bytes."""
        addr = (self._next + align - 1) & ~(align - 1)
        self._next = addr + size
        assert self._next <= self._end, "the test uses more guest memory than it has"
        return addr

    def put(self, data: bytes, align: int = 64) -> int:
        """Address of a copy of data."""
        addr = self.alloc(max(1, len(data)), align)
        self.qtest.write(addr, data)
        return addr
