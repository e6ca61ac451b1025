# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers of a connection: retransmission, persist, keepalive, FIN_WAIT_2, and how they travel."""
from __future__ import annotations

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card
from chimney.qdev.peer import Peer, stream
from chimney.qdev.state import RCV, UNA

GRACEFUL = abi.CHIM_DISCONNECT_GRACEFUL


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


# persist


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
        assert (seg.seq, len(seg.data)) == (UNA - 1, 0)

    next_probe(rto)
    card.advance(ms=rto - 40)
    assert peer.silent()
    card.advance(ms=40)
    peer.frame(seq=UNA - 1)
    card.advance(ms=2 * rto - 40)
    assert peer.silent()
    card.advance(ms=80)
    peer.frame(seq=UNA - 1)
    delta = conn.query()[2].rexmit_timeout_delta
    assert 4 * rto - 200 < delta <= 4 * rto
    peer.ack(UNA, window=0)
    card.settle()
    state = conn.query()[2]
    assert state.snd_wnd_probe_count == 1 and state.rexmit_count == 0
    assert 2 * rto - 200 < state.rexmit_timeout_delta <= 2 * rto
    card.advance(ms=state.rexmit_timeout_delta + 1)
    peer.frame(seq=UNA - 1)
    delta = conn.query()[2].rexmit_timeout_delta
    assert rto - 200 < delta <= rto
    peer.ack(UNA, window=512)
    assert stream(peer.frames(), UNA) == b"held back"


def test_persist_state_travels(card: Card) -> None:
    """TMR-17, TMR-28, TMR-8; 6.1: "if SndWnd is 0, persist's, with `rexmit_count` for the probes of
    the round and `snd_wnd_probe_count` for the rounds": with the remaining time, both ways; 0 fires
    at once.
    """
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
    Peer(due).frame(seq=UNA - 1, data=b"")


# keepalive, FIN_WAIT_2


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
    """TMR-3: a timer of seven weeks does not fire early, and tells what is left of it."""
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
