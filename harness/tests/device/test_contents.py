# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a failure status of a state operation comes from (spec chapter 4, 4.3): each row of the
table there by itself.
"""
from __future__ import annotations

from typing import cast

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, Node, new_path, tree
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.memory import NO_RAM
from chimney.qdev.state import GUEST_IP6, PEER_IP6, UNA, neighbor_state, path_state

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD
SEQUENCE, STATE, WINDOW = (
    abi.CHIM_ST_INVALID_SEQUENCE,
    abi.CHIM_ST_INVALID_STATE,
    abi.CHIM_ST_TCP_RCV_WINDOW,
)
MTU, FAILURE = abi.CHIM_ST_PATH_MTU, abi.CHIM_ST_FAILURE
MOST = 1 << 30


def pair_of_lower(card: Card, neighbor: Node | None = None, path: Node | None = None) -> list[int]:
    """Statuses of a neighbor and a path below it, offered alone."""
    made = BlockList(card, tree([], neighbor=neighbor, path=path))
    assert made.run(abi.CHIM_OP_INITIATE).status == OK
    return made.statuses()


def test_neighbor(card: Card) -> None:
    """4.3, INVALID_FIELD of a neighbor: "its source MAC has the group bit, or its VLAN id is above
    4094".
    """
    for src, vlan, status in (
        ("010000000001", 0, FIELD),
        ("030000000001", 0, FIELD),
        ("020000000001", 0, OK),
        ("000000000000", 4094, OK),
        ("000000000000", 4095, FIELD),
    ):
        state = neighbor_state(src=bytes.fromhex(src), vlan=vlan)
        node = Node(abi.CHIM_ROLE_NEW, abi.CHIM_NEIGHBOR_ALL, state)
        assert pair_of_lower(card, neighbor=node)[0] == status, (src, vlan)


PATH_MTUS = [
    (False, 0, FIELD),
    (False, 67, FIELD),
    (False, 68, OK),
    (False, 9000, OK),
    (False, 9001, MTU),
    (True, 1279, FIELD),
    (True, 1280, OK),
    (True, 0xFFFFFFFF, MTU),
]


def test_path_mtu(card: Card) -> None:
    """4.3: INVALID_FIELD for "an MTU below 68, with IPv6 below 1280", PATH_MTU above
    CHIM_REG_MAX_MTU.
    """
    for ipv6, mtu, status in PATH_MTUS:
        kind = abi.CHIM_PATH6_ALL if ipv6 else abi.CHIM_PATH4_ALL
        addresses = {"src": GUEST_IP6, "dst": PEER_IP6} if ipv6 else {}
        node = Node(abi.CHIM_ROLE_NEW, kind, path_state(mtu=mtu, **addresses))
        assert pair_of_lower(card, path=node)[1] == status, (ipv6, mtu)


def test_path_mtu_of_an_update(card: Card) -> None:
    """5.4: "too large an MTU or window included, gets CHIM_ST_INVALID_FIELD"."""
    conns = {ipv6: Connection(card, ipv6=ipv6).initiate() for ipv6 in (False, True)}
    for ipv6, mtu, status in PATH_MTUS:
        kind = abi.CHIM_PATH6_CACHED if ipv6 else abi.CHIM_PATH4_CACHED
        state = path_state(mtu=mtu)[1:2]
        node = Node(abi.CHIM_ROLE_OBJECT, kind, state, handle=conns[ipv6].path)
        assert conns[ipv6].update(node) == (OK if status == OK else FIELD), (ipv6, mtu)


@pytest.mark.parametrize("end", ["src", "dst"])
def test_rest_of_an_address(card: Card, end: str) -> None:
    """4.3, INVALID_FIELD of a path: "the 12 bytes behind an IPv4 address are not zero"."""
    node = new_path(**{end: bytes([10, 77, 0, 9]) + bytes(11) + b"\1"})
    assert pair_of_lower(card, path=node)[1] == FIELD


CONNECTION: list[tuple[dict[str, int], int]] = [
    ({"ttl": 0}, FIELD),
    ({"ttl": 1}, OK),
    ({"ttl": 255}, OK),
    ({"initial_rcv_wnd": 0}, FIELD),
    ({"initial_rcv_wnd": 1}, OK),
    ({"snd_wnd": MOST}, OK),
    ({"snd_wnd": MOST + 1}, FIELD),
    ({"max_snd_wnd": MOST + 1}, FIELD),
    ({"snd_wnd": 0xFFFFFFFF}, FIELD),
    ({"rcv_wnd": 8 << 20}, OK),
    ({"rcv_wnd": (8 << 20) + 1}, WINDOW),
    ({"rcv_wnd": 0xFFFFFFFF}, WINDOW),
    ({"rcv_wnd": 0}, OK),
    ({"state": abi.CHIM_TCP_FIN_WAIT2}, OK),
    ({"state": abi.CHIM_TCP_FIN_WAIT2, "snd_nxt": UNA + 1, "snd_max": UNA + 1}, SEQUENCE),
    ({"state": abi.CHIM_TCP_FIN_WAIT2, "snd_max": UNA + 1}, SEQUENCE),
    ({"remote_mss": 0}, OK),
    ({"cwnd": 0}, OK),
    ({"fins": 1}, FIELD),
    ({"rsvd1": 1}, FIELD),
    ({"snd_wscale": 14, "rcv_wscale": 14}, OK),
    ({"user_priority": 7, "flow_label": 0xFFFFF}, OK),
    ({"rexmit_segments": 9, "send_backlog_size": 9, "receive_backlog_size": 9}, OK),
    ({"flags": abi.CHIM_TCP_KA_RESTART}, FIELD),
    ({"flags": abi.CHIM_TCP_MAXRT_RESTART}, FIELD),
    ({"flags": abi.CHIM_TCP_UPDATE_RCV_WND}, FIELD),
]


def test_connection(card: Card) -> None:
    """4.3, rows of a connection: INVALID_FIELD for "`ttl` 0 [...] `initial_rcv_wnd` 0; a `snd_wnd`
    or `max_snd_wnd` above 2^30; [...] CHIM_TCP_KA_RESTART, CHIM_TCP_MAXRT_RESTART or
    CHIM_TCP_UPDATE_RCV_WND", TCP_RCV_WINDOW for "`initial_rcv_wnd` or `rcv_wnd` above
    CHIM_REG_MAX_RCV_WND", INVALID_SEQUENCE for "FIN_WAIT2 with SndMax other than SndUna"; and what
    is not a mistake.
    """
    assert card.read(abi.CHIM_REG_MAX_RCV_WND) == 8 << 20
    for port, (changes, status) in enumerate(CONNECTION, 1):
        made = Connection(card, local_port=port, **changes).list
        assert made.run(abi.CHIM_OP_INITIATE).status == OK, changes
        assert made.statuses()[2] == status, changes


def test_sends_in_fin_wait_2(card: Card) -> None:
    """4.3, INVALID_STATE: "FIN_WAIT2 with a send chain"."""
    conn = Connection(card, state=abi.CHIM_TCP_FIN_WAIT2, sends=[b"too late"])
    conn.initiate(expect=STATE)


def test_request_of_a_chain(card: Card) -> None:
    """4.3, INVALID_FIELD: "a request without data, with `done` or `rsvd` set, with an unknown flag,
    [...] or whose scatter list does not add up to `len`".
    """
    for name, value in (
        ("len", 0), ("len", 7), ("done", 1), ("rsvd", 1), ("flags", 4), ("flags", 0x80000000)
    ):
        made = Connection(card, sends=[b"sixsix"]).list
        at = cast(abi.chim_tcp_delegated, made.states(2)[2]).send_off
        made.poke(at + abi.OFFSETS["chim_send_ref", name], value.to_bytes(4, "little"))
        assert made.run(abi.CHIM_OP_INITIATE).status == OK
        assert made.statuses()[2] == FIELD, (name, value)


@pytest.mark.parametrize("count,status", [(1024, OK), (1025, FIELD)])
def test_scatter_list_of_a_chain(card: Card, count: int, status: int) -> None:
    """4.3, INVALID_FIELD: a request of the chain with "more than 1024 elements"; and 3.3: "an
    element of length 0 adds nothing there", and ends nothing.
    """
    conn = Connection(card, sends=[b"x"])
    node = conn.list.nodes[2]
    addr = node.sends[0][2][0][0]
    node.sends[0] = (1, 1, [(addr, 0)] * (count - 1) + [(addr, 1)], 0)
    conn.list = BlockList(card, conn.list.nodes)
    conn.initiate(expect=status)
    assert (card.no_wire_frame() if status else card.wire_frame()[-1:] == b"x")


@pytest.mark.parametrize("more,status", [(0, OK), (1, abi.CHIM_ST_TCP_XMIT_BUFFER)])
def test_bytes_of_a_chain(card: Card, more: int, status: int) -> None:
    """4.3, TCP_XMIT_BUFFER: "more than 2^30 bytes" in the requests; no byte of them is read yet."""
    conn = Connection(card, sends=[b"x", b"x"], snd_wnd=0, max_snd_wnd=0)
    node = conn.list.nodes[2]
    for index, size in enumerate((MOST - 1, 1 + more)):
        node.sends[index] = (index, size, [(NO_RAM, size)], 0)
    conn.list = BlockList(card, conn.list.nodes)
    conn.initiate(expect=status)
    assert card.fatal() is None


@pytest.mark.parametrize("buffered", [b"", b"unread"])
def test_object_below_an_invalid_one(card: Card, buffered: bytes) -> None:
    """4.3, INVALID_STATE: "the path or its neighbor has been invalidated"."""
    conn = Connection(card).initiate()
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_NEIGHBOR_ALL, handle=conn.neighbor)
    assert BlockList(card, [node]).run(abi.CHIM_OP_INVALIDATE).status == OK
    linker = Node(abi.CHIM_ROLE_LINKER, handle=conn.neighbor)
    other = BlockList(card, tree([], neighbor=linker, path=new_path()))
    other.run(abi.CHIM_OP_INITIATE)
    assert other.statuses()[1] == STATE
    linkers = {"neighbor": linker, "path": Node(abi.CHIM_ROLE_LINKER, handle=conn.path)}
    below = Connection(card, local_port=9, buffered=buffered, **linkers)
    below.initiate(expect=STATE)


# features


@pytest.mark.parametrize("ipv6,feature", [(False, "OFFLOAD_IPV4"), (True, "OFFLOAD_IPV6")])
def test_path_of_a_feature_that_was_not_accepted(
    make_card: MakeCard, ipv6: bool, feature: str
) -> None:
    """4.3: "a path without CHIM_F_OFFLOAD_IPV4 or
    CHIM_F_OFFLOAD_IPV6" gets FAILURE, and another path does not.
    """
    card = make_card()
    bit = 1 << abi.chim_feature[f"CHIM_F_{feature}"]
    card.start(features=card.read(abi.CHIM_REG_FEATURES_LO) & ~bit)
    refused = Connection(card, ipv6=ipv6)
    refused.list.run(abi.CHIM_OP_INITIATE)
    assert refused.list.statuses() == [abi.CHIM_ST_PARTIAL_SUCCESS, FAILURE, FAILURE]
    Connection(card, ipv6=not ipv6).initiate()


def test_round_trip_times_of_a_feature_that_was_not_accepted(make_card: MakeCard) -> None:
    """4.3: without CHIM_F_EXT_RTT_US the fields are "ignored at INITIATE and 0 in what the device
    writes"; `srtt` and `rttvar` count.
    """
    card = make_card()
    bit = 1 << abi.CHIM_F_EXT_RTT_US
    card.start(features=card.read(abi.CHIM_REG_FEATURES_LO) & ~bit)
    conn = Connection(card, srtt=8 * 70, rttvar=4 * 9, srtt_us=8, rttvar_us=4).initiate()
    state = cast(abi.chim_tcp_delegated, conn.query()[2])
    assert (state.srtt, state.rttvar, state.srtt_us, state.rttvar_us) == (560, 36, 0, 0)


def test_features_that_the_card_does_not_offer(make_card: MakeCard) -> None:
    """REG-H4: "the device keeps of what is written only the bits that it offers"."""
    card = make_card()
    card.make_admin()
    for reg in (abi.CHIM_REG_DRV_FEATURES_LO, abi.CHIM_REG_DRV_FEATURES_HI):
        card.write(reg, 0xFFFFFFFF)
    for word, reg in enumerate((abi.CHIM_REG_FEATURES_LO, abi.CHIM_REG_FEATURES_HI)):
        offered = card.read(reg)
        assert card.read(abi.CHIM_REG_DRV_FEATURES_LO + 4 * word) == offered != 0xFFFFFFFF


# UPDATE


def test_update_carries_everything(card: Card) -> None:
    """5.4, OP-D14: "UPDATE of a TCP object carries the whole `struct chim_tcp_cached`: every
    variable is set from it", those that have not changed included, but for InitialRcvWnd.
    """
    conn = Connection(card, flags=abi.CHIM_TCP_NAGLE, tos=8, max_rt=77, rcv_ind_size=5).initiate()
    node = Node(
        abi.CHIM_ROLE_OBJECT,
        abi.CHIM_TCP_CACHED,
        [abi.chim_tcp_cached(ttl=9)],
        handle=conn.handle,
    )
    node.states[0].hdr.length = 40  # type: ignore[attr-defined]
    before = cast(abi.chim_tcp_cached, conn.query()[1])
    assert conn.update(node) == OK
    after = cast(abi.chim_tcp_cached, conn.query()[1])
    assert (after.flags, after.tos, after.max_rt, after.rcv_ind_size, after.ttl) == (0, 0, 0, 0, 9)
    assert after.initial_rcv_wnd == before.initial_rcv_wnd


@pytest.mark.parametrize("changes", [{"ttl": 0}, {"user_priority": 8}, {"flow_label": 1 << 20}])
def test_update_with_an_impossible_value(card: Card, changes: dict[str, int]) -> None:
    """5.4: what INITIATE refuses of these variables, UPDATE refuses, and "nothing of the object has
    changed".
    """
    conn = Connection(card).initiate()
    before = bytes(conn.query()[1])
    assert conn.update_tcp(**{"tos": 0x10, **changes}) == FIELD
    assert bytes(conn.query()[1]) == before


def test_memory_of_an_update(make_card: MakeCard) -> None:
    """OP-D17: "CHIM_ST_RESOURCES for an UPDATE that needs a larger receive buffer when there is no
    memory for it; nothing of the object has changed".
    """
    card = make_card(options="max-conns=16,x-max-paths=4,x-max-neighbors=4,x-max-bytes=4M").start()
    conn = Connection(card, initial_rcv_wnd=4096, rcv_wnd=4096).initiate()
    before = bytes(conn.query()[1])
    flags = abi.CHIM_TCP_UPDATE_RCV_WND
    status = conn.update_tcp(flags=flags, initial_rcv_wnd=8 << 20, ttl=3)
    assert (status, bytes(conn.query()[1])) == (abi.CHIM_ST_RESOURCES, before)


def test_room_that_wraps(card: Card) -> None:
    """OBJ-D1: CHIM_ST_INVALID_FIELD for "room for BufferedData that wraps past 2^64"; the
    connection goes on.
    """
    conn = Connection(card).initiate()
    node, fence = conn.terminate_list().nodes[0], next_fence()
    node.buffered = [((1 << 64) - 4096, 8192)]
    conn.post_fence(fence)
    done = BlockList(card, [node]).run(abi.CHIM_OP_TERMINATE, fence, 1)
    assert done.status == FIELD
    conn.send(b"alive")
    assert card.wire_frame()[-5:] == b"alive"


# offsets


@pytest.mark.parametrize("header", [0, 1])
def test_empty_header_of_what_is_filled(card: Card, header: int) -> None:
    """4.2: "Where the device fills the structure, the length may be 0 instead"; any other wrong
    length is INVALID_LIST.
    """
    conn = Connection(card).initiate()
    node = Node(
        abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_DELEGATED, [abi.chim_tcp_delegated()], handle=conn.handle
    )
    node.states[0].hdr.length = header  # type: ignore[attr-defined]
    asked = BlockList(card, [node])
    status = asked.run(abi.CHIM_OP_QUERY).status
    assert status == (abi.CHIM_ST_INVALID_LIST if header else OK)
    if not header:
        assert asked.states(0)[0].hdr.length == 160  # type: ignore[attr-defined]


def test_offsets_of_nothing(card: Card) -> None:
    """4.2: "where a count is 0 the offset is not looked at"."""
    conn = Connection(card)
    delegated = cast(abi.chim_tcp_delegated, conn.list.nodes[2].states[2])
    made = BlockList(card, conn.list.nodes)
    for name in ("send_off", "buffered_off"):
        at = made.nodes[2].state_off + 64 + abi.OFFSETS["chim_tcp_delegated", name]
        made.poke(at, (0xFFFFFFF3).to_bytes(4, "little"))
    assert delegated.send_count == 0
    conn.list = made
    conn.initiate()
