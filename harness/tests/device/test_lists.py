# SPDX-License-Identifier: GPL-2.0-or-later
"""Block lists (spec chapter 4): trees and their statuses, and lists that no driver should write."""
from __future__ import annotations

import ctypes

import pytest

from chimney import abi
from chimney.qdev.blocklist import (
    NODES_AT,
    NONE,
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
from chimney.qdev.connection import Connection, next_fence, post_tx_fence
from chimney.qdev.device import Card, MakeCard, with_sges
from chimney.qdev.memory import NO_RAM
from chimney.qdev.seg import parse
from chimney.qdev.state import neighbor_state

OK, PARTIAL, FAILURE = (
    abi.CHIM_ST_SUCCESS,
    abi.CHIM_ST_PARTIAL_SUCCESS,
    abi.CHIM_ST_FAILURE,
)
INVALID_LIST, INVALID_FIELD, INVALID_HANDLE = (
    abi.CHIM_ST_INVALID_LIST,
    abi.CHIM_ST_INVALID_FIELD,
    abi.CHIM_ST_INVALID_HANDLE,
)


def example(card: Card) -> BlockList:
    """N1-P1-{T1,T2}, P2-T3."""
    t1, t2, t3, *_ = five_tcp()
    nodes = [new_neighbor(), new_path(), t1, t2, new_path(), t3]
    return BlockList(card, linked(nodes, {1: 4, 2: 3}, {0: 1, 1: 2, 4: 5}))


# trees and statuses


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
    """TRE-10: new state is attached to the object that the linker names."""
    conn = Connection(card).initiate()
    more = BlockList(card, tree([five_tcp()[0]], neighbor=linker(conn.neighbor)))
    more.run(abi.CHIM_OP_INITIATE)
    assert more.statuses() == [OK, OK, OK]
    neighbor = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor)])
    neighbor.run(abi.CHIM_OP_TERMINATE)
    assert neighbor.statuses() == [abi.CHIM_ST_IN_USE]


@pytest.mark.parametrize("fails", [False, True])
def test_placeholders_at_initiate(make_card: MakeCard, fails: bool) -> None:
    """TRE-9, TRE-12: SUCCESS whatever happens below, with dependents or without."""
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


@pytest.mark.parametrize(
    "opcode,kind",
    [
        (abi.CHIM_OP_QUERY, abi.CHIM_TCP_ALL),
        (abi.CHIM_OP_UPDATE, abi.CHIM_TCP_CACHED),
        (abi.CHIM_OP_INVALIDATE, 0),
        (abi.CHIM_OP_TERMINATE, abi.CHIM_TCP_DELEGATED),
    ],
)
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


def test_cookies_and_reserved_fields_are_left_alone(card: Card) -> None:
    """TRE-8, OBJ-D8: of a node only handle, status and info are written."""
    bulk = BlockList(card, tree(five_tcp()))
    bulk.run(abi.CHIM_OP_INITIATE)
    after = bytearray(card.qtest.read(bulk.addr, bulk.length))
    for index in range(7):
        at = NODES_AT + 64 * index
        for name in ("handle", "status", "info"):
            field = at + abi.OFFSETS["chim_node", name]
            after[field : field + 4] = bulk.raw[field : field + 4]
    assert after == bulk.raw


def test_initiates_side_by_side(card: Card) -> None:
    """EVO-1, OP-D1, OP-D5: one waits for its fence, another goes through; each completes once."""
    first, second = Connection(card), Connection(card, local_port=40001, cookie=2)
    waiting = first.list.post(abi.CHIM_OP_INITIATE, first.fence, 1)
    second.initiate()
    assert card.admin_cq.peek() is None
    post_tx_fence(first.pair, first.fence)
    assert card.admin_wait(waiting).status == OK
    assert first.entry(abi.CHIM_CQ_OPENED).conn_cookie == first.cookie


# lists that no driver should write


def refused(card: Card, made: BlockList, opcode: int, status: int, *, fence: bool = False) -> None:
    """The list is refused as a whole, and nothing is written into it."""
    before = card.qtest.read(made.addr, made.length)
    done = made.run(opcode)
    assert done.status == status
    assert card.qtest.read(made.addr, made.length) == before
    assert card.fatal() is None


