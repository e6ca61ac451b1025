# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations (spec chapter 5): each of them once, and the fences that they wait for."""
from __future__ import annotations

from chimney import abi
from chimney.qdev.blocklist import BlockList, Node
from chimney.qdev.connection import Connection, next_fence, post_tx_fence
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK
from chimney.qdev.state import UNA

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD


def test_all_ten_operations(card: Card) -> None:
    """ARC-9, ARC-2: five state operations, five data operations, each counted with its
    completion.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"indicated")
    refused = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.verdict(refused.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    conn.pair.cq.release()
    conn.recv(9)
    conn.entry(abi.CHIM_CQ_RECV)
    peer.forward(flags=ACK)
    conn.entry(abi.CHIM_CQ_FORWARD)
    conn.send(b"x")
    peer.frames()
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    peer.frames()
    peer.ack(UNA + 2)
    assert {conn.entry().ctl & abi.CHIM_CTL_OP_MASK for _ in range(2)} == {
        abi.CHIM_CQ_SEND,
        abi.CHIM_CQ_DISCONNECT,
    }
    conn.query()
    assert conn.update_tcp(ttl=3) == OK
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_ALL, handle=conn.handle)
    assert BlockList(card, [node]).run(abi.CHIM_OP_INVALIDATE).status == OK
    conn.entry(abi.CHIM_CQ_EVENT)
    conn.terminate()
    cases = card.stats().cases
    for what in ("initiates", "terminates", "updates", "queries", "invalidates"):
        assert getattr(cases, what) == 1, what
    for what in ("initiate", "terminate", "update", "query", "invalidate"):
        assert getattr(cases, what + "_completions") == 1, what
    for what in ("send", "recv", "forward", "disconnect"):
        assert getattr(cases, what + "s") == getattr(cases, what + "_completions") == 1, what
    assert (cases.verdicts, cases.indications, cases.events) == (1, 1, 1)


def test_addresses_of_64_bits(make_card: MakeCard) -> None:
    """RFC-17, M-26: rings, lists and buffers may lie above 4 GiB."""
    card = make_card(memory="3G")
    card.memory._next, card.memory._end = 0x1_0010_0000, 0x1_0400_0000
    card.start(msix=False)
    card.post_buffers(0, abi.CHIM_RING_IB, 2, 2048)
    conn = Connection(card, sends=[b"chain"], buffered=b"unread").initiate()
    peer = Peer(conn)
    peer.frame(data=b"chain")
    _, addr = conn.recv(6)
    conn.entry(abi.CHIM_CQ_RECV)
    assert addr > 1 << 32 and card.qtest.read(addr, 6) == b"unread"
    peer.data(b"new")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"new"


# fences


def test_initiates_side_by_side(card: Card) -> None:
    """EVO-1, OP-D1, OP-D5: one waits for its fence, another goes through; each completes once."""
    first, second = Connection(card), Connection(card, local_port=40001, cookie=2)
    waiting = first.list.post(abi.CHIM_OP_INITIATE, first.fence, 1)
    second.initiate()
    assert card.admin_cq.peek() is None
    post_tx_fence(first.pair, first.fence)
    assert card.admin_wait(waiting).status == OK
    assert first.entry(abi.CHIM_CQ_OPENED).conn_cookie == first.cookie


def test_too_many_fences_without_a_command(card: Card) -> None:
    """OP-D3, OP-H1: 256 ids are held, one more is a fatal cause."""
    sq = card.pairs[0].sq
    for number in range(256):
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_FENCE)
        entry.u.fence.id = 0x8000 + number
        sq.publish([entry])
        if sq.room() == 0:
            card.wait("the SQ", lambda: sq.room() > 0)
    card.settle()
    assert card.fatal() is None
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FENCE)
    entry.u.fence.id = 0x9000
    index = sq.publish([entry])
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["rule"], fatal["ring"], fatal["index"]) == (
        abi.CHIM_FATAL_FENCE,
        abi.CHIM_RULE_OP_H1,
        sq.id,
        index,
    )


def test_terminate_needs_a_fence(card: Card) -> None:
    """OP-D4"""
    conn = Connection(card).initiate()
    assert conn.terminate_list().run(abi.CHIM_OP_TERMINATE).status == FIELD
    conn.send(b"alive")
    assert card.wire_frame()


def test_operation_waits_for_all_of_its_fences(make_card: MakeCard) -> None:
    """OP-D1: fence_count of them, on whatever rings, before or after the command."""
    card = make_card().start(pairs=2)
    conn = Connection(card).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    conn.post_fence(fence)
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 3)
    post_tx_fence(card.pairs[1], fence)
    card.settle()
    assert card.admin_cq.peek() is None
    post_tx_fence(card.pairs[0], fence)
    assert card.admin_wait(cookie).status == OK
    assert conn.entry().ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_LAST


def test_many_fences_whose_commands_are_there(make_card: MakeCard) -> None:
    """OP-D3: only ids without a command are limited; 300 of a pair's fences may be read in one go,
    behind an indication that has been accepted.
    """
    card = make_card().start(pairs=0)
    card.create_pair(0, 9)
    card.post_buffers(0, abi.CHIM_RING_RXB, 4)
    card.post_buffers(0, abi.CHIM_RING_IB, 4, 4096)
    conn = Connection(card).initiate()
    Peer(conn).data(b"indicated")
    conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE, release=False))
    made = BlockList(card, [Node(abi.CHIM_ROLE_PLACEHOLDER, 0, [])])
    fences = [next_fence() for _ in range(300)]
    cookies = []
    for fence in fences:
        cookies.append(made.post(abi.CHIM_OP_UPDATE, fence, 1))
        if len(cookies) % 16 == 0:
            card.settle(4)
    card.settle()
    entries = [abi.chim_sqe(ctl=abi.CHIM_OP_FENCE, handle=conn.handle) for _ in fences]
    for entry, fence in zip(entries, fences, strict=True):
        entry.u.fence.id = fence
    conn.pair.sq.publish_many(entries, bell=False)
    conn.pair.cq.release()
    conn.pair.sq.ring()
    for cookie in cookies:
        assert card.admin_wait(cookie).status == OK
    assert card.fatal() is None
