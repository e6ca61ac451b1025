# SPDX-License-Identifier: GPL-2.0-or-later
"""The card's registers and rings: chapters 2 and 3 of the specification.

Names that begin with CHIM_ or chim_ are those of chimney_abi.h; numbers in parentheses are sections
of the specification. In bench.py each access to memory has ended before the next begins; "barrier"
says where a driver on a processor needs one.
"""
from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterable
from typing import Any

from bench import SECONDS, Machine
from chimney import abi  # chimney_abi.h as Python, made from it by gen_abi.py

Struct = ctypes.LittleEndianStructure
MASK = 0xFFFFFFFF
REGS = 0xE0000000  # where we put BAR 0: this machine has PCI memory there


class Card:
    """The card on PCI, and its registers."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        identity = abi.CHIM_PCI_DEVICE << 16 | abi.CHIM_PCI_VENDOR
        slot = next(slot for slot in range(32) if machine.config_read(slot, 0x00) == identity)
        machine.config_write(slot, 0x10, REGS)  # BAR 0; BAR 2 is for MSI-X, which we leave off
        machine.config_write(slot, 0x04, 0x0006)  # memory decode and bus mastering (REG-H6)
        print(f"card in slot {slot}, registers at {REGS:#x}")

    def read(self, reg: int) -> int:
        return self.machine.readl(REGS + reg)

    def write(self, reg: int, value: int) -> None:
        self.machine.writel(REGS + reg, value)

    def reset(self) -> None:
        self.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_RESET)
        if self.read(abi.CHIM_REG_CTRL) & abi.CHIM_CTRL_RESET:
            raise SystemExit("the reset is not done when its write returns (REG-D5)")
        print("reset")

    def negotiate(self, wanted: Iterable[abi.chim_feature]) -> None:
        """Identity, version and features (REG-H4)."""
        if self.read(abi.CHIM_REG_MAGIC) != abi.CHIM_MAGIC:
            raise SystemExit("this is no chimney card")
        version = self.read(abi.CHIM_REG_VERSION)
        if version >> 16 != abi.CHIM_ABI_MAJOR:
            raise SystemExit(f"version {version >> 16} of the ABI is not known")
        offered = self.read(abi.CHIM_REG_FEATURES_LO)
        accepted = [feature for feature in wanted if offered >> feature & 1]
        self.write(abi.CHIM_REG_DRV_FEATURES_LO, sum(1 << feature for feature in accepted))
        self.write(abi.CHIM_REG_DRV_FEATURES_HI, 0)
        print(f"ABI {version >> 16}.{version & 0xFFFF}, features {offered:#x}, accepted "
              + ", ".join(feature.name for feature in accepted))

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Until it is so; the end if the card has stopped (8.3) or it takes too long."""
        end = time.monotonic() + SECONDS
        while not condition():
            if self.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_FATAL:
                rule = abi.chim_rule(self.read(abi.CHIM_REG_FATAL_RULE))
                raise SystemExit(f"the card has stopped while we wait for {what}: {rule.name}")
            if time.monotonic() > end:
                raise SystemExit(f"{what} does not come")


def union(name: str, **fields: int) -> abi.chim_sqe_u:
    """One of the layouts of struct chim_sqe.u."""
    return abi.chim_sqe_u(**{name: getattr(abi, f"chim_sqe_u_{name}")(**fields)})


class Ring:
    """What both directions share: entries and control block, in memory that is zero (3.1)."""

    def __init__(self, card: Card, number: int, vector: int, entry: type[Struct]) -> None:
        self.card, self.machine, self.number, self.vector = card, card.machine, number, vector
        self.entry, self.log2_size, self.size = entry, 3, 8
        self.base = self.machine.alloc(self.size * ctypes.sizeof(entry))
        self.control = self.machine.alloc(ctypes.sizeof(abi.chim_ring_ctl))
        self.index = 0

    def field(self, name: str) -> int:
        """The address of a field of the control block."""
        return self.control + abi.OFFSETS["chim_ring_ctl", name]

    def here(self) -> int:
        """The address of the entry at our index."""
        return self.base + self.index % self.size * ctypes.sizeof(self.entry)

    def phase(self) -> int:
        """Of the pass that our index is in: 1 in the first, 0 in the second."""
        return ~(self.index >> self.log2_size) & 1

    def advance(self) -> None:
        """Move our index, and ring the doorbell if the card sleeps on it (RING-H10)."""
        old, self.index = self.index, self.index + 1 & MASK
        self.machine.writel(self.field("drv_index"), self.index)
        # full barrier
        if self.machine.readl(self.field("dev_event")) == old:
            self.card.write(abi.CHIM_REG_DOORBELL + 4 * self.number, self.index)


class ToDevice(Ring):
    """We publish. No command of ours has more than one entry (3.3)."""

    def post(self, op: int, flags: int = 0, **fields: Any) -> None:
        self.card.wait("room in a ring", lambda: (
            self.index - self.machine.readl(self.field("dev_index")) & MASK) < self.size)
        self.machine.write(self.here() + 4, bytes(self.entry(**fields))[4:])
        # write barrier; the first word with its phase publishes the entry
        self.machine.writel(
            self.here(), self.phase() << 31 | flags << abi.CHIM_CTL_FLAGS_SHIFT | op)
        self.advance()


class ToDriver(Ring):
    """The card publishes."""

    def published(self) -> bool:
        return self.machine.readl(self.here()) >> 31 == self.phase()

    def peek(self) -> Any:
        """Sleep until there is an entry, and return it (RING-H9)."""
        if not self.published():
            self.machine.writel(self.field("drv_event"), self.index)
            # full barrier
            if not self.published():
                self.card.wait("an entry", self.interrupted)
        # read barrier
        return self.entry.from_buffer_copy(
            self.machine.read(self.here(), ctypes.sizeof(self.entry)))

    def interrupted(self) -> bool:
        """The vector is that of all rings of the pair: the phase says whether it was for this one.
        """
        bit = 1 << self.vector
        if not self.card.read(abi.CHIM_REG_ISR) & bit:
            return False
        self.card.write(abi.CHIM_REG_ISR, bit)
        return self.published()

    def take(self, *kinds: int) -> Any:
        """Consume the next entry, which is of one of these kinds."""
        entry = self.peek()
        kind = entry.ctl & abi.CHIM_CTL_OP_MASK
        if kind not in kinds:
            raise SystemExit(f"entry {kind:#x} on ring {self.number} instead of {kinds}")
        self.advance()
        return entry


class Buffers(ToDevice):
    """RXB or IB. The ring is always full, so the buffer of index i has its place by i as well."""

    ROOM = 2048

    def fill(self) -> None:
        self.area = self.machine.alloc(self.size * self.ROOM)
        for _ in range(self.size):
            self.give()

    def give(self) -> None:
        self.post(0, addr=self.area + self.index % self.size * self.ROOM, len=self.ROOM)

    def collect(self, first: int, length: int) -> bytes:
        """The bytes of a buffer that the card has used, which goes back to it (DEL-D4, DEL-H1)."""
        data = self.machine.read(self.area + first % self.size * self.ROOM, length)
        self.give()
        return data
