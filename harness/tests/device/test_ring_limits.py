# SPDX-License-Identifier: GPL-2.0-or-later
"""How a ring is created, what a command and a buffer on it may be (spec chapters 3 and 5.6), and
what of all this is noticed only when it is used.
"""
from __future__ import annotations

import ctypes

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet, ring_id, with_sges
from chimney.qdev.memory import NO_RAM
from chimney.qdev.peer import Peer
from chimney.qdev.rings import DEV_EVENT, DEV_INDEX, DRV_INDEX
from chimney.qdev.state import RCV

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD
NEVER = 0xFFFFFFFF
BROADCAST = b"\xff" * 6


# creation


def test_place_of_a_ring(make_card: MakeCard) -> None:
    """CREATE_RING: "the ring's base is in `sge[0].addr`, a multiple of 64, and its control block in
    `sge[1].addr`, a multiple of 128; otherwise the command gets CHIM_ST_INVALID_FIELD. The lengths
    of both elements mean nothing".
    """
    card = make_card().start(pairs=0, receive=False)
    memory = card.memory.alloc(4096, 4096)
    for pair, (base, ctl, rsvd, status) in enumerate((
        (0, 0, 0, OK),
        (64, 0, 0, OK),
        (32, 0, 0, FIELD),
        (8, 0, 0, FIELD),
        (0, 128, 0, OK),
        (0, 64, 0, FIELD),
        (0, 0, 1, FIELD),
    )):
        done = card.admin(
            abi.CHIM_OP_CREATE_RING,
            data=(memory + base, 0),
            second=memory + 2048 + ctl,
            ring__ring=ring_id(pair, abi.CHIM_RING_TX),
            ring__log2_size=4,
            ring__rsvd=rsvd,
        )
        assert done.status == status, (base, ctl, rsvd)


@pytest.mark.parametrize("kind", [abi.CHIM_RING_SQ, abi.CHIM_RING_CQ, abi.CHIM_RING_IB])
def test_control_block_of_a_new_ring(make_card: MakeCard, kind: int) -> None:
    """Chapter 3.1: "The device writes its own half when the ring is created: `dev_index` 0, and
    `dev_event` 0 for a ring to device, 2^32 - 1 for a ring to driver"; it leaves the driver's half
    and the ring's memory alone.
    """
    card = make_card().start(pairs=0, receive=False)
    ring = card.make_ring(0, kind, 4)
    card.qtest.write(ring.ctl, b"\x55" * ctypes.sizeof(abi.chim_ring_ctl))
    card.qtest.writel(ring.ctl + DRV_INDEX, 0)
    before = card.qtest.read(ring.ctl, DEV_INDEX)
    assert card.create_ring(ring) == OK
    assert (ring.dev_index, ring.dev_event) == (0, NEVER if kind == abi.CHIM_RING_CQ else 0)
    assert card.qtest.read(ring.ctl, DEV_INDEX) == before
    assert card.qtest.read(ring.base, ring.size * ring.entry_size) == bytes(
        ring.size * ring.entry_size)


def test_consumer_index_of_a_new_ring(make_card: MakeCard) -> None:
    """Chapter 3.1: "The driver writes its half of the control block before that: `drv_index` 0";
    RING-H2 for any other.
    """
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    cq, sq = card.pairs[0].cq, card.pairs[0].sq
    card.qtest.writel(cq.ctl + DRV_INDEX, 7)
    for _ in range(3):
        sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=1)])
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["index"]) == (abi.CHIM_FATAL_CQ_INDEX, cq.id, 7)


def test_control_block_that_is_no_memory(make_card: MakeCard) -> None:
    """RING-H5: "CHIM_FATAL_DMA at the first access; for a control block that is when the ring is
    created".
    """
    card = make_card().start(pairs=0, receive=False)
    ring = card.make_ring(0, abi.CHIM_RING_TX, 4)
    ring.ctl = NO_RAM
    card.admin_post(
        abi.CHIM_OP_CREATE_RING, data=(ring.base, 1024), second=ring.ctl,
        ring__ring=ring.id, ring__log2_size=4)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_DMA, ring.id, abi.CHIM_RULE_RING_H5)
    assert fatal["addr"] in (NO_RAM + DEV_INDEX, NO_RAM + DEV_EVENT)


# bus mastering


def test_enable_without_bus_mastering(make_card: MakeCard) -> None:
    """REG-H6: "CHIM_FATAL_DMA at the next access, which is at ENABLE if it was never on": before
    READY.
    """
    card = make_card()
    card.make_admin()
    card.pci.enable(memory=True, master=False)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    fatal = card.fatal()
    assert fatal and (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_DMA, abi.CHIM_RING_ADMIN_SQ, abi.CHIM_RULE_RING_H5)
    assert not card.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_READY


