# SPDX-License-Identifier: GPL-2.0-or-later
"""UPDATE and INVALIDATE (spec chapter 5): the host changes what it has offloaded, or declares it
void.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, Node, asking, linker, new_neighbor
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card
from chimney.qdev.peer import Peer
from chimney.qdev.seg import match, parse
from chimney.qdev.state import PEER_MAC, UNA, neighbor_state, path_state

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD


def test_update_of_sending_options(card: Card) -> None:
    """UPD-2, UPD-6, SND-23, VLN-5: TTL, TOS and priority of the moment; other classes stay."""
    conn = Connection(card).initiate()
    before = conn.query()
    assert conn.update_tcp(ttl=9, tos=0x10, user_priority=5) == OK
    conn.send(b"x")
    frame = card.wire_frame()
    seg = match(parse(frame), ttl=9, tos=0x10, vlan=5 << 13)
    assert seg.data == b"x"
    after = conn.query()
    assert bytes(after[0]) == bytes(before[0])
    assert after[2].rcv_nxt == before[2].rcv_nxt


def test_update_of_the_receive_window(card: Card) -> None:
    """UPD-15, UPD-7: the new window is advertised, its right edge never moves left."""
    conn = Connection(card, initial_rcv_wnd=64 << 10, rcv_wnd=64 << 10).initiate()
    peer = Peer(conn)
    flags = abi.CHIM_TCP_UPDATE_RCV_WND
    assert conn.update_tcp(flags=flags, initial_rcv_wnd=1 << 20) == OK
    assert peer.frame(data=b"").window << 7 == 1 << 20
    assert conn.update_tcp(flags=flags, initial_rcv_wnd=4096) == OK
    assert peer.frame(data=b"").window << 7 == 1 << 20
    assert conn.update_tcp(flags=flags, initial_rcv_wnd=1 << 30) == FIELD
    peer.data(b"goes on")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"goes on"


@pytest.mark.parametrize("wnd", [0, 4096, 1 << 30])
def test_update_without_a_window(card: Card, wnd: int) -> None:
    """OP-D14: without UPDATE_RCV_WND nothing depends on InitialRcvWnd, whatever it is."""
    conn = Connection(card).initiate()
    before = conn.query()[1].initial_rcv_wnd
    assert conn.update_tcp(ttl=9, initial_rcv_wnd=wnd) == OK
    after = conn.query()[1]
    assert (after.ttl, after.initial_rcv_wnd) == (9, before)
    assert Peer(conn).silent()
    assert conn.update_tcp(flags=abi.CHIM_TCP_UPDATE_RCV_WND, initial_rcv_wnd=0) == FIELD


def test_update_of_keepalive(card: Card) -> None:
    """UPD-8, UPD-10, TMR-22: switched on it runs from the start; RESTART restarts it."""
    conn = Connection(card).initiate()
    keep = abi.CHIM_TCP_KEEPALIVE
    assert conn.update_tcp(flags=keep, ka_timeout=1000) == OK
    card.advance(ms=900)
    assert conn.query()[2].ka_timeout_delta == 100
    assert conn.update_tcp(flags=keep | abi.CHIM_TCP_KA_RESTART, ka_timeout=1000) == OK
    assert conn.query()[2].ka_timeout_delta == 1000
    assert conn.update_tcp(flags=0, ka_timeout=1000) == OK
    assert conn.query()[2].ka_timeout_delta == abi.CHIM_TIMER_IDLE


@pytest.mark.parametrize("flags,max_rt", [(abi.CHIM_TCP_MAXRT_RESTART, 0), (0, 60000)])
def test_update_resets_total_rt(card: Card, flags: int, max_rt: int) -> None:
    """UPD-9, UPD-11"""
    conn = Connection(card).initiate()
    conn.send(b"lost")
    card.advance(ms=250)
    card.advance(ms=450)
    assert conn.query()[2].total_rt >= 400
    assert conn.update_tcp(flags=flags, max_rt=max_rt) == OK
    assert conn.query()[2].total_rt < 50


def test_update_of_the_mac(card: Card) -> None:
    """UPD-4, RFC-16: a new next-hop MAC is used at once."""
    conn = Connection(card).initiate()
    states = neighbor_state(mac=b"\x02\0\0\0\0\x77")[1:2]
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_NEIGHBOR_CACHED, states, handle=conn.neighbor)
    assert conn.update(node) == OK
    conn.send(b"x")
    assert parse(card.wire_frame()).dmac == b"\x02\0\0\0\0\x77"


def test_update_of_the_reachability(card: Card) -> None:
    """UPD-16: the host's age counts from the update."""
    conn = Connection(card).initiate()
    card.advance(ms=1000)
    states = neighbor_state()[1:2]
    states[0].hrd = 7  # type: ignore[attr-defined]
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_NEIGHBOR_CACHED, states, handle=conn.neighbor)
    assert conn.update(node) == OK
    card.advance(ms=10)
    asked = BlockList(card, [asking(abi.CHIM_NEIGHBOR_ALL, conn.neighbor)])
    asked.run(abi.CHIM_OP_QUERY)
    assert asked.states(0)[1].hrd == 17  # type: ignore[attr-defined]
    assert asked.states(0)[2].nrd >= 1010  # type: ignore[attr-defined]


