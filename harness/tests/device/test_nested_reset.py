# SPDX-License-Identifier: GPL-2.0-or-later
"""A card that is made to reset itself: its own DMA, or its own interrupt message, lands in its
configuration space. What is under way ends first; then the card is as after power-on (LIFE-D1).
"""
from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from chimney import abi
from chimney.qdev import pci
from chimney.qdev.blocklist import BlockList, tree
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet
from chimney.qdev.peer import Peer

ECAM = 0xB000_0000
CONFIG = ECAM + (5 << 15)  # the card's slot
FLR = 1 << 15
DEV_EVENT = abi.OFFSETS["chim_ring_ctl", "dev_event"]
NO_RAM = 0x7_0000_0000


def register(card: Card, capability: int, offset: int) -> int:
    """Address of a register of a capability, by which DMA reaches it."""
    return CONFIG + card.pci.capability(capability) + offset


@pytest.fixture
def mapped(make_card: MakeCard) -> Iterator[Card]:
    """A card whose configuration space is memory, as firmware makes it. The test must reset it."""
    card = make_card()
    bridge = pci.PciDevice(card.qtest, 0)
    bridge.config_write(0x64, 0)
    bridge.config_write(0x60, ECAM | 1)
    assert card.qtest.readl(CONFIG) == abi.CHIM_PCI_VENDOR | abi.CHIM_PCI_DEVICE << 16
    yield card
    card.settle()
    assert not card.pci.config_read(pci.COMMAND, 2) & 4 or card.qtest.readl(
        register(card, pci.CAP_PM, 4)
    ), "nothing has reset the card"
    card.pci.config_write(card.pci.capability(pci.CAP_PM) + 4, 0, 2)
    card.pci.assign_bars()
    card.pci.enable()
    assert (card.read(abi.CHIM_REG_CTRL), card.read(abi.CHIM_REG_ADMIN_SIZE)) == (0, 0)
    assert card.read(abi.CHIM_REG_STATUS) & ~abi.CHIM_STATUS_LINK_UP == 0
    assert card.no_wire_frame()
    card.pairs.clear()
    card.start()


def admin_ring_at(card: Card, base: int) -> None:
    """Enable with the admin CQ in configuration space."""
    card.make_admin()
    card.write64(abi.CHIM_REG_ADMIN_CQ_LO, base)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)


def cookie_on_flr(card: Card) -> int:
    """The ring base with which an entry's cookie is written to Device Control."""
    base = register(card, pci.CAP_PCIE, 8) - abi.OFFSETS["chim_cqe", "cookie"]
    assert base % 64 == 0
    card._cookie = FLR - 1
    return base


def test_completion_that_resets(mapped: Card) -> None:
    """FLR by the cookie of an admin completion."""
    admin_ring_at(mapped, cookie_on_flr(mapped))
    mapped.admin_post(abi.CHIM_OP_SET_MTU, value=1500)


def test_state_operation_that_resets(mapped: Card) -> None:
    """FLR by the completion of a state operation, which ends once."""
    admin_ring_at(mapped, cookie_on_flr(mapped))
    BlockList(mapped, tree([])).post(abi.CHIM_OP_INITIATE)


def test_completion_that_leaves_d0(mapped: Card) -> None:
    """The power state by the status of a completion: LIMIT ends in binary 11."""
    pmcsr = register(mapped, pci.CAP_PM, 4)
    admin_ring_at(mapped, pmcsr - abi.OFFSETS["chim_cqe", "status"])
    mapped.admin_post(abi.CHIM_OP_CREATE_RING, ring__ring=abi.CHIM_RING_PAIR0, ring__log2_size=63)
    mapped.settle()
    assert mapped.qtest.readl(pmcsr) & 3 == 3


def test_enable_that_resets(mapped: Card) -> None:
    """The power state by the event index of the admin CQ, inside the write of CTRL."""
    mapped.make_admin()
    mapped.write64(
        abi.CHIM_REG_ADMIN_CQ_CTL_LO, register(mapped, pci.CAP_PM, 4) - DEV_EVENT
    )
    mapped.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)


def test_new_ring_that_resets(mapped: Card) -> None:
    """The same by a ring of a pair."""
    mapped.start(pairs=0, receive=False)
    ring = mapped.make_ring(0, abi.CHIM_RING_CQ, 4)
    mapped.admin_post(
        abi.CHIM_OP_CREATE_RING,
        data=(ring.base, 0),
        second=register(mapped, pci.CAP_PM, 4) - DEV_EVENT,
        ring__ring=ring.id,
        ring__log2_size=4,
    )


def test_received_frame_that_resets(mapped: Card) -> None:
    """FLR by the first bytes of a frame, inside its reception."""
    mapped.start(promisc=True)
    rxb = mapped.pairs[0].rxb
    for _ in range(4):
        addr = register(mapped, pci.CAP_PCIE, 8)
        rxb.publish([abi.chim_buf(len=2048, addr=addr)])
    mapped.inject(ethernet(bytes(60), dst=struct.pack("<IH", FLR, 0)))
    mapped.inject(ethernet(bytes(60)))


def message_to_flr(card: Card, vector: int) -> None:
    """Let the message of an MSI-X vector be a write to Device Control."""
    entry = card.pci._table + 16 * vector
    card.qtest.writel(entry, register(card, pci.CAP_PCIE, 8))
    card.qtest.writel(entry + 8, FLR)


def test_message_of_a_fatal_cause_that_resets(mapped: Card) -> None:
    """FLR by vector 0 while an indication is written."""
    mapped.start()
    conn = Connection(mapped).initiate()
    message_to_flr(mapped, 0)
    conn.pair.ib.publish([abi.chim_buf(len=4096, addr=NO_RAM)])
    conn.send(b"never sent")
    mapped.wire_frames()
    Peer(conn).data(b"bytes")


def test_message_of_a_pair_that_resets(mapped: Card) -> None:
    """FLR by the vector of a pair, behind its entries."""
    mapped.start()
    conn = Connection(mapped).initiate()
    message_to_flr(mapped, 1)
    conn.pair.cq.set_event(conn.pair.cq.index)
    conn.pair.sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=0xFFFF)])


@pytest.mark.parametrize("by", ["doorbell", "test register"])
def test_message_of_a_register_that_resets(mapped: Card, by: str) -> None:
    """FLR inside the write of a register."""
    mapped.start()
    message_to_flr(mapped, 0)
    if by == "doorbell":
        mapped.doorbell(mapped.pairs[0].sq.id, 1 << 20)
    else:
        mapped.write(abi.CHIM_REG_TEST_IRQ, 0)
