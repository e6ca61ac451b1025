# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations (spec chapter 5): terminate, update, query, invalidate, and what commands on a
connection may not be.
"""
from __future__ import annotations

import ctypes

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, Node, asking, linker, new_neighbor
from chimney.qdev.connection import Connection, next_fence, post_tx_fence
from chimney.qdev.device import MAC, Card, MakeCard, with_sges
from chimney.qdev.memory import NO_RAM
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK, RST, match, parse
from chimney.qdev.state import RCV, UNA, neighbor_state, path_state

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD


def test_all_ten_operations(card: Card) -> None:
    """ARC-9, ARC-2: five state operations, five data operations, each counted with its
    completion.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"indicated")
    refused = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.verdict(refused.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    conn.pair.cq.release()
    conn.recv(9)
    conn.entry(abi.CHIM_CQ_RECV)
    peer.forward(flags=ACK)
    conn.entry(abi.CHIM_CQ_FORWARD)
    conn.send(b"x")
    peer.frames()
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    peer.frames()
    peer.ack(UNA + 2)
    assert {conn.entry().ctl & abi.CHIM_CTL_OP_MASK for _ in range(2)} == {
        abi.CHIM_CQ_SEND,
        abi.CHIM_CQ_DISCONNECT,
    }
    conn.query()
    assert conn.update_tcp(ttl=3) == OK
    node = Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_ALL, handle=conn.handle)
    assert BlockList(card, [node]).run(abi.CHIM_OP_INVALIDATE).status == OK
    conn.entry(abi.CHIM_CQ_EVENT)
    conn.terminate()
    cases = card.stats().cases
    for what in ("initiates", "terminates", "updates", "queries", "invalidates"):
        assert getattr(cases, what) == 1, what
    for what in ("initiate", "terminate", "update", "query", "invalidate"):
        assert getattr(cases, what + "_completions") == 1, what
    for what in ("send", "recv", "forward", "disconnect"):
        assert getattr(cases, what + "s") == getattr(cases, what + "_completions") == 1, what
    assert (cases.verdicts, cases.indications, cases.events) == (1, 1, 1)


def test_addresses_of_64_bits(make_card: MakeCard) -> None:
    """RFC-17, M-26: rings, lists and buffers may lie above 4 GiB."""
    card = make_card(memory="3G")
    card.memory._next, card.memory._end = 0x1_0010_0000, 0x1_0400_0000
    card.start(msix=False)
    card.post_buffers(0, abi.CHIM_RING_IB, 2, 2048)
    conn = Connection(card, sends=[b"chain"], buffered=b"unread").initiate()
    peer = Peer(conn)
    peer.frame(data=b"chain")
    _, addr = conn.recv(6)
    conn.entry(abi.CHIM_CQ_RECV)
    assert addr > 1 << 32 and card.qtest.read(addr, 6) == b"unread"
    peer.data(b"new")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"new"


# fences


def test_too_many_fences_without_a_command(card: Card) -> None:
    """OP-D3, OP-H1: 256 ids are held, one more is a fatal cause."""
    sq = card.pairs[0].sq
    for number in range(256):
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_FENCE)
        entry.u.fence.id = 0x8000 + number
        sq.publish([entry])
        if sq.room() == 0:
            card.wait("the SQ", lambda: sq.room() > 0)
    card.settle()
    assert card.fatal() is None
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FENCE)
    entry.u.fence.id = 0x9000
    index = sq.publish([entry])
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["rule"], fatal["ring"], fatal["index"]) == (
        abi.CHIM_FATAL_FENCE,
        abi.CHIM_RULE_OP_H1,
        sq.id,
        index,
    )


def test_terminate_needs_a_fence(card: Card) -> None:
    """OP-D4"""
    conn = Connection(card).initiate()
    assert conn.terminate_list().run(abi.CHIM_OP_TERMINATE).status == FIELD
    conn.send(b"alive")
    assert card.wire_frame()


