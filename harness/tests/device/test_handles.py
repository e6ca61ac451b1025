# SPDX-License-Identifier: GPL-2.0-or-later
"""Handles (spec chapter 4): each object has its own for as long as it lives, wrong ones are found
out, and an object in use or at work says so.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import (
    ON_OFFLOADED,
    BlockList,
    Node,
    asking,
    five_tcp,
    linked,
    linker,
    tree,
)
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard

OK, FAILURE = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_FAILURE
INVALID_HANDLE = abi.CHIM_ST_INVALID_HANDLE


def test_handles_stay_valid(card: Card) -> None:
    """TRE-11, TRE-20, TRE-22, STA-8: each new object has a handle of its own, good for every later
    operation.
    """
    bulk = BlockList(card, tree(five_tcp()))
    bulk.run(abi.CHIM_OP_INITIATE)
    handles = [bulk.node(i).handle for i in range(7)]
    assert len(set(handles)) == 7 and 0 not in handles
    for index, handle in enumerate(handles[2:]):
        asked = BlockList(card, [asking(abi.CHIM_TCP_CONST, handle)])
        assert asked.run(abi.CHIM_OP_QUERY).status == OK
        assert asked.states(0)[0].local_port.value == 41001 + index  # type: ignore[attr-defined]


def wrong_handles(card: Card) -> tuple[Connection, list[int]]:
    """A live connection, and handles that name nothing on the TCP layer."""
    gone = Connection(card, local_port=39999, cookie=9).initiate()
    gone.terminate()
    conn = Connection(card).initiate()
    forged = [conn.handle ^ bit for bit in (1, 0x8000, 0x10000, 0x80000000)]
    return conn, [gone.handle, conn.path, conn.neighbor, 0xFFFFFFFF, 0x7FFFFFFF, *forged]


@pytest.mark.parametrize("opcode,kind", ON_OFFLOADED)
def test_wrong_handles(card: Card, opcode: int, kind: int) -> None:
    """OBJ-D4, SEC-5: stale, forged, of another layer, out of range: the node says so, and nobody
    else is touched.
    """
    conn, wrong = wrong_handles(card)
    for handle in wrong:
        node = (
            asking(kind, handle)
            if kind
            else Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_ALL, handle=handle)
        )
        asked, fence = BlockList(card, [node]), next_fence()
        conn.post_fence(fence)
        assert asked.run(opcode, fence, 1).status == OK
        assert asked.statuses() == [INVALID_HANDLE], hex(handle)
    conn.send(b"untouched")
    assert card.wire_frame()
    assert conn.no_entry()


def test_wrong_linkers(card: Card) -> None:
    """OBJ-D4, TRE-17: dependents of a linker that names nothing are not tried."""
    conn, wrong = wrong_handles(card)
    for handle in [h for h in wrong if h != conn.neighbor]:
        tried = BlockList(card, tree([five_tcp()[0]], neighbor=linker(handle)))
        assert tried.run(abi.CHIM_OP_INITIATE).status == OK
        assert tried.statuses() == [INVALID_HANDLE, FAILURE, FAILURE]
    assert card.stats().tcp4.currently_established == 1


def test_object_without_a_handle(card: Card) -> None:
    """OBJ-D4: handle 0 is the node's matter, not the list's."""
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, 0)])
    assert asked.run(abi.CHIM_OP_QUERY).status == OK
    assert asked.statuses() == [INVALID_HANDLE]


def test_object_with_dependents(card: Card) -> None:
    """OBJ-H2, TRM-2, TRE-23: IN_USE until the last dependent is gone; together with them it
    goes.
    """
    conn = Connection(card).initiate()
    for kind, handle in (
        (abi.CHIM_PATH4_DELEGATED, conn.path),
        (abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor),
    ):
        asked = BlockList(card, [asking(kind, handle)])
        assert asked.run(abi.CHIM_OP_TERMINATE).status == OK
        assert asked.statuses() == [abi.CHIM_ST_IN_USE]
    nodes = [
        asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor),
        asking(abi.CHIM_PATH4_DELEGATED, conn.path),
        conn.terminate_list().nodes[0],
    ]
    whole, fence = BlockList(card, linked(nodes, {}, {0: 1, 1: 2})), next_fence()
    conn.post_fence(fence)
    assert whole.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert whole.statuses() == [OK, OK, OK]
    assert conn.entry(abi.CHIM_CQ_LAST).info == fence
    gone = BlockList(card, [asking(abi.CHIM_NEIGHBOR_ALL, conn.neighbor)])
    gone.run(abi.CHIM_OP_QUERY)
    assert gone.statuses() == [INVALID_HANDLE]


def test_two_operations_on_one_object(make_card: MakeCard) -> None:
    """OBJ-H4: "CHIM_ST_BUSY for an object that is claimed": here the initiate still waits for room
    on the CQ.
    """
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    first = BlockList(card, tree(five_tcp()[:3]))
    cookie = first.post(abi.CHIM_OP_INITIATE)
    card.settle()
    assert card.admin_cq.peek() is None
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, first.node(2).handle)])
    assert asked.run(abi.CHIM_OP_QUERY).status == OK
    assert asked.statuses() == [abi.CHIM_ST_BUSY]
    for n in range(3):
        entry = card.wait("OPENED", card.pairs[0].cq.take)
        assert entry.conn_cookie == 0x101 + n
    assert card.admin_wait(cookie).status == OK