def test_message_without_bus_mastering(make_card: MakeCard) -> None:
    """REG-H6: "an MSI-X message is lost", and nothing is noticed of it."""
    card = make_card()
    card.pci.enable_msix(card.memory, abi.CHIM_BAR_MSIX)
    card.pci.enable(memory=True, master=False)
    card.write(abi.CHIM_REG_TEST_IRQ, 1)
    card.pci.enable(memory=True, master=True)
    assert not card.pci.take_interrupt(1) and card.fatal() is None
    card.write(abi.CHIM_REG_TEST_IRQ, 1)
    assert card.pci.take_interrupt(1)


# commands


@pytest.mark.parametrize("more,fatal", [(1, False), (2, True)])
def test_command_of_the_rings_size(make_card: MakeCard, more: int, fatal: bool) -> None:
    """RING-H3: "a command MUST NOT have more entries than its ring"; as many are possible."""
    card = make_card().start(pairs=0)
    card.create_pair(0, 1)
    data = card.memory.put(b"x" * 60)
    tx = card.pairs[0].tx
    sges = [(data + 20 * n, 20) for n in range(3)]
    entries = with_sges(abi.chim_sqe(ctl=abi.CHIM_OP_FRAME), sges)
    entries[0].ctl += more - 1 << abi.CHIM_CTL_SG_SHIFT
    tx.publish(entries)
    if not fatal:
        assert card.wire_frame() == b"x" * 60
        return
    found = card.wait_fatal()
    assert (found["cause"], found["ring"], found["index"], found["rule"]) == (
        abi.CHIM_FATAL_PHASE, tx.id, 0, abi.CHIM_RULE_RING_H3)


def test_continuation_that_is_none(card: Card) -> None:
    """RING-H6: "an entry that continues a scatter list and is no CHIM_OP_SG" is CHIM_FATAL_OPCODE,
    and names that entry.
    """
    entries = with_sges(abi.chim_sqe(ctl=abi.CHIM_OP_FRAME), [(0x300000, 20)] * 3)
    entries[1].ctl = abi.CHIM_OP_FRAME
    card.pairs[0].tx.publish(entries)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["index"], fatal["rule"]) == (
        abi.CHIM_FATAL_OPCODE, 1, abi.CHIM_RULE_RING_H6)


def test_element_of_length_0_ends_the_list(conn: Connection, peer: Peer) -> None:
    """Chapter 3.3: "an element of length 0 ends the list", and what stands behind it is not looked
    at.
    """
    data = conn.card.memory.put(b"abcdef")
    conn._io(abi.CHIM_OP_SEND, [(data, 3), (0, 0), (NO_RAM, 3)], 3, abi.CHIM_SEND_PUSH)
    peer.frame(data=b"abc")


@pytest.mark.parametrize("what", ["set-up", "statistics", "chain", "unread"])
def test_command_memory_that_is_no_memory(card: Card, what: str) -> None:
    """RING-H4: "The memory that a command's scatter list names, and that the scatter lists in a
    block list name, MUST be accessible by DMA", else CHIM_FATAL_DMA with this rule.
    """
    index = card.admin_sq.index
    if what == "set-up":
        size = ctypes.sizeof(abi.chim_params)
        card.admin_post(abi.CHIM_OP_SET_PARAMS, data=(NO_RAM, size), admin__len=size)
    elif what == "statistics":
        size = ctypes.sizeof(abi.chim_stats)
        card.admin_post(abi.CHIM_OP_GET_STATS, data=(NO_RAM, size), admin__len=size)
    else:
        conn = Connection(card, sends=[b"chain"], buffered=b"unread")
        node = conn.list.nodes[2]
        if what == "chain":
            node.sends[0] = (1, 5, [(NO_RAM, 5)], 0)
        else:
            node.buffered[0] = (NO_RAM, 6)
        BlockList(card, conn.list.nodes).post(abi.CHIM_OP_INITIATE)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["rule"], fatal["addr"]) == (
        abi.CHIM_FATAL_DMA, abi.CHIM_RULE_RING_H4, NO_RAM)
    assert (fatal["ring"], fatal["index"]) == (abi.CHIM_RING_ADMIN_SQ, index)


