# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire that takes no frames, because nobody reads at its other end: only frames wait for it, and
no operation does for longer than a moment.
"""
from __future__ import annotations

from chimney import abi
from chimney.qdev.connection import Connection, next_fence, post_tx_fence
from chimney.qdev.device import Card, MakeCard, ethernet, with_sges
from chimney.qdev.peer import Peer, stream
from chimney.qdev.refusals import Refusals
from chimney.qdev.seg import ACK, PSH, parse
from chimney.qdev.state import RCV, UNA

OK = abi.CHIM_ST_SUCCESS
WAIT_MS = 200  # OP-D29
LARGE = ethernet(bytes(60000))
TCP = (0x0800, 0x86DD)


def stall(card: Card, pair: int = 0) -> None:
    """Fill the wire until it takes no more of the host's frames."""
    tx, addr = card.pairs[pair].tx, card.memory.put(LARGE)
    for _ in range(400):
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)
        tx.publish(with_sges(entry, [(addr, len(LARGE))]))
        card.settle(4)
        if tx.dev_index != tx.index:
            return
    raise AssertionError("the wire takes whatever the card sends")


def tcp_frames(card: Card) -> list[bytes]:
    """What was on its way, less what has stalled the wire."""
    frames = []
    for _ in range(50):
        some = card.wire_now()
        frames += [f for f in some if int.from_bytes(f[12:14], "big") in TCP]
        card.settle()
    return frames


def owing(card: Card, **changes: int) -> tuple[Connection, Peer]:
    """A connection that owes its peer an ACK."""
    conn = Connection(card, **changes).initiate()
    peer = Peer(conn)
    peer.data(b"owed", flags=ACK)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"owed"
    assert peer.silent()
    return conn, peer


def ask(conn: Connection) -> tuple[int, int]:
    """TERMINATE, not waited for: the command's cookie and the fence."""
    conn.asked, fence = conn.terminate_list(), next_fence()  # type: ignore[attr-defined]
    conn.post_fence(fence)
    return conn.asked.post(abi.CHIM_OP_TERMINATE, fence, 1), fence  # type: ignore[attr-defined]


def test_owed_ack_does_not_hold_a_terminate(card: Card) -> None:
    """OP-D29, TRM-14: the state comes back within the bound, and no frame of the connection leaves
    once the host has it.
    """
    conn, peer = owing(card)
    stall(card)
    cookie, fence = ask(conn)
    assert conn.no_entry()
    card.advance(ms=WAIT_MS - 1)
    assert conn.no_entry()
    card.advance(ms=1)
    last = conn.entry(abi.CHIM_CQ_LAST)
    assert (last.conn_cookie, last.info) == (conn.cookie, fence)
    assert card.admin_wait(cookie).status == OK
    delegated = conn.asked.states(0)[0]  # type: ignore[attr-defined]
    assert (delegated.rcv_nxt, delegated.state) == (RCV + 4, abi.CHIM_TCP_ESTABLISHED)
    assert delegated.delack_timeout_delta == 0, "the host has to send it"
    assert tcp_frames(card) == []
    card.advance(ms=60000)
    assert tcp_frames(card) == []


def test_command_while_the_wire_holds_up_a_terminate(refusals: Refusals) -> None:
    """OP-H4: "if the connection is gone, CHIM_ST_INVALID_HANDLE or CHIM_ST_UPLOAD_IN_PROGRESS"."""
    conn, _ = owing(refusals.card)
    stall(refusals.card)
    ask(conn)
    conn.send(b"late")
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_UPLOAD_IN_PROGRESS
    assert refusals.is_only("OP-H4/command", {
        "field": "chim_sqe.handle", "found": conn.handle,
        "status": abi.CHIM_ST_UPLOAD_IN_PROGRESS})


def test_wire_that_is_stalled_already(card: Card) -> None:
    """OP-D29: one that has taken nothing for so long is not waited for at all."""
    conn, _ = owing(card)
    stall(card)
    card.advance(ms=WAIT_MS)
    cookie, _ = ask(conn)
    conn.entry(abi.CHIM_CQ_LAST)
    assert card.admin_wait(cookie).status == OK


