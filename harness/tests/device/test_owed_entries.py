# SPDX-License-Identifier: GPL-2.0-or-later
"""Rings that still owe an entry to a connection: they stay until it is out."""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard, ethernet, ring_id

OK, IN_USE, NOT_READY = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_IN_USE, abi.CHIM_ST_NOT_READY


def narrow_card(make_card: MakeCard, sizes: dict[int, int], pairs: int = 1) -> Card:
    """A card of which pair 0 has small rings."""
    card = make_card().start(pairs=0)
    for number in range(pairs):
        card.create_pair(number, 4, {} if number else sizes)
        card.post_buffers(number, abi.CHIM_RING_RXB, 4)
        card.post_buffers(number, abi.CHIM_RING_IB, 4, 4096)
    return card


def destroy(card: Card, pair: int, kind: int) -> int:
    return int(card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=ring_id(pair, kind)).status)


def test_completion_ring_that_owes_last(make_card: MakeCard) -> None:
    """OP-D5, OP-D11: a CQ for which LAST waits cannot go; with room, LAST and the completion
    come.
    """
    card = narrow_card(make_card, {abi.CHIM_RING_CQ: 1})
    conn = Connection(card).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    conn.post_fence(fence)
    for _ in range(conn.pair.cq.size):
        conn.pair.sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=0xFFFF)])
    card.settle()
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    card.settle()
    assert destroy(card, 0, abi.CHIM_RING_CQ) == IN_USE
    kinds = [conn.entry().ctl & abi.CHIM_CTL_OP_MASK for _ in range(3)]
    assert kinds[-1] == abi.CHIM_CQ_LAST
    assert card.admin_wait(cookie).status == OK
    assert destroy(card, 0, abi.CHIM_RING_CQ) == OK


@pytest.mark.parametrize("kind", [abi.CHIM_RING_RXB, abi.CHIM_RING_RXC])
def test_receive_rings_that_owe_a_cutover(make_card: MakeCard, kind: int) -> None:
    """OP-D6: the marker of a connection on another pair waits behind frames; the rings stay until
    it is out.
    """
    card = narrow_card(make_card, {abi.CHIM_RING_RXC: 1}, pairs=2)
    rxc = card.pairs[0].rxc
    for _ in range(rxc.size):
        card.inject(ethernet(bytes(60)))
    card.settle()
    Connection(card, pair=1).initiate()
    assert destroy(card, 0, kind) == IN_USE
    kinds = []
    for _ in range(3):
        entry: abi.chim_rxe = card.wait("an entry", rxc.take)
        kinds.append(entry.ctl & abi.CHIM_CTL_OP_MASK)
    assert kinds == [abi.CHIM_RX_FRAME, abi.CHIM_RX_FRAME, abi.CHIM_RX_CUTOVER]
    assert destroy(card, 0, kind) == OK


@pytest.mark.parametrize("kind", [abi.CHIM_RING_RXB, abi.CHIM_RING_RXC])
def test_initiate_without_a_ring_for_the_cutover(make_card: MakeCard, kind: int) -> None:
    """OP-D6: the marker needs the receive rings that its hash selects, on whatever pair."""
    card = narrow_card(make_card, {}, pairs=2)
    assert destroy(card, 0, kind) == OK
    Connection(card, pair=1).initiate(expect=NOT_READY)
