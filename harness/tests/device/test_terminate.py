# SPDX-License-Identifier: GPL-2.0-or-later
"""TERMINATE (spec chapter 5): what comes back of a connection and in which order, and that nothing
follows.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, asking, five_tcp, linked, new_neighbor, tree
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK
from chimney.qdev.state import RCV, UNA

OK = abi.CHIM_ST_SUCCESS


def test_room_for_what_comes_back(card: Card) -> None:
    """OP-D9: too little room is answered with the need, nothing has changed, and a new fence brings
    it about.
    """
    conn = Connection(card, buffered=b"x" * 3000, snd_wnd=0).initiate()
    cookies = [conn.send(b"held") for _ in range(3)]
    for room in ({"sends": 2}, {"buffered": 2999}, {"sends": 0, "buffered": 0}):
        asked, fence = conn.terminate_list(**room), next_fence()
        conn.post_fence(fence)
        done = asked.run(abi.CHIM_OP_TERMINATE, fence, 1)
        assert done.status == abi.CHIM_ST_BUFFER_TOO_SMALL
        assert done.info >= 3000 and asked.node(0).info >= 3000
        assert asked.statuses() == [abi.CHIM_ST_BUFFER_TOO_SMALL]
        assert conn.no_entry()
    Peer(conn).ack(window=512)
    assert stream(Peer(conn).frames(), UNA) == b"held" * 3
    delegated, back, buffered = conn.terminate(sends=3, buffered=int(done.info))
    assert ([ref.cookie for ref in back], buffered) == (cookies, b"x" * 3000)
    assert delegated.state == abi.CHIM_TCP_ESTABLISHED


def test_refused_terminate_keeps_the_indication(card: Card) -> None:
    """OP-D9: nothing has changed; the indication under way is settled by the index as before, and
    the next bytes follow.
    """
    conn = Connection(card, snd_wnd=0).initiate()
    peer = Peer(conn)
    conn.send(b"held")
    peer.data(b"first")
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    asked, fence = conn.terminate_list(sends=0), next_fence()
    conn.post_fence(fence)
    done = asked.run(abi.CHIM_OP_TERMINATE, fence, 1)
    assert done.status == abi.CHIM_ST_BUFFER_TOO_SMALL
    assert conn.indicated(entry) == b"first"
    conn.pair.cq.release()
    peer.data(b"second")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"second"
    assert conn.terminate()[2] == b""


WINDOW = 32 << 10


@pytest.fixture
def roomy(make_card: MakeCard) -> Card:
    """A card with buffers for a window's worth of indications."""
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_IB, 64, 2048)
    return card


def behind_fence(card: Card, **handle: int) -> tuple[Connection, Peer, int, int]:
    """A window's worth of bytes, all of it taken behind the fence; the fence's id, and the right
    edge that the card offers then.
    """
    conn = Connection(card, initial_rcv_wnd=WINDOW, rcv_wnd=WINDOW).initiate()
    peer, fence = Peer(conn), next_fence()
    conn.post_fence(fence, **handle)
    for n in range(WINDOW >> 10):
        peer.data(bytes([n]) * 1024)
        assert conn.entry(abi.CHIM_CQ_INDICATE).bytes == 1024
    card.advance(ms=500)
    return conn, peer, fence, right_edge(peer)


def right_edge(peer: Peer) -> int:
    """Of the last frame."""
    last = peer.frames()[-1]
    return last.ack + (last.window << 7)


def test_window_stays_behind_the_fence(roomy: Card) -> None:
    """OP-D31: the driver must take all that comes behind its fence, so no more is offered, and the
    state that comes back promises no more than a window in all.
    """
    conn, _, fence, edge = behind_fence(roomy)
    assert RCV + WINDOW <= edge < RCV + WINDOW + 1024
    asked = conn.terminate_list()
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    delegated = asked.states(0)[0]
    assert delegated.rcv_nxt == RCV + WINDOW  # type: ignore[attr-defined]
    assert delegated.rcv_wnd < 1024  # type: ignore[attr-defined]


@pytest.mark.parametrize("why", ["too small", "no list", "timeout"])
def test_window_opens_when_terminate_fails(roomy: Card, why: str) -> None:
    """OP-D31: the peer is told without a further command, however the operation has ended."""
    conn, peer, fence, edge = behind_fence(roomy)
    assert edge < RCV + WINDOW + 1024
    conn.send(b"held")
    peer.frames()
    asked = conn.terminate_list(sends=0 if why == "too small" else 64)
    if why == "no list":
        asked.poke_head("revision", 2)
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 2 if why == "timeout" else 1)
    if why == "timeout":
        roomy.advance(ms=10_001)
    done = roomy.admin_wait(cookie)
    assert done.status != OK
    assert right_edge(peer) >= RCV + 2 * WINDOW - 1024