HEADERS = [
    ("length", 16, INVALID_LIST),
    ("length", 0xFFFFFFFF, INVALID_LIST),
    ("node_count", 0, INVALID_LIST),
    ("node_count", 1025, INVALID_LIST),
    ("node_count", 0xFFFFFFFF, INVALID_LIST),
    ("root", 3, INVALID_LIST),
    ("root", NONE, INVALID_LIST),
    ("revision", 0, INVALID_LIST),
    ("revision", 2, INVALID_LIST),
]


@pytest.mark.parametrize("name,value,status", HEADERS)
def test_impossible_header(card: Card, name: str, value: int, status: int) -> None:
    """OBJ-D1, SEC-4, STA-6"""
    made = Connection(card).list
    made.poke_head(name, value)
    refused(card, made, abi.CHIM_OP_INITIATE, status)


NODE_FIELDS = [
    # links: out of range, cycles, shared nodes, layers
    (0, "next", 3, INVALID_LIST),
    (0, "next", 0x7FFFFFFF, INVALID_LIST),
    (0, "next", 0, INVALID_LIST),
    (0, "next", 1, INVALID_LIST),
    (1, "next", 1, INVALID_LIST),
    (1, "next", 0, INVALID_LIST),
    (2, "next", 0, INVALID_LIST),
    (2, "next", 1, INVALID_LIST),
    (2, "next", 2, INVALID_LIST),
    (0, "dependent", 0, INVALID_LIST),
    (0, "dependent", 2, INVALID_LIST),
    (0, "dependent", 99, INVALID_LIST),
    (1, "dependent", 0, INVALID_LIST),
    (2, "dependent", 0, INVALID_LIST),
    (2, "dependent", 2, INVALID_LIST),
    # roles and types
    (0, "role", abi.CHIM_ROLE_OBJECT, INVALID_LIST),
    (1, "role", 4, INVALID_LIST),
    (2, "role", 255, INVALID_LIST),
    (2, "role", abi.CHIM_ROLE_LINKER, INVALID_LIST),
    (0, "role", abi.CHIM_ROLE_PLACEHOLDER, INVALID_LIST),
    (0, "type", abi.CHIM_NEIGHBOR_CONST, INVALID_LIST),
    (0, "type", abi.CHIM_PATH4_ALL, INVALID_LIST),
    (1, "type", abi.CHIM_TCP_ALL, INVALID_LIST),
    (2, "type", abi.CHIM_NEIGHBOR_ALL, INVALID_LIST),
    (2, "type", 16, INVALID_LIST),
    (2, "type", 0, INVALID_LIST),
    (2, "type", 255, INVALID_LIST),
    (2, "handle", 1, INVALID_LIST),
    # states
    (0, "state_off", 0, INVALID_LIST),
    (0, "state_off", NODES_AT + 64, INVALID_LIST),
    (1, "state_off", 0xFFFFFFF8, INVALID_LIST),
    (2, "state_len", 0, INVALID_LIST),
    (2, "state_len", 0xFFFFFFFF, INVALID_LIST),
    (0, "state_len", 224, INVALID_LIST),
]


@pytest.mark.parametrize("index,name,value,status", NODE_FIELDS)
def test_impossible_node(card: Card, index: int, name: str, value: int, status: int) -> None:
    """OBJ-D1, SEC-4, TRE-2, TRE-3, TRE-6: cyclic, shared, mis-layered, out of range, of a wrong
    role or type.
    """
    made = Connection(card).list
    made.poke_node(index, name, value)
    refused(card, made, abi.CHIM_OP_INITIATE, status)


def test_unaligned_state(card: Card) -> None:
    """OBJ-D1"""
    made = Connection(card).list
    made.poke_node(0, "state_off", made.node(0).state_off + 4)
    refused(card, made, abi.CHIM_OP_INITIATE, INVALID_LIST)


