# SPDX-License-Identifier: GPL-2.0-or-later
"""An operation under way holds its objects: they are nobody else's until it completes."""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import (
    BlockList,
    asking,
    linked,
    linker,
    new_neighbor,
    new_path,
    new_tcp,
    tree,
)
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard

OK, BUSY, FAILURE = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_BUSY, abi.CHIM_ST_FAILURE


def idle_path(card: Card) -> tuple[int, int]:
    """Handles of a neighbor and a path that no connection uses."""
    neighbor = new_neighbor(mac=bytes.fromhex("020000000077"))
    path = new_path(dst=bytes([10, 77, 0, 77]))
    made = BlockList(card, tree([], neighbor=neighbor, path=path))
    assert made.run(abi.CHIM_OP_INITIATE).status == OK
    assert made.statuses() == [OK, OK]
    return made.node(0).handle, made.node(1).handle


@pytest.mark.parametrize("layer", ["path", "neighbor"])
def test_lower_object_named_twice(card: Card, layer: str) -> None:
    """OBJ-H4: a TERMINATE that names an idle path or neighbor twice frees it once."""
    neighbor, path = idle_path(card)
    if layer == "neighbor":
        alone = BlockList(card, [asking(abi.CHIM_PATH4_DELEGATED, path)])
        assert alone.run(abi.CHIM_OP_TERMINATE).status == OK
    kind, handle = (
        (abi.CHIM_PATH4_DELEGATED, path)
        if layer == "path"
        else (abi.CHIM_NEIGHBOR_DELEGATED, neighbor)
    )
    nodes = [asking(kind, handle), asking(kind, handle)]
    twice = BlockList(card, linked(nodes, {0: 1}, {}))
    assert twice.run(abi.CHIM_OP_TERMINATE).status == OK
    assert twice.statuses() == [OK, BUSY]
    again = BlockList(card, [asking(kind, handle)])
    again.run(abi.CHIM_OP_TERMINATE)
    assert again.statuses() == [abi.CHIM_ST_INVALID_HANDLE]


def test_path_of_a_terminate_that_waits(make_card: MakeCard) -> None:
    """OBJ-H4: while a TERMINATE waits for a connection, the idle path that it names as well is
    busy for every other operation, and goes with it.
    """
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    _, path = idle_path(card)
    conn = Connection(card).initiate()
    conn.recv(100)
    nodes = [
        asking(abi.CHIM_PATH4_DELEGATED, path),
        asking(abi.CHIM_PATH4_DELEGATED, conn.path),
        conn.terminate_list().nodes[0],
    ]
    both, fence = BlockList(card, linked(nodes, {0: 1}, {1: 2})), next_fence()
    conn.post_fence(fence)
    for _ in range(conn.pair.cq.size):  # refused, which leaves no room for the other's completion
        conn.pair.sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=0xFFFF)])
    card.settle()
    waiting = both.post(abi.CHIM_OP_TERMINATE, fence, 1)
    card.settle()
    assert card.admin_cq.peek() is None
    for opcode, kind in (
        (abi.CHIM_OP_TERMINATE, abi.CHIM_PATH4_DELEGATED),
        (abi.CHIM_OP_QUERY, abi.CHIM_PATH4_ALL),
        (abi.CHIM_OP_UPDATE, abi.CHIM_PATH4_CACHED),
    ):
        other = BlockList(card, [asking(kind, path)])
        assert other.run(opcode).status == OK
        assert other.statuses() == [BUSY]
    below = BlockList(card, linked([linker(path), new_tcp(local_port=41000)], {}, {0: 1}))
    assert below.run(abi.CHIM_OP_INITIATE).status == OK
    assert below.statuses() == [BUSY, FAILURE]
    while conn.entry().ctl & abi.CHIM_CTL_OP_MASK != abi.CHIM_CQ_LAST:
        pass
    assert card.admin_wait(waiting).status == OK
    assert both.statuses() == [OK, OK, OK]
