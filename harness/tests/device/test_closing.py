# SPDX-License-Identifier: GPL-2.0-or-later
"""The ends of connections: disconnect, FIN, RST, attacks, urgent data, timeouts, and the events
that tell of them.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, ethernet
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK, FIN, PSH, RST, SYN, URG, build, match, parse
from chimney.qdev.state import RCV, UNA

GRACEFUL, ABORTIVE = abi.CHIM_DISCONNECT_GRACEFUL, abi.CHIM_DISCONNECT_ABORTIVE
ABORTED = abi.CHIM_ST_REQUEST_ABORTED


@pytest.fixture
def conn(card: Card) -> Connection:
    conn = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    return conn


@pytest.fixture
def peer(conn: Connection) -> Peer:
    return Peer(conn)


# disconnect


def test_graceful_disconnect_with_data(conn: Connection, peer: Peer) -> None:
    """DIS-1, DIS-2, DIS-3, DIS-5, DIS-6, RFC-9: earlier sends, then its data, then FIN; done when
    all is acknowledged.
    """
    send, close = conn.send(b"first "), conn.disconnect(GRACEFUL, b"last")
    frames = peer.frames()
    assert stream(frames, UNA) == b"first last" and frames[-1].flags & FIN
    peer.ack(UNA + 10)
    assert conn.entry(abi.CHIM_CQ_SEND).cookie == send
    assert conn.no_entry()
    peer.ack(UNA + 11)
    done = conn.entry(abi.CHIM_CQ_DISCONNECT)
    assert (done.cookie, done.status, done.bytes) == (close, 0, 4)
    assert conn.query()[2].state == abi.CHIM_TCP_FIN_WAIT2


def test_half_closed_receives(conn: Connection, peer: Peer) -> None:
    """DIS-4, DIS-13, RFC-5: only the send half closes."""
    conn.disconnect(GRACEFUL)
    peer.frames()
    peer.ack(UNA + 1)
    conn.entry(abi.CHIM_CQ_DISCONNECT)
    peer.data(b"still here")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"still here"


def test_abortive_disconnect(conn: Connection, peer: Peer) -> None:
    """DIS-8, DIS-10, DIS-11, DIS-12: sends abort first, RST goes out, nothing more is
    acknowledged.
    """
    send = conn.send(b"in flight")
    peer.frames()
    peer.data(b"unacknowledged", flags=ACK)
    conn.entry(abi.CHIM_CQ_INDICATE)
    close = conn.disconnect(ABORTIVE)
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert (done.cookie, done.status) == (send, ABORTED)
    done = conn.entry(abi.CHIM_CQ_DISCONNECT)
    assert (done.cookie, done.status) == (close, 0)
    (rst,) = peer.frames()
    assert rst.flags & RST and rst.ack == RCV
    peer.inject(data=b"late", flags=ACK)
    conn.card.advance(ms=1000)
    assert not [seg for seg in peer.frames() if seg.ack > RCV or not seg.flags & RST]
    conn.terminate()


def test_fin_of_the_peer(conn: Connection, peer: Peer) -> None:
    """ARC-13, DIS-14, DIS-15, EVT-2, OP-D22: the event comes after all bytes before it; sending
    goes on.
    """
    peer.data(b"bye", flags=ACK | PSH | FIN)
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    assert conn.no_entry()
    conn.pair.cq.release()
    assert conn.indicated(entry) == b"bye"
    assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)
    conn.send(b"not done")
    assert stream(peer.frames(), UNA) == b"not done"
    assert conn.query()[2].state == abi.CHIM_TCP_CLOSE_WAIT


def test_fin_behind_refused_data(conn: Connection, peer: Peer) -> None:
    """DIS-14: refused bytes hold the event back."""
    peer.data(b"bye", flags=ACK | FIN)
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.verdict(entry.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    conn.pair.cq.release()
    conn.card.advance(ms=1000)
    assert conn.no_entry()
    conn.recv(100)
    assert conn.entry(abi.CHIM_CQ_RECV).bytes == 3
    assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)


def test_fin_completes_requests(conn: Connection, peer: Peer) -> None:
    """RRQ-23, E-25, RRQ-20: a partly filled nonpush request, then empty ones; later ones have
    INVALID_STATE.
    """
    partly, empty = conn.recv(100, abi.CHIM_RECV_NONPUSH)[0], conn.recv(10)[0]
    peer.data(b"part", flags=ACK | FIN)
    done = [conn.entry(abi.CHIM_CQ_RECV) for _ in range(2)]
    assert [(e.cookie, e.status, e.bytes) for e in done] == [(partly, 0, 4), (empty, 0, 0)]
    assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)
    conn.recv(10)
    assert conn.entry(abi.CHIM_CQ_RECV).status == abi.CHIM_ST_INVALID_STATE


def test_closed_both_ways_is_handed_back(conn: Connection, peer: Peer) -> None:
    """NSP-5, TRM-40, TMR-27, UPR-10: TIME_WAIT is the host's."""
    conn.disconnect(GRACEFUL)
    peer.frames()
    peer.ack(UNA + 1)
    conn.entry(abi.CHIM_CQ_DISCONNECT)
    peer.data(b"", flags=ACK | FIN)
    assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_REQUESTED)
    peer.inject(flags=SYN, seq=RCV + 1)
    assert parse(conn.card.received()[1]).flags == SYN
    assert conn.terminate()[0].state == abi.CHIM_TCP_TIME_WAIT


