# SPDX-License-Identifier: GPL-2.0-or-later
"""What the card says of what it refuses (spec/refusals.md): set-up commands, state operations,
block lists and their nodes. test_refusals.py has all else.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chimney import abi
from chimney.qdev.blocklist import (
    NODES_AT, BlockList, Node, asking, linked, linker, new_neighbor, new_path)
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard, ring_id
from chimney.qdev.peer import Peer
from chimney.qdev.refusals import Refusals, Row, names, on, sqe, wanted
from chimney.qdev.state import UNA
from chimney.vm.qmp import Qmp

SQ, TX = (ring_id(0, kind) for kind in (abi.CHIM_RING_SQ, abi.CHIM_RING_TX))
FIELD, LIMIT = abi.CHIM_ST_INVALID_FIELD, abi.CHIM_ST_LIMIT


# set-up commands


def create(kind: int, pair: int = 1, **changes: int) -> Callable[[Card], object]:
    def post(card: Card) -> object:
        base = card.memory.alloc(8192, 4096)
        fields = {"ring__ring": ring_id(pair, kind), "ring__log2_size": 4, **changes}
        at = fields.pop("at", 0)
        return card.admin(
            abi.CHIM_OP_CREATE_RING, data=(base + at, 0), second=base + 4096, **fields)
    return post


def admin(opcode: int, **fields: Any) -> Callable[[Card], object]:
    return lambda card: card.admin(opcode, **fields)


def destroy_in_use(card: Card) -> None:
    Connection(card).initiate()
    card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=SQ)


def rss(length: int, *table: int) -> Callable[[Card], object]:
    made = abi.chim_rss(table_len=length)
    for at, pair in enumerate(table):
        made.table[at] = pair
    return lambda card: card.admin_data(abi.CHIM_OP_SET_RSS, bytes(made))


def params(**changes: int) -> Callable[[Card], object]:
    fields = {"ticks_per_second": 1000, "dup_ack_threshold": 3, **changes}
    return lambda card: card.admin_data(abi.CHIM_OP_SET_PARAMS, bytes(abi.chim_params(**fields)))


U = "chim_sqe.u."
SETUP: list[Row] = [
    (admin(abi.CHIM_OP_SET_MTU, value=9001), "5.6/value", {
        "ring": 0, "field": U + "value", "offset": 16, "found": 9001, "allowed": "68..9000",
        "status": FIELD}),
    (admin(abi.CHIM_OP_SET_MTU | 1 << abi.CHIM_CTL_FLAGS_SHIFT, value=1500), "1/reserved",
     {"field": "chim_sqe.ctl flags", "found": 1}),
    (create(abi.CHIM_RING_TX, at=32), "5.6/value",
     {"field": "chim_sqe.sge[0].addr", "offset": 32, "allowed": "a multiple of 64"}),
    (create(abi.CHIM_RING_TX, ring__log2_size=17), "5.6/value", {"found": 17, "status": LIMIT}),
    (create(abi.CHIM_RING_TX, ring__rsvd=1), "1/reserved", {"field": U + "ring.rsvd"}),
    (create(abi.CHIM_RING_TX, pair=16), "5.6/ring", {"field": U + "ring.ring"}),
    (create(abi.CHIM_RING_TX, pair=0), "5.6/exists",
     {"found": TX, "status": abi.CHIM_ST_NOT_READY}),
    (admin(abi.CHIM_OP_DESTROY_RING, ring__ring=TX + 8), "5.6/absent", {"found": TX + 8}),
    (destroy_in_use, "5.6/in-use", {"found": SQ, "status": abi.CHIM_ST_IN_USE}),
    (admin(abi.CHIM_OP_GET_STATS), "5.6/room",
     {"found": 0, "status": abi.CHIM_ST_BUFFER_TOO_SMALL}),
    (admin(abi.CHIM_OP_SET_COALESCE, coalesce__pair=16), "5.6/value",
     {"field": U + "coalesce.pair", "found": 16, "allowed": "0..15"}),
    (lambda card: card.rx_mode(1 << 31), "1/reserved",
     {"field": "chim_rx_mode.flags", "found": 1 << 31}),
    (lambda card: card.rx_mode(0, [bytes(6)], [bytes(6)]), "5.6/value",
     {"field": "chim_rx_mode.mac group bit", "offset": 16, "found": 0, "allowed": "1"}),
    (lambda card: card.admin_data(
        abi.CHIM_OP_SET_RX_MODE, bytes(abi.chim_rx_mode(uni_count=200, multi_count=57))),
     "5.6/value", {"field": "chim_rx_mode.multi_count", "found": 57, "allowed": "0..56"}),
    (rss(3), "5.6/value", {"field": "chim_rss.table_len", "found": 3}),
    (rss(2, 0, 16), "5.6/value",
     {"field": "chim_rss.table", "offset": 49, "found": 16, "allowed": "0..15"}),
    (rss(2, 0, 1), "5.6/rings", {"found": 1, "status": abi.CHIM_ST_NOT_READY}),
    (params(ticks_per_second=60), "5.6/value",
     {"field": "chim_params.ticks_per_second", "offset": 0, "found": 60}),
    (params(dup_ack_threshold=0), "5.6/value", {"allowed": "1..255"}),
    (params(rsvd=1), "1/reserved", {"field": "chim_params.rsvd"}),
    (on(lambda conn: params()(conn.card)), "OP-D24/in-use",
     {"found": 1, "status": abi.CHIM_ST_IN_USE}),
    (admin(abi.CHIM_OP_NCE_ANSWER), "OBJ-D4/handle", {"field": "chim_sqe.handle", "found": 0}),
    (admin(abi.CHIM_OP_SET_COALESCE, coalesce__rsvd=3), "1/reserved", {"found": 3}),
    (lambda card: card.admin(abi.CHIM_OP_SET_VLANS, data=(card.memory.put(b"\xff\x0f"), 2),
                             vlan__count=1),
     "5.6/value", {"field": "VLAN id", "found": 4095, "allowed": "1..4094"}),
]


# nodes


def initiate(status: int, **changes: Any) -> Callable[[Card], object]:
    return lambda card: Connection(card, **changes).initiate(expect=status)


def below(status: int, **changes: Any) -> Callable[[Card], None]:
    """A neighbor or a path is refused, and what depends on it is not tried."""
    def run(card: Card) -> None:
        conn = Connection(card, **changes)
        conn.list.run(abi.CHIM_OP_INITIATE)
        assert status in conn.list.statuses()
    return run


def twice(card: Card) -> None:
    first = Connection(card).initiate()
    second = Connection(card, neighbor=linker(first.neighbor), path=linker(first.path))
    second.initiate(expect=abi.CHIM_ST_DUPLICATE)


def busy(conn: Connection) -> None:
    asked, fence = conn.terminate_list(), next_fence()
    conn.post_fence(fence)
    twice_named = linked([asked.nodes[0], replace(asked.nodes[0])], {0: 1}, {})
    BlockList(conn.card, twice_named).run(abi.CHIM_OP_TERMINATE, fence, 1)


def dependents(conn: Connection) -> None:
    node = asking(abi.CHIM_PATH4_DELEGATED, conn.path)
    BlockList(conn.card, [node]).run(abi.CHIM_OP_TERMINATE)


def too_small(**room: int) -> Callable[[Connection], None]:
    def run(conn: Connection) -> None:
        conn.send(b"held")
        Peer(conn).data(b"unread")
        conn.entry(abi.CHIM_CQ_INDICATE, release=False)
        fence = next_fence()
        conn.post_fence(fence)
        conn.terminate_list(**room).run(abi.CHIM_OP_TERMINATE, fence, 1)
    return run


def no_fence(conn: Connection) -> None:
    conn.terminate_list().run(abi.CHIM_OP_TERMINATE)


def late_fence(card: Card) -> None:
    made = Connection(card).list
    cookie = made.post(abi.CHIM_OP_INITIATE, 77, 2)
    card.advance(ms=10_001)
    card.admin_wait(cookie)


def many_fences(card: Card) -> None:
    for at in range(257):
        entry = sqe(abi.CHIM_OP_FENCE)
        entry.u.fence.id = 0x9000 + at
        card.pairs[0].sq.publish([entry])
        card.settle(4)


def chain(head: int, tail: int, first: bytes = b"a") -> Callable[[Card], None]:
    def run(card: Card) -> None:
        conn = Connection(card, sends=[first, b"b"])
        conn.list.nodes[2].send_range = (head, tail)
        conn.list = BlockList(card, conn.list.nodes)
        conn.initiate(expect=FIELD)
    return run


def other_vlan(card: Card) -> None:
    card.admin(abi.CHIM_OP_SET_VLANS, data=(card.memory.put(b"\5\0"), 2), vlan__count=1)
    below(abi.CHIM_ST_VLAN_MISMATCH, neighbor=new_neighbor(vlan=6))(card)


def ring_gone(card: Card) -> None:
    card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=ring_id(0, abi.CHIM_RING_IB))
    Connection(card).initiate(expect=abi.CHIM_ST_NOT_READY)


def another(conn: Connection, expect: int) -> None:
    """A second connection on the first one's path."""
    Connection(conn.card, neighbor=linker(conn.neighbor), path=linker(conn.path),
               local_port=40001).initiate(expect=expect)


