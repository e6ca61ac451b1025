# SPDX-License-Identifier: GPL-2.0-or-later
"""What the device looks at in a ring, and when (spec chapter 3): entries, indices and doorbells;
and what it does not notice.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard, ethernet
from chimney.qdev.peer import Peer
from chimney.qdev.rings import DRV_INDEX, Producer
from chimney.qdev.state import RCV

OK = abi.CHIM_ST_SUCCESS


def fatal_of(card: Card) -> tuple[int, int, int, int]:
    """Cause, ring, index and rule of the fatal state, which must come."""
    fatal = card.wait_fatal()
    return fatal["cause"], fatal["ring"], fatal["index"], fatal["rule"]


def mtu() -> abi.chim_sqe:
    """SET_MTU, whose completion the tests look for."""
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_SET_MTU)
    entry.u.value = 1500
    return entry


# commands and their completion ring


def small_cq(make_card: MakeCard) -> Connection:
    """A connection on a pair whose CQ has two entries."""
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    card.post_buffers(0, abi.CHIM_RING_RXB, 8)
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    return Connection(card).initiate()


def test_commands_wait_for_their_completion_ring(make_card: MakeCard) -> None:
    """RING-D7: "The device reads an SQ, and the admin SQ, only while its CQ has room for one more
    entry": FENCE, which gets no completion, waits as well; frames and the admin pair do not.
    """
    conn = small_cq(make_card)
    card, sq, cq = conn.card, conn.pair.sq, conn.pair.cq
    for _ in range(3):
        conn.send(b"")
    card.settle()
    assert (sq.dev_index, cq.dev_index) == (2, cq.index + 2)
    fence = next_fence()
    conn.post_fence(fence)
    waiting = conn.terminate_list().post(abi.CHIM_OP_TERMINATE, fence, 1)
    card.send_frame(ethernet(b"not held up" + bytes(60)))
    assert b"not held up" in card.wire_frame()
    assert card.admin(abi.CHIM_OP_SET_MTU, value=1500).status == OK
    card.settle()
    assert sq.dev_index == 2
    kinds = [conn.entry().ctl & abi.CHIM_CTL_OP_MASK for _ in range(4)]
    assert kinds == [abi.CHIM_CQ_SEND] * 3 + [abi.CHIM_CQ_LAST]
    assert card.admin_wait(waiting).status == OK


def test_verdict_waits_for_the_completion_ring(make_card: MakeCard) -> None:
    """RING-D7: a VERDICT waits like any command; nothing is lost by it, because the SQ is read
    before the indication is settled (RING-H8).
    """
    conn = small_cq(make_card)
    card, cq = conn.card, conn.pair.cq
    Peer(conn).data(b"refused")
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.send(b"")
    card.settle()
    conn.verdict(entry.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    card.settle()
    assert cq.dev_index - cq.index == 1 and card.stats().cases.verdict_refused == 0
    cq.release()
    card.wait("the verdict", lambda: card.stats().cases.verdict_refused)


def test_sq_without_its_completion_ring(make_card: MakeCard) -> None:
    """RING-D7; 5.6: "any I/O ring, in any order": an SQ whose CQ does not exist is not read until
    it does.
    """
    card = make_card().start(pairs=0)
    sq, cq = (card.make_ring(0, kind, 4) for kind in (abi.CHIM_RING_SQ, abi.CHIM_RING_CQ))
    assert isinstance(sq, Producer) and card.create_ring(sq) == OK
    sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=1)])
    card.settle()
    assert sq.dev_index == 0 and card.fatal() is None
    assert card.create_ring(cq) == OK
    done = card.wait("the refusal", cq.take)  # type: ignore[union-attr]
    assert done.status == abi.CHIM_ST_INVALID_HANDLE and sq.dev_index == 1


# indices


def test_producer_index_in_memory_is_not_read(card: Card) -> None:
    """Chapter 3: "`drv_index` of a ring to device | never"; entries count by their phase."""
    card.qtest.writel(card.admin_sq.ctl + DRV_INDEX, 0x1234_5678)
    card.admin_sq.publish([mtu()], bell=False)
    card.qtest.writel(card.admin_sq.ctl + DRV_INDEX, 0x8765_4321)
    card.admin_sq.ring()
    card.wait("the command", lambda: card.admin_sq.dev_index == card.admin_sq.index)
    assert card.fatal() is None


def read_once(conn: Connection) -> int:
    """Let the device read drv_index of the CQ: an indication is passed. Returns that index."""
    Peer(conn).data(b"passed")
    conn.entry(abi.CHIM_CQ_INDICATE)
    conn.send(b"x")
    conn.card.wait("the index", lambda: conn.card.stats().cases.verdict_accepted)
    return int(conn.pair.cq.index)


def test_consumer_index_moved_back(conn: Connection) -> None:
    """RING-H2: "CHIM_FATAL_CQ_INDEX when the device reads a `drv_index` that is [...] before the
    one that it read last".
    """
    card, cq = conn.card, conn.pair.cq
    seen = read_once(conn)
    card.qtest.writel(cq.ctl + DRV_INDEX, seen - 1)
    Peer(conn).inject(seq=RCV + 6, data=b"more")
    assert fatal_of(card) == (
        abi.CHIM_FATAL_CQ_INDEX,
        cq.id,
        seen - 1,
        abi.CHIM_RULE_RING_H2,
    )


def test_consumer_index_moved_back_unseen(card: Card) -> None:
    """RING-H2: "Nothing is noticed of an index that moves back before the device has read it"."""
    cq = card.admin_cq
    for _ in range(3):
        assert card.admin(abi.CHIM_OP_SET_MTU, value=1500).status == OK
    card.qtest.writel(cq.ctl + DRV_INDEX, 1)
    card.doorbell(cq.id, 1)
    card.doorbell(cq.id, 0)
    assert card.admin(abi.CHIM_OP_SET_MTU, value=1500).status == OK
    assert card.fatal() is None


@pytest.mark.parametrize("ahead,ok", [(0, True), (-2, True), (-3, False)])
def test_doorbell_of_a_ring_to_driver(make_card: MakeCard, ahead: int, ok: bool) -> None:
    """RING-H2: "CHIM_FATAL_DOORBELL if a doorbell's value is [...] more than the ring's size behind
    it".
    """
    card = make_card()
    card.make_admin(cq_log2=1)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    for _ in range(4):
        card.admin(abi.CHIM_OP_SET_MTU, value=1500)
    value = card.admin_cq.index + ahead & 0xFFFFFFFF
    card.doorbell(card.admin_cq.id, value)
    card.settle()
    if ok:
        assert card.fatal() is None
    else:
        assert fatal_of(card) == (
            abi.CHIM_FATAL_DOORBELL,
            card.admin_cq.id,
            value,
            abi.CHIM_RULE_RING_H2,
        )


# phases


@pytest.mark.parametrize("kind", [abi.CHIM_RING_SQ, abi.CHIM_RING_ADMIN_SQ])
def test_entry_of_another_pass(card: Card, kind: int) -> None:
    """RING-H11: "the device takes the entry as not published, and waits for it", whatever the
    doorbell says.
    """
    admin = kind == abi.CHIM_RING_ADMIN_SQ
    ring = card.admin_sq if admin else card.pairs[0].by_kind(kind)
    assert isinstance(ring, Producer)
    at = ring.publish([mtu()] if admin else [abi.chim_sqe(ctl=0xEE)], bell=False)
    word = card.qtest.readl(ring.addr(at))
    card.qtest.writel(ring.addr(at), word ^ abi.CHIM_CTL_PHASE)
    ring.ring()
    card.settle()
    assert card.fatal() is None and ring.dev_index == at


def test_ring_memory_that_is_not_zero(make_card: MakeCard) -> None:
    """RING-H11: what looks published is an entry."""
    card = make_card().start(pairs=0)
    tx = card.make_ring(0, abi.CHIM_RING_TX, 2)
    card.qtest.write(tx.base, b"\xff" * 64)
    assert card.create_ring(tx) == OK
    assert fatal_of(card)[:3] == (abi.CHIM_FATAL_PHASE, tx.id, 0)


# doorbells and interrupts that are missing


def test_entry_without_its_doorbell(card: Card) -> None:
    """RING-H10: "the device may sleep on, and nothing is noticed" of an entry whose doorbell is
    missing; "at the latest the ring's next doorbell finds all".
    """
    tx = card.pairs[0].tx
    card.send_frame(ethernet(b"first" + bytes(60)))
    card.wire_frame()
    card.wait("sleep", lambda: tx.dev_event == tx.index)
    card.send_frame(ethernet(b"silent" + bytes(60)), bell=False)
    assert card.admin(abi.CHIM_OP_SET_MTU, value=1500).status == OK
    card.advance(ms=1000)
    assert card.no_wire_frame() and card.fatal() is None
    card.send_frame(ethernet(b"loud" + bytes(60)))
    assert [card.wire_frame()[14:17] for _ in range(2)] == [b"sil", b"lou"]


def test_interrupt_that_was_not_asked_for(card: Card) -> None:
    """RING-H9: "an interrupt may be missing, and nothing is noticed": `drv_event` of an earlier
    pass asks for none.
    """
    cq = card.admin_cq
    for _ in range(3):
        card.admin(abi.CHIM_OP_SET_MTU, value=1500)
    cq.set_event(cq.index - 1)
    card.pci.take_interrupt(0)
    card.admin_sq.publish([mtu()])
    card.wait("the completion", lambda: cq.dev_index == cq.index + 1)
    card.settle()
    assert not card.pci.take_interrupt(0) and card.fatal() is None
