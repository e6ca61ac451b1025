# SPDX-License-Identifier: GPL-2.0-or-later
"""Admin commands that set the card up (spec chapter 5): parameters, rings, VLANs, answers about
neighbors.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, with_sges
from chimney.qdev.peer import Peer
from chimney.qdev.state import RCV

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD


def params(**changes: int) -> bytes:
    fields = {
        "ticks_per_second": 1000,
        "ack_frequency": 2,
        "delayed_ack_ticks": 40,
        "max_retransmissions": 15,
        "doubt_retransmissions": 3,
        "sws_prevention_ticks": 200,
        "dup_ack_threshold": 3,
        "push_ticks": 500,
        "nce_stale_ticks": 30000,
    }
    return bytes(abi.chim_params(**{**fields, **changes}))


@pytest.mark.parametrize(
    "change", [{"ticks_per_second": 0}, {"ticks_per_second": 999}, {"rsvd": 1}]
)
def test_impossible_params(card: Card, change: dict[str, int]) -> None:
    """CAP-5, TMR-2"""
    assert card.admin_data(abi.CHIM_OP_SET_PARAMS, params(**change)).status == FIELD


def test_params_are_applied(card: Card) -> None:
    """CAP-5, CAP-6, TMR-5, RFC-7: an ACK after the third segment, or after so many ticks."""
    done = card.admin_data(
        abi.CHIM_OP_SET_PARAMS, params(ticks_per_second=100, ack_frequency=3, delayed_ack_ticks=7)
    )
    assert done.status == OK
    conn = Connection(card).initiate()
    peer = Peer(conn)
    for _ in range(2):
        peer.data(b"segment")
        assert peer.silent()
    peer.data(b"segment")
    peer.frame(ack=RCV + 21)
    peer.data(b"segment")
    card.advance(ms=69)
    assert peer.silent()
    card.advance(ms=2)
    peer.frame(ack=RCV + 28)


def test_params_while_a_connection_lives(card: Card) -> None:
    """OP-D24"""
    conn = Connection(card).initiate()
    assert card.admin_data(abi.CHIM_OP_SET_PARAMS, params()).status == abi.CHIM_ST_IN_USE
    conn.terminate()
    assert card.admin_data(abi.CHIM_OP_SET_PARAMS, params()).status == OK


def test_ring_of_a_pair_in_use(card: Card) -> None:
    """DESTROY_RING is refused while connections live on the pair."""
    conn = Connection(card).initiate()
    sq = conn.pair.sq.id
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=sq).status == abi.CHIM_ST_IN_USE
    conn.terminate()
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=sq).status == OK


def test_nce_answer_for_nobody(card: Card) -> None:
    """OBJ-D4: a stale neighbor handle."""
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_NCE_ANSWER, handle=0x77, cookie=9)
    card.admin_sq.publish(with_sges(entry, []))
    assert card.admin_wait(9).status == abi.CHIM_ST_INVALID_HANDLE


def test_too_many_vlans(card: Card) -> None:
    """SET_VLANS beyond CHIM_REG_MAX_VLANS, of a wrong length, and of ids that are none."""
    limit = card.read(abi.CHIM_REG_MAX_VLANS)
    ids = b"".join((n + 1).to_bytes(2, "little") for n in range(limit + 1))
    addr = card.memory.put(ids)
    for count, size, status in (
        (limit + 1, len(ids), abi.CHIM_ST_LIMIT),
        (limit, len(ids), FIELD),
        (limit, len(ids) - 2, OK),
    ):
        done = card.admin(abi.CHIM_OP_SET_VLANS, data=(addr, size), vlan__count=count)
        assert done.status == status
    card.qtest.write(addr, b"\xff\x0f")
    assert card.admin(abi.CHIM_OP_SET_VLANS, data=(addr, 2), vlan__count=1).status == FIELD