def test_window_of_a_late_fence(roomy: Card) -> None:
    """OP-D31: a fence whose operation has been answered holds nothing."""
    other = Connection(roomy, local_port=40001, cookie=2).initiate()
    asked, fence = other.terminate_list(), next_fence()
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    roomy.advance(ms=10_001)
    assert roomy.admin_wait(cookie).status == abi.CHIM_ST_FENCE_TIMEOUT
    conn = Connection(roomy, initial_rcv_wnd=WINDOW, rcv_wnd=WINDOW).initiate()
    peer = Peer(conn)
    conn.post_fence(fence)
    for n in range(WINDOW >> 10):
        peer.data(bytes([n]) * 1024)
        conn.entry(abi.CHIM_CQ_INDICATE)
    roomy.advance(ms=500)
    assert right_edge(peer) >= RCV + 2 * WINDOW - 1024


def test_window_behind_a_fence_without_a_name(roomy: Card) -> None:
    """OP-D31 is of a fence that names its connection; of another the card cannot know."""
    _, _, _, edge = behind_fence(roomy, handle=0)
    assert edge >= RCV + 2 * WINDOW - 1024


def test_indication_that_was_not_taken_comes_back(card: Card) -> None:
    """OP-D12, M-12, TRM-26: an indication that the consumer index has not passed counts as
    refused.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"indicated")
    card.wait("the indication", conn.pair.cq.peek)
    peer.data(b" and more")
    card.settle()
    asked, fence = conn.terminate_list(), next_fence()
    conn.post_fence(fence)
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    delegated = asked.states(0)[0]
    size = delegated.buffered_len  # type: ignore[attr-defined]
    assert card.qtest.read(conn.buffered_addr, size) == b"indicated and more"
    assert delegated.rcv_nxt == RCV + 18  # type: ignore[attr-defined]


def test_taken_indication_does_not_come_back(card: Card) -> None:
    """OP-D12: passed by the consumer index before the device acts, it was taken."""
    conn = Connection(card).initiate()
    Peer(conn).data(b"indicated")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"indicated"
    delegated, _, buffered = conn.terminate()
    assert (delegated.rcv_nxt, buffered) == (RCV + 9, b"")


def test_owed_ack_leaves_before_the_upload(card: Card) -> None:
    """TRM-32, TMR-4: the delayed ACK goes out before LAST."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"owed", flags=ACK)
    conn.entry(abi.CHIM_CQ_INDICATE)
    assert peer.silent()
    conn.terminate()
    peer.frame(ack=RCV + 4, data=b"")
    card.advance(ms=1000)
    assert peer.silent()


def test_out_of_order_data_is_dropped(card: Card) -> None:
    """TRM-33: RcvNxt does not include it, BufferedData does not hold it, nothing delivers it."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.inject(seq=RCV + 100, data=b"later", flags=ACK)
    peer.frames()
    delegated, _, buffered = conn.terminate()
    assert (delegated.rcv_nxt, buffered) == (RCV, b"")


def test_receive_requests_come_back_at_terminate(card: Card) -> None:
    """RRQ-19, TRM-14, TRM-29, OP-D10: UPLOAD_IN_PROGRESS with what is in them, before LAST; "The
    bytes in receive requests with that status precede BufferedData, which ends at RcvNxt - 1".
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    first, addr = conn.recv(100, abi.CHIM_RECV_NONPUSH)
    second, _ = conn.recv(100)
    peer.data(b"part")
    delegated, _, buffered = conn.terminate()
    assert [(e.cookie, e.status, e.bytes) for e in conn.entries] == [
        (first, abi.CHIM_ST_UPLOAD_IN_PROGRESS, 4),
        (second, abi.CHIM_ST_UPLOAD_IN_PROGRESS, 0),
    ]
    assert card.qtest.read(addr, 4) == b"part"
    assert (delegated.rcv_nxt, buffered) == (RCV + 4, b"")


def test_handle_is_dead_after_terminate(card: Card) -> None:
    """OP-D13, OP-D18: commands on it are refused, with an entry of their own."""
    conn = Connection(card).initiate()
    conn.terminate()
    kinds = {
        conn.send(b"x"): abi.CHIM_CQ_SEND,
        conn.recv(10)[0]: abi.CHIM_CQ_RECV,
        conn.forward(bytes(20)): abi.CHIM_CQ_FORWARD,
        conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL): abi.CHIM_CQ_DISCONNECT,
    }
    conn.verdict(1, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    for cookie, kind in kinds.items():
        done = conn.entry(kind)
        assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_INVALID_HANDLE)
    assert conn.no_entry()


