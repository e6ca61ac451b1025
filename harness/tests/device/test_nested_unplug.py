# SPDX-License-Identifier: GPL-2.0-or-later
"""LIFE-D1: a card that is made to unplug itself. Its own DMA, or its own message, switches the slot
off that it stands in. What is under way ends first; then the card is gone, and QEMU goes on.
"""
from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney import abi
from chimney.qdev import pci
from chimney.qdev.blocklist import BlockList
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import PORT_SLOT, Card, ethernet
from chimney.qdev.peer import Peer

ECAM = 0xB000_0000
SLOT_CONTROL = 24  # in the PCI Express capability
POWER_OFF = 0x07C0  # controller and both indicators
NO_RAM = 0x7_0000_0000


@contextmanager
def unplugging(qemu: Path) -> Iterator[Card]:
    """A card behind a port whose registers are memory, as firmware makes them. What is done inside
    must unplug it.
    """
    with Card(qemu=qemu, port=True) as card:
        bridge = pci.PciDevice(card.qtest, 0)
        bridge.config_write(0x64, 0)
        bridge.config_write(0x60, ECAM | 1)
        yield card
        for _ in range(20):
            gone = card.pci.config_read(0) == 0xFFFF_FFFF
        assert gone, "nothing has unplugged the card"
        assert card.no_wire_frame()
        card.inject(ethernet(bytes(60)))
        card.qtest.clock_step(10_000_000_000)


def slot_control(card: Card) -> int:
    """Address of the port's Slot Control, by which DMA reaches it."""
    return ECAM + (PORT_SLOT << 15) + card.port.capability(pci.CAP_PCIE) + SLOT_CONTROL


def message_to_slot(card: Card, vector: int) -> None:
    """Let the message of an MSI-X vector be a write to Slot Control."""
    entry = card.pci._table + 16 * vector
    card.qtest.writel(entry, slot_control(card))
    card.qtest.writel(entry + 8, POWER_OFF)


def refused_command() -> abi.chim_sqe:
    return abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=0xFFFF)


def test_message_of_a_pair(qemu: Path) -> None:
    """The vector of a pair, behind its entries."""
    with unplugging(qemu) as card:
        card.start()
        conn = Connection(card).initiate()
        message_to_slot(card, 1)
        conn.pair.cq.set_event(conn.pair.cq.index)
        conn.pair.sq.publish([refused_command()])


def test_message_of_the_timer(qemu: Path) -> None:
    """The same vector, put off by moderation, inside the timer's callback."""
    with unplugging(qemu) as card:
        card.start()
        conn = Connection(card).initiate()
        message_to_slot(card, 1)
        done = card.admin(abi.CHIM_OP_SET_COALESCE, coalesce__usecs=1000, coalesce__frames=0)
        assert done.status == abi.CHIM_ST_SUCCESS
        conn.pair.cq.set_event(conn.pair.cq.index)
        conn.pair.sq.publish([refused_command()])
        card.settle()
        card.qtest.clock_step(1_000_000)


@pytest.mark.parametrize("by", ["doorbell", "test register"])
def test_message_of_a_register(qemu: Path, by: str) -> None:
    """Inside the write of a register."""
    with unplugging(qemu) as card:
        card.start()
        Connection(card).initiate()
        message_to_slot(card, 0)
        if by == "doorbell":
            card.doorbell(card.pairs[0].sq.id, 1 << 20)
        else:
            card.write(abi.CHIM_REG_TEST_IRQ, 0)


def test_message_of_a_fatal_cause(qemu: Path) -> None:
    """Vector 0 while an indication is written."""
    with unplugging(qemu) as card:
        card.start()
        conn = Connection(card).initiate()
        message_to_slot(card, 0)
        conn.pair.ib.publish([abi.chim_buf(len=4096, addr=NO_RAM)])
        conn.send(b"never sent")
        card.wire_frames()
        Peer(conn).data(b"bytes")


def test_received_frame(qemu: Path) -> None:
    """The first bytes of a frame, inside its reception."""
    with unplugging(qemu) as card:
        card.start(promisc=True)
        Connection(card).initiate()
        for _ in range(4):
            card.pairs[0].rxb.publish([abi.chim_buf(len=2048, addr=slot_control(card))])
        card.inject(ethernet(bytes(60), dst=struct.pack("<HI", POWER_OFF, 0)))
        card.inject(ethernet(bytes(60)))


def test_received_bytes(qemu: Path) -> None:
    """The bytes of a connection, placed in a receive request."""
    with unplugging(qemu) as card:
        card.start()
        conn = Connection(card).initiate()
        conn._io(abi.CHIM_OP_RECV, [(slot_control(card), 4)], 4, 0)
        card.settle()
        Peer(conn).data(struct.pack("<I", POWER_OFF))


def test_state_operation(qemu: Path) -> None:
    """BufferedData of a TERMINATE, which has more to write."""
    with unplugging(qemu) as card:
        card.start()
        conn = Connection(card, buffered=struct.pack("<I", POWER_OFF)).initiate()
        asked, fence = conn.terminate_list(), next_fence()
        node = asked.nodes[0]
        node.buffered = [(slot_control(card), 4), (card.memory.alloc(1 << 20), 1 << 20)]
        conn.post_fence(fence)
        BlockList(card, [node]).post(abi.CHIM_OP_TERMINATE, fence, 1)
