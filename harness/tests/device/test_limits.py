# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of what is offloaded (spec chapter 4): the card's tables, window and MTU, tuples, source
MACs and VLANs.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import (
    BlockList,
    Node,
    five_tcp,
    linked,
    linker,
    new_neighbor,
    new_path,
    tree,
)
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.seg import parse
from chimney.qdev.state import neighbor_state

OK, PARTIAL, FAILURE = (
    abi.CHIM_ST_SUCCESS,
    abi.CHIM_ST_PARTIAL_SUCCESS,
    abi.CHIM_ST_FAILURE,
)
INVALID_FIELD = abi.CHIM_ST_INVALID_FIELD


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


# source MACs and VLANs


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


def test_neighbor_without_its_mac(card: Card) -> None:
    """STA-10: the source MAC is the interface's unless the neighbor has one of its own."""
    own = bytes.fromhex("0200000000aa")
    neighbor = Node(abi.CHIM_ROLE_NEW, abi.CHIM_NEIGHBOR_ALL, neighbor_state(src=own))
    conn = Connection(card, neighbor=neighbor).initiate()
    conn.send(b"x")
    assert parse(card.wire_frame()).smac == own


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
