# SPDX-License-Identifier: GPL-2.0-or-later
"""QUERY (spec chapter 5): the state of all layers as it was given or as it is by now."""
from __future__ import annotations

import ctypes

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, asking
from chimney.qdev.connection import Connection
from chimney.qdev.device import MAC, Card
from chimney.qdev.state import RCV

OK = abi.CHIM_ST_SUCCESS


def test_query_of_every_class(card: Card) -> None:
    """STA-7, QRY-1, QRY-2, STA-1..4, OP-D15, TRE-24: const, cached and delegated of all three
    layers, as given.
    """
    conn = Connection(card, hash=0x1234ABCD, tos=0x20, flow_label=0, ka_interval=777).initiate()
    kinds = {
        conn.neighbor: (1, 2, 3, 4),
        conn.path: (5, 6, 7, 8),
        conn.handle: (13, 14, 15, 17),
    }
    given = {conn.neighbor: 0, conn.path: 1, conn.handle: 2}
    for handle, types in kinds.items():
        for kind in types:
            asked = BlockList(card, [asking(kind, handle)])
            assert asked.run(abi.CHIM_OP_QUERY).status == OK
            assert asked.statuses() == [OK]
            for state in asked.states(0):
                assert state.hdr.length == ctypes.sizeof(state)  # type: ignore[attr-defined]
                if isinstance(state, abi.chim_tcp_delegated | abi.chim_neighbor_delegated):
                    continue
                want = next(
                    s for s in conn.list.nodes[given[handle]].states if type(s) is type(state)
                )
                if isinstance(state, abi.chim_neighbor_const):
                    assert bytes(state.src_mac) in (MAC, bytes(6))
                else:
                    assert bytes(state) == bytes(want), type(state).__name__


def test_query_has_no_side_effect(card: Card) -> None:
    """OP-D15, QRY-3: two queries at once say the same, and the connection goes on."""
    conn = Connection(card).initiate()
    first, second = (BlockList(card, [asking(abi.CHIM_TCP_ALL, conn.handle)]) for _ in range(2))
    cookies = [first.post(abi.CHIM_OP_QUERY), second.post(abi.CHIM_OP_QUERY)]
    assert [card.admin_wait(c).status for c in cookies] == [OK, OK]
    assert [bytes(s) for s in first.states(0)] == [bytes(s) for s in second.states(0)]
    assert conn.no_entry() and card.no_wire_frame()


def test_query_of_a_tree(card: Card) -> None:
    """QRY-2, QRY-4: every block of a tree is filled and has its status."""
    conn = Connection(card).initiate()
    nodes = [
        asking(abi.CHIM_NEIGHBOR_ALL, conn.neighbor),
        asking(abi.CHIM_PATH4_ALL, conn.path),
        asking(abi.CHIM_TCP_ALL, conn.handle),
    ]
    nodes[0].dependent, nodes[1].dependent = 1, 2
    asked = BlockList(card, nodes)
    asked.run(abi.CHIM_OP_QUERY)
    assert asked.statuses() == [OK, OK, OK]
    assert asked.states(1)[1].path_mtu == 1500  # type: ignore[attr-defined]
    assert asked.states(2)[2].rcv_nxt == RCV  # type: ignore[attr-defined]


def test_queried_timers_are_remaining_ticks(card: Card) -> None:
    """QRY-8, STA-16: what is left, CHIM_TIMER_IDLE if idle."""
    conn = Connection(card, flags=abi.CHIM_TCP_KEEPALIVE, ka_timeout=5000).initiate()
    idle = conn.query()[2]
    assert idle.rexmit_timeout_delta == abi.CHIM_TIMER_IDLE
    assert idle.ka_timeout_delta == 5000
    conn.send(b"x")
    card.wire_frame()
    first = conn.query()[2]
    assert 200 <= first.rexmit_timeout_delta <= 220
    card.advance(ms=50)
    running = conn.query()[2]
    assert first.rexmit_timeout_delta - running.rexmit_timeout_delta == 50
    assert running.ka_timeout_delta == 4950


def test_queried_backlogs(card: Card) -> None:
    """STA-18, STA-19, STA-20, STA-21: bytes that wait in the target; an optimum that does not
    depend on what is posted.
    """
    conn = Connection(card, buffered=b"b" * 777).initiate()
    before = conn.query()[2]
    conn.send(b"x" * 1000)
    after = conn.query()[2]
    assert before.receive_backlog_size == 777
    assert before.send_backlog_size == after.send_backlog_size > 0


def test_scaled_round_trip_times(card: Card) -> None:
    """STA-15: SRtt times 8 and RttVar times 4 in ticks, both ways."""
    conn = Connection(card, srtt=8 * 25, rttvar=4 * 7, srtt_us=0, rttvar_us=0).initiate()
    delegated, _, _ = conn.terminate()
    assert (delegated.srtt, delegated.rttvar) == (200, 28)


@pytest.mark.parametrize("given,known", [
    ({"remote_mss": 0, "cwnd": 0, "ssthresh": 0},
     {"cwnd": 10 * 536, "ssthresh": 2**31 - 1}),
    ({"remote_mss": 536, "cwnd": 1, "ssthresh": 1, "snd_wnd": 5000, "max_snd_wnd": 4000},
     {"cwnd": 536, "ssthresh": 2 * 536, "max_snd_wnd": 5000}),
])
def test_values_that_the_host_does_not_know(card: Card, given: dict[str, int],
                                            known: dict[str, int]) -> None:
    """4.3: "a `remote_mss`, `cwnd` or `ssthresh` of 0 says that the host knows none: it counts as
    536, as the initial window of RFC 6928, or as 2^31 - 1, which no window exceeds", "a `cwnd`
    below one segment counts as one, an `ssthresh` below two as two, and a `max_snd_wnd` below
    `snd_wnd` as that".
    """
    conn = Connection(card, conn_flags=0, snd_wscale=0, rcv_wscale=0, **given).initiate()
    asked = BlockList(card, [asking(abi.CHIM_TCP_DELEGATED, conn.handle)])
    assert asked.run(abi.CHIM_OP_QUERY).status == OK
    state = asked.states(0)[0]
    assert {name: getattr(state, name) for name in known} == known