def test_reserved_field_of_a_node(card: Card) -> None:
    """OBJ-D1: content, not structure."""
    made = Connection(card).list
    made.poke(NODES_AT + abi.OFFSETS["chim_node", "rsvd"], b"\1")
    refused(card, made, abi.CHIM_OP_INITIATE, INVALID_FIELD)


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("field,value", [(0, 8), (0, 0), (4, 1)])
def test_impossible_state_header(card: Card, index: int, field: int, value: int) -> None:
    """STA-5, OBJ-D1: the length and the reserved options word of a state."""
    made = Connection(card).list
    made.poke(made.node(index).state_off + field, value.to_bytes(4, "little"))
    refused(card, made, abi.CHIM_OP_INITIATE, INVALID_LIST)


DELEGATED_AT = ctypes.sizeof(abi.chim_tcp_const) + ctypes.sizeof(abi.chim_tcp_cached)


@pytest.mark.parametrize(
    "name,value",
    [
        ("send_off", 0xFFFFFFF0),
        ("send_off", 17),
        ("send_off", 16),
        ("send_count", 0x08000001),
        ("send_count", 0xFFFFFFFF),
        ("buffered_off", 0xFFFFFFF8),
        ("buffered_off", 4),
        ("buffered_sges", 0x10000001),
        ("buffered_sges", 0xFFFFFFFF),
    ],
)
def test_chain_outside_of_the_list(card: Card, name: str, value: int) -> None:
    """OBJ-D1: offsets of chains and scatter lists, and products that overflow."""
    made = Connection(card, sends=[b"send"], buffered=b"unread").list
    at = made.node(2).state_off + DELEGATED_AT + abi.OFFSETS["chim_tcp_delegated", name]
    made.poke(at, value.to_bytes(4, "little"))
    refused(card, made, abi.CHIM_OP_INITIATE, INVALID_LIST)


@pytest.mark.parametrize(
    "name,value", [("sge_off", 0xFFFFFFF8), ("sge_off", 3), ("sge_count", 1 << 28)]
)
def test_scatter_list_of_a_send_outside_of_the_list(card: Card, name: str, value: int) -> None:
    """OBJ-D1"""
    made = Connection(card, sends=[b"send"]).list
    delegated = made.states(2)[2]
    at = delegated.send_off + abi.OFFSETS["chim_send_ref", name]  # type: ignore[attr-defined]
    made.poke(at, value.to_bytes(4, "little"))
    refused(card, made, abi.CHIM_OP_INITIATE, INVALID_LIST)


@pytest.mark.parametrize(
    "state,name,value",
    [
        (0, "snd_wscale", 15),
        (0, "rcv_wscale", 15),
        (0, "flags", 0x8000),
        (0, "rsvd", 1),
        (1, "flags", abi.CHIM_TCP_KA_RESTART),
        (1, "flags", 0x8000),
        (1, "user_priority", 8),
        (1, "flow_label", 1 << 20),
        (1, "rsvd0", 1),
        (2, "flags", 1),
        (2, "rsvd0", 1),
        (2, "dwnd", 1),
        (2, "buffered_len", 5),
    ],
)
def test_impossible_content_of_a_connection(card: Card, state: int, name: str, value: int) -> None:
    """SEC-4, OBJ-D1: unknown flags, reserved fields and values out of range fail the node, or the
    whole command.
    """
    conn = Connection(card)
    setattr(conn.list.nodes[2].states[state], name, value)
    made = BlockList(card, conn.list.nodes)
    if name == "buffered_len":
        at = made.node(2).state_off + DELEGATED_AT + abi.OFFSETS["chim_tcp_delegated", name]
        made.poke(at, value.to_bytes(4, "little"))
    done = made.run(abi.CHIM_OP_INITIATE)
    assert INVALID_FIELD in (done.status, made.statuses()[2])
    assert card.pairs[0].cq.peek() is None and made.node(2).handle == 0


@pytest.mark.parametrize("state", [0, 1, 2, 3, 10, 11, 255])
def test_states_that_are_never_offloaded(card: Card, state: int) -> None:
    """STA-13, OBJ-H3"""
    conn = Connection(card, state=state)
    conn.initiate(expect=abi.CHIM_ST_INVALID_STATE)