def test_command_behind_the_fence(card: Card) -> None:
    """OP-H4, TRM-23: it comes back once, with a status or in the chain, whether the device has
    acted yet or not.
    """
    conn = Connection(card, snd_wnd=0).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    sq = conn.pair.sq
    bell, sq.ring = sq.ring, lambda value=None: None  # type: ignore[method-assign,assignment]
    conn.post_fence(fence)
    late = conn.send(b"too late")
    sq.ring = bell  # type: ignore[method-assign]
    sq.ring()
    assert card.admin_wait(cookie).status == OK
    card.settle()
    entries = []
    while (entry := conn.pair.cq.take()) is not None:
        entries.append(entry)
    refused = [e for e in entries if e.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_SEND]
    assert {e.status for e in refused} <= {
        abi.CHIM_ST_UPLOAD_IN_PROGRESS,
        abi.CHIM_ST_INVALID_HANDLE,
    }
    assert [e.cookie for e in refused] + [r.cookie for r in asked.sends_back(0)] == [late]
    assert card.no_wire_frame()


@pytest.mark.parametrize("state", range(4, 10))
def test_terminate_in_any_state(card: Card, state: int) -> None:
    """DIS-19, TRM-6, STA-14, TRM-36: SUCCESS, and the state as it was."""
    fin = state in (abi.CHIM_TCP_FIN_WAIT1, abi.CHIM_TCP_CLOSING, abi.CHIM_TCP_LAST_ACK)
    conn = Connection(card, state=state, snd_nxt=UNA + fin, snd_max=UNA + fin).initiate()
    delegated, back, _ = conn.terminate()
    assert (delegated.state, delegated.snd_max, back) == (state, UNA + fin, [])


def test_neighbor_comes_back_with_its_nrd(card: Card) -> None:
    """TRM-39, QRY-7, NCE-1: the age of the target's last confirmation."""
    made = BlockList(card, [new_neighbor()])
    made.nodes[0].states[2].nrd = made.nodes[0].states[1].hrd = 500  # type: ignore[attr-defined]
    made = BlockList(card, made.nodes)
    made.run(abi.CHIM_OP_INITIATE)
    card.advance(ms=100)
    asked = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, made.node(0).handle)])
    assert asked.run(abi.CHIM_OP_TERMINATE).status == OK
    assert asked.states(0)[0].nrd in range(600, 602)  # type: ignore[attr-defined]


def test_object_named_twice(card: Card) -> None:
    """TRM-23: a connection can be terminated once."""
    conn = Connection(card).initiate()
    nodes = [conn.terminate_list().nodes[0], conn.terminate_list().nodes[0]]
    twice, fence = BlockList(card, linked(nodes, {0: 1}, {})), next_fence()
    conn.post_fence(fence)
    assert twice.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert twice.statuses() == [OK, abi.CHIM_ST_BUSY]
    assert conn.entry(abi.CHIM_CQ_LAST).info == fence
    assert conn.no_entry()


def test_bulk_terminate(card: Card) -> None:
    """ARC-6, TRM-2, INI-2: many connections in one list; each has its LAST, its state and its
    status.
    """
    bulk = BlockList(card, tree(five_tcp()))
    bulk.run(abi.CHIM_OP_INITIATE)
    fence = next_fence()
    nodes = [asking(abi.CHIM_TCP_DELEGATED, bulk.node(i).handle) for i in range(2, 7)]
    for node in nodes:
        node.send_room, node.buffered = 4, [(card.memory.alloc(1 << 19), 1 << 19)]
    asked = BlockList(card, linked(nodes, {n: n + 1 for n in range(4)}, {}))
    entry = abi.chim_sqe()
    entry.ctl, entry.u.fence.id = abi.CHIM_OP_FENCE, fence
    card.pairs[0].sq.publish([entry])
    for _ in range(5):
        card.pairs[0].cq.take()
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert asked.statuses() == [OK] * 5
    last = [card.pairs[0].cq.take() for _ in range(5)]
    assert {e.ctl & abi.CHIM_CTL_OP_MASK for e in last} == {abi.CHIM_CQ_LAST}
    assert sorted(e.conn_cookie for e in last) == [0x101, 0x102, 0x103, 0x104, 0x105]
    assert card.stats().cases.terminates == 5
