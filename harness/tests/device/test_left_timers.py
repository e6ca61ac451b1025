# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left of a connection's timers when it changes hands, beyond the fields of version 1.0:
the tail loss probe, an ACK that is owed, the time since the peer was heard; and MaxRT while the
peer's window is shut.
"""
from __future__ import annotations

from typing import Callable

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card
from chimney.qdev.peer import Peer
from chimney.qdev.state import RCV, UNA

MakeCard = Callable[..., Card]
IDLE = abi.CHIM_TIMER_IDLE


def in_flight(card: Card, **changes: int) -> Connection:
    return Connection(
        card, sends=[bytes(3000)], snd_nxt=UNA + 3000, snd_max=UNA + 3000,
        rexmit_timeout_delta=150, **changes,
    ).initiate()


def test_tail_loss_probe_travels(card: Card) -> None:
    """A probe that was due 20 ms after the hand-over leaves after 20 ms, and what is left of one
    is told.
    """
    conn = in_flight(card, tlp_timeout_delta=20)
    peer = Peer(conn)
    card.advance(ms=15)
    assert peer.silent()
    assert conn.query()[2].tlp_timeout_delta == 5
    card.advance(ms=5)
    assert peer.frame().seq > UNA, "the end of what is in flight"
    assert conn.query()[2].tlp_timeout_delta == IDLE
    other = in_flight(card, tlp_timeout_delta=20, cookie=2, remote_port=5002)
    card.advance(ms=3)
    assert other.terminate()[0].tlp_timeout_delta == 17


def test_owed_ack_is_sent_when_it_is_due(card: Card) -> None:
    """TMR-5: an ACK that the host owed leaves when it was due; without one none leaves."""
    conn = Connection(card, delack_timeout_delta=25).initiate()
    peer = Peer(conn)
    card.advance(ms=24)
    assert peer.silent()
    assert conn.query()[2].delack_timeout_delta == 1
    card.advance(ms=1)
    peer.frame(data=b"", ack=RCV)
    assert conn.query()[2].delack_timeout_delta == IDLE
    due = Connection(card, delack_timeout_delta=0, cookie=2, remote_port=5002).initiate()
    Peer(due).frame(data=b"", ack=RCV)
    quiet = Connection(card, cookie=3, remote_port=5003).initiate()
    card.advance(ms=500)
    assert Peer(quiet).silent()


def test_owed_ack_leaves_before_the_upload(card: Card) -> None:
    """TRM-32: then the host hears that nothing is owed."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"one segment")
    conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE))
    card.settle()
    assert 0 < conn.query()[2].delack_timeout_delta <= 40
    assert conn.terminate()[0].delack_timeout_delta == IDLE
    peer.frame(data=b"", ack=RCV + 11)


def test_time_since_the_peer_was_heard_travels(card: Card) -> None:
    """TMR-23: with it keepalive's state is whole."""
    conn = Connection(card, idle_time=7000).initiate()
    card.advance(ms=100)
    assert conn.query()[2].idle_time == 7100
    Peer(conn).ack()
    card.advance(ms=30)
    assert conn.terminate()[0].idle_time == 30


def test_fields_of_a_feature_that_was_not_accepted(make_card: MakeCard) -> None:
    """REG-D7: they say nothing, either way."""
    card = make_card()
    card.start(features=card.read(abi.CHIM_REG_FEATURES_LO) & ~(1 << abi.CHIM_F_EXT_TIMERS))
    conn = in_flight(card, tlp_timeout_delta=1, delack_timeout_delta=1, idle_time=9)
    card.advance(ms=20)
    assert Peer(conn).silent()
    got = conn.query()[2]
    assert (got.tlp_timeout_delta, got.delack_timeout_delta, got.idle_time) == (0, 0, 0)


def test_max_rt_counts_at_a_shut_window(card: Card) -> None:
    """TMR-6, TMR-7, VAR-D18: data that waits in front of a window that stays shut waits no longer
    than max_rt, although the peer answers; the time counts from the first probe and travels.
    """
    conn = Connection(
        card, sends=[b"held"], snd_wnd=0, max_rt=2000, total_rt=500, rexmit_timeout_delta=100,
    ).initiate()
    peer = Peer(conn)
    gone = 0
    while not (asked := not conn.no_entry()) and gone < 3000:
        card.advance(ms=50)
        gone += 50
        if not peer.silent():
            peer.frames()
            peer.ack(UNA, window=0)
    assert asked and 1450 <= gone <= 1600, gone
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_TIMEOUT)
    delegated, _, _ = conn.terminate()
    assert delegated.total_rt >= 2000 and delegated.rexmit_timeout_delta == 0