def test_entry_changed_before_it_is_read(card: Card) -> None:
    """RING-H4: "Nothing is noticed of an entry that changes; the device takes it as it finds it".
    """
    tx = card.pairs[0].tx
    first, second = (card.memory.put(text * 60) for text in (b"a", b"b"))
    at = tx.publish(with_sges(abi.chim_sqe(ctl=abi.CHIM_OP_FRAME), [(first, 60)]), bell=False)
    field = abi.OFFSETS["chim_sqe", "sge"]
    card.qtest.write(tx.addr(at) + field, second.to_bytes(8, "little"))
    tx.ring()
    assert card.wire_frame() == b"b" * 60


# buffers


def test_frame_buffer_is_looked_at_for_a_frame(make_card: MakeCard) -> None:
    """RING-H7: "CHIM_FATAL_BUFFER when the device looks at the entry" (3.2): of RXB as many entries
    as a frame needs.
    """
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 1)
    card.pairs[0].rxb.publish([abi.chim_buf(ctl=0, len=63, addr=0x300000)])
    card.inject(ethernet(bytes(60), dst=BROADCAST))
    card.received()
    card.settle()
    assert card.fatal() is None
    card.inject(ethernet(bytes(60), dst=BROADCAST))
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["index"]) == (abi.CHIM_FATAL_BUFFER, 1)


def test_indication_buffer_is_looked_at_early(make_card: MakeCard) -> None:
    """RING-H7; 3.2, of IB: "whenever the device looks for events of a pair that has connections:
    entries for CHIM_REG_MAX_IND_LEN bytes"; no byte has come here.
    """
    card = make_card().start()
    card.pairs[0].ib.publish([abi.chim_buf(ctl=0, len=63, addr=0x300000)])
    card.settle()
    assert card.fatal() is None
    conn = Connection(card)
    conn.list.post(abi.CHIM_OP_INITIATE)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_BUFFER, ring_id(0, abi.CHIM_RING_IB), abi.CHIM_RULE_RING_H7)


def test_indication_buffers_beyond_the_largest(make_card: MakeCard) -> None:
    """RING-H7, 3.2: what lies behind CHIM_REG_MAX_IND_LEN bytes of buffers is not looked at yet."""
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_IB, 1, card.read(abi.CHIM_REG_MAX_IND_LEN))
    card.pairs[0].ib.publish([abi.chim_buf(ctl=0, len=63, addr=0x300000)])
    conn = Connection(card).initiate()
    conn.send(b"x")
    card.settle()
    assert card.fatal() is None
    Peer(conn).data(b"y")
    conn.entry(abi.CHIM_CQ_INDICATE)
    card.settle()
    assert card.fatal() is not None


def test_opcode_of_a_buffer(make_card: MakeCard) -> None:
    """RING-H6: "The opcode of an entry of RXB or IB means nothing"."""
    card = make_card().start()
    buffer = abi.chim_buf(ctl=abi.CHIM_OP_SEND, len=2048, addr=card.memory.alloc(2048))
    card.pairs[0].rxb.publish([buffer])
    card.inject(ethernet(b"placed" + bytes(54), dst=BROADCAST))
    entry = card.wait("a frame", card.pairs[0].rxc.take)
    assert card.qtest.read(buffer.addr, entry.len)[14:20] == b"placed"


# verdicts


def test_verdict_behind_the_index(conn: Connection, peer: Peer) -> None:
    """RING-H8: "a verdict posted later counts until the device has settled the indication", and
    "the bytes that it refuses come once more".
    """
    card, cq = conn.card, conn.pair.cq
    peer.data(b"taken")
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    card.settle()
    card.qtest.writel(cq.ctl + DRV_INDEX, cq.index)
    conn.verdict(entry.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    card.wait("the verdict", lambda: card.stats().cases.verdict_refused)
    _, addr = conn.recv(5)
    assert conn.entry(abi.CHIM_CQ_RECV).seq == RCV
    assert card.qtest.read(addr, 5) == b"taken"


# a device that cannot address all memory


@pytest.mark.parametrize("beyond,fatal", [(0, False), (1, True)])
def test_address_of_too_many_bits(make_card: MakeCard, beyond: int, fatal: bool) -> None:
    """Spec 11.2, x-dma-bits: an address beyond so many bits "is CHIM_FATAL_DMA with that address";
    the last byte below counts.
    """
    card = make_card(options="x-dma-bits=24").start()
    addr = (1 << 24) - 60 + beyond
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)
    card.pairs[0].tx.publish(with_sges(entry, [(addr, 60)]))
    if not fatal:
        assert card.wire_frame() == bytes(60)
        return
    found = card.wait_fatal()
    assert (found["cause"], found["addr"]) == (abi.CHIM_FATAL_DMA, addr)