def test_wire_that_moves_in_time(card: Card) -> None:
    """TRM-32: a wire that is only slow gets the ACK, before LAST."""
    conn, _ = owing(card)
    stall(card)
    cookie, _ = ask(conn)
    card.advance(ms=WAIT_MS - 1)
    assert conn.no_entry()
    (frame,) = tcp_frames(card)
    assert parse(frame).ack == RCV + 4
    conn.entry(abi.CHIM_CQ_LAST)
    assert card.admin_wait(cookie).status == OK


def test_terminate_of_many(card: Card) -> None:
    """OP-D29: each of several operations has its bound, not one behind the other."""
    conns = [owing(card, local_port=41000 + n)[0] for n in range(4)]
    stall(card)
    cookies = [ask(conn)[0] for conn in conns]
    card.advance(ms=WAIT_MS)
    assert [card.admin_wait(cookie).status for cookie in cookies] == [OK] * 4
    assert tcp_frames(card) == []


def test_rst_does_not_hold_a_terminate(card: Card) -> None:
    """OP-D29: an abortive DISCONNECT whose RST has not left completes with UPLOAD_IN_PROGRESS, and
    the RST does not follow.
    """
    conn = Connection(card).initiate()
    stall(card)
    disconnect = conn.disconnect(abi.CHIM_DISCONNECT_ABORTIVE)
    assert conn.no_entry()
    cookie, _ = ask(conn)
    card.advance(ms=WAIT_MS)
    done = conn.entry(abi.CHIM_CQ_DISCONNECT)
    assert (done.cookie, done.status) == (disconnect, abi.CHIM_ST_UPLOAD_IN_PROGRESS)
    conn.entry(abi.CHIM_CQ_LAST)
    assert card.admin_wait(cookie).status == OK
    assert conn.asked.states(0)[0].state == abi.CHIM_TCP_CLOSED  # type: ignore[attr-defined]
    assert tcp_frames(card) == []


def test_data_that_waits_for_the_wire(card: Card) -> None:
    """OP-D29, TRM-16: sends that could not leave go back; their bytes do not leave afterwards."""
    conn = Connection(card).initiate()
    stall(card)
    cookies = [conn.send(b"waits" * 100) for _ in range(3)]
    cookie, _ = ask(conn)
    conn.entry(abi.CHIM_CQ_LAST)
    assert card.admin_wait(cookie).status == OK
    sent = conn.asked.sends_back(0)  # type: ignore[attr-defined]
    assert [ref.cookie for ref in sent] == cookies
    assert conn.asked.states(0)[0].snd_max == UNA  # type: ignore[attr-defined]
    assert tcp_frames(card) == []


