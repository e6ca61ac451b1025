# SPDX-License-Identifier: GPL-2.0-or-later
"""Ring rules (spec chapter 3), each by itself: indices, phases, wrong opcodes, scatter lists,
interrupts, full rings.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet, ring_id, with_sges
from chimney.qdev.memory import NO_RAM


def nop(card: Card) -> int:
    """The cheapest admin command that does something visible: returns its cookie."""
    return card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)


def test_doorbell_too_far_ahead(card: Card) -> None:
    """RING-H1"""
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, card.admin_sq.index + card.admin_sq.size + 1)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_DOORBELL,
        abi.CHIM_RING_ADMIN_SQ,
        abi.CHIM_RULE_RING_H1,
    )


def test_doorbell_behind(card: Card) -> None:
    """RING-H1: "a doorbell that a later one overtakes may be behind the consumer index by then"."""
    early = card.admin_sq.index - 1
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, early)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["index"], fatal["rule"]) == (
        abi.CHIM_FATAL_DOORBELL, early, abi.CHIM_RULE_RING_H1)


def test_doorbell_without_entry_is_a_hint(card: Card) -> None:
    """RING-D8, RING-H1: entries count by their phase, not by the doorbell's value, which may be the
    ring's size ahead.
    """
    for ahead in (0, 1, card.admin_sq.size):
        card.doorbell(abi.CHIM_RING_ADMIN_SQ, card.admin_sq.index + ahead)
        card.settle()
        assert card.fatal() is None and card.admin_cq.peek() is None, ahead
    assert card.admin_wait(nop(card)).status == abi.CHIM_ST_SUCCESS


def test_consumer_index_beyond_published(card: Card) -> None:
    """RING-H2"""
    card.doorbell(abi.CHIM_RING_ADMIN_CQ, card.admin_cq.index + 1)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["rule"]) == (abi.CHIM_FATAL_DOORBELL, abi.CHIM_RULE_RING_H2)


def test_consumer_index_in_memory_impossible(card: Card) -> None:
    """RING-H2: seen when the ring has to look at it, because it would be full."""
    card.qtest.writel(card.admin_cq.ctl + abi.OFFSETS[("chim_ring_ctl", "drv_index")], 0x4000_0000)
    for _ in range(card.admin_cq.size + 1):
        if card.fatal():
            break
        nop(card)
        card.settle(4)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"]) == (abi.CHIM_FATAL_CQ_INDEX, abi.CHIM_RING_ADMIN_CQ)


def test_continuation_not_published(card: Card) -> None:
    """RING-H3: the first entry says that two follow, and they are not there."""
    entry = abi.chim_sqe()
    entry.ctl = abi.CHIM_OP_FRAME | 2 << abi.CHIM_CTL_SG_SHIFT
    card.pairs[0].tx.publish([entry])
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_PHASE,
        ring_id(0, abi.CHIM_RING_TX),
        abi.CHIM_RULE_RING_H3,
    )


@pytest.mark.parametrize(
    "kind,opcode",
    [
        (abi.CHIM_RING_TX, abi.CHIM_OP_SEND),
        (abi.CHIM_RING_SQ, abi.CHIM_OP_FRAME),
        (abi.CHIM_RING_TX, 0xEE),
        (abi.CHIM_RING_SQ, 0),
        (abi.CHIM_RING_SQ, 0x01),
    ],
)
def test_opcode_of_another_ring(card: Card, kind: int, opcode: int) -> None:
    """RING-H6"""
    card.pairs[0].by_kind(kind).publish([abi.chim_sqe(ctl=opcode)])
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_OPCODE,
        ring_id(0, kind),
        abi.CHIM_RULE_RING_H6,
    )


def test_unknown_admin_opcode(card: Card) -> None:
    """RING-H6"""
    assert card.admin(0x7F).status == abi.CHIM_ST_INVALID_OPCODE
    assert card.admin(abi.CHIM_OP_SEND).status == abi.CHIM_ST_INVALID_OPCODE
    assert card.fatal() is None


@pytest.mark.parametrize("kind", [abi.CHIM_RING_RXB, abi.CHIM_RING_IB])
@pytest.mark.parametrize("addr,length", [(0x200000, 0), (0x200000, 63), (0xFFFFFFFFFFFFFF00, 4096)])
def test_impossible_buffer(make_card: MakeCard, kind: int, addr: int, length: int) -> None:
    """RING-H7. The frame buffer is looked at when a frame comes; indication buffers when they are
    fetched.
    """
    card = make_card().start()
    card.pairs[0].by_kind(kind).publish([abi.chim_buf(ctl=0, len=length, addr=addr)])
    if kind == abi.CHIM_RING_IB:
        from chimney.qdev.seg import Seg, build

        conn = Connection(card).initiate()
        card.inject(build(Seg(seq=0x10000, ack=0x20000, data=b"x", ts=(1001, 5000))))
        assert conn.handle
    else:
        card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["rule"]) == (
        abi.CHIM_FATAL_BUFFER,
        ring_id(0, kind),
        abi.CHIM_RULE_RING_H7,
    )


def test_buffer_that_is_no_memory(make_card: MakeCard) -> None:
    """RING-D10: the DMA address is named."""
    card = make_card().start()
    card.pairs[0].rxb.publish([abi.chim_buf(ctl=0, len=2048, addr=NO_RAM)])
    card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["addr"]) == (
        abi.CHIM_FATAL_DMA,
        ring_id(0, abi.CHIM_RING_RXB),
        NO_RAM,
    )


def test_frame_that_is_no_memory(card: Card) -> None:
    """RING-D10"""
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)
    card.pairs[0].tx.publish(with_sges(entry, [(NO_RAM, 64)]))
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["index"]) == (
        abi.CHIM_FATAL_DMA,
        ring_id(0, abi.CHIM_RING_TX),
        0,
    )


def test_ring_that_is_no_memory(make_card: MakeCard) -> None:
    """RING-H5: a ring may be created anywhere; the first use tells."""
    card = make_card().start(pairs=0, receive=False)
    ring = card.make_ring(0, abi.CHIM_RING_TX, 4)
    ring.base = NO_RAM
    assert card.create_ring(ring) == abi.CHIM_ST_SUCCESS
    card.doorbell(ring.id, 1)
    assert card.wait_fatal()["cause"] == abi.CHIM_FATAL_DMA


def test_bus_mastering_off_is_a_dma_error(card: Card) -> None:
    """RING-D10: with bus mastering off nothing of guest memory can be read."""
    card.pci.enable(memory=True, master=False)
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, card.admin_sq.index)
    assert card.wait_fatal()["cause"] == abi.CHIM_FATAL_DMA


def test_first_cause_wins(card: Card) -> None:
    """EVT-D1"""
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, 0x7000)
    first = card.wait_fatal()
    card.doorbell(abi.CHIM_RING_ADMIN_CQ, 0x7000)
    card.settle()
    assert card.fatal() == first
    assert card.pci.take_interrupt(0)


@pytest.mark.parametrize(
    "field,value,status",
    [
        ("ring__ring", 5, abi.CHIM_ST_INVALID_FIELD),
        ("ring__ring", abi.CHIM_RING_PAIR0 + 6, abi.CHIM_ST_INVALID_FIELD),
        ("ring__ring", abi.CHIM_RING_PAIR0 + 8 * 16, abi.CHIM_ST_INVALID_FIELD),
        ("ring__log2_size", 0, abi.CHIM_ST_INVALID_FIELD),
        ("ring__log2_size", 13, abi.CHIM_ST_LIMIT),
        ("ring__log2_size", 0xFFFFFFFF, abi.CHIM_ST_LIMIT),
    ],
)
def test_create_ring_refused(make_card: MakeCard, field: str, value: int, status: int) -> None:
    """A ring that there is not, a size that is none, and one above CHIM_REG_MAX_RING_LOG2."""
    card = make_card().start(pairs=0, receive=False)
    good = {"ring__ring": ring_id(0, abi.CHIM_RING_TX), "ring__log2_size": 4}
    addr, ctl = card.memory.alloc(64 * 16, 4096), card.memory.alloc(128, 128)
    done = card.admin(
        abi.CHIM_OP_CREATE_RING, data=(addr, 64 * 16), second=ctl, **{**good, field: value}
    )
    assert done.status == status


def test_ring_cannot_be_created_twice(card: Card) -> None:
    assert card.create_ring(card.pairs[0].tx) == abi.CHIM_ST_NOT_READY


def test_destroy_ring(card: Card) -> None:
    tx = card.pairs[0].tx
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=tx.id).status == abi.CHIM_ST_SUCCESS
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=tx.id).status == abi.CHIM_ST_NOT_READY
    card.doorbell(tx.id, 1)
    card.settle()
    assert card.fatal() is None


def test_event_index_suppresses_interrupts(card: Card) -> None:
    """RING-D6: an interrupt only when drv_event has been passed."""
    card.admin_cq.set_event(card.admin_cq.index + 1)
    card.pci.take_interrupt(0)
    card.admin_wait(nop(card))
    assert not card.pci.take_interrupt(0)
    card.admin_wait(nop(card))
    assert card.pci.take_interrupt(0)


def test_event_index_asks_for_doorbells(card: Card) -> None:
    """RING-D5: the sleeping device names its own consumer index."""
    card.admin_wait(nop(card))
    card.settle()
    assert card.admin_sq.dev_event == card.admin_sq.index == card.admin_sq.dev_index


def test_transmit_interrupt(card: Card) -> None:
    """RING-D6: the TX ring's drv_event is passed by dev_index."""
    tx = card.pairs[0].tx
    tx.set_event(tx.index + 1)
    card.pci.take_interrupt(1)
    card.send_frame(ethernet(bytes(60)))
    card.wire_frame()
    card.wait("the frame's slot", lambda: tx.dev_index == tx.index)
    assert not card.pci.take_interrupt(1)
    card.send_frame(ethernet(bytes(60)))
    card.wait("the transmit interrupt", lambda: card.pci.take_interrupt(1))


