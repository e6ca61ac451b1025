# SPDX-License-Identifier: GPL-2.0-or-later
"""Delivery through the rings (spec chapter 7): requests, indications, verdicts, push timer, window.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK, FIN, PSH
from chimney.qdev.state import RCV

REFUSED, PARTLY = abi.CHIM_ST_DATA_NOT_ACCEPTED, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED
NONPUSH = abi.CHIM_RECV_NONPUSH


@pytest.fixture
def conn(card: Card) -> Connection:
    return Connection(card).initiate()


def refuse(conn: Connection, consumed: int = 0) -> abi.chim_cqe:
    """Take the next indication, and give the verdict before the consumer index passes it
    (RING-H8).
    """
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.verdict(entry.info, PARTLY if consumed else REFUSED, consumed)
    conn.pair.cq.release()
    conn.card.settle()
    return entry


def test_indication_without_requests(conn: Connection, peer: Peer) -> None:
    """DLV-1, DLV-5, RIN-1, RIN-2, RIN-3: with nothing posted and nothing refused, bytes are
    indicated.
    """
    peer.data(b"hello", flags=ACK)
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    assert (entry.status, entry.bytes, entry.seq, entry.info) == (0, 5, RCV, 1)
    assert not entry.flags & abi.CHIM_CQE_PUSH
    assert conn.indicated(entry) == b"hello"
    peer.data(b"again")
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    assert (entry.info, entry.seq, entry.flags & abi.CHIM_CQE_PUSH) == (2, RCV + 5, 1)


def test_requests_are_used_rather_than_indications(conn: Connection, peer: Peer) -> None:
    """RRQ-8, RRQ-1, RRQ-3, RRQ-10, RRQ-21, RIN-12: filled in posting order; what is over is
    indicated behind them.
    """
    card = conn.card
    (first, addr1), (second, addr2) = conn.recv(4), conn.recv(4, NONPUSH)
    peer.data(b"abcdefghij", flags=ACK)
    done = [conn.entry(abi.CHIM_CQ_RECV) for _ in range(2)]
    assert [(e.cookie, e.bytes, e.seq) for e in done] == [(first, 4, RCV), (second, 4, RCV + 4)]
    assert card.qtest.read(addr1, 4) + card.qtest.read(addr2, 4) == b"abcdefgh"
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"ij"


def test_busy_queues_segments_and_requests(conn: Connection, peer: Peer) -> None:
    """DLV-3, RRQ-7, RRQ-2, DEL-D2, DEL-D3: while an indication is unsettled nothing else is
    delivered; then everything is.
    """
    card = conn.card
    peer.data(b"one")
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    peer.data(b"two")
    cookie, addr = conn.recv(3)
    assert conn.no_entry()
    conn.pair.cq.release()
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes, done.seq) == (cookie, 3, RCV + 3)
    assert conn.indicated(entry) == b"one" and card.qtest.read(addr, 3) == b"two"


def test_refused_data_waits_for_a_request(conn: Connection, peer: Peer) -> None:
    """RIN-7, RIN-8, DLV-4, DLV-7, RIN-6: no further indication, whatever arrives, until a request
    is posted.
    """
    peer.data(b"refused")
    refuse(conn)
    peer.data(b" and later")
    conn.card.advance(ms=2000)
    assert conn.no_entry()
    _, addr = conn.recv(7)
    assert conn.entry(abi.CHIM_CQ_RECV).seq == RCV
    assert conn.card.qtest.read(addr, 7) == b"refused"
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b" and later"
    assert conn.card.stats().cases.verdict_refused == 1


def test_partial_acceptance(conn: Connection, peer: Peer) -> None:
    """DLV-10, RIN-4: the rest stays, and waits like refused data."""
    peer.data(b"0123456789")
    refuse(conn, consumed=4)
    assert conn.no_entry()
    _, addr = conn.recv(6)
    assert conn.entry(abi.CHIM_CQ_RECV).seq == RCV + 4
    assert conn.card.qtest.read(addr, 6) == b"456789"
    assert conn.card.stats().cases.verdict_partial == 1


def test_zero_byte_request_re_arms(conn: Connection, peer: Peer) -> None:
    """RIN-9, RRQ-22, DLV-11: it is completed with no byte, and the data is indicated again."""
    peer.data(b"refused")
    refuse(conn)
    cookie, _ = conn.recv(0)
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.status, done.bytes) == (cookie, 0, 0)
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    assert (conn.indicated(entry), entry.info) == (b"refused", 2)
    assert conn.card.stats().cases.recv_zero == 1


def test_zero_byte_request_waits_for_data(conn: Connection, peer: Peer) -> None:
    """DLV-11: with nothing buffered it is completed by the next segment."""
    cookie, _ = conn.recv(0)
    assert conn.no_entry()
    peer.data(b"data")
    assert conn.entry(abi.CHIM_CQ_RECV).cookie == cookie
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"data"


def test_push_completes_a_push_request(conn: Connection, peer: Peer) -> None:
    """RRQ-17, RRQ-12, RRQ-9, DLV-9: partly filled, completed by a segment with PSH."""
    cookie, _ = conn.recv(100)
    peer.data(b"no push", flags=ACK)
    assert conn.no_entry()
    peer.data(b"push")
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes, done.flags & abi.CHIM_CQE_PUSH) == (cookie, 11, 1)
    assert conn.query()[2].rcv_nxt == RCV + 11


def test_nonpush_completes_only_when_full(conn: Connection, peer: Peer) -> None:
    """RRQ-13, RRQ-9: neither PSH nor time completes it."""
    cookie, _ = conn.recv(12, NONPUSH)
    peer.data(b"push")
    conn.card.advance(ms=10_000)
    assert conn.no_entry()
    peer.data(b"the rest", flags=ACK)
    assert conn.entry(abi.CHIM_CQ_RECV).cookie == cookie


def test_prefilled_request(conn: Connection, peer: Peer) -> None:
    """RRQ-14: a nonpush request that holds bytes is filled on from there."""
    cookie, addr = conn.recv(10, NONPUSH, prefilled=6)
    peer.data(b"four")
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes, done.seq) == (cookie, 10, RCV)
    assert conn.card.qtest.read(addr, 10) == bytes(6) + b"four"


def test_prefilled_push_request_starts_the_push_timer(conn: Connection) -> None:
    """RRQ-15: even though no driver should."""
    cookie, _ = conn.recv(10, prefilled=6)
    conn.card.advance(ms=490)
    assert conn.no_entry()
    conn.card.advance(ms=20)
    assert conn.entry(abi.CHIM_CQ_RECV).cookie == cookie


def test_push_timer(conn: Connection, peer: Peer) -> None:
    """RRQ-11, RRQ-16, TMR-24: from the first byte on, restarted by more data."""
    cookie, _ = conn.recv(100)
    conn.card.advance(ms=2000)
    assert conn.no_entry()
    peer.data(b"first", flags=ACK)
    conn.card.advance(ms=400)
    peer.data(b"second", flags=ACK)
    conn.card.advance(ms=400)
    assert conn.no_entry()
    conn.card.advance(ms=110)
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes) == (cookie, 11)


def test_completed_request_stops_the_push_timer(conn: Connection, peer: Peer) -> None:
    """DLV-6, DLV-8: it does not strike the next request."""
    conn.recv(8)
    peer.data(b"half", flags=ACK)
    peer.data(b"full", flags=ACK)
    conn.entry(abi.CHIM_CQ_RECV)
    conn.recv(8)
    conn.card.advance(ms=2000)
    assert conn.no_entry()


def test_out_of_order_segments_wait(conn: Connection, peer: Peer) -> None:
    """DLV-13, RFC-13: delivered when they become in-sequence, with their own PSH."""
    cookie, addr = conn.recv(100)
    peer.inject(seq=RCV + 4, data=b"5678", flags=ACK | PSH)
    assert conn.no_entry()
    peer.inject(data=b"1234", flags=ACK)
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes) == (cookie, 8)
    assert conn.card.qtest.read(addr, 8) == b"12345678"


def test_push_of_buffered_data_is_remembered(conn: Connection, peer: Peer) -> None:
    """DLV-12"""
    peer.data(b"pushed")
    refuse(conn)
    cookie, _ = conn.recv(100)
    assert conn.entry(abi.CHIM_CQ_RECV).cookie == cookie


def test_window_shrinks_by_what_is_held(make_card: MakeCard) -> None:
    """DLV-14, RIN-10: refused bytes count against the window, taken ones open it; the right edge
    never moves left.
    """
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_IB, 32, 4096)
    conn = Connection(card, initial_rcv_wnd=32 << 10, rcv_wnd=32 << 10).initiate()
    peer = Peer(conn)
    edge = RCV + (32 << 10)
    first = True
    for n in range(16):
        peer.data(bytes([n]) * 1024)
        if first:
            refuse(conn)
            first = False
    for seg in peer.frames():
        assert seg.ack + (seg.window << 7) >= edge
        edge = max(edge, seg.ack + (seg.window << 7))
    assert edge < RCV + (33 << 10)
    conn.recv(16 << 10, NONPUSH)
    conn.entry(abi.CHIM_CQ_RECV)
    card.advance(ms=500)
    opened = [seg.ack + (seg.window << 7) for seg in peer.frames()]
    assert opened and opened[-1] >= RCV + (46 << 10)


def test_data_beyond_the_window_is_dropped(card: Card) -> None:
    """DLV-14: what was not offered is not taken."""
    conn = Connection(card, initial_rcv_wnd=1024, rcv_wnd=1024).initiate()
    peer = Peer(conn)
    peer.data(b"x" * 1024)
    refuse(conn)
    peer.inject(data=b"y" * 100, flags=ACK)
    peer.frames()
    conn.recv(2048, NONPUSH)
    assert conn.no_entry()
    assert conn.query()[2].rcv_nxt == RCV + 1024


@pytest.mark.parametrize("size", [0, 24])
def test_indication_size(card: Card, size: int) -> None:
    """RIS-1, RIS-2, RIS-3, RIS-4, RIS-6: so many bytes first, the rest into the request that
    follows; 0: all.
    """
    conn = Connection(card, rcv_ind_size=size).initiate()
    Peer(conn).data(b"h" * 24 + b"b" * 76)
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    assert entry.bytes == (size or 100)
    if size:
        cookie, addr = conn.recv(76)
        conn.pair.cq.release()
        done = conn.entry(abi.CHIM_CQ_RECV)
        assert (done.cookie, done.bytes) == (cookie, 76)
        assert card.qtest.read(addr, 76) == b"b" * 76


def test_indication_spans_buffers(make_card: MakeCard) -> None:
    """RIN-2, DEL-H1: all full but the last, in ring order, and the driver's own again at once."""
    card = make_card().start()
    conn = Connection(card).initiate()
    card.post_buffers(0, abi.CHIM_RING_IB, 4, 500)
    data = bytes(i * 5 & 0xFF for i in range(1400))
    Peer(conn).data(data)
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    assert (entry.ind_first, entry.ind_count, entry.bytes) == (0, 3, 1400)
    assert conn.indicated(entry) == data