# RST


def test_acceptable_rst(conn: Connection, peer: Peer) -> None:
    """BRA-3, DIS-16, SEC-3, SND-14, RRQ-18, STC-19: the event at once, then every request aborted;
    only terminate frees.
    """
    send, recv = conn.send(b"pending"), conn.recv(10)[0]
    close = conn.disconnect(GRACEFUL)
    peer.frames()
    peer.inject(flags=RST)
    entries = [conn.entry() for _ in range(4)]
    kinds = {e.ctl & abi.CHIM_CTL_OP_MASK: e for e in entries}
    assert kinds[abi.CHIM_CQ_EVENT].info == abi.CHIM_EV_ABORT
    for kind, cookie in (
        (abi.CHIM_CQ_SEND, send),
        (abi.CHIM_CQ_RECV, recv),
        (abi.CHIM_CQ_DISCONNECT, close),
    ):
        assert (kinds[kind].cookie, kinds[kind].status) == (cookie, ABORTED)
    assert conn.query()[2].state == abi.CHIM_TCP_CLOSED
    delegated, back, _ = conn.terminate()
    assert (delegated.state, back, conn.entries) == (abi.CHIM_TCP_CLOSED, [], [])


def test_rst_outside_of_the_window(conn: Connection, peer: Peer) -> None:
    """BRA-2: dropped without a word."""
    for seq in (RCV - 1, RCV + (1 << 20), RCV + (1 << 31)):
        peer.inject(flags=RST, seq=seq & 0xFFFFFFFF)
    conn.card.advance(ms=100)
    assert peer.silent() and conn.no_entry()


def test_rst_in_the_window(conn: Connection, peer: Peer) -> None:
    """SEC-1, BRA-4, BRA-1: one challenge ACK until an acceptable segment ends the validation
    period.
    """
    peer.inject(flags=RST, seq=RCV + 100)
    peer.frame(ack=RCV, data=b"")
    peer.inject(flags=RST, seq=RCV + 200)
    conn.card.advance(ms=10_000)
    peer.inject(flags=RST, seq=RCV + 300)
    assert peer.silent() and conn.no_entry()
    peer.ack()
    peer.inject(flags=RST, seq=RCV + 100)
    peer.frame(ack=RCV, data=b"")


def test_frames_for_an_aborted_connection(conn: Connection, peer: Peer) -> None:
    """DIS-18, SEC-3, DIS-9: they go raw, and no RST answers them."""
    peer.inject(flags=RST)
    conn.entry(abi.CHIM_CQ_EVENT)
    assert conn.card.stats().tcp4.reset_established == 1
    peer.inject(data=b"ghost", flags=ACK)
    match(parse(conn.card.received()[1]), data=b"ghost")
    assert peer.silent()


# SYN