def test_everything_else_goes_on(card: Card) -> None:
    """RING-D7, OP-D1: frames in, indications, verdicts, FORWARD, QUERY and UPDATE know nothing of
    the stall; afterwards the bytes leave in order.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    stall(card)
    conn.send(b"first ")
    peer.data(b"in", flags=ACK | PSH)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"in"
    peer.forward(data=b"forwarded", flags=ACK | PSH)
    kinds = {conn.entry().ctl & abi.CHIM_CTL_OP_MASK for _ in range(2)}
    assert kinds == {abi.CHIM_CQ_FORWARD, abi.CHIM_CQ_INDICATE}
    assert conn.query()[2].rcv_nxt == RCV + 11  # type: ignore[attr-defined]
    assert conn.update_tcp(ttl=33) == OK
    conn.send(b"second")
    card.advance(ms=60000)
    segments = [parse(frame) for frame in tcp_frames(card)]
    assert stream(segments, UNA) == b"first second"
    assert conn.query()[2].snd_max == UNA + 12  # type: ignore[attr-defined]


def initiate_in_vain(card: Card, conn: Connection) -> None:
    """INITIATE whose TX_FENCE stands behind frames that the wire does not take."""
    post_tx_fence(conn.pair, conn.fence)
    cookie = conn.list.post(abi.CHIM_OP_INITIATE, conn.fence, 1)
    card.advance(ms=999)
    assert card.admin_cq.peek() is None
    card.advance(ms=1)
    assert card.admin_wait(cookie).status == abi.CHIM_ST_FENCE_TIMEOUT


def test_fence_behind_frames_that_wait(card: Card) -> None:
    """OP-D2: INITIATE gets its answer after 1 s although its TX_FENCE cannot be consumed; then the
    same goes in.
    """
    stall(card)
    initiate_in_vain(card, Connection(card))
    assert tcp_frames(card) == []
    Connection(card).initiate().terminate()


def test_fences_that_come_too_late(card: Card) -> None:
    """OP-D2, OP-D3: those of commands that have been answered belong to none, however many."""
    for _ in range(6):
        stall(card)
        conn = Connection(card)
        for _ in range(50):
            conn.fence = next_fence()
            initiate_in_vain(card, conn)
        assert tcp_frames(card) == []
        assert card.pairs[0].tx.dev_index == card.pairs[0].tx.index
    assert card.fatal() is None
    Connection(card).initiate().terminate()


def test_late_fence_of_a_later_command(card: Card) -> None:
    """OP-D2: it counts for a command of the same id that has come meanwhile."""
    stall(card)
    conn = Connection(card)
    initiate_in_vain(card, conn)
    cookie = conn.list.post(abi.CHIM_OP_INITIATE, conn.fence, 1)
    card.settle()
    assert tcp_frames(card) == []
    assert card.admin_wait(cookie).status == OK


def test_late_fence_of_a_command_that_waits(card: Card) -> None:
    """OP-D2: the same, where the later command has come before the first one was answered."""
    stall(card)
    conn, other = Connection(card), Connection(card, cookie=2, remote_port=5002)
    post_tx_fence(conn.pair, conn.fence)
    first = conn.list.post(abi.CHIM_OP_INITIATE, conn.fence, 1)
    card.advance(ms=500)
    second = other.list.post(abi.CHIM_OP_INITIATE, conn.fence, 1)
    card.advance(ms=500)
    assert card.admin_wait(first).status == abi.CHIM_ST_FENCE_TIMEOUT
    assert tcp_frames(card) == []
    assert card.admin_wait(second).status == OK


def test_slow_wire_and_a_fence(make_card: MakeCard) -> None:
    """OP-D2: a wire that takes frames now and then is waited for."""
    card = make_card().start(log2_size=9)
    conn, addr, count = Connection(card), card.memory.put(LARGE), 480
    for _ in range(count):
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)
        conn.pair.tx.publish(with_sges(entry, [(addr, len(LARGE))]), bell=False)
    post_tx_fence(conn.pair, conn.fence)
    cookie = conn.list.post(abi.CHIM_OP_INITIATE, conn.fence, 1)
    card.settle()
    rounds = 0
    while conn.pair.tx.dev_index != conn.pair.tx.index:
        rounds += 1
        card.advance(ms=900)
        assert card.admin_cq.peek() is None
        for _ in range(min(120, count)):
            card.wire_frame()
            count -= 1
        card.settle()
    assert rounds > 2
    assert card.admin_wait(cookie).status == OK


def test_reset(card: Card) -> None:
    """LIFE-D1: a reset needs no wire, and neither does the next start; what is sent then follows
    what the wire had taken, and nothing of the connection does.
    """
    conn, _ = owing(card)
    stall(card)
    conn.send(b"never sent")
    card.settle()
    card.reset()
    card.start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 4)
    card.post_buffers(0, abi.CHIM_RING_IB, 4, 4096)
    card.send_frame(ethernet(bytes(60), ethertype=0x1234))
    assert tcp_frames(card) == []
    assert card.pairs[0].tx.dev_index == card.pairs[0].tx.index


def stream_frames(card: Card) -> list[bytes]:
    """The frames of a stream, each behind its length."""
    data = b"".join(part for _ in range(50) for part in card.wire_now())
    frames = []
    while data:
        size = int.from_bytes(data[:4], "big")
        assert 14 <= size <= len(data) - 4, f"no frame of {size} bytes in {len(data)}"
        frames.append(data[4 : 4 + size])
        data = data[4 + size :]
    return frames


def test_reset_in_the_middle_of_a_frame(make_card: MakeCard) -> None:
    """LIFE-D1: a stream that has taken a part of a frame gets the rest of it."""
    card = make_card(wire="stream").start()
    stall(card)
    card.reset()
    card.start()
    marker = ethernet(bytes(60), ethertype=0x1234)
    card.send_frame(marker)
    frames = stream_frames(card)
    assert frames == [LARGE] * (len(frames) - 1) + [marker]