def invalid_path(conn: Connection) -> None:
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_PATH4_CONST, handle=conn.path)
    BlockList(conn.card, [node]).run(abi.CHIM_OP_INVALIDATE)
    another(conn, abi.CHIM_ST_INVALID_STATE)


C, K, D = "chim_tcp_const.", "chim_tcp_cached.", "chim_tcp_delegated."
STATE, SEQUENCE = abi.CHIM_ST_INVALID_STATE, abi.CHIM_ST_INVALID_SEQUENCE
NODES: list[Row] = [
    (initiate(FIELD, ttl=0), "4.3/value", {
        "ring": 0, "node": 2, "field": K + "ttl", "found": 0, "allowed": "1..255",
        "status": FIELD}),
    (initiate(FIELD, snd_wscale=15), "4.3/value", {"field": C + "snd_wscale", "found": 15}),
    (initiate(FIELD, user_priority=8), "4.3/value", {"field": K + "user_priority"}),
    (initiate(FIELD, flow_label=1 << 20), "4.3/value", {"field": K + "flow_label"}),
    (initiate(FIELD, initial_rcv_wnd=0), "4.3/value", {"field": K + "initial_rcv_wnd"}),
    (initiate(FIELD, snd_wnd=1 << 31), "4.3/value", {"field": D + "snd_wnd"}),
    (initiate(abi.CHIM_ST_TCP_RCV_WINDOW, rcv_wnd=1 << 24), "4.3/value",
     {"field": D + "rcv_wnd", "allowed": "0..8388608"}),
    (initiate(FIELD, dwnd=1), "1/reserved", {"field": D + "dwnd", "found": 1, "allowed": "0"}),
    (initiate(STATE, state=abi.CHIM_TCP_CLOSED), "OBJ-H3/state",
     {"field": D + "state", "found": 0, "allowed": "4..9"}),
    (initiate(STATE, state=abi.CHIM_TCP_FIN_WAIT2, sends=[b"x"]), "OBJ-H3/state",
     {"field": D + "send_count", "found": 1, "allowed": "0"}),
    (initiate(SEQUENCE, snd_max=UNA + 5, snd_nxt=UNA), "OBJ-D7/sequence",
     {"field": D + "snd_max - snd_una", "found": 5, "allowed": "0"}),
    (chain(1, 0), "OBJ-H5/range", {"field": D + "send_head", "found": 1, "allowed": "0"}),
    (chain(0, 2), "OBJ-H5/range", {"field": D + "send_tail", "found": 2, "allowed": "0..1"}),
    (chain(0, 1, b""), "OBJ-H5/request", {"field": "chim_send_ref.len", "found": 0}),
    (initiate(abi.CHIM_ST_TCP_XMIT_BUFFER, sends=[b"x"] * 1025), "4.3/limit",
     {"field": D + "send_count", "found": 1025, "allowed": "0..1024"}),
    (other_vlan, "4.3/vlan", {"node": 0, "status": abi.CHIM_ST_VLAN_MISMATCH}),
    (ring_gone, "4.3/rings", {"node": 2, "status": abi.CHIM_ST_NOT_READY}),
    (on(invalid_path), "4.3/invalidated", {"node": 2, "status": STATE}),
    (twice, "4.3/duplicate", {"node": 2, "status": abi.CHIM_ST_DUPLICATE}),
    (below(abi.CHIM_ST_PATH_MTU, path=new_path(mtu=9001)), "4.3/value",
     {"node": 1, "field": "chim_path_cached.path_mtu", "found": 9001}),
    (below(FIELD, neighbor=new_neighbor(vlan=4095)), "4.3/value",
     {"node": 0, "field": "chim_neighbor_const.vlan_id", "allowed": "0..4094"}),
    (on(lambda conn: conn.update_tcp(ttl=0)), "4.3/value", {"node": 0, "field": K + "ttl"}),
    (lambda card: BlockList(card, [asking(abi.CHIM_TCP_ALL, 99)]).run(abi.CHIM_OP_QUERY),
     "OBJ-D4/handle", {"node": 0, "field": "chim_node.handle", "offset": 28, "found": 99}),
    (on(busy), "OBJ-H4/busy", {"node": 1, "status": abi.CHIM_ST_BUSY}),
    (on(dependents), "OBJ-H2/dependents", {"node": 0, "status": abi.CHIM_ST_IN_USE}),
    (on(too_small(sends=0), snd_wnd=0), "OP-D9/sends", {"found": 0, "allowed": "1..4294967295"}),
    (on(too_small(buffered=0), snd_wnd=0), "OP-D9/buffered",
     {"found": 0, "status": abi.CHIM_ST_BUFFER_TOO_SMALL}),
    (on(no_fence), "OP-H1/terminate", {"found": 0, "allowed": "1", "status": FIELD}),
    (late_fence, "OP-H1/timeout", {"found": 0, "allowed": "2"}),
    (many_fences, "OP-H1/fences", {"ring": SQ, "entry": 256, "found": 0x9100}),
]