def test_operation_waits_for_all_of_its_fences(make_card: MakeCard) -> None:
    """OP-D1: fence_count of them, on whatever rings, before or after the command."""
    card = make_card().start(pairs=2)
    conn = Connection(card).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    conn.post_fence(fence)
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 3)
    post_tx_fence(card.pairs[1], fence)
    card.settle()
    assert card.admin_cq.peek() is None
    post_tx_fence(card.pairs[0], fence)
    assert card.admin_wait(cookie).status == OK
    assert conn.entry().ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_LAST


# terminate


def test_room_for_what_comes_back(card: Card) -> None:
    """OP-D9: too little room is answered with the need, nothing has changed, and a new fence brings
    it about.
    """
    conn = Connection(card, buffered=b"x" * 3000, snd_wnd=0).initiate()
    cookies = [conn.send(b"held") for _ in range(3)]
    for room in ({"sends": 2}, {"buffered": 2999}, {"sends": 0, "buffered": 0}):
        asked, fence = conn.terminate_list(**room), next_fence()
        conn.post_fence(fence)
        done = asked.run(abi.CHIM_OP_TERMINATE, fence, 1)
        assert done.status == abi.CHIM_ST_BUFFER_TOO_SMALL
        assert done.info >= 3000 and asked.node(0).info >= 3000
        assert asked.statuses() == [abi.CHIM_ST_BUFFER_TOO_SMALL]
        assert conn.no_entry()
    Peer(conn).ack(window=512)
    assert stream(Peer(conn).frames(), UNA) == b"held" * 3
    delegated, back, buffered = conn.terminate(sends=3, buffered=int(done.info))
    assert ([ref.cookie for ref in back], buffered) == (cookies, b"x" * 3000)
    assert delegated.state == abi.CHIM_TCP_ESTABLISHED


def test_indication_that_was_not_taken_comes_back(card: Card) -> None:
    """OP-D12, M-12, TRM-26: an indication that the consumer index has not passed counts as
    refused.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"indicated")
    card.wait("the indication", conn.pair.cq.peek)
    peer.data(b" and more")
    card.settle()
    asked, fence = conn.terminate_list(), next_fence()
    conn.post_fence(fence)
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    delegated = asked.states(0)[0]
    size = delegated.buffered_len  # type: ignore[attr-defined]
    assert card.qtest.read(conn.buffered_addr, size) == b"indicated and more"
    assert delegated.rcv_nxt == RCV + 18  # type: ignore[attr-defined]


def test_taken_indication_does_not_come_back(card: Card) -> None:
    """OP-D12: passed by the consumer index before the device acts, it was taken."""
    conn = Connection(card).initiate()
    Peer(conn).data(b"indicated")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"indicated"
    delegated, _, buffered = conn.terminate()
    assert (delegated.rcv_nxt, buffered) == (RCV + 9, b"")


def test_owed_ack_leaves_before_the_upload(card: Card) -> None:
    """TRM-32, TMR-4: the delayed ACK goes out before LAST."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"owed", flags=ACK)
    conn.entry(abi.CHIM_CQ_INDICATE)
    assert peer.silent()
    conn.terminate()
    peer.frame(ack=RCV + 4, data=b"")
    card.advance(ms=1000)
    assert peer.silent()


def test_out_of_order_data_is_dropped(card: Card) -> None:
    """TRM-33: RcvNxt does not include it, BufferedData does not hold it, nothing delivers it."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.inject(seq=RCV + 100, data=b"later", flags=ACK)
    peer.frames()
    delegated, _, buffered = conn.terminate()
    assert (delegated.rcv_nxt, buffered) == (RCV, b"")


def test_receive_requests_come_back_at_terminate(card: Card) -> None:
    """RRQ-19, TRM-14, TRM-29: UPLOAD_IN_PROGRESS with what is in them, before LAST; BufferedData
    follows.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    first, addr = conn.recv(100, abi.CHIM_RECV_NONPUSH)
    second, _ = conn.recv(100)
    peer.data(b"part")
    delegated, _, buffered = conn.terminate()
    assert [(e.cookie, e.status, e.bytes) for e in conn.entries] == [
        (first, abi.CHIM_ST_UPLOAD_IN_PROGRESS, 4),
        (second, abi.CHIM_ST_UPLOAD_IN_PROGRESS, 0),
    ]
    assert card.qtest.read(addr, 4) == b"part"
    assert (delegated.rcv_nxt, buffered) == (RCV + 4, b"")


