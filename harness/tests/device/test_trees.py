# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees in block lists (spec chapter 4): the order in which nodes are done, the statuses of all
roles, and what the device writes into a node.
"""
from __future__ import annotations

import ctypes
from typing import cast

import pytest

from chimney import abi
from chimney.qdev.blocklist import (
    NODES_AT,
    ON_OFFLOADED,
    BlockList,
    Node,
    asking,
    five_tcp,
    linked,
    linker,
    new_neighbor,
    new_path,
    tree,
)
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.state import UNA

OK, PARTIAL, FAILURE = (
    abi.CHIM_ST_SUCCESS,
    abi.CHIM_ST_PARTIAL_SUCCESS,
    abi.CHIM_ST_FAILURE,
)


def example(card: Card) -> BlockList:
    """N1-P1-{T1,T2}, P2-T3."""
    t1, t2, t3, *_ = five_tcp()
    nodes = [new_neighbor(), new_path(), t1, t2, new_path(), t3]
    return BlockList(card, linked(nodes, {1: 4, 2: 3}, {0: 1, 1: 2, 4: 5}))


def test_worked_example(make_card: MakeCard) -> None:
    """INI-13, INI-4, INI-5, TRE-14, TRE-17, INI-2: the statuses of the guide's example."""
    card = make_card(options="x-fail-initiate=tcp/RESOURCES:2+path/FAILURE:2").start()
    tried = example(card)
    assert tried.run(abi.CHIM_OP_INITIATE).status == OK
    assert tried.statuses() == [PARTIAL, PARTIAL, OK, abi.CHIM_ST_RESOURCES, FAILURE, FAILURE]
    assert [bool(tried.node(i).handle) for i in range(6)] == [True, True, True, False, False, False]


def test_partial_success_looks_one_level_down(make_card: MakeCard) -> None:
    """INI-4: a neighbor whose path is in is SUCCESS, though the path is PARTIAL."""
    card = make_card(options="x-fail-initiate=TCP_ENTRIES:2").start()
    tried = BlockList(card, tree(five_tcp()[:3]))
    tried.run(abi.CHIM_OP_INITIATE)
    assert tried.statuses() == [OK, PARTIAL, OK, abi.CHIM_ST_TCP_ENTRIES, OK]


def test_depth_first_breadth_next(card: Card) -> None:
    """TRE-15, OBJ-D2, TRE-4, TRE-5, INI-3, ARC-6: N1, P1, T1, T2, P2, T3, N2, P3, T4, T5, whatever
    their places in the list.
    """
    t1, t2, t3, t4, t5 = five_tcp()
    nodes = [t5, t3, new_neighbor(), t1, new_path(), new_neighbor(), t4, new_path(), t2, new_path()]
    # 2: N1 -> 4: P1 -> 3: T1, 8: T2; 4 next 7: P2 -> 1: T3; 2 next 5: N2 -> 9: P3 -> 6: T4, 0: T5
    linked(nodes, {2: 5, 4: 7, 3: 8, 6: 0}, {2: 4, 4: 3, 7: 1, 5: 9, 9: 6})
    bulk = BlockList(card, nodes, root=2)
    assert bulk.run(abi.CHIM_OP_INITIATE).status == OK
    assert bulk.statuses() == [OK] * 10
    opened = [card.pairs[0].cq.take().conn_cookie for _ in range(5)]
    assert opened == [0x101, 0x102, 0x103, 0x104, 0x105]
    cut = [card.pairs[0].rxc.take().u.cookie for _ in range(5)]
    assert cut == opened
    cases = card.stats().cases
    assert (cases.initiates, cases.bulk_lists) == (5, 1)


def test_root_that_fails(make_card: MakeCard) -> None:
    """TRE-16: nothing else is tried, and every node has its status."""
    card = make_card(options="x-fail-initiate=NEIGHBOR_ENTRIES:1").start()
    tried = example(card)
    tried.run(abi.CHIM_OP_INITIATE)
    assert tried.statuses() == [abi.CHIM_ST_NEIGHBOR_ENTRIES] + [FAILURE] * 5