# block lists


def head(name: str, value: int) -> Callable[[Card], None]:
    def run(card: Card) -> None:
        made = Connection(card).list
        made.poke_head(name, value)
        made.run(abi.CHIM_OP_INITIATE)
    return run


def poked(index: int, name: str, value: int) -> Callable[[Card], None]:
    def run(card: Card) -> None:
        made = Connection(card).list
        made.poke_node(index, name, value)
        made.run(abi.CHIM_OP_INITIATE)
    return run


def at_state(index: int, offset: int, value: int) -> Callable[[Card], None]:
    """A word of the state that a node names."""
    def run(card: Card) -> None:
        made = Connection(card, sends=[b"send"]).list
        made.poke(made.node(index).state_off + offset, value.to_bytes(4, "little"))
        made.run(abi.CHIM_OP_INITIATE)
    return run


DELEGATED = sum(abi.SIZES[name] for name in ("chim_tcp_const", "chim_tcp_cached"))
LIST = abi.CHIM_ST_INVALID_LIST
LISTS: list[Row] = [
    (head("length", 16), "OBJ-D1/head", {
        "ring": 0, "field": "chim_block_list.length", "offset": 0, "found": 16, "status": LIST}),
    (head("revision", 2), "OBJ-D1/head", {"found": 2, "allowed": "1"}),
    (head("node_count", 0), "OBJ-D1/head", {"field": "chim_block_list.node_count"}),
    (head("root", 3), "OBJ-D1/head", {"found": 3, "allowed": "0..2"}),
    (poked(1, "next", 3), "OBJ-D1/link", {
        "node": 1, "field": "chim_node.next", "offset": NODES_AT + 64 + 4, "found": 3,
        "allowed": "0..2", "status": LIST}),
    (poked(0, "dependent", 99), "OBJ-D1/link", {"node": 0, "found": 99}),
    (poked(0, "next", 0), "OBJ-D1/twice", {"node": 0, "status": LIST}),
    (poked(1, "type", abi.CHIM_TCP_ALL), "OBJ-D1/layer", {"node": 1, "field": "chim_node.type"}),
    (poked(1, "role", 4), "OBJ-D1/role", {"node": 1, "found": 4}),
    (poked(2, "handle", 1), "OBJ-D1/handle", {"node": 2, "found": 1, "allowed": "0"}),
    (poked(0, "type", abi.CHIM_NEIGHBOR_CONST), "OBJ-D1/type", {"node": 0}),
    (poked(2, "state_len", 7), "OBJ-D1/length", {"node": 2, "found": 7}),
    (poked(0, "state_off", 0), "OBJ-D1/offset",
     {"node": 0, "field": "chim_node.state_off", "found": 0}),
    (at_state(2, DELEGATED + abi.OFFSETS["chim_tcp_delegated", "send_off"], 17), "OBJ-D1/offset",
     {"node": 2, "field": "chim_tcp_delegated.send_off", "found": 17}),
    (at_state(1, 0, 8), "OBJ-D1/header",
     {"node": 1, "field": "chim_state_hdr.length", "found": 8, "allowed": "40"}),
    (at_state(1, 4, 1), "OBJ-D1/header", {"field": "chim_state_hdr.options", "found": 1}),
    (poked(0, "rsvd", 1), "1/reserved", {"node": 0, "field": "chim_node.rsvd", "status": FIELD}),
]

