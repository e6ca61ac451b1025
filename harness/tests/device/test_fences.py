# SPDX-License-Identifier: GPL-2.0-or-later
"""Fences (spec chapter 5, 5.1): which command a fence counts for, and what an operation holds while
it waits for its fences.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, Node, asking, linked
from chimney.qdev.connection import Connection, next_fence, post_tx_fence
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.state import UNA

OK, TIMEOUT = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_FENCE_TIMEOUT


def nothing(card: Card) -> BlockList:
    """A list that does nothing when its operation acts."""
    return BlockList(card, [Node(abi.CHIM_ROLE_PLACEHOLDER, 0, [])])


def waits(card: Card, cookie: int) -> bool:
    """Whether the operation of that cookie still waits."""
    card.settle()
    entry = card.admin_cq.peek()
    return entry is None or entry.cookie != cookie


def test_fence_id_0_is_an_id(card: Card) -> None:
    """5.1: "0 is an id like any other: `fence_count` alone says whether there are fences"."""
    conn = Connection(card)
    cookie = nothing(card).post(abi.CHIM_OP_QUERY, 0, 1)
    assert waits(card, cookie)
    post_tx_fence(conn.pair, 0)
    assert card.admin_wait(cookie).status == OK
    unfenced = nothing(card).post(abi.CHIM_OP_QUERY, 7, 0)
    assert card.admin_wait(unfenced).status == OK


@pytest.mark.parametrize("ring", ["SQ", "TX"])
def test_fence_counts_wherever_it_is(make_card: MakeCard, ring: str) -> None:
    """5.1: "A fence counts by its id; the device does not check on which ring it is, nor its
    `handle`": a FENCE that names nobody, and a TX_FENCE, on another pair.
    """
    card = make_card().start(pairs=2)
    conn = Connection(card).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    if ring == "TX":
        post_tx_fence(card.pairs[1], fence)
    else:
        conn.pair = card.pairs[1]
        conn.post_fence(fence, handle=0xDEAD)
    assert card.admin_wait(cookie).status == OK
    assert card.pairs[0].cq.take().ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_LAST


def test_late_fence_of_a_new_command(card: Card) -> None:
    """OP-D2: "Fences that come later are consumed without effect, unless a later command has the
    same id": then they count for that one.
    """
    conn = Connection(card).initiate()
    fence = next_fence()
    for again in (False, True):
        cookie = nothing(card).post(abi.CHIM_OP_QUERY, fence, 1)
        card.advance(ms=10_001)
        assert card.admin_wait(cookie).status == TIMEOUT
        if again:
            cookie = nothing(card).post(abi.CHIM_OP_QUERY, fence, 1)
        post_tx_fence(conn.pair, fence)
        card.settle()
        if again:
            assert card.admin_wait(cookie).status == OK
    cookie = nothing(card).post(abi.CHIM_OP_QUERY, fence, 1)
    assert waits(card, cookie)


def test_surplus_fence_waits_for_a_command(card: Card) -> None:
    """5.1: "A fence that is one too many stays, and counts for the next command of that id"."""
    conn = Connection(card).initiate()
    fence = next_fence()
    for _ in range(3):
        post_tx_fence(conn.pair, fence)
    for count in (1, 2):
        assert nothing(card).run(abi.CHIM_OP_QUERY, fence, count).status == OK
    assert waits(card, nothing(card).post(abi.CHIM_OP_QUERY, fence, 1))


def test_two_commands_of_one_id(card: Card) -> None:
    """5.1: "of two waiting commands with one id the one posted first gets its fences first"."""
    conn = Connection(card).initiate()
    fence = next_fence()
    first, second = (nothing(card).post(abi.CHIM_OP_QUERY, fence, n) for n in (2, 1))
    post_tx_fence(conn.pair, fence)
    assert waits(card, first) and waits(card, second)
    post_tx_fence(conn.pair, fence)
    assert card.admin_wait(first).status == OK
    post_tx_fence(conn.pair, fence)
    assert card.admin_wait(second).status == OK


def test_one_fence_for_a_pair(make_card: MakeCard) -> None:
    """5.1: "one FENCE on each pair is enough, however many of the list's connections live there".
    """
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    conns = [Connection(card, local_port=40000 + n, cookie=n).initiate() for n in range(3)]
    nodes = [conn.terminate_list().nodes[0] for conn in conns]
    asked, fence = BlockList(card, linked(nodes, {0: 1, 1: 2}, {})), next_fence()
    for conn in conns:
        conn.send(b"before the fence")
    conns[0].post_fence(fence)
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert asked.statuses() == [OK] * 3
    assert [len(asked.sends_back(n)) for n in range(3)] == [1] * 3
    assert [conns[0].entry(abi.CHIM_CQ_LAST).conn_cookie for _ in conns] == [0, 1, 2]


# what an operation holds


def test_waiting_operation_holds_nothing(card: Card) -> None:
    """OBJ-H4: "An operation claims its objects when it acts: while it waits for its fences, others
    act on them".
    """
    conn = Connection(card).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    waiting = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    assert conn.update_tcp(ttl=9) == OK
    assert conn.query()[1].ttl == 9  # type: ignore[attr-defined]
    gone = conn.terminate_list()
    other = next_fence()
    conn.post_fence(other)
    assert gone.run(abi.CHIM_OP_TERMINATE, other, 1).status == OK
    assert gone.statuses() == [OK] and conn.entry(abi.CHIM_CQ_LAST).info == other
    conn.post_fence(fence)
    assert card.admin_wait(waiting).status == OK
    assert asked.statuses() == [abi.CHIM_ST_INVALID_HANDLE] and conn.no_entry()


def test_object_named_twice_by_a_query(card: Card) -> None:
    """OBJ-H4: UPDATE, QUERY and INVALIDATE end as soon as they act, so none of them is ever in the
    way; an object may even be named twice.
    """
    conn = Connection(card).initiate()
    nodes = [asking(abi.CHIM_TCP_ALL, conn.handle) for _ in range(2)]
    twice = BlockList(card, linked(nodes, {0: 1}, {}))
    assert twice.run(abi.CHIM_OP_QUERY).status == OK
    assert twice.statuses() == [OK, OK]


# what the card cannot know


def test_commands_without_a_fence_at_initiate(card: Card) -> None:
    """OP-H1, 5.1: INITIATE and the other operations go without fences; "without one
    (`fence_count` 0) the device acts at once", and what frames it overtakes is not noticed.
    """
    conn = Connection(card)
    assert conn.list.run(abi.CHIM_OP_INITIATE).status == OK
    assert conn.list.statuses() == [OK] * 3
    assert conn.entry(abi.CHIM_CQ_OPENED).conn_cookie == conn.cookie


def test_command_before_opened(card: Card) -> None:
    """OP-H3: "the device does not check whether the driver has processed OPENED"; the handle has
    been read from the list.
    """
    conn = Connection(card)
    assert conn.list.run(abi.CHIM_OP_INITIATE).status == OK
    conn.handle = conn.list.node(2).handle
    conn.send(b"early")
    peer = Peer(conn)
    peer.frame(data=b"early")
    peer.ack(UNA + 5)
    kinds = [conn.entry().ctl & abi.CHIM_CTL_OP_MASK for _ in range(2)]
    assert kinds == [abi.CHIM_CQ_OPENED, abi.CHIM_CQ_SEND]


def test_segments_that_are_not_held(conn: Connection, peer: Peer) -> None:
    """OP-H2: "What nobody has acknowledged the peer sends again; what the host stack has
    acknowledged never reaches the target, and the connection stands still".
    """
    peer.inject(seq=peer.seq + 4, data=b"5678")
    conn.card.advance(ms=60_000)
    assert conn.no_entry()
    peer.data(b"1234")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"12345678"


def test_more_operations_than_the_card_holds(make_card: MakeCard) -> None:
    """Chapter 3.2: "The admin SQ also waits while there are as many state operations under way as
    the device can hold (this one: 4096)"; each that ends lets one more in.
    """
    card = make_card()
    card.make_admin(sq_log2=12)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    tx, made, fence = card.create_pair(0).tx, nothing(card), next_fence()
    first = card.admin_sq.index
    for count in (4096, 2):
        entries = [abi.chim_sqe(ctl=abi.CHIM_OP_QUERY, cookie=n) for n in range(count)]
        for entry in entries:
            entry.u.admin.len, entry.sge[0].addr, entry.sge[0].len = [
                made.length, made.addr, made.length]
            entry.u.admin.fence_id, entry.u.admin.fence_count = fence, 1
        card.admin_sq.publish_many(entries)
        card.wait("the commands", lambda: card.admin_sq.dev_index == first + 4096)
    card.settle()
    assert card.admin_sq.dev_index == first + 4096
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_TX_FENCE)
    entry.u.fence.id = fence
    tx.publish([entry])
    assert card.admin_wait(0).status == OK
    card.wait("one more", lambda: card.admin_sq.dev_index == first + 4097)