def test_command_interrupt(conn: Connection) -> None:
    """RING-D6: the SQ's drv_event is passed by dev_index, completions or not."""
    card, sq = conn.card, conn.pair.sq
    for other in (conn.pair.cq, conn.pair.rxc, conn.pair.tx):
        other.set_event(other.index + 1000)
    sq.set_event(sq.index + 1)
    card.pci.take_interrupt(1)
    conn.send(b"not yet")
    card.wait("the command's slot", lambda: sq.dev_index == sq.index)
    assert not card.pci.take_interrupt(1)
    conn.send(b"now")
    card.wait("the SQ's interrupt", lambda: card.pci.take_interrupt(1))
    assert conn.no_entry()


def test_moderation(card: Card) -> None:
    """SET_COALESCE puts an interrupt off by so many microseconds of virtual time, or until so many
    entries.
    """
    assert (
        card.admin(
            abi.CHIM_OP_SET_COALESCE, coalesce__pair=0, coalesce__usecs=500, coalesce__frames=4
        ).status
        == abi.CHIM_ST_SUCCESS
    )
    rxc = card.pairs[0].rxc
    rxc.set_event(0)
    card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    card.received()
    assert not card.pci.take_interrupt(1)
    card.advance(ms=0.6)
    assert card.pci.take_interrupt(1)
    rxc.set_event(1)
    for _ in range(4):
        card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
        card.received()
    assert card.pci.take_interrupt(1)