CASES = [*SETUP, *NODES, *LISTS]


@pytest.mark.parametrize("breaks,code,members", CASES, ids=names(CASES))
def test_a_refusal_is_told(
    refusals: Refusals, breaks: Callable[[Card], object], code: str, members: dict[str, Any]
) -> None:
    """spec/refusals.md: one record and one line for one mistake, with code, place and values."""
    breaks(refusals.card)
    assert refusals.is_only(code, members), refusals.get()


TCP_ENTRIES, MEMORY = abi.CHIM_ST_TCP_ENTRIES, abi.CHIM_ST_RESOURCES
ALL = 0xFFFFFFFF
OF_THE_CARD: list[tuple[str, int, Row]] = [
    ("max-conns=1", ALL, (on(lambda conn: another(conn, TCP_ENTRIES)), "4.3/entries",
                          {"node": 2, "status": TCP_ENTRIES})),
    ("max-conns=8,x-max-paths=4,x-max-neighbors=4,x-max-bytes=4M", ALL, (
        initiate(MEMORY, initial_rcv_wnd=8 << 20), "4.3/memory",
        {"node": 2, "status": MEMORY})),
    ("max-conns=8,x-max-paths=4,x-max-neighbors=4,x-max-bytes=4M", ALL, (
        initiate(abi.CHIM_ST_FAILURE, initial_rcv_wnd=8 << 20, buffered=b"x"), "4.3/memory",
        {"node": 2, "status": abi.CHIM_ST_FAILURE})),
    ("x-fail-initiate=TCP_ENTRIES", ALL, (initiate(TCP_ENTRIES), "11.2/knob",
                                          {"field": "x-fail-initiate", "status": TCP_ENTRIES})),
    ("x-fault=INITIATE/BUSY", ALL, (
        lambda card: Connection(card).list.run(abi.CHIM_OP_INITIATE), "11.2/knob",
        {"field": "x-fault", "status": abi.CHIM_ST_BUSY})),
    ("pairs=1", ~(1 << abi.CHIM_F_SACK), (initiate(FIELD), "4.3/feature", {
        "node": 2, "field": "chim_tcp_const.flags CHIM_TCP_SACK", "status": FIELD})),
    ("pairs=1", ~(1 << abi.CHIM_F_OFFLOAD_IPV4), (
        below(abi.CHIM_ST_FAILURE), "4.3/feature",
        {"node": 1, "status": abi.CHIM_ST_FAILURE})),
    ("pairs=1", ~(1 << abi.CHIM_F_TSO4), (
        lambda card: card.send_frame(bytes(60), vnet=abi.chim_vnet_hdr(
            flags=abi.CHIM_VNET_F_NEEDS_CSUM, gso_type=abi.CHIM_VNET_GSO_TCPV4, gso_size=8)),
        "3.4/feature", {"ring": TX, "found": abi.CHIM_VNET_GSO_TCPV4})),
]


@pytest.mark.parametrize("options,features,row", OF_THE_CARD,
                         ids=names([row for _, _, row in OF_THE_CARD]))
def test_a_refusal_of_this_card_is_told(
    make_card: MakeCard, tmp_path: Path, options: str, features: int, row: Row
) -> None:
    """spec/refusals.md, for what properties or the features accepted make the card refuse."""
    breaks, code, members = row
    card = make_card(**wanted(tmp_path / "qmp", options))
    card.start(features=card.read(abi.CHIM_REG_FEATURES_LO) & features)
    qmp = Qmp(tmp_path / "qmp")
    breaks(card)
    asked = Refusals(card, qmp.command)
    assert asked.is_only(code, members), asked.get()
    qmp.close()