@pytest.mark.parametrize("pair,status", [(1, abi.CHIM_ST_NOT_READY), (16, INVALID_FIELD)])
def test_pair_that_is_not_there(make_card: MakeCard, pair: int, status: int) -> None:
    """OP-D6: the pair of a TCP node must exist with all its rings."""
    card = make_card(options="pairs=4").start()
    conn = Connection(card)
    conn.list.poke_node(2, "pair", pair)
    conn.initiate(expect=status)


# limits


def test_no_entry_left(make_card: MakeCard) -> None:
    """INI-8: the card's tables are full, layer by layer; a terminate makes room."""
    card = make_card(options="max-conns=1,x-max-paths=2,x-max-neighbors=3").start()
    conn = Connection(card).initiate()
    Connection(card, local_port=1, cookie=1).initiate(expect=abi.CHIM_ST_TCP_ENTRIES)
    third = Connection(card, local_port=2, cookie=2)
    third.list.run(abi.CHIM_OP_INITIATE)
    assert third.list.statuses() == [PARTIAL, abi.CHIM_ST_PATH_ENTRIES, FAILURE]
    fourth = Connection(card, local_port=3, cookie=3)
    fourth.list.run(abi.CHIM_OP_INITIATE)
    assert fourth.list.statuses() == [abi.CHIM_ST_NEIGHBOR_ENTRIES, FAILURE, FAILURE]
    conn.terminate()
    again = BlockList(
        card, tree([five_tcp()[0]], neighbor=linker(conn.neighbor), path=linker(conn.path))
    )
    again.run(abi.CHIM_OP_INITIATE)
    assert again.statuses() == [OK, OK, OK]


def test_receive_window_too_large(card: Card) -> None:
    """INI-11"""
    size = card.read(abi.CHIM_REG_MAX_RCV_WND)
    Connection(card, initial_rcv_wnd=size + 1).initiate(expect=abi.CHIM_ST_TCP_RCV_WINDOW)
    Connection(card, initial_rcv_wnd=size).initiate()


def test_path_mtu_too_large(card: Card) -> None:
    """INI-11"""
    mtu = card.read(abi.CHIM_REG_MAX_MTU)
    conn = Connection(card, path=new_path(mtu=mtu + 1))
    conn.list.run(abi.CHIM_OP_INITIATE)
    assert conn.list.statuses() == [PARTIAL, abi.CHIM_ST_PATH_MTU, FAILURE]
    Connection(card, path=new_path(mtu=mtu)).initiate()


def test_too_many_sends(card: Card) -> None:
    """INI-8: more requests in the chain than the card keeps."""
    limit = card.read(abi.CHIM_REG_MAX_SENDS)
    conn = Connection(card, sends=[b"."] * (limit + 1))
    conn.initiate(expect=abi.CHIM_ST_TCP_XMIT_BUFFER)
    Connection(card, sends=[b"."] * limit).initiate()


def test_tuple_offloaded_already(card: Card) -> None:
    """INI-15"""
    conn = Connection(card).initiate()
    Connection(card, cookie=2).initiate(expect=abi.CHIM_ST_DUPLICATE)
    conn.send(b"alive")
    assert card.wire_frame()


def test_source_macs(card: Card) -> None:
    """INI-10: sixteen source MACs of neighbors' own, then HW_ADDRESS_ENTRIES; a known one needs no
    room.
    """
    macs = [bytes([2, 0, 0, 0, 1, n]) for n in range(17)]
    nodes = [new_neighbor(src=mac) for mac in [*macs[:16], macs[0], macs[16]]]
    linked(nodes, {n: n + 1 for n in range(17)}, {})
    made = BlockList(card, nodes)
    made.run(abi.CHIM_OP_INITIATE)
    assert made.statuses() == [OK] * 17 + [abi.CHIM_ST_HW_ADDRESS_ENTRIES]


def test_vlan_entries(card: Card) -> None:
    """VLN-3: tag resources run out."""
    limit = card.read(abi.CHIM_REG_MAX_VLANS)
    nodes = [new_neighbor(vlan=n + 1) for n in [*range(limit), 0, limit]]
    linked(nodes, {n: n + 1 for n in range(limit + 1)}, {})
    made = BlockList(card, nodes)
    made.run(abi.CHIM_OP_INITIATE)
    assert made.statuses() == [OK] * (limit + 1) + [abi.CHIM_ST_VLAN_ENTRIES]