def test_linkers(make_card: MakeCard) -> None:
    """TRE-10, TRE-13: SUCCESS, PARTIAL or FAILURE by the immediate dependents."""
    card = make_card(options="x-fail-initiate=TCP_ENTRIES:3+TCP_ENTRIES:4").start()
    conn = Connection(card).initiate()
    t1, t2, t3, t4, t5 = five_tcp()
    nodes = tree([t1, t2], neighbor=linker(conn.neighbor), path=linker(conn.path))
    both = BlockList(card, nodes)
    both.run(abi.CHIM_OP_INITIATE)
    assert both.statuses() == [OK, PARTIAL, OK, abi.CHIM_ST_TCP_ENTRIES]
    none = BlockList(card, tree([t3], neighbor=linker(conn.neighbor), path=linker(conn.path)))
    none.run(abi.CHIM_OP_INITIATE)
    assert none.statuses() == [FAILURE, FAILURE, abi.CHIM_ST_TCP_ENTRIES]
    whole = BlockList(card, tree([t4, t5], neighbor=linker(conn.neighbor), path=linker(conn.path)))
    whole.run(abi.CHIM_OP_INITIATE)
    assert whole.statuses() == [OK] * 4
    assert card.stats().tcp4.currently_established == 4


def test_path_under_a_linked_neighbor(card: Card) -> None:
    """TRE-10; 4.2: "Its dependents are attached to that object"."""
    conn = Connection(card).initiate()
    more = BlockList(card, tree([five_tcp()[0]], neighbor=linker(conn.neighbor)))
    more.run(abi.CHIM_OP_INITIATE)
    assert more.statuses() == [OK, OK, OK]
    neighbor = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor)])
    neighbor.run(abi.CHIM_OP_TERMINATE)
    assert neighbor.statuses() == [abi.CHIM_ST_IN_USE]


@pytest.mark.parametrize("fails", [False, True])
def test_placeholders_at_initiate(make_card: MakeCard, fails: bool) -> None:
    """TRE-9, TRE-12; 4.2: "It only gives its dependents a place"; SUCCESS whatever happens below,
    with dependents or without.
    """
    card = make_card(options="x-fail-initiate=TCP_ENTRIES:2" if fails else "").start()
    conn = Connection(card).initiate()
    nodes = [
        Node(abi.CHIM_ROLE_PLACEHOLDER),
        linker(conn.path),
        five_tcp()[0],
        Node(abi.CHIM_ROLE_PLACEHOLDER),
    ]
    tried = BlockList(card, linked(nodes, {0: 3}, {0: 1, 1: 2}))
    assert tried.run(abi.CHIM_OP_INITIATE).status == OK
    want = [OK, FAILURE, abi.CHIM_ST_TCP_ENTRIES, OK] if fails else [OK, OK, OK, OK]
    assert tried.statuses() == want


@pytest.mark.parametrize("opcode,kind", ON_OFFLOADED)
def test_placeholders_at_the_other_operations(card: Card, opcode: int, kind: int) -> None:
    """TRE-12, TRE-24, INI-9: placeholders get their status in all five operations."""
    conn = Connection(card).initiate()
    if kind == abi.CHIM_TCP_CACHED:
        object_ = asking(kind, conn.handle)
        object_.states = conn.list.nodes[2].states[1:2]
    elif kind:
        object_ = asking(kind, conn.handle)
    else:
        object_ = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_ALL, handle=conn.handle)
    nodes = [Node(abi.CHIM_ROLE_PLACEHOLDER), Node(abi.CHIM_ROLE_PLACEHOLDER), object_]
    asked = BlockList(card, linked(nodes, {}, {0: 1, 1: 2}))
    asked.poke_node(0, "status", 77)
    fence = next_fence()
    conn.post_fence(fence)
    assert asked.run(opcode, fence, 1).status == OK
    assert asked.statuses() == [OK, OK, OK]