def test_syn_in_order(conn: Connection, peer: Peer) -> None:
    """BRA-6, NSP-6, E-24: the connection is handed back in CLOSED."""
    peer.inject(flags=SYN)
    assert conn.event()[0] == abi.CHIM_EV_RETRIEVE
    assert conn.terminate()[0].state == abi.CHIM_TCP_CLOSED


def test_syn_out_of_order(conn: Connection, peer: Peer) -> None:
    """BRA-7, NSP-7: a challenge ACK, at most one in 3 seconds."""
    peer.inject(flags=SYN, seq=RCV + 10)
    peer.frame(ack=RCV)
    peer.inject(flags=SYN, seq=RCV + 11)
    conn.card.advance(ms=2900)
    peer.inject(flags=SYN, seq=RCV + 11)
    assert peer.silent()
    conn.card.advance(ms=200)
    peer.inject(flags=SYN, seq=RCV + 12)
    peer.frame(ack=RCV)


def test_syn_outside_of_the_window(conn: Connection, peer: Peer) -> None:
    """BRA-5: an ACK."""
    peer.inject(flags=SYN, seq=RCV - 1000)
    peer.frame(ack=RCV)


def test_validation_after_a_challenge(card: Card) -> None:
    """BRA-8, BRA-9, BRA-11, BRA-12: keepalive after 5 minutes, ten probes a second apart, then
    handed back in CLOSED; the upload on the way tells how far it came.
    """
    conn = Connection(card, ka_interval=0, ka_probe_count=0).initiate()
    peer = Peer(conn)
    peer.inject(flags=RST, seq=RCV + 100)
    peer.frame(ack=RCV)
    assert conn.query()[2].ka_timeout_delta == 300_000
    card.advance(ms=299_000)
    assert peer.silent()
    card.advance(ms=1001)
    probes = 0
    for _ in range(10):
        probes += len(peer.frames())
        assert conn.query()[2].ka_probe_count == probes
        card.advance(ms=1001)
    assert probes == 10
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)
    assert conn.terminate()[0].state == abi.CHIM_TCP_CLOSED


def test_probes_sent_before_count(card: Card) -> None:
    """BRA-10, TMR-23, BRA-12: the count and the rest of the time travel both ways."""
    conn = Connection(
        card, ka_interval=1000, ka_probe_count=4, ka_timeout_delta=500, ka_probe_count_sent=0
    )
    conn.list.nodes[2].states[2].ka_probe_count = 3  # type: ignore[attr-defined]
    conn.list.nodes[2].states[1].ka_probe_count = 4  # type: ignore[attr-defined]
    conn.list = type(conn.list)(card, conn.list.nodes)
    conn.initiate()
    peer = Peer(conn)
    card.advance(ms=501)
    peer.frame(seq=UNA - 1)
    card.advance(ms=1001)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)


@pytest.mark.parametrize("keepalive", [False, True])
def test_acceptable_segment_ends_the_validation(card: Card, keepalive: bool) -> None:
    """BRA-13: the timer stops if mitigation started it, else it runs as configured."""
    flags = abi.CHIM_TCP_KEEPALIVE if keepalive else 0
    conn = Connection(card, flags=flags, ka_timeout=7_200_000).initiate()
    peer = Peer(conn)
    peer.inject(flags=RST, seq=RCV + 100)
    peer.frame(ack=RCV)
    assert conn.query()[2].ka_timeout_delta == 300_000
    peer.ack()
    card.settle()
    want = 7_200_000 if keepalive else abi.CHIM_TIMER_IDLE
    assert conn.query()[2].ka_timeout_delta == want


# segments that are not for the target


def test_urgent_data(conn: Connection, peer: Peer) -> None:
    """NSP-9..14, UPR-5, SEC-2, EVT-6: valid URG: the upload is asked for, nothing more is
    acknowledged, all goes raw.
    """
    peer.inject(data=b"old", seq=RCV - 1000, flags=ACK | URG, urgent=1)
    peer.frames()
    peer.inject(data=b"future", ack=UNA + 5000, flags=ACK | URG, urgent=1)
    peer.frames()
    assert conn.no_entry()
    peer.inject(data=b"urgent", flags=ACK | URG, urgent=6)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_URGENT_DATA)
    match(parse(conn.card.received()[1]), data=b"urgent")
    peer.inject(data=b"after", seq=RCV + 6, flags=ACK)
    match(parse(conn.card.received()[1]), data=b"after")
    conn.card.advance(ms=1000)
    assert not [seg for seg in peer.frames() if seg.ack != RCV]
    assert conn.terminate()[0].rcv_nxt == RCV


