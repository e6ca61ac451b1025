# SPDX-License-Identifier: GPL-2.0-or-later
"""Block lists that no driver should write (spec chapter 4), and commands that contradict them."""
from __future__ import annotations

import ctypes

import pytest

from chimney import abi
from chimney.qdev.blocklist import NODES_AT, NONE, BlockList, Node, asking
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, with_sges
from chimney.qdev.memory import NO_RAM

OK = abi.CHIM_ST_SUCCESS
INVALID_LIST, INVALID_FIELD = abi.CHIM_ST_INVALID_LIST, abi.CHIM_ST_INVALID_FIELD


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
    role or type; 4.2: "it cannot stand below a placeholder".
    """
    made = Connection(card).list
    made.poke_node(index, name, value)
    refused(card, made, abi.CHIM_OP_INITIATE, status)


def test_linker_without_a_handle(card: Card) -> None:
    """4.2: "If a linker's handle is 0, or a new node's is not, the whole list is refused with
    CHIM_ST_INVALID_LIST".
    """
    linker = Node(abi.CHIM_ROLE_LINKER)
    refused(card, Connection(card, neighbor=linker).list, abi.CHIM_OP_INITIATE, INVALID_LIST)


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
    """OBJ-D1, 4.2: "All offsets count from the start of the list, are multiples of 8, and lie
    behind the nodes"; neither do products overflow.
    """
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
    """SEC-4: unknown flags, reserved fields and values out of range of a state fail its node."""
    conn = Connection(card)
    setattr(conn.list.nodes[2].states[state], name, value)
    made = BlockList(card, conn.list.nodes)
    if name == "buffered_len":
        at = made.node(2).state_off + DELEGATED_AT + abi.OFFSETS["chim_tcp_delegated", name]
        made.poke(at, value.to_bytes(4, "little"))
    done = made.run(abi.CHIM_OP_INITIATE)
    assert (done.status, made.statuses()[2]) == (OK, INVALID_FIELD)
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


# the command around the list


def test_list_that_is_no_memory(card: Card) -> None:
    """RING-D10, RING-H4: the fatal cause names ring, index, rule and address."""
    index = card.admin_sq.index
    card.admin_post(abi.CHIM_OP_QUERY, data=(NO_RAM, 256), admin__len=256)
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["index"], fatal["addr"]) == (
        abi.CHIM_FATAL_DMA,
        abi.CHIM_RING_ADMIN_SQ,
        index,
        NO_RAM,
    )
    assert fatal["rule"] == abi.CHIM_RULE_RING_H4


@pytest.mark.parametrize("addr,length", [((1 << 64) - 16, 256), ((1 << 64) - 256, 257)])
def test_list_that_wraps(card: Card, addr: int, length: int) -> None:
    """RING-D9: a scatter element that passes 2^64."""
    done = card.admin(abi.CHIM_OP_QUERY, data=(addr, length), admin__len=length)
    assert done.status == INVALID_FIELD
    assert card.fatal() is None


@pytest.mark.parametrize("length", [0, 1, 15, 16, 79])
def test_list_too_short(card: Card, length: int) -> None:
    """OBJ-D1: no room for a header and a node, which is a matter of structure."""
    addr = card.memory.alloc(4096)
    card.qtest.write(addr, bytes(abi.chim_block_list(length=length, node_count=1, revision=1)))
    done = card.admin(abi.CHIM_OP_QUERY, data=(addr, length), admin__len=length)
    assert done.status == INVALID_LIST


def test_list_too_long(card: Card) -> None:
    """OBJ-D1: CHIM_REG_MAX_BLOCK_LEN bounds it."""
    limit = card.read(abi.CHIM_REG_MAX_BLOCK_LEN)
    addr = card.memory.alloc(limit + 8)
    done = card.admin(abi.CHIM_OP_QUERY, data=(addr, limit + 8), admin__len=limit + 8)
    assert done.status == INVALID_LIST


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