def test_cookies_and_reserved_fields_are_left_alone(card: Card) -> None:
    """TRE-8: of a node only handle, status and info are written."""
    bulk = BlockList(card, tree(five_tcp()))
    bulk.run(abi.CHIM_OP_INITIATE)
    after = bytearray(card.qtest.read(bulk.addr, bulk.length))
    for index in range(7):
        at = NODES_AT + 64 * index
        for name in ("handle", "status", "info"):
            field = at + abi.OFFSETS["chim_node", name]
            after[field : field + 4] = bulk.raw[field : field + 4]
    assert after == bulk.raw


CANARY = b"\x5a"
AROUND = 256


def asked_tree(conn: Connection, opcode: int) -> list[Node]:
    """Neighbor, path and connection, asked for all of their states, or taken back."""
    if opcode == abi.CHIM_OP_QUERY:
        nodes = [
            asking(abi.CHIM_NEIGHBOR_ALL, conn.neighbor),
            asking(abi.CHIM_PATH4_ALL, conn.path),
            asking(abi.CHIM_TCP_ALL, conn.handle),
        ]
    else:
        nodes = [
            asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor),
            asking(abi.CHIM_PATH4_DELEGATED, conn.path),
            conn.terminate_list(sends=4, buffered=512).nodes[0],
        ]
    return linked(nodes, {}, {0: 1, 1: 2})


def writable(asked: BlockList, returned: int) -> list[tuple[int, int]]:
    """The ranges of a list that the device may write: status, info and states of each node, and so
    many requests that it hands back.
    """
    ranges = []
    for index, node in enumerate(asked.nodes):
        at = NODES_AT + 64 * index
        ranges += [(at + abi.OFFSETS["chim_node", name], 4) for name in ("status", "info")]
        ranges.append((node.state_off, asked.node(index).state_len))
    if returned:
        size = ctypes.sizeof(abi.chim_send_ref)
        ranges.append((asked.nodes[2].send_off, size * returned))
    return ranges


@pytest.mark.parametrize("opcode", [abi.CHIM_OP_QUERY, abi.CHIM_OP_TERMINATE])
def test_nothing_else_of_a_list_is_written(conn: Connection, peer: Peer, opcode: int) -> None:
    """OBJ-D8: QUERY and TERMINATE leave everything between the structures of a list and around it
    as it is, and the room for requests that do not come back.
    """
    card = conn.card
    sends = [conn.send(b"pending"), conn.send(b"pending")]
    peer.data(b"unread")
    conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    nodes = asked_tree(conn, opcode)
    first = card.memory.alloc(AROUND)
    asked = BlockList(card, nodes, gap=CANARY * 40)
    last = card.memory.alloc(AROUND) + AROUND
    card.qtest.write(first, CANARY * (asked.addr - first))
    end = asked.addr + asked.length
    card.qtest.write(end, CANARY * (last - end))
    returned = 0
    if opcode == abi.CHIM_OP_TERMINATE:
        size = ctypes.sizeof(abi.chim_send_ref)
        asked.poke(nodes[2].send_off, CANARY * (4 * size))
        card.qtest.write(conn.buffered_addr, CANARY * 512)
        returned = len(sends)
    before = bytearray(card.qtest.read(first, last - first))
    fence = next_fence()
    conn.post_fence(fence)
    assert asked.run(opcode, fence, 1).status == OK
    assert asked.statuses() == [OK, OK, OK]
    delegated = cast(abi.chim_tcp_delegated, asked.states(2)[-1])
    assert delegated.snd_una == UNA and delegated.snd_max == UNA + 14
    after = bytearray(card.qtest.read(first, last - first))
    for at, length in writable(asked, returned):
        at += asked.addr - first
        after[at : at + length] = before[at : at + length]
    assert after == before
    if opcode == abi.CHIM_OP_TERMINATE:
        assert [ref.cookie for ref in asked.sends_back(2)] == sends
        assert card.qtest.read(conn.buffered_addr, 512) == b"unread" + CANARY * 506