def test_handle_is_dead_after_terminate(card: Card) -> None:
    """OP-D13, OP-D18: commands on it are refused, with an entry of their own."""
    conn = Connection(card).initiate()
    conn.terminate()
    kinds = {
        conn.send(b"x"): abi.CHIM_CQ_SEND,
        conn.recv(10)[0]: abi.CHIM_CQ_RECV,
        conn.forward(bytes(20)): abi.CHIM_CQ_FORWARD,
        conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL): abi.CHIM_CQ_DISCONNECT,
    }
    conn.verdict(1, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    for cookie, kind in kinds.items():
        done = conn.entry(kind)
        assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_INVALID_HANDLE)
    assert conn.no_entry()


def test_command_behind_the_fence(card: Card) -> None:
    """OP-H4, TRM-23: it comes back once, with a status or in the chain, whether the device has
    acted yet or not.
    """
    conn = Connection(card, snd_wnd=0).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    sq = conn.pair.sq
    bell, sq.ring = sq.ring, lambda value=None: None  # type: ignore[method-assign,assignment]
    conn.post_fence(fence)
    late = conn.send(b"too late")
    sq.ring = bell  # type: ignore[method-assign]
    sq.ring()
    assert card.admin_wait(cookie).status == OK
    card.settle()
    entries = []
    while (entry := conn.pair.cq.take()) is not None:
        entries.append(entry)
    refused = [e for e in entries if e.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_SEND]
    assert {e.status for e in refused} <= {
        abi.CHIM_ST_UPLOAD_IN_PROGRESS,
        abi.CHIM_ST_INVALID_HANDLE,
    }
    assert [e.cookie for e in refused] + [r.cookie for r in asked.sends_back(0)] == [late]
    assert card.no_wire_frame()


@pytest.mark.parametrize("state", range(4, 10))
def test_terminate_in_any_state(card: Card, state: int) -> None:
    """DIS-19, TRM-6, STA-14, TRM-36: SUCCESS, and the state as it was."""
    fin = state in (abi.CHIM_TCP_FIN_WAIT1, abi.CHIM_TCP_CLOSING, abi.CHIM_TCP_LAST_ACK)
    conn = Connection(card, state=state, snd_nxt=UNA + fin, snd_max=UNA + fin).initiate()
    delegated, back, _ = conn.terminate()
    assert (delegated.state, delegated.snd_max, back) == (state, UNA + fin, [])


def test_neighbor_comes_back_with_its_nrd(card: Card) -> None:
    """TRM-39, QRY-7, NCE-1: the age of the target's last confirmation."""
    made = BlockList(card, [new_neighbor()])
    made.nodes[0].states[2].nrd = made.nodes[0].states[1].hrd = 500  # type: ignore[attr-defined]
    made = BlockList(card, made.nodes)
    made.run(abi.CHIM_OP_INITIATE)
    card.advance(ms=100)
    asked = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, made.node(0).handle)])
    assert asked.run(abi.CHIM_OP_TERMINATE).status == OK
    assert asked.states(0)[0].nrd in range(600, 602)  # type: ignore[attr-defined]


# query


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


# update


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


# statuses of data operations


def test_command_on_another_pair(make_card: MakeCard) -> None:
    """OP-D18"""
    card = make_card().start(pairs=2)
    conn = Connection(card, pair=0).initiate()
    conn.pair = card.pairs[1]
    cookie = conn.send(b"wrong ring")
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_INVALID_HANDLE)
    assert card.no_wire_frame()


def test_send_without_bytes(card: Card) -> None:
    """OP-D19"""
    conn = Connection(card).initiate()
    conn.send(b"")
    assert conn.entry(abi.CHIM_CQ_SEND).status == FIELD


def test_send_too_long(card: Card) -> None:
    """OP-D19: CHIM_REG_MAX_SEND_LEN bounds a request."""
    conn = Connection(card).initiate()
    limit = card.read(abi.CHIM_REG_MAX_SEND_LEN)
    addr = card.memory.alloc(limit + 1)
    conn._io(abi.CHIM_OP_SEND, [(addr, limit + 1)], limit + 1, 0)
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_LIMIT
    conn._io(abi.CHIM_OP_SEND, [(addr, limit)], limit, 0)
    assert conn.no_entry()