@pytest.mark.parametrize(
    "interface,neighbor,status",
    [
        ([], 7, OK),
        ([], 0, OK),
        ([5, 6], 0, OK),
        ([5, 6], 6, OK),
        ([5, 6], 7, abi.CHIM_ST_VLAN_MISMATCH),
    ],
)
def test_vlan_mismatch(card: Card, interface: list[int], neighbor: int, status: int) -> None:
    """VLN-4: the interface's VLANs decide; none means any."""
    ids = b"".join(n.to_bytes(2, "little") for n in interface)
    done = card.admin(
        abi.CHIM_OP_SET_VLANS,
        data=(card.memory.put(ids or b"\0"), len(ids)),
        vlan__count=len(interface),
    )
    assert done.status == OK
    made = BlockList(card, [new_neighbor(vlan=neighbor)])
    made.run(abi.CHIM_OP_INITIATE)
    assert made.statuses() == [status]


def test_vlan_id_out_of_range(card: Card) -> None:
    """OBJ-D1: a VLAN id has twelve bits, and 4095 is none."""
    for vlan in (4095, 0xFFFF):
        made = BlockList(card, [new_neighbor(vlan=vlan)])
        done = made.run(abi.CHIM_OP_INITIATE)
        assert INVALID_FIELD in (done.status, made.statuses()[0])


# the command around the list


def test_list_that_is_no_memory(card: Card) -> None:
    """RING-D10: the fatal cause names ring, index and address."""
    index = card.admin_sq.index
    card.admin_post(abi.CHIM_OP_QUERY, data=(NO_RAM, 256), admin__len=256)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["index"], fatal["addr"]) == (
        abi.CHIM_FATAL_DMA,
        abi.CHIM_RING_ADMIN_SQ,
        index,
        NO_RAM,
    )


@pytest.mark.parametrize("addr,length", [((1 << 64) - 16, 256), ((1 << 64) - 256, 257)])
def test_list_that_wraps(card: Card, addr: int, length: int) -> None:
    """RING-D9: a scatter element that passes 2^64."""
    done = card.admin(abi.CHIM_OP_QUERY, data=(addr, length), admin__len=length)
    assert done.status == INVALID_FIELD
    assert card.fatal() is None


@pytest.mark.parametrize("length", [0, 1, 15, 16, 79])
def test_list_too_short(card: Card, length: int) -> None:
    """OBJ-D1: no room for a header and a node."""
    addr = card.memory.alloc(4096)
    card.qtest.write(addr, bytes(abi.chim_block_list(length=length, node_count=1, revision=1)))
    done = card.admin(abi.CHIM_OP_QUERY, data=(addr, length), admin__len=length)
    assert done.status in (INVALID_LIST, INVALID_FIELD)


def test_list_too_long(card: Card) -> None:
    """OBJ-D1: CHIM_REG_MAX_BLOCK_LEN bounds it."""
    limit = card.read(abi.CHIM_REG_MAX_BLOCK_LEN)
    addr = card.memory.alloc(limit + 8)
    done = card.admin(abi.CHIM_OP_QUERY, data=(addr, limit + 8), admin__len=limit + 8)
    assert done.status in (INVALID_LIST, INVALID_FIELD)


@pytest.mark.parametrize("field,value", [("admin__len", 80), ("admin__flags", 1)])
def test_command_that_contradicts_its_list(card: Card, field: str, value: int) -> None:
    """RING-D9: lengths that do not add up, and a reserved field."""
    made = BlockList(card, [asking(abi.CHIM_NEIGHBOR_ALL, 1)])
    fields = {"admin__len": made.length, field: value}
    done = card.admin(abi.CHIM_OP_QUERY, data=(made.addr, made.length), **fields)
    assert done.status == INVALID_FIELD


