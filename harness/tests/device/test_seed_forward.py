# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding rules on segments that the host has and the target needs: forward, its completions, and
whose the ACK is.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection, post_tx_fence
from chimney.qdev.device import Card
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK, PSH, RST, match, parse, tcp_bytes

IP_OPTION_RECORD_ROUTE = bytes([7, 7, 4, 0, 0, 0, 0])


def delivered(conn: Connection, length: int) -> bytes:
    """So many bytes from indications; other entries are left out."""
    data = b""
    while len(data) < length:
        entry = conn.entry()
        if entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_INDICATE:
            data += conn.indicated(entry)
    return data


def test_segments_that_came_during_the_initiate(card: Card) -> None:
    """EVO-6, FWD-1, OP-D6: raw and unacknowledged until the cut-over, which stands behind them;
    forwarded, they are data like any other.
    """
    conn = Connection(card)
    peer = Peer(conn)
    cookie = conn.list.post(abi.CHIM_OP_INITIATE, conn.fence, 1)
    peer.data(b"early ")
    first, frame = card.received()
    assert first.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_RX_FRAME
    held = match(parse(frame), data=b"early ")
    card.advance(ms=100)
    assert peer.silent()
    post_tx_fence(conn.pair, conn.fence)
    assert card.admin_wait(cookie).status == abi.CHIM_ST_SUCCESS
    cut = card.wait("the cut-over", card.pairs[0].rxc.take)
    assert cut.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_RX_CUTOVER and cut.u.cookie == conn.cookie
    conn.handle = conn.entry(abi.CHIM_CQ_OPENED).handle
    peer.data(b"late")
    peer.forward(seq=held.seq, data=held.data, flags=held.flags)
    assert delivered(conn, 10) == b"early late"
    peer.frames()
    card.advance(ms=100)
    assert conn.query()[2].rcv_nxt == 0x10000 + 10


def test_segment_from_another_interface(card: Card) -> None:
    """FWD-1, FWD-5: a segment that never came by this card's wire is processed as if it had."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    cookie = peer.forward(data=b"other way", flags=ACK | PSH)
    done = conn.entry(abi.CHIM_CQ_FORWARD)
    assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_SUCCESS)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"other way"


@pytest.mark.parametrize(
    "change", [{"ip_options": IP_OPTION_RECORD_ROUTE}, {"ip_flags": 1}, {"ip_offset": 8}]
)
def test_segments_that_the_target_passes_up(card: Card, change: dict[str, object]) -> None:
    """FWD-1, NSP-1, NSP-2, RFC-10: IP options and fragments go raw, unprocessed; the host forwards
    what it made of them.
    """
    conn = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    peer = Peer(conn)
    peer.inject(data=b"special!", flags=ACK | PSH, **change)
    assert len(card.received()[1]) > 0
    card.advance(ms=100)
    assert conn.no_entry() and peer.silent()
    peer.forward(data=b"special!", flags=ACK | PSH)
    assert delivered(conn, 8) == b"special!"


def test_forward_completes_by_an_entry(card: Card) -> None:
    """FWD-2, FWD-9, FWD-6: each forward has one completion; after it the buffer is the host's
    again.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    data, cookies = b"", []
    for n in range(6):
        cookies.append(peer.forward(data=bytes([n]) * 10, flags=ACK))
        peer.seq += 10
        data += bytes([n]) * 10
    entries = []
    got = b""
    while len(got) < 60 or len(entries) < 6:
        entry = conn.entry()
        if entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_INDICATE:
            got += conn.indicated(entry)
        else:
            entries.append(entry)
    assert got == data
    assert [(e.ctl & abi.CHIM_CTL_OP_MASK, e.cookie, e.status) for e in entries] == [
        (abi.CHIM_CQ_FORWARD, cookie, abi.CHIM_ST_SUCCESS) for cookie in cookies
    ]
    assert conn.no_entry()


def test_forwards_of_several_calls_come_back_in_one_batch(card: Card) -> None:
    """FWD-3, OP-D26: several entries, one interrupt, in call order; the second says so."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    card.pci.take_interrupt(1)
    conn.pair.cq.set_event(conn.pair.cq.index)
    sq = conn.pair.sq
    bell, sq.ring = sq.ring, lambda value=None: None  # type: ignore[method-assign,assignment]
    cookies = [peer.forward(flags=ACK, ack=0x20000) for _ in range(4)]
    sq.ring = bell  # type: ignore[method-assign]
    sq.ring()
    card.wait("the interrupt", lambda: card.pci.take_interrupt(1))
    card.settle()
    entries = [conn.pair.cq.take() for _ in cookies]
    assert [entry.cookie for entry in entries] == cookies
    batch = [bool(entry.flags & abi.CHIM_CQE_BATCH) for entry in entries]
    assert batch == [False, True, False, False]
    assert not card.pci.take_interrupt(1)
    assert card.stats().cases.forward_batches == 1


def test_causes_of_a_forward(card: Card) -> None:
    """FWD-1, OP-D27: whatever the host names as its cause, the segment is processed; the causes are
    counted.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    for cause in range(abi.CHIM_FORWARD_CAUSE_MASK + 1):
        segment = tcp_bytes(peer.seg(data=b"x", flags=ACK | PSH))
        conn.forward(segment, cause << abi.CHIM_FORWARD_CAUSE_SHIFT)
        assert delivered(conn, 1) == b"x"
        peer.seq += 1
    cases = card.stats().cases
    assert cases.forwards == abi.CHIM_FORWARD_CAUSE_MASK + 1
    for cause in ("fragments", "options", "interface", "initiate"):
        assert getattr(cases, f"forward_{cause}") == 1, cause