@pytest.mark.parametrize("what", ["sends", "recvs"])
def test_too_many_requests(make_card: MakeCard, what: str) -> None:
    """SND-1, OP-D19: as many as the card announces are outstanding, one more is answered with
    LIMIT.
    """
    card = make_card().start(log2_size=11)
    conn = Connection(card, snd_wnd=0).initiate()
    if what == "sends":
        limit = card.read(abi.CHIM_REG_MAX_SENDS)
        addr = card.memory.put(b"one byte")
        cookies = [conn._io(abi.CHIM_OP_SEND, [(addr, 1)], 1, 0) for _ in range(limit + 1)]
        kind = abi.CHIM_CQ_SEND
    else:
        limit = card.read(abi.CHIM_REG_MAX_RECVS)
        cookies = [conn.recv(8)[0] for _ in range(limit + 1)]
        kind = abi.CHIM_CQ_RECV
    done = conn.entry(kind)
    assert (done.cookie, done.status) == (cookies[-1], abi.CHIM_ST_LIMIT)
    assert conn.no_entry()


@pytest.mark.parametrize("opcode", [abi.CHIM_OP_SEND, abi.CHIM_OP_RECV, abi.CHIM_OP_FORWARD])
@pytest.mark.parametrize(
    "sges,length",
    [
        ([(0x300000, 100)], 99),
        ([(0x300000, 100)], 101),
        ([(0x300000, 100), (0, 0), (0x300000, 100)], 200),
        ([((1 << 64) - 50, 100)], 100),
        ([(0x300000, 0x80000000), (0x300000, 0x80000000), (0x300000, 1)], 1),
    ],
)
def test_scatter_list_that_does_not_add_up(
    card: Card, opcode: int, sges: list[tuple[int, int]], length: int
) -> None:
    """RING-D9: INVALID_FIELD, and no other effect."""
    conn = Connection(card).initiate()
    cookie = conn._io(opcode, sges, length, 0)
    done = conn.entry(opcode)
    assert (done.cookie, done.status) == (cookie, FIELD)
    assert conn.no_entry() and card.no_wire_frame() and card.fatal() is None


@pytest.mark.parametrize("opcode", [abi.CHIM_OP_SEND, abi.CHIM_OP_RECV, abi.CHIM_OP_FORWARD])
def test_request_memory_that_is_no_memory(card: Card, opcode: int) -> None:
    """RING-D10, RING-H4: the fatal cause names ring, index and address when the bytes are
    needed.
    """
    conn = Connection(card).initiate()
    index = conn.pair.sq.index
    conn._io(opcode, [(NO_RAM, 64)], 64, 0)
    Peer(conn).data(b"for the request")
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["index"], fatal["addr"]) == (
        abi.CHIM_FATAL_DMA,
        conn.pair.sq.id,
        index,
        NO_RAM,
    )


def test_longest_scatter_list(card: Card) -> None:
    """RING-D9: CHIM_REG_MAX_SGE elements in one command."""
    conn = Connection(card).initiate()
    limit = card.read(abi.CHIM_REG_MAX_SGE)
    data = bytes(n & 0xFF for n in range(limit))
    conn.send(data, pieces=limit)
    Peer(conn).frame(data=data)


@pytest.mark.parametrize(
    "number,status,consumed",
    [
        (2, abi.CHIM_ST_DATA_NOT_ACCEPTED, 0),
        (0, abi.CHIM_ST_DATA_NOT_ACCEPTED, 0),
        (1, abi.CHIM_ST_DATA_NOT_ACCEPTED, 1),
        (1, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 0),
        (1, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 8),
        (1, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 0xFFFFFFFF),
        (1, abi.CHIM_ST_SUCCESS, 0),
    ],
)
def test_verdicts_that_are_ignored(card: Card, number: int, status: int, consumed: int) -> None:
    """OP-D20: they name no indication under way, or contradict themselves; a right one still
    counts.
    """
    conn = Connection(card).initiate()
    Peer(conn).data(b"8 bytes!")
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.verdict(number, status, consumed)
    card.settle()
    assert conn.no_entry()
    conn.verdict(entry.info, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 3)
    conn.pair.cq.release()
    _, addr = conn.recv(5)
    assert conn.entry(abi.CHIM_CQ_RECV).seq == RCV + 3
    assert card.qtest.read(addr, 5) == b"ytes!"