def test_indication_waits_for_buffers(make_card: MakeCard) -> None:
    """DEL-D1: without IB buffers it waits; completions and other connections' events go on."""
    card = make_card().start()
    conn = Connection(card).initiate()
    other = Connection(card, local_port=40001, cookie=2).initiate()
    peer = Peer(conn)
    peer.data(b"waits")
    assert conn.no_entry()
    Peer(other).inject(flags=ACK | FIN)
    event = other.entry(abi.CHIM_CQ_EVENT)
    assert (event.info, event.conn_cookie) == (abi.CHIM_EV_DISCONNECT, 2)
    peer.data(b" some more")
    card.post_buffers(0, abi.CHIM_RING_IB, 1, 4096)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"waits some more"


def test_two_pools_of_buffers(make_card: MakeCard) -> None:
    """ARC-11: indications use IB only, raw frames RXB only."""
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 1)
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"indicated")
    assert conn.no_entry() and card.pairs[0].rxb.dev_index == 0
    card.post_buffers(0, abi.CHIM_RING_IB, 1, 2048)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"indicated"
    card.wait("the cut-over", card.pairs[0].rxc.take)
    peer.inject(data=b"raw", sport=7)
    assert card.received()[1]


def test_returned_buffers_after_the_upload(card: Card) -> None:
    """RIN-5, RIN-11: buffers of a connection that is gone are posted again, and serve another
    one.
    """
    conn = Connection(card).initiate()
    Peer(conn).data(b"first")
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    conn.terminate()
    assert conn.indicated(entry) == b"first"
    card.post_buffers(0, abi.CHIM_RING_IB, 1, 4096)
    other = Connection(card).initiate()
    Peer(other).data(b"second")
    assert other.indicated(other.entry(abi.CHIM_CQ_INDICATE)) == b"second"


def test_full_completion_ring_loses_nothing(make_card: MakeCard) -> None:
    """RING-D7, DEL-D3: a CQ of two entries; every byte comes, in order."""
    card = make_card().start(pairs=0)
    card.create_pair(0, 6, {abi.CHIM_RING_CQ: 1})
    card.post_buffers(0, abi.CHIM_RING_IB, 60, 64)
    conn = Connection(card).initiate()
    peer = Peer(conn)
    data = bytes(i & 0xFF for i in range(2000))
    for at in range(0, 2000, 50):
        peer.data(data[at : at + 50])
    got = b""
    while len(got) < len(data):
        got += conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE))
        card.post_buffers(0, abi.CHIM_RING_IB, 1, 64)
    assert got == data


def test_push_timer_of_buffered_data(card: Card) -> None:
    """BRD-10: the target's own push timer runs; its expiry with nothing posted does no harm."""
    conn = Connection(card, buffered=b"old").initiate()
    card.advance(ms=600)
    assert conn.no_entry()
    conn.recv(100)
    card.advance(ms=510)
    assert conn.entry(abi.CHIM_CQ_RECV).bytes == 3