@pytest.mark.parametrize("ethertype", [0x0806, 0x88CC])
def test_other_frames_go_raw(conn: Connection, ethertype: int) -> None:
    """NSP-3: what is not TCP of an offloaded tuple is the host's."""
    conn.card.inject(ethernet(b"frame" + bytes(60), ethertype=ethertype))
    assert conn.card.received()[1][14:19] == b"frame"


def test_icmp_goes_raw(conn: Connection, peer: Peer) -> None:
    """NSP-3, NSP-4: ICMP between the same addresses is the host's."""
    frame = bytearray(build(peer.seg()))
    frame[14 + 9] = 1
    conn.card.inject(bytes(frame))
    assert conn.card.received()[1] == bytes(frame)


@pytest.mark.parametrize("at", [14 + 10, 14 + 20 + 16])
def test_corrupt_headers_go_raw(conn: Connection, peer: Peer, at: int) -> None:
    """NSP-15, STT-7, STT-8: wrong IP or TCP checksums go up uncounted, and nothing of them is
    processed.
    """
    frame = bytearray(build(peer.seg(data=b"corrupt")))
    frame[at] ^= 0xFF
    conn.card.inject(bytes(frame))
    assert conn.card.received()[1] == bytes(frame)
    stats = conn.card.stats()
    assert stats.ip4.in_header_errors == stats.tcp4.in_errors == stats.tcp4.in_segments == 0
    assert conn.no_entry()


@pytest.mark.parametrize("extra", [b"", b"\0" * 6])
def test_padding_is_no_data(conn: Connection, peer: Peer, extra: bytes) -> None:
    """RFC-3: what Ethernet adds to a short frame does not count."""
    conn.card.inject(build(peer.seg(data=b"a", flags=ACK | PSH)) + extra)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"a"


# timers


def test_retransmissions_end(card: Card) -> None:
    """TMR-6, TMR-7, UPR-8, EVT-1, EVT-3: max_rt bounds the time, then the upload is asked for."""
    conn = Connection(card, max_rt=1000).initiate()
    peer = Peer(conn)
    conn.send(b"nobody answers")
    sent = 0
    for _ in range(40):
        card.advance(ms=50)
        sent += len(peer.frames()) if not peer.silent() else 0
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)
    assert sent >= 2
    delegated, back, _ = conn.terminate()
    assert len(back) == 1 and delegated.rexmit_count >= 2


def test_persist_sequence(card: Card) -> None:
    """TMR-10..14, RFC-6: RTO | probe, RTO | probe, 2 RTO | probe, 4 RTO | zero-window ACK, 2 RTO |
    probe, RTO.
    """
    conn = Connection(
        card, snd_wnd=0, srtt=8 * 1000, rttvar=0, srtt_us=8000000, rttvar_us=4
    ).initiate()
    peer = Peer(conn)
    conn.send(b"held back")
    card.settle()
    first = conn.query()[2].rexmit_timeout_delta
    rto = first

    def next_probe(after: int) -> None:
        card.advance(ms=after - 20)
        assert peer.silent(), "a probe came too early"
        card.advance(ms=40)
        seg = peer.frame()
        assert (seg.seq, len(seg.data)) == (UNA, 1)

    next_probe(rto)
    card.advance(ms=rto - 40)
    assert peer.silent()
    card.advance(ms=40)
    peer.frame(seq=UNA)
    card.advance(ms=2 * rto - 40)
    assert peer.silent()
    card.advance(ms=80)
    peer.frame(seq=UNA)
    delta = conn.query()[2].rexmit_timeout_delta
    assert 4 * rto - 200 < delta <= 4 * rto
    peer.ack(UNA, window=0)
    card.settle()
    state = conn.query()[2]
    assert state.snd_wnd_probe_count == 1 and state.rexmit_count == 0
    assert 2 * rto - 200 < state.rexmit_timeout_delta <= 2 * rto
    card.advance(ms=state.rexmit_timeout_delta + 1)
    peer.frame(seq=UNA)
    delta = conn.query()[2].rexmit_timeout_delta
    assert rto - 200 < delta <= rto
    peer.ack(UNA + 1, window=512)
    assert stream(peer.frames(), UNA + 1) == b"eld back"