def test_list_in_many_pieces(card: Card) -> None:
    """RING-D9: a list may be scattered, also over its own structures."""
    made = Connection(card).list
    raw = card.qtest.read(made.addr, made.length)
    cuts = [0, 3, 16, 17, 100, 101, made.length]
    pieces = [(card.memory.put(raw[a:b], 1), b - a) for a, b in zip(cuts, cuts[1:], strict=False)]
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_INITIATE, cookie=5)
    entry.u.admin.len = made.length
    card.admin_sq.publish(with_sges(entry, pieces))
    assert card.admin_wait(5).status == OK
    back = b"".join(card.qtest.read(addr, length) for addr, length in pieces)
    node = abi.chim_node.from_buffer_copy(back, NODES_AT + 128)
    assert node.status == OK and node.handle


# handles


def wrong_handles(card: Card) -> tuple[Connection, list[int]]:
    """A live connection, and handles that name nothing on the TCP layer."""
    gone = Connection(card, local_port=39999, cookie=9).initiate()
    gone.terminate()
    conn = Connection(card).initiate()
    forged = [conn.handle ^ bit for bit in (1, 0x8000, 0x10000, 0x80000000)]
    return conn, [gone.handle, conn.path, conn.neighbor, 0xFFFFFFFF, 0x7FFFFFFF, *forged]


@pytest.mark.parametrize(
    "opcode,kind",
    [
        (abi.CHIM_OP_QUERY, abi.CHIM_TCP_ALL),
        (abi.CHIM_OP_UPDATE, abi.CHIM_TCP_CACHED),
        (abi.CHIM_OP_INVALIDATE, 0),
        (abi.CHIM_OP_TERMINATE, abi.CHIM_TCP_DELEGATED),
    ],
)
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
    """OBJ-D4: handle 0."""
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, 0)])
    done = asked.run(abi.CHIM_OP_QUERY)
    assert done.status == INVALID_LIST or asked.statuses() == [INVALID_HANDLE]


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
    """OBJ-H4: BUSY while another one runs; here the initiate still waits for room on the CQ."""
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


def test_object_named_twice(card: Card) -> None:
    """TRM-23: a connection can be terminated once."""
    conn = Connection(card).initiate()
    nodes = [conn.terminate_list().nodes[0], conn.terminate_list().nodes[0]]
    twice, fence = BlockList(card, linked(nodes, {0: 1}, {})), next_fence()
    conn.post_fence(fence)
    assert twice.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert twice.statuses() == [OK, abi.CHIM_ST_BUSY]
    assert conn.entry(abi.CHIM_CQ_LAST).info == fence
    assert conn.no_entry()


def test_bulk_terminate(card: Card) -> None:
    """ARC-6, TRM-2, INI-2: many connections in one list; each has its LAST, its state and its
    status.
    """
    bulk = BlockList(card, tree(five_tcp()))
    bulk.run(abi.CHIM_OP_INITIATE)
    fence = next_fence()
    nodes = [asking(abi.CHIM_TCP_DELEGATED, bulk.node(i).handle) for i in range(2, 7)]
    for node in nodes:
        node.send_room, node.buffered = 4, [(card.memory.alloc(1 << 19), 1 << 19)]
    asked = BlockList(card, linked(nodes, {n: n + 1 for n in range(4)}, {}))
    entry = abi.chim_sqe()
    entry.ctl, entry.u.fence.id = abi.CHIM_OP_FENCE, fence
    card.pairs[0].sq.publish([entry])
    for _ in range(5):
        card.pairs[0].cq.take()
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert asked.statuses() == [OK] * 5
    last = [card.pairs[0].cq.take() for _ in range(5)]
    assert {e.ctl & abi.CHIM_CTL_OP_MASK for e in last} == {abi.CHIM_CQ_LAST}
    assert sorted(e.conn_cookie for e in last) == [0x101, 0x102, 0x103, 0x104, 0x105]
    assert card.stats().cases.terminates == 5


def test_neighbor_without_its_mac(card: Card) -> None:
    """STA-10: the source MAC is the interface's unless the neighbor has one of its own."""
    own = bytes.fromhex("0200000000aa")
    neighbor = Node(abi.CHIM_ROLE_NEW, abi.CHIM_NEIGHBOR_ALL, neighbor_state(src=own))
    conn = Connection(card, neighbor=neighbor).initiate()
    conn.send(b"x")
    assert parse(card.wire_frame()).smac == own