def test_verdict_that_comes_too_late(card: Card) -> None:
    """RING-H8: an indication that the consumer index has passed is settled; the verdict on it is
    ignored.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"taken")
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    peer.data(b"next")
    second = conn.entry(abi.CHIM_CQ_INDICATE)
    conn.verdict(entry.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    assert conn.indicated(second)[-4:] == b"next"
    card.settle()
    assert conn.no_entry()
    assert card.stats().cases.verdict_refused == 0


def test_send_after_disconnect(card: Card) -> None:
    """OP-D21"""
    conn = Connection(card).initiate()
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    conn.send(b"after")
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_INVALID_STATE


def test_requests_after_an_abort(card: Card) -> None:
    """OP-D21, RRQ-18, SND-14: REQUEST_ABORTED for all kinds."""
    conn = Connection(card).initiate()
    Peer(conn).inject(flags=RST)
    conn.entry(abi.CHIM_CQ_EVENT)
    conn.send(b"after")
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_REQUEST_ABORTED
    conn.recv(8)
    assert conn.entry(abi.CHIM_CQ_RECV).status == abi.CHIM_ST_REQUEST_ABORTED
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    assert conn.entry(abi.CHIM_CQ_DISCONNECT).status == abi.CHIM_ST_REQUEST_ABORTED


@pytest.mark.parametrize("flags,data", [(0, b""), (3, b""), (2, b"data")])
def test_impossible_disconnects(card: Card, flags: int, data: bytes) -> None:
    """OP-D23: exactly one flag, and no data with the abortive one."""
    conn = Connection(card).initiate()
    conn.disconnect(flags, data)
    assert conn.entry(abi.CHIM_CQ_DISCONNECT).status == FIELD
    assert card.no_wire_frame()


def test_request_with_more_prefilled_than_room(card: Card) -> None:
    """RING-D9: `prefilled` beyond the request."""
    conn = Connection(card).initiate()
    conn.recv(8, abi.CHIM_RECV_NONPUSH, prefilled=9)
    assert conn.entry(abi.CHIM_CQ_RECV).status == FIELD


def test_completions_keep_posting_order(card: Card) -> None:
    """OP-D22, RRQ-4, SND-4: per kind, whatever arrives in between."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    sends, recvs = [], []
    for n in range(8):
        sends.append(conn.send(bytes([n]) * 50))
        recvs.append(conn.recv(10)[0])
    peer.frames()
    for n in range(8):
        peer.data(bytes(10), ack=UNA + 50 * n + 50)
    entries = [conn.entry() for _ in range(16)]
    for kind, cookies in ((abi.CHIM_CQ_SEND, sends), (abi.CHIM_CQ_RECV, recvs)):
        assert [e.cookie for e in entries if e.ctl & abi.CHIM_CTL_OP_MASK == kind] == cookies


# set-up


def params(**changes: int) -> bytes:
    fields = {
        "ticks_per_second": 1000,
        "ack_frequency": 2,
        "delayed_ack_ticks": 40,
        "max_retransmissions": 15,
        "doubt_retransmissions": 3,
        "sws_prevention_ticks": 200,
        "dup_ack_threshold": 3,
        "push_ticks": 500,
        "nce_stale_ticks": 30000,
    }
    return bytes(abi.chim_params(**{**fields, **changes}))


@pytest.mark.parametrize(
    "change", [{"ticks_per_second": 0}, {"ticks_per_second": 999}, {"rsvd": 1}]
)
def test_impossible_params(card: Card, change: dict[str, int]) -> None:
    """CAP-5, TMR-2"""
    assert card.admin_data(abi.CHIM_OP_SET_PARAMS, params(**change)).status == FIELD


