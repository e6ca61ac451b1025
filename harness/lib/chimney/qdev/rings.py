# SPDX-License-Identifier: GPL-2.0-or-later
"""Both kinds of ring as a driver sees them (spec chapter 3), one entry at a time and in plain
sight.

Producer publishes entries to the device, Consumer reads what the device publishes. Tests that break
a rule reach past the methods and write guest memory themselves.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from .. import abi
from .memory import Memory
from .qtest import Qtest

CTL_SIZE = ctypes.sizeof(abi.chim_ring_ctl)
DRV_INDEX = abi.OFFSETS[("chim_ring_ctl", "drv_index")]
DRV_EVENT = abi.OFFSETS[("chim_ring_ctl", "drv_event")]
DEV_INDEX = abi.OFFSETS[("chim_ring_ctl", "dev_index")]
DEV_EVENT = abi.OFFSETS[("chim_ring_ctl", "dev_event")]
M32 = 0xFFFFFFFF


class Ring:
    """What both directions share: memory, size, control block, doorbell."""

    def __init__(
        self,
        qtest: Qtest,
        memory: Memory,
        ring_id: int,
        log2_size: int,
        entry: type[ctypes.Structure],
        doorbell: Callable[[int, int], None],
    ) -> None:
        self.qtest, self.id, self.log2_size, self.size = qtest, ring_id, log2_size, 1 << log2_size
        self.entry, self.entry_size = entry, ctypes.sizeof(entry)
        self.base = memory.alloc(self.entry_size * self.size, 4096)
        self.ctl = memory.alloc(CTL_SIZE, 128)
        self._doorbell = doorbell
        self.index = 0

    def phase(self, index: int) -> int:
        """The phase bit that entry index is published with."""
        return 0 if index >> self.log2_size & 1 else abi.CHIM_CTL_PHASE

    def addr(self, index: int) -> int:
        return self.base + self.entry_size * (index & (self.size - 1))

    def ring(self, value: int | None = None) -> None:
        """Ring the doorbell, by default with the index as it is."""
        self._doorbell(self.id, self.index if value is None else value)

    @property
    def dev_index(self) -> int:
        return self.qtest.readl(self.ctl + DEV_INDEX)

    @property
    def dev_event(self) -> int:
        return self.qtest.readl(self.ctl + DEV_EVENT)

    def set_event(self, value: int) -> None:
        self.qtest.writel(self.ctl + DRV_EVENT, value)


class Producer(Ring):
    """A ring to the device."""

    def room(self) -> int:
        return self.size - ((self.index - self.dev_index) & M32)

    def publish(self, entries: list[ctypes.Structure], *, bell: bool = True) -> int:
        """Publish the entries of one command, last first (RING-H3); returns the index of the
        first.
        """
        assert len(entries) <= self.room(), "the test overruns its own ring"
        first = self.index
        for offset in reversed(range(len(entries))):
            index = (first + offset) & M32
            entry = entries[offset]
            entry.ctl = entry.ctl & ~abi.CHIM_CTL_PHASE & M32 | self.phase(index)
            raw = bytes(entry)
            self.qtest.write(self.addr(index) + 4, raw[4:])
            self.qtest.writel(self.addr(index), int.from_bytes(raw[:4], "little"))
        self.index = (first + len(entries)) & M32
        self.qtest.writel(self.ctl + DRV_INDEX, self.index)
        if bell:
            self.ring()
        return first

    def publish_many(self, entries: list[ctypes.Structure], *, bell: bool = True) -> None:
        """Publish commands of one entry each by one or two writes, beside which nothing runs."""
        assert len(entries) <= self.room(), "the test overruns its own ring"
        raw = bytearray()
        for offset, entry in enumerate(entries):
            phase = self.phase((self.index + offset) & M32)
            entry.ctl = entry.ctl & ~abi.CHIM_CTL_PHASE & M32 | phase
            raw += bytes(entry)
        upto_end = self.base + self.entry_size * self.size - self.addr(self.index)
        self.qtest.write(self.addr(self.index), bytes(raw[:upto_end]))
        self.qtest.write(self.base, bytes(raw[upto_end:]))
        self.index = (self.index + len(entries)) & M32
        self.qtest.writel(self.ctl + DRV_INDEX, self.index)
        if bell:
            self.ring()


class Consumer(Ring):
    """A ring from the device."""

    def peek(self) -> Any:
        """The next entry if it is published, without consuming it."""
        word = self.qtest.readl(self.addr(self.index))
        if word & abi.CHIM_CTL_PHASE != self.phase(self.index):
            return None
        return self.entry.from_buffer_copy(self.qtest.read(self.addr(self.index), self.entry_size))

    def take(self, *, release: bool = True) -> Any:
        """The next entry, consumed; release also stores drv_index and rings if the device asked for
        it (RING-H10).
        """
        entry = self.peek()
        if entry is not None:
            self.index = (self.index + 1) & M32
            if release:
                self.release()
        return entry

    def take_many(self) -> list[Any]:
        """Everything that is published, consumed."""
        raw = self.qtest.read(self.base, self.entry_size * self.size)
        found: list[Any] = []
        while len(found) < self.size:
            at = self.addr(self.index) - self.base
            entry = self.entry.from_buffer_copy(raw, at)
            if entry.ctl & abi.CHIM_CTL_PHASE != self.phase(self.index):
                break
            found.append(entry)
            self.index = (self.index + 1) & M32
        self.release()
        return found

    def release(self) -> None:
        """Give every consumed slot back."""
        old = self.qtest.readl(self.ctl + DRV_INDEX)
        self.qtest.writel(self.ctl + DRV_INDEX, self.index)
        if ((self.dev_event - old) & M32) < ((self.index - old) & M32):
            self.ring()