def test_update_of_the_path_mtu(card: Card) -> None:
    """UPD-5: segments shrink; what is in flight and too large is cut anew."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    data = bytes(i * 3 & 0xFF for i in range(3000))
    conn.send(data)
    peer.frames()
    states = path_state(mtu=700)[1:2]
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_PATH4_CACHED, states, handle=conn.path)
    assert conn.update(node) == OK
    card.advance(ms=250)
    frames = peer.frames()
    assert frames and max(len(seg.data) for seg in frames) <= 700 - 52
    assert frames[0].seq == UNA


@pytest.mark.parametrize("field", ["rsvd0", "rsvd1", "rsvd"])
def test_update_with_a_reserved_field(card: Card, field: str) -> None:
    """OBJ-D1: it is refused as INITIATE would refuse it, and nothing has changed."""
    conn = Connection(card).initiate()
    if field == "rsvd":
        states, kind, handle = path_state(mtu=700)[1:2], abi.CHIM_PATH4_CACHED, conn.path
    else:
        states = neighbor_state(mac=b"\x02\0\0\0\0\x77")[1:2]
        kind, handle = abi.CHIM_NEIGHBOR_CACHED, conn.neighbor
    setattr(states[0], field, 1)
    assert conn.update(Node(abi.CHIM_ROLE_OBJECT, kind, states, handle=handle)) == FIELD
    conn.send(bytes(1000))
    seg = parse(card.wire_frame())
    assert (len(seg.data), seg.dmac) == (1000, PEER_MAC)


def test_relink(card: Card) -> None:
    """UPD-3, UPD-1, UPD-12, UPD-13, OP-D14: paths move to another neighbor, and the old one can
    go.
    """
    conn = Connection(card).initiate()
    other = BlockList(card, [new_neighbor(mac=b"\x02\0\0\0\0\x99")])
    other.run(abi.CHIM_OP_INITIATE)
    nodes = [
        linker(other.node(0).handle),
        Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_PATH4_CACHED, [], handle=conn.path),
    ]
    nodes[0].dependent = 1
    asked = BlockList(card, nodes)
    assert asked.run(abi.CHIM_OP_UPDATE).status == OK
    assert asked.statuses() == [OK, OK]
    conn.send(b"x")
    assert parse(card.wire_frame()).dmac == b"\x02\0\0\0\0\x99"
    old = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor)])
    old.run(abi.CHIM_OP_TERMINATE)
    assert old.statuses() == [OK]


@pytest.mark.parametrize("state_off", [0, 0xFFFF_FFF8])
def test_connection_below_a_linker(card: Card, state_off: int) -> None:
    """OBJ-D1, OP-D14: only a path changes what it is linked to; a connection in that place has its
    variables, and not what lies where its node says they are.
    """
    conn = Connection(card).initiate()
    nodes = [linker(conn.path), Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_CACHED, [],
                                     handle=conn.handle)]
    nodes[0].dependent = 1
    asked = BlockList(card, nodes)
    asked.poke_node(1, "state_off", state_off)
    assert asked.run(abi.CHIM_OP_UPDATE).status == abi.CHIM_ST_INVALID_LIST
    conn.send(b"x")
    assert parse(card.wire_frame()).data == b"x"


# invalidate


@pytest.mark.parametrize("layer", ["neighbor", "path", "tcp"])
def test_invalidate(card: Card, layer: str) -> None:
    """TRM-7, INV-8, INV-3..7, INV-9, OP-D16, UPR-9, EVT-6: sending stops, the upload is asked
    for, terminate still works.
    """
    conn = Connection(card).initiate()
    kind, handle = {
        "neighbor": (abi.CHIM_NEIGHBOR_ALL, conn.neighbor),
        "path": (abi.CHIM_PATH4_ALL, conn.path),
        "tcp": (abi.CHIM_TCP_ALL, conn.handle),
    }[layer]
    asked = BlockList(card, [Node(abi.CHIM_ROLE_OBJECT, kind, handle=handle)])
    assert asked.run(abi.CHIM_OP_INVALIDATE).status == OK
    assert asked.statuses() == [OK]
    event = conn.entry(abi.CHIM_CQ_EVENT)
    assert (event.info, event.info2, event.conn_cookie) == (
        abi.CHIM_EV_RETRIEVE,
        abi.CHIM_UPR_INVALID_STATE,
        conn.cookie,
    )
    cookie = conn.send(b"must not leave")
    card.advance(ms=1000)
    assert card.no_wire_frame()
    _, back, _ = conn.terminate()
    assert [ref.cookie for ref in back] == [cookie] and card.no_wire_frame()