def test_masked_vector_stays_pending(card: Card) -> None:
    """The pending bit array tells, and unmasking delivers."""
    card.pci.mask_vector(0, True)
    card.pci.take_interrupt(0)
    card.admin_cq.set_event(card.admin_cq.index)
    card.admin_wait(nop(card))
    assert not card.pci.take_interrupt(0) and card.pci.pending(0)
    card.pci.mask_vector(0, False)
    assert card.pci.take_interrupt(0) and not card.pci.pending(0)


def test_full_completion_ring_of_one_pair_does_not_hold_up_another(make_card: MakeCard) -> None:
    """RING-D7: pair 0's RXC is full; pair 1 transmits, and the admin pair answers; then nothing is
    lost.
    """
    card = make_card().start(pairs=2, log2_size=1)
    card.post_buffers(0, abi.CHIM_RING_RXB, 2)
    for number in range(4):
        card.inject(ethernet(bytes([number]) * 60, dst=b"\xff" * 6))
    card.settle()
    card.send_frame(ethernet(b"through" + bytes(60)), pair=1)
    assert b"through" in card.wire_frame()
    assert card.admin_wait(nop(card)).status == abi.CHIM_ST_SUCCESS
    got = [card.received()[1][14] for _ in range(2)]
    assert got == [0, 1]


def test_full_admin_completion_ring_waits(make_card: MakeCard) -> None:
    """RING-D7: completions wait for room, and come in order when there is some."""
    card = make_card()
    card.pci.enable_msix(card.memory, abi.CHIM_BAR_MSIX)
    card.make_admin(sq_log2=4, cq_log2=1)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    cookies = [nop(card) for _ in range(8)]
    card.settle()
    seen = []
    for _ in cookies:
        entry = card.wait("an admin completion", card.admin_cq.take)
        seen.append(entry.cookie)
    assert seen == cookies
