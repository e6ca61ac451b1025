# SPDX-License-Identifier: GPL-2.0-or-later
"""The ends of connections: disconnect, both ways, and the FIN of the peer, with the events that
tell of them.
"""
from __future__ import annotations

from chimney import abi
from chimney.qdev.connection import Connection
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
