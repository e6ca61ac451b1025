# SPDX-License-Identifier: GPL-2.0-or-later
"""The ends of connections: disconnect, both ways, and the FIN of the peer, with the events that
tell of them.
"""
from __future__ import annotations

from typing import cast

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK, FIN, PSH, RST, SYN, parse
from chimney.qdev.state import RCV, UNA

GRACEFUL, ABORTIVE = abi.CHIM_DISCONNECT_GRACEFUL, abi.CHIM_DISCONNECT_ABORTIVE
ABORTED = abi.CHIM_ST_REQUEST_ABORTED


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


# the peer's FIN


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


# offered half-closed


@pytest.mark.parametrize(
    "state", [abi.CHIM_TCP_CLOSE_WAIT, abi.CHIM_TCP_CLOSING, abi.CHIM_TCP_LAST_ACK]
)
@pytest.mark.parametrize("buffered", [b"", b"unread"])
def test_fin_before_the_offload(card: Card, state: int, buffered: bytes) -> None:
    """Chapter 7, 7: "If a connection is offered after the peer's FIN, the event comes once
    BufferedData has been consumed. Without BufferedData it never comes".
    """
    fin = state != abi.CHIM_TCP_CLOSE_WAIT
    conn = Connection(
        card, state=state, buffered=buffered, snd_nxt=UNA + fin, snd_max=UNA + fin
    ).initiate()
    card.advance(ms=600)
    assert conn.no_entry()
    conn.recv(100)
    done = conn.entry(abi.CHIM_CQ_RECV)
    if buffered:
        assert (done.status, done.bytes) == (0, len(buffered))
        assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)
    else:
        assert done.status == abi.CHIM_ST_INVALID_STATE
    assert conn.no_entry()


# timers of what has ended

IDLE = abi.CHIM_TIMER_IDLE


def closed_first(conn: Connection, peer: Peer) -> None:
    """FIN_WAIT2: our FIN is acknowledged."""
    conn.disconnect(GRACEFUL)
    peer.frames()
    peer.ack(UNA + 1)
    conn.entry(abi.CHIM_CQ_DISCONNECT)


def no_timer(conn: Connection, state: int) -> None:
    """QUERY and TERMINATE give back that state, and no timer."""
    for found in (conn.query()[2], conn.terminate()[0]):
        given = cast(abi.chim_tcp_delegated, found)
        assert given.state == state
        assert (given.rexmit_timeout_delta, given.ka_timeout_delta) == (IDLE, IDLE)
        assert (given.tlp_timeout_delta, given.delack_timeout_delta) == (IDLE, IDLE)


@pytest.mark.parametrize("keepalive", [0, abi.CHIM_TCP_KEEPALIVE])
def test_timers_in_time_wait(card: Card, keepalive: int) -> None:
    """STA-16; 6.1: "In TIME_WAIT and CLOSED no timer runs: retransmission and keepalive are
    CHIM_TIMER_IDLE, and with CHIM_F_EXT_TIMERS the tail loss probe is as well", though one of
    FIN-WAIT-2 ran until then.
    """
    conn = Connection(card, flags=keepalive, ka_timeout=5000).initiate()
    peer = Peer(conn)
    closed_first(conn, peer)
    card.advance(ms=1000)
    peer.data(b"", flags=ACK | FIN)
    assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_REQUESTED)
    card.advance(ms=200_000)
    no_timer(conn, abi.CHIM_TCP_TIME_WAIT)


@pytest.mark.parametrize("keepalive", [0, abi.CHIM_TCP_KEEPALIVE])
def test_timers_in_closed(card: Card, keepalive: int) -> None:
    """STA-16; 6.1 says the same of CLOSED behind LAST_ACK."""
    conn = Connection(card, flags=keepalive, ka_timeout=5000).initiate()
    peer = Peer(conn)
    peer.data(b"", flags=ACK | FIN)
    assert conn.event() == (abi.CHIM_EV_DISCONNECT, 0)
    conn.disconnect(GRACEFUL)
    peer.frames()
    peer.ack(UNA + 1)
    conn.entry(abi.CHIM_CQ_DISCONNECT)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_REQUESTED)
    card.advance(ms=200_000)
    no_timer(conn, abi.CHIM_TCP_CLOSED)


def test_timers_after_fin_wait_2(card: Card) -> None:
    """STA-16; 6.1 says the same of CLOSED when FIN-WAIT-2 has lasted too long."""
    conn = Connection(card).initiate()
    closed_first(conn, Peer(conn))
    card.advance(ms=120_001)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)
    no_timer(conn, abi.CHIM_TCP_CLOSED)


def test_timers_after_an_rst(conn: Connection, peer: Peer) -> None:
    """STA-16; 6.1 says the same of CLOSED behind an RST, with data in flight."""
    conn.send(b"in flight")
    peer.frames()
    peer.inject(flags=RST)
    assert conn.event() == (abi.CHIM_EV_ABORT, 0)
    conn.entry(abi.CHIM_CQ_SEND)
    no_timer(conn, abi.CHIM_TCP_CLOSED)


@pytest.mark.parametrize("flags,event", [(RST, abi.CHIM_EV_ABORT), (SYN, abi.CHIM_EV_RETRIEVE)])
def test_probe_of_what_has_ended(conn: Connection, peer: Peer, flags: int, event: int) -> None:
    """STA-16; 6.1 says the same of CLOSED with data in flight that the peer has reported by SACK:
    the time of a probe, which is told until then, is not told any more.
    """
    conn.send(bytes(2000))
    first, second = peer.frames()
    peer.ack(sack=((second.seq, second.seq + len(second.data)),))
    conn.card.settle()
    assert first.seq == UNA and conn.query()[2].tlp_timeout_delta != IDLE
    peer.inject(flags=flags)
    assert conn.event()[0] == event
    no_timer(conn, abi.CHIM_TCP_CLOSED)


def test_timers_after_a_validation(card: Card) -> None:
    """STA-16; 6.1 says the same of CLOSED when a blind attack's validation has ended (BRA-11)."""
    conn = Connection(card, ka_interval=1000, ka_probe_count=1, flags=0).initiate()
    peer = Peer(conn)
    peer.inject(flags=RST, seq=RCV + 100)
    peer.frame(ack=RCV)
    card.advance(ms=300_001)
    card.advance(ms=1001)
    card.advance(ms=1001)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)
    no_timer(conn, abi.CHIM_TCP_CLOSED)
