# SPDX-License-Identifier: GPL-2.0-or-later
"""RST and SYN on a connection: which of them end it, which draw a challenge, and the validation
that follows one.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK, FIN, RST, SYN, match, parse
from chimney.qdev.state import RCV, UNA

GRACEFUL = abi.CHIM_DISCONNECT_GRACEFUL
ABORTED = abi.CHIM_ST_REQUEST_ABORTED


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


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("fin", [0, FIN])
def test_fin_before_the_rst(make_card: MakeCard, accepted: bool, fin: int) -> None:
    """OP-D30: the state is CLOSED and cannot tell whether RCV.NXT counts a FIN; `fins` does,
    if the feature was accepted, and the bytes before it come back.
    """
    card = make_card()
    features = card.read(abi.CHIM_REG_FEATURES_LO)
    assert features & 1 << abi.CHIM_F_EXT_FINS
    card.start(features=features if accepted else features & ~(1 << abi.CHIM_F_EXT_FINS))
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.inject(data=b"last words", flags=ACK | fin)
    behind = RCV + 10 + bool(fin)
    assert conn.query()[2].fins == (abi.CHIM_FIN_RECEIVED if accepted and fin else 0)
    peer.inject(flags=RST, seq=behind)
    delegated, _, bytes_back = conn.terminate()
    assert (delegated.state, delegated.rcv_nxt) == (abi.CHIM_TCP_CLOSED, behind)
    assert delegated.fins == (abi.CHIM_FIN_RECEIVED if accepted and fin else 0)
    assert bytes_back == b"last words"


def test_own_fin_before_the_rst(conn: Connection, peer: Peer) -> None:
    """OP-D30: SND.MAX counts the FIN that the target has sent, also when the state is CLOSED."""
    conn.disconnect(GRACEFUL)
    peer.frames()
    assert conn.query()[2].fins == abi.CHIM_FIN_SENT
    peer.inject(flags=RST)
    delegated = conn.terminate()[0]
    assert (delegated.state, delegated.fins) == (abi.CHIM_TCP_CLOSED, abi.CHIM_FIN_SENT)
    assert delegated.snd_max == UNA + 1


def test_rst_outside_of_the_window(conn: Connection, peer: Peer) -> None:
    """BRA-2: dropped without a word."""
    for seq in (RCV - 1, RCV + (1 << 20), RCV + (1 << 31)):
        peer.inject(flags=RST, seq=seq & 0xFFFFFFFF)
    conn.card.advance(ms=100)
    assert peer.silent() and conn.no_entry()


def test_rst_in_the_window(conn: Connection, peer: Peer) -> None:
    """BRA-4, BRA-1: one challenge ACK until an acceptable segment ends the validation
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


# validation after a challenge


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