def test_persist_state_travels(card: Card) -> None:
    """TMR-17, TMR-28, TMR-8: round, count and remaining time, both ways; 0 fires at once."""
    conn = Connection(
        card,
        sends=[b"held"],
        snd_wnd=0,
        snd_wnd_probe_count=2,
        rexmit_count=1,
        rexmit_timeout_delta=700,
    ).initiate()
    card.advance(ms=100)
    delegated, _, _ = conn.terminate()
    assert (
        delegated.snd_wnd_probe_count,
        delegated.rexmit_count,
        delegated.rexmit_timeout_delta,
    ) == (2, 1, 600)
    due = Connection(card, sends=[b"held"], snd_wnd=0, rexmit_timeout_delta=0, cookie=2).initiate()
    card.advance(ms=1)
    Peer(due).frame(seq=UNA, data=b"h")


def test_keepalive(card: Card) -> None:
    """TMR-22: after ka_timeout, every ka_interval, ka_probe_count times, then the upload is asked
    for.
    """
    conn = Connection(card, flags=abi.CHIM_TCP_KEEPALIVE, ka_timeout=1000, ka_interval=100)
    conn.list.nodes[2].states[1].ka_probe_count = 3  # type: ignore[attr-defined]
    conn.list.nodes[2].states[2].ka_probe_count = 0  # type: ignore[attr-defined]
    conn.list = type(conn.list)(card, conn.list.nodes)
    conn.initiate()
    peer = Peer(conn)
    card.advance(ms=990)
    assert peer.silent()
    card.advance(ms=20)
    peer.frame(seq=UNA - 1, ack=RCV)
    peer.ack()
    card.advance(ms=990)
    assert peer.silent()
    card.advance(ms=20)
    for _ in range(3):
        peer.frame(seq=UNA - 1)
        card.advance(ms=101)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)


def test_timers_do_not_wrap(card: Card) -> None:
    """TMR-3, TMR-1: a timer of seven weeks does not fire early, and tells what is left of it."""
    ticks = 4_200_000_000
    conn = Connection(card, flags=abi.CHIM_TCP_KEEPALIVE, ka_timeout=ticks).initiate()
    card.advance(ms=600_000)
    assert card.no_wire_frame()
    assert conn.query()[2].ka_timeout_delta == ticks - 600_000


def test_fin_wait_2(card: Card) -> None:
    """TMR-18..21: 120 s, restarted by every acceptable segment, travels in Retransmit.TimeoutDelta,
    ends in CLOSED.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    conn.disconnect(GRACEFUL)
    peer.frames()
    peer.ack(UNA + 1)
    conn.entry(abi.CHIM_CQ_DISCONNECT)
    assert conn.query()[2].rexmit_timeout_delta == 120_000
    card.advance(ms=60_000)
    peer.data(b"alive")
    conn.entry(abi.CHIM_CQ_INDICATE)
    assert conn.query()[2].rexmit_timeout_delta == 120_000
    card.advance(ms=120_001)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)
    assert conn.terminate()[0].state == abi.CHIM_TCP_CLOSED


def test_fast_retransmit_continues_the_count(card: Card) -> None:
    """TMR-9: duplicate ACKs counted by the host count on."""
    conn = Connection(
        card,
        conn_flags=0,
        sends=[bytes(5000)],
        snd_nxt=UNA + 5000,
        snd_max=UNA + 5000,
        snd_wnd=16_000,
        dup_ack_count=2,
        rexmit_timeout_delta=60_000,
    ).initiate()
    peer = Peer(conn)
    assert peer.silent()
    peer.ack(UNA, window=16_000)
    peer.frame(seq=UNA)