def test_params_are_applied(card: Card) -> None:
    """CAP-5, CAP-6, TMR-5, RFC-7: an ACK after the third segment, or after so many ticks."""
    done = card.admin_data(
        abi.CHIM_OP_SET_PARAMS, params(ticks_per_second=100, ack_frequency=3, delayed_ack_ticks=7)
    )
    assert done.status == OK
    conn = Connection(card).initiate()
    peer = Peer(conn)
    for _ in range(2):
        peer.data(b"segment")
        assert peer.silent()
    peer.data(b"segment")
    peer.frame(ack=RCV + 21)
    peer.data(b"segment")
    card.advance(ms=69)
    assert peer.silent()
    card.advance(ms=2)
    peer.frame(ack=RCV + 28)


def test_params_while_a_connection_lives(card: Card) -> None:
    """OP-D24"""
    conn = Connection(card).initiate()
    assert card.admin_data(abi.CHIM_OP_SET_PARAMS, params()).status == abi.CHIM_ST_IN_USE
    conn.terminate()
    assert card.admin_data(abi.CHIM_OP_SET_PARAMS, params()).status == OK


def test_ring_of_a_pair_in_use(card: Card) -> None:
    """DESTROY_RING is refused while connections live on the pair."""
    conn = Connection(card).initiate()
    sq = conn.pair.sq.id
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=sq).status == abi.CHIM_ST_IN_USE
    conn.terminate()
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=sq).status == OK


def test_nce_answer_for_nobody(card: Card) -> None:
    """OBJ-D4: a stale neighbor handle."""
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_NCE_ANSWER, handle=0x77, cookie=9)
    card.admin_sq.publish(with_sges(entry, []))
    assert card.admin_wait(9).status == abi.CHIM_ST_INVALID_HANDLE


def test_too_many_vlans(card: Card) -> None:
    """SET_VLANS beyond CHIM_REG_MAX_VLANS, of a wrong length, and of ids that are none."""
    limit = card.read(abi.CHIM_REG_MAX_VLANS)
    ids = b"".join((n + 1).to_bytes(2, "little") for n in range(limit + 1))
    addr = card.memory.put(ids)
    for count, size, status in (
        (limit + 1, len(ids), abi.CHIM_ST_LIMIT),
        (limit, len(ids), FIELD),
        (limit, len(ids) - 2, OK),
    ):
        done = card.admin(abi.CHIM_OP_SET_VLANS, data=(addr, size), vlan__count=count)
        assert done.status == status
    card.qtest.write(addr, b"\xff\x0f")
    assert card.admin(abi.CHIM_OP_SET_VLANS, data=(addr, 2), vlan__count=1).status == FIELD


# before enable, after reset


def test_commands_before_enable(make_card: MakeCard) -> None:
    """REG-H2, LIFE-D1: entries and doorbells have no effect before ENABLE, and are found when it
    comes.
    """
    card = make_card()
    card.make_admin()
    cookie = card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)
    card.settle()
    assert card.admin_cq.peek() is None and card.fatal() is None
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    assert card.admin_wait(cookie).status == OK


def test_commands_after_reset(card: Card) -> None:
    """LIFE-D1: rings, objects and connections are forgotten; nothing is sent for them, doorbells do
    nothing.
    """
    conn = Connection(card).initiate()
    conn.send(b"in flight")
    card.wire_frames()
    sq, pair_sq = card.admin_sq, conn.pair.sq
    card.reset()
    sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SET_MTU)])
    pair_sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=conn.handle)])
    card.advance(ms=3000)
    assert card.no_wire_frame() and card.fatal() is None
    assert card.admin_cq.peek() is None
    card.start(msix=False)
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, conn.handle)])
    asked.run(abi.CHIM_OP_QUERY)
    assert asked.statuses() == [abi.CHIM_ST_INVALID_HANDLE]
    assert card.stats().tcp4.currently_established == 0


def test_fatal_stops_connections(card: Card) -> None:
    """LIFE-D1, EVT-D1: after a fatal cause no frame leaves, no timer acts, nothing is written."""
    conn = Connection(card).initiate()
    conn.send(b"in flight")
    card.wire_frames()
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, 0x7000)
    card.wait_fatal()
    Peer(conn).data(b"unheard")
    card.advance(ms=3000)
    assert card.no_wire_frame() and conn.pair.cq.peek() is None