def test_the_ack_of_a_forwarded_segment_is_the_targets(card: Card) -> None:
    """FWD-10: the target acknowledges it on the wire, as it does what came by the wire."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.forward(data=b"a" * 100, flags=ACK | PSH)
    delivered(conn, 100)
    card.advance(ms=50)
    peer.frame(ack=0x10000 + 100, data=b"")
    peer.seq += 100
    peer.forward(seq=peer.seq + 50, data=b"out of order", flags=ACK)
    seg = peer.frame(ack=0x10000 + 100)
    assert seg.sack == ((0x10000 + 150, 0x10000 + 162),)


def test_forwarded_duplicates_and_old_segments(card: Card) -> None:
    """FWD-11: sequence, PAWS and window checks apply; each is completed, and nothing is delivered
    twice.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"0123456789")
    assert delivered(conn, 10) == b"0123456789"
    for change in ({"seq": 0x10000}, {"seq": 0xF000}, {"seq": 0x10000 + (1 << 20)}, {"ts": (1, 1)}):
        cookie = peer.forward(**{"data": b"0123456789", "flags": ACK, **change})
        done = conn.entry(abi.CHIM_CQ_FORWARD)
        assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_SUCCESS)
    assert conn.no_entry()
    assert conn.query()[2].rcv_nxt == 0x10000 + 10


def test_forward_of_a_dead_or_stopped_connection(card: Card) -> None:
    """FWD-9: REQUEST_ABORTED after an RST; UPLOAD_IN_PROGRESS when an upload has been asked for."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.inject(flags=RST | ACK)
    assert conn.entry(abi.CHIM_CQ_EVENT).info == abi.CHIM_EV_ABORT
    peer.forward(data=b"x")
    assert conn.entry(abi.CHIM_CQ_FORWARD).status == abi.CHIM_ST_REQUEST_ABORTED
    other = Connection(card, local_port=40001, cookie=7).initiate()
    peer = Peer(other)
    peer.inject(data=b"!", flags=ACK | 0x20, urgent=1)
    assert other.entry(abi.CHIM_CQ_EVENT).info2 == abi.CHIM_UPR_URGENT_DATA
    peer.forward(data=b"x")
    assert other.entry(abi.CHIM_CQ_FORWARD).status == abi.CHIM_ST_UPLOAD_IN_PROGRESS


@pytest.mark.parametrize("length", [0, 1, 19])
def test_forward_of_no_segment(card: Card, length: int) -> None:
    """FWD-4: what is no TCP segment is answered, and changes nothing."""
    conn = Connection(card).initiate()
    conn.forward(bytes(length))
    assert conn.entry(abi.CHIM_CQ_FORWARD).status == abi.CHIM_ST_INVALID_FIELD
    assert card.fatal() is None


def test_forward_with_a_wrong_checksum(card: Card) -> None:
    """FWD-4, OP-D19: INVALID_FIELD for a FORWARD "whose checksum is wrong, unless
    CHIM_FORWARD_CSUM_OK vouches for it".
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    segment = bytearray(tcp_bytes(peer.seg(data=b"checksum", flags=ACK | PSH)))
    segment[16] ^= 0x55
    conn.forward(bytes(segment))
    assert conn.entry(abi.CHIM_CQ_FORWARD).status == abi.CHIM_ST_INVALID_FIELD
    assert conn.no_entry()
    conn.forward(bytes(segment), abi.CHIM_FORWARD_CSUM_OK)
    assert delivered(conn, 8) == b"checksum"


@pytest.mark.parametrize(
    "change",
    [{"sport": 5002}, {"dport": 40001}, {"offset": 4}, {"offset": 15}],
    ids=lambda change: "-".join(f"{k}{v}" for k, v in change.items()),
)
def test_forward_of_another_connections_segment(card: Card, change: dict[str, int]) -> None:
    """OP-D19: CHIM_ST_INVALID_FIELD for a FORWARD "whose TCP header is malformed or has other ports
    than the connection", whoever vouches for the checksum; nothing is delivered or answered.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    ports = {name: value for name, value in change.items() if name != "offset"}
    segment = bytearray(tcp_bytes(peer.seg(data=b"foreign", flags=ACK | PSH, **ports)))
    if "offset" in change:
        segment[12] = change["offset"] << 4
    conn.forward(bytes(segment), abi.CHIM_FORWARD_CSUM_OK)
    assert conn.entry(abi.CHIM_CQ_FORWARD).status == abi.CHIM_ST_INVALID_FIELD
    card.advance(ms=300)
    assert conn.no_entry() and card.no_wire_frame()
