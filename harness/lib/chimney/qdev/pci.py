# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI as firmware would do it: find the card, give its BARs addresses, enable memory, bus mastering
and MSI-X.

An MSI-X vector is pointed at a word of guest memory, so that a test sees interrupts by reading that
word.
"""
from __future__ import annotations

from .memory import Memory
from .qtest import Qtest

COMMAND, STATUS, CAPABILITIES, BAR0 = 0x04, 0x06, 0x34, 0x10
BUS_NUMBERS, MEMORY_WINDOW = 0x18, 0x20  # of a bridge
CAP_MSIX, CAP_PCIE, CAP_PM = 0x11, 0x10, 0x01
BAR_BASE = 0xE0000000
MSIX_MARK = 0x51AB0000


class PciDevice:
    """Function 0 of a slot."""

    def __init__(self, qtest: Qtest, slot: int, bus: int = 0) -> None:
        self.qtest, self.slot, self.bus = qtest, slot, bus
        self.bars: dict[int, int] = {}
        self._vector_words: list[int] = []
        self.msix_cap = 0

    def _select(self, offset: int) -> None:
        self.qtest.outl(0xCF8, 1 << 31 | self.bus << 16 | self.slot << 11 | (offset & 0xFC))

    def config_read(self, offset: int, width: int = 4) -> int:
        self._select(offset)
        value = self.qtest.inl(0xCFC)
        return value >> (8 * (offset & 3)) & ((1 << (8 * width)) - 1)

    def config_write(self, offset: int, value: int, width: int = 4) -> None:
        self._select(offset)
        if width == 4:
            self.qtest.outl(0xCFC, value)
        else:
            self.qtest.outw(0xCFC + (offset & 2), value)

    def capability(self, cap_id: int) -> int:
        """Offset of a capability, or 0. Bounded: a list longer than 48 is no list."""
        offset = self.config_read(CAPABILITIES, 1)
        for _ in range(48):
            if not offset:
                return 0
            if self.config_read(offset, 1) == cap_id:
                return offset
            offset = self.config_read(offset + 1, 1)
        raise AssertionError("the capability list does not end")

    def assign_bars(self) -> None:
        """32-bit addresses for every memory BAR, 1 MiB apart."""
        addr, index = BAR_BASE, 0
        while index < 6:
            offset = BAR0 + 4 * index
            self.config_write(offset, 0xFFFFFFFF)
            mask = self.config_read(offset)
            if mask and not mask & 1:
                self.config_write(offset, addr)
                self.bars[index] = addr
                addr += 0x100000
                if mask & 4:
                    index += 1
                    self.config_write(BAR0 + 4 * index, 0)
            index += 1

    def enable(self, *, memory: bool = True, master: bool = True) -> None:
        self.config_write(COMMAND, (2 if memory else 0) | (4 if master else 0), 2)

    def enable_msix(self, memory: Memory, table_bar: int) -> None:
        """Point every vector at its own word and unmask all."""
        self.msix_cap = self.capability(CAP_MSIX)
        assert self.msix_cap, "no MSI-X capability"
        count = (self.config_read(self.msix_cap + 2, 2) & 0x7FF) + 1
        table = self.bars[table_bar] + (self.config_read(self.msix_cap + 4) & ~7)
        words = memory.alloc(4 * count, 4096)
        self._vector_words = [words + 4 * i for i in range(count)]
        self._table = table
        for vector, word in enumerate(self._vector_words):
            entry = table + 16 * vector
            for offset, value in ((0, word), (4, 0), (8, MSIX_MARK | vector), (12, 0)):
                self.qtest.writel(entry + offset, value)
        self.config_write(self.msix_cap + 2, 0x8000, 2)

    def disable_msix(self) -> None:
        """Back to the pin."""
        if self._vector_words:
            self.config_write(self.msix_cap + 2, 0, 2)
            self._vector_words.clear()

    @property
    def vectors(self) -> int:
        return len(self._vector_words)

    def mask_vector(self, vector: int, masked: bool) -> None:
        self.qtest.writel(self._table + 16 * vector + 12, 1 if masked else 0)

    def pending(self, vector: int) -> bool:
        """The vector's bit in the pending bit array."""
        bir = self.config_read(self.msix_cap + 8)
        pba = self.bars[bir & 7] + (bir & ~7)
        return bool(self.qtest.readl(pba + 4 * (vector // 32)) >> (vector % 32) & 1)

    def take_interrupt(self, vector: int) -> bool:
        """Whether the vector has fired since the last call."""
        word = self._vector_words[vector]
        fired = self.qtest.readl(word) == MSIX_MARK | vector
        if fired:
            self.qtest.writel(word, 0)
        return fired


def open_port(qtest: Qtest, slot: int, bus: int) -> PciDevice:
    """Let a root port lead to a bus of that number and to the BARs behind it. Returns the port."""
    port = PciDevice(qtest, slot)
    port.config_write(BUS_NUMBERS, bus << 16 | bus << 8)
    port.config_write(MEMORY_WINDOW, BAR_BASE >> 16 | (BAR_BASE + 0x00F0_0000 & 0xFFF0_0000))
    port.enable()
    return port


def find(qtest: Qtest, vendor: int, device: int, bus: int = 0) -> PciDevice:
    """The first function 0 on a bus with that identity."""
    for slot in range(32):
        candidate = PciDevice(qtest, slot, bus)
        if candidate.config_read(0) == vendor | device << 16:
            return candidate
    raise AssertionError(f"no PCI device {vendor:04x}:{device:04x}")
