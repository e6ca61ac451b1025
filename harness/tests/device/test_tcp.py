# SPDX-License-Identifier: GPL-2.0-or-later
"""The target's TCP as the wire sees it: timestamps, windows, SACK, VLAN tags, neighbors, counters,
receive steering.
"""
from __future__ import annotations

import struct

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, asking, new_neighbor, new_tcp, tree
from chimney.qdev.connection import Connection
from chimney.qdev.device import MAC, Card, MakeCard, ethernet, with_sges
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK, PSH, build, match, parse
from chimney.qdev.state import GUEST_IP6, PEER_IP6, RCV, UNA

MSS = 1448


# timestamps


def test_timestamp_vector(card: Card) -> None:
    """TSP-1..6, TSP-9, TSP-10, SND-25: vector 1: TsTime 100 at offload; 10 ticks on it sends 110,
    50 ticks on 150; the round trip of what the host sent at 100 and was echoed 5 ticks on is 5
    ticks.
    """
    conn = Connection(
        card,
        ts_time=100,
        sends=[b"sent by the host at 100"],
        snd_nxt=UNA + 23,
        snd_max=UNA + 23,
        srtt=0,
        rttvar=0,
        srtt_us=0,
        rttvar_us=0,
    ).initiate()
    peer = Peer(conn)
    card.advance(ms=5)
    peer.ack(UNA + 23, ts=(1001, 100))
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert 5000 <= done.srtt_us < 6000
    card.advance(ms=5)
    conn.send(b"x")
    assert peer.frame().ts == (110, 1001)
    card.advance(ms=40)
    delegated, _, _ = conn.terminate()
    assert delegated.ts_time == 150


def offloaded_at(card: Card, ts_time: int, cookie: int) -> tuple[Connection, Peer]:
    """A connection without an RTT yet, one segment of the host's in flight that carried ts_time."""
    conn = Connection(
        card,
        cookie=cookie,
        ts_time=ts_time,
        sends=[b"host"],
        snd_nxt=UNA + 4,
        snd_max=UNA + 4,
        srtt=0,
        rttvar=0,
        srtt_us=0,
        rttvar_us=0,
    ).initiate()
    return conn, Peer(conn)


def test_timestamp_vector_with_drift(card: Card) -> None:
    """TSP-11, TSP-6: vector 2: two offloads, between which the host's clock drifts."""
    conn, peer = offloaded_at(card, 100, 1)
    card.advance(ms=5)
    peer.ack(UNA + 4, ts=(1001, 100))
    assert 5000 <= conn.entry(abi.CHIM_CQ_SEND).srtt_us < 6000
    card.advance(ms=45)
    conn.send(b"nic")
    assert (peer.frame().ts or (0,))[0] == 150
    assert conn.terminate()[0].ts_time == 150
    card.advance(ms=70)
    conn, peer = offloaded_at(card, 350, 2)
    card.advance(ms=5)
    peer.ack(UNA + 4, ts=(1002, 350))
    assert 5000 <= conn.entry(abi.CHIM_CQ_SEND).srtt_us < 6000
    conn.send(b"nic")
    assert (peer.frame().ts or (0,))[0] == 355


def test_timestamps_never_go_back(card: Card) -> None:
    """TSP-1, TSP-7: over several hand-overs with a host clock that drifts."""
    ts, seen = 100, 100
    for step in range(4):
        conn = Connection(card, ts_time=ts, snd_una=UNA, cookie=step).initiate()
        peer = Peer(conn)
        card.advance(ms=50)
        conn.send(b"x")
        value, _ = peer.frame().ts or (0, 0)
        assert value >= seen
        peer.ack(UNA + 1)
        delegated, _, _ = conn.terminate()
        assert delegated.ts_time >= value == delegated.last_ts_val
        seen, ts = value, delegated.ts_time + 200 * (step % 2)


@pytest.mark.parametrize("ahead", [1, 59_999, 1 << 30, -1])
def test_last_value_of_a_state_that_goes_in_says_nothing(card: Card, ahead: int) -> None:
    """TSP-5, M-16; 4.3: "At INITIATE the device does not read `last_ts_val`"."""
    conn = Connection(card, ts_time=1000, last_ts_val=1000 + ahead & 0xffffffff).initiate()
    peer = Peer(conn)
    card.advance(ms=50)
    conn.send(b"x")
    assert (peer.frame().ts or (0,))[0] == 1050
    assert conn.terminate()[0].last_ts_val == 1050


def test_paws(card: Card) -> None:
    """TSP-8, RFC-14: an old timestamp is answered with an ACK and not taken; TsRecent and its age
    come back.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.inject(data=b"old", flags=ACK, ts=(900, 5000))
    peer.frame(ack=RCV)
    peer.inject(data=b"new", flags=ACK | PSH, ts=(1500, 5000))
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"new"
    card.advance(ms=70)
    delegated = conn.query()[2]
    assert (delegated.ts_recent, delegated.ts_recent_age) == (1500, 70)


@pytest.mark.parametrize("flags", [0, abi.CHIM_TCP_TIMESTAMPS, abi.CHIM_TCP_SACK])
def test_options_as_negotiated(card: Card, flags: int) -> None:
    """SND-25, RFC-15: timestamps and SACK blocks only where the flags allow them."""
    conn = Connection(card, conn_flags=flags).initiate()
    peer = Peer(conn)
    peer.window = 30_000
    peer.inject(seq=RCV + 100, data=b"hole before me", flags=ACK)
    assert card.no_wire_frame(), "a gap right after the take-over is about to be forwarded"
    card.advance(ms=20.1)
    seg = peer.frame(ack=RCV)
    assert (seg.ts is not None) == bool(flags & abi.CHIM_TCP_TIMESTAMPS)
    assert bool(seg.sack) == bool(flags & abi.CHIM_TCP_SACK)


def test_window_scale(card: Card) -> None:
    """SND-25, VAR-C4, VAR-C5: both factors are used with the flag, and not without it."""
    with_scale = Connection(card, snd_wscale=3, rcv_wscale=5, snd_wnd=100).initiate()
    peer = Peer(with_scale)
    peer.data(b"x")
    peer.ack(window=1000)
    assert with_scale.query()[2].snd_wnd == 8000
    card.advance(ms=50)
    assert peer.frame().window << 5 >= (256 << 10) - 64


def test_retransmission_of_what_sack_leaves(card: Card) -> None:
    """RFC-8, RFC-12, RFC-18: the hole is repaired at once, what was received is not sent again."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    data = bytes(i * 7 & 0xFF for i in range(8 * MSS))
    conn.send(data)
    assert stream(peer.frames(), UNA) == data
    for n in range(2, 6):
        peer.ack(UNA, sack=((UNA + MSS, UNA + n * MSS),))
    frames = peer.frames()
    assert [(seg.seq, len(seg.data)) for seg in frames] == [(UNA, MSS)]
    peer.ack(UNA + 8 * MSS)
    assert conn.entry(abi.CHIM_CQ_SEND).status == 0


def test_nagle(card: Card) -> None:
    """SND-24, RFC-11: with the flag a short segment waits for the ACK of the one before."""
    conn = Connection(card, flags=abi.CHIM_TCP_NAGLE).initiate()
    peer = Peer(conn)
    conn.send(b"one")
    peer.frame(data=b"one")
    conn.send(b"two")
    assert peer.silent()
    peer.ack(UNA + 3)
    peer.frame(data=b"two")


def test_congestion_window_is_kept(card: Card) -> None:
    """RFC-8, VAR-D11: no more in flight than cwnd allows."""
    conn = Connection(card, cwnd=3 * MSS, ssthresh=3 * MSS).initiate()
    peer = Peer(conn)
    conn.send(bytes(20 * MSS))
    assert sum(len(seg.data) for seg in peer.frames()) == 3 * MSS


def test_ipv6(card: Card) -> None:
    """CAP-4, RFC-4, VAR-K8, STA-12: IPv6 with flow label, hop limit and traffic class."""
    conn = Connection(card, ipv6=True, flow_label=0xABCDE, ttl=33, tos=0x28).initiate()
    conn.send(b"six")
    frame = card.wire_frame()
    assert struct.unpack(">I", frame[14:18])[0] == 6 << 28 | 0x28 << 20 | 0xABCDE
    match(parse(frame), data=b"six", ttl=33, src=GUEST_IP6, dst=PEER_IP6)
    peer = Peer(conn)
    peer.data(b"echo")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"echo"
    stats = card.stats()
    assert stats.tcp6.out_segments == 1 and stats.tcp4.out_segments == 0


# 802.1Q


@pytest.mark.parametrize(
    "vlan,priority,tag",
    [(0, 0, None), (0, 5, 5 << 13), (7, 0, 7), (7, 3, 3 << 13 | 7), (4094, 7, 7 << 13 | 4094)],
)
def test_tag_of_frames_sent(card: Card, vlan: int, priority: int, tag: int | None) -> None:
    """VLN-1, VLN-2, VLN-5"""
    conn = Connection(card, neighbor=new_neighbor(vlan=vlan), user_priority=priority).initiate()
    conn.send(b"x")
    match(parse(card.wire_frame()), vlan=tag, data=b"x")


@pytest.mark.parametrize(
    "vlan,tag,taken",
    [
        (0, None, True),
        (0, 9, True),
        (0, 5 << 13, True),
        (7, 7, True),
        (7, 2 << 13 | 7, True),
        (7, None, False),
        (7, 0, False),
        (7, 8, False),
    ],
)
def test_tag_of_frames_received(card: Card, vlan: int, tag: int | None, taken: bool) -> None:
    """VLN-6"""
    conn = Connection(card, neighbor=new_neighbor(vlan=vlan)).initiate()
    Peer(conn).data(b"tagged", vlan=tag)
    if taken:
        assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"tagged"
    else:
        card.advance(ms=100)
        assert conn.no_entry() and card.no_wire_frame()


GROUP = b"\x01\0\x5e\0\0\x05"


@pytest.mark.parametrize(
    "dst,taken", [(MAC, True), (GROUP, True), (b"\x02\0\0\0\0\x55", False)]
)
def test_destination_mac(card: Card, dst: bytes, taken: bool) -> None:
    """STA-11: the connection's traffic comes on the configured MAC and on multicast addresses that
    are enabled; another one's is not the target's.
    """
    mode = abi.CHIM_RX_ENABLE | abi.CHIM_RX_PROMISC
    assert card.rx_mode(mode, [MAC], [GROUP]) == abi.CHIM_ST_SUCCESS
    conn = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    peer = Peer(conn)
    card.inject(build(peer.seg(data=b"to whom", flags=ACK | PSH, dmac=dst)))
    if taken:
        assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"to whom"
    else:
        assert parse(card.received()[1]).data == b"to whom"


# neighbors


def answer(card: Card, handle: int, hrd: int) -> int:
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_NCE_ANSWER, handle=handle, cookie=card.next_cookie())
    entry.u.nce.hrd = hrd
    card.admin_sq.publish(with_sges(entry, []))
    return int(card.admin_wait(entry.cookie).status)


def test_stale_neighbor(card: Card) -> None:
    """TRE-21, ARC-13, NCE-4..9, NCE-12, M-11: asked when both ages are stale and something is
    sent; the datagram leaves all the same; an answer of 0 silences it; progress does too.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    card.advance(ms=31_000)
    card.settle()
    assert card.admin_cq.peek() is None
    conn.send(b"x")
    peer.frame(data=b"x")
    asked = card.wait("the question", card.admin_cq.take)
    assert asked.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_NCE
    assert (asked.handle, asked.conn_cookie) == (conn.neighbor, 0xA1)
    assert asked.info in range(31_000, 31_100) and asked.info2 in range(31_000, 31_100)
    card.advance(ms=250)
    peer.frames()
    assert card.admin_cq.peek() is None
    assert answer(card, conn.neighbor, 0) == abi.CHIM_ST_SUCCESS
    peer.ack(UNA + 1)
    conn.entry(abi.CHIM_CQ_SEND)
    nrd = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor)])
    nrd.run(abi.CHIM_OP_QUERY)
    assert nrd.states(0)[0].nrd <= 1  # type: ignore[attr-defined]
    card.advance(ms=29_000)
    conn.send(b"y")
    peer.frame()
    assert card.admin_cq.peek() is None


def test_received_segments_are_no_progress(card: Card) -> None:
    """NCE-4: an ACK of nothing new does not confirm the neighbor."""
    conn = Connection(card).initiate()
    card.advance(ms=1000)
    Peer(conn).ack()
    card.settle()
    nrd = BlockList(card, [asking(abi.CHIM_NEIGHBOR_DELEGATED, conn.neighbor)])
    nrd.run(abi.CHIM_OP_QUERY)
    assert nrd.states(0)[0].nrd >= 1000  # type: ignore[attr-defined]


@pytest.mark.parametrize("ipv6", [False, True])
def test_neighbor_in_doubt(card: Card, ipv6: bool) -> None:
    """NCE-13, NCE-14: after three retransmissions of a segment the host is asked."""
    conn = Connection(card, ipv6=ipv6).initiate()
    conn.send(b"x")
    for wait in (250, 450, 850):
        card.advance(ms=wait)
    asked = card.wait("the question", card.admin_cq.take)
    assert asked.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_NCE


# counters


def test_counters_of_offloaded_connections(card: Card) -> None:
    """STT-1, STT-2, CTR-1..5, CTR-11..15: four sets; only what the target takes and makes."""
    conn = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    peer = Peer(conn)
    peer.data(b"0123456789")
    conn.entry(abi.CHIM_CQ_INDICATE)
    peer.inject(data=b"other", sport=77)
    card.received()
    conn.send(b"abcd")
    peer.frames()
    card.advance(ms=250)
    peer.frames()
    stats = card.stats()
    ip, tcp = stats.ip4, stats.tcp4
    assert (ip.in_receives, ip.in_delivers, ip.in_octets) == (1, 1, 20 + 32 + 10)
    assert (ip.out_requests, ip.out_octets) == (2, 2 * (20 + 32 + 4))
    assert (tcp.in_segments, tcp.out_segments, tcp.retransmitted_segments) == (1, 1, 1)
    assert (tcp.currently_established, tcp.out_resets) == (1, 0)
    assert bytes(stats.ip6) == bytes(80) and bytes(stats.tcp6) == bytes(64)
    assert (stats.nic.rx_offloaded_frames, stats.nic.tx_offloaded_frames) == (1, 2)
    assert (stats.nic.rx_offloaded_bytes, stats.nic.tx_offloaded_bytes) == (10, 8)


# What worked() moves, which is at least what device and engine clear one by one: the engine's part
# of NIC and CASES.
IP = {"in_receives", "in_octets", "in_delivers", "out_requests", "out_octets"}
TCP = {"in_segments", "out_segments", "currently_established", "retransmitted_segments"}
MOVED = {
    "ip4": IP,
    "ip6": IP,
    "tcp4": TCP,
    "tcp6": TCP,
    "nic": {"rx_frames", "rx_bytes"}
    | {f"{way}_offloaded_{what}" for way in ("rx", "tx") for what in ("frames", "bytes")},
    "cases": {"initiates", "terminates", "sends", "recvs", "indications", "rexmit_segments"}
    | {f"buffered_{what}_bytes" for what in ("in", "to_recv", "indicated", "out")}
    | {f"send_{way}_{what}_bytes" for way in ("in", "back") for what in ("unacked", "rexmit")}
    | {f"send_{way}_unsent_bytes" for way in ("in", "back")}
    | {"verdict_accepted", "target_rx_octets", "target_tx_octets"},
}


def worked(card: Card) -> None:
    """Every set has something to show: a connection of each family is there, two have gone back,
    one of them at once, and one when it has timed out.
    """
    for ipv6 in (False, True):
        conn = Connection(card, ipv6=ipv6, cookie=0xC0 + ipv6).initiate()
        peer = Peer(conn)
        peer.data(b"0123456789")
        conn.entry(abi.CHIM_CQ_INDICATE)
        conn.send(b"abcd")
        peer.frames()
        card.advance(ms=250)
        peer.frames()
    gone = {"snd_nxt": UNA + 1000, "snd_max": UNA + 2000, "local_port": 40001}
    Connection(card, sends=[bytes(6000)], buffered=b"old", **gone).initiate().terminate()
    gone |= {"local_port": 40002, "snd_wnd": 4000}
    conn = Connection(card, sends=[bytes(6000)], buffered=b"older", **gone).initiate()
    conn.recv(2)
    conn.entry(abi.CHIM_CQ_RECV)
    conn.entry(abi.CHIM_CQ_INDICATE)
    card.advance(ms=3000)
    conn.terminate()
    card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    card.wait("the frame", card.pairs[0].rxc.take)


def counters(card: Card) -> dict[tuple[str, str], int]:
    """Every counter but those that GET_STATS itself moves, by set and name."""
    stats = card.stats()
    return {
        (name, field): getattr(getattr(stats, name), field)
        for name, kind in stats._fields_
        for field, *_ in kind._fields_  # type: ignore[union-attr]
        if field not in ("rsvd", "doorbells", "interrupts")
    }


@pytest.mark.parametrize("cleared", ["ip4", "ip6", "tcp4", "tcp6", "nic", "cases"])
def test_reset_of_counters(card: Card, cleared: str) -> None:
    """STT-3: all of one set, and nothing else; the number of connections stays."""
    worked(card)
    before = counters(card)
    sets = getattr(abi, f"CHIM_STATS_{cleared.upper()}")
    assert card.admin(abi.CHIM_OP_RESET_STATS, value=sets).status == abi.CHIM_ST_SUCCESS
    after = counters(card)
    assert not [field for field in MOVED[cleared] if not before[cleared, field]]
    assert before["cases", "rexmit_segments"] >= 2 and before["cases", "buffered_out_bytes"] == 3
    for (name, field), count in before.items():
        stays = name != cleared or field == "currently_established"
        assert after[name, field] == (count if stays else 0), f"{name}.{field}"


def test_counters_of_no_set(card: Card) -> None:
    """A mask with unknown bits is refused."""
    done = card.admin(abi.CHIM_OP_RESET_STATS, value=1 << 20)
    assert done.status == abi.CHIM_ST_INVALID_FIELD


def test_two_cards_count_apart(make_card: MakeCard) -> None:
    """STT-6, ARC-15: every interface has its own objects and counters."""
    first, second = make_card().start(), make_card().start()
    Connection(first).initiate()
    assert first.stats().tcp4.currently_established == 1
    assert second.stats().tcp4.currently_established == 0


# pairs


def test_connection_keeps_its_pair(make_card: MakeCard) -> None:
    """RSS-2, RSS-3, M-19, RIN-12: entries stay on the pair chosen at initiate, whatever the
    indirection table does.
    """
    card = make_card().start(pairs=4)
    for pair in range(4):
        card.post_buffers(pair, abi.CHIM_RING_IB, 4, 2048)
    conn = Connection(card, pair=2, hash=3).initiate()
    peer = Peer(conn)
    peer.data(b"before")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"before"
    rss = abi.chim_rss(table_len=4)
    for slot in range(4):
        rss.table[slot] = 1
    assert card.admin_data(abi.CHIM_OP_SET_RSS, bytes(rss)).status == abi.CHIM_ST_SUCCESS
    peer.data(b"after")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"after"
    assert all(card.pairs[p].cq.peek() is None for p in (0, 1, 3))


def test_send_backlog_event(card: Card) -> None:
    """EVT-4, EVT-5, STA-19: the optimum grows with the window, told rarely."""
    conn = Connection(card, cwnd=14480, snd_wnd=4 << 20, max_snd_wnd=4 << 20).initiate()
    peer = Peer(conn)
    peer.window = (4 << 20) >> 7
    conn.send(bytes(900_000))
    acked, told = UNA, []
    for _ in range(14):
        got = sum(len(seg.data) for seg in peer.frames())
        acked += got
        card.advance(ms=60)
        peer.ack(acked)
        card.settle()
        while (entry := conn.pair.cq.take()) is not None:
            if entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_EVENT:
                assert entry.info == abi.CHIM_EV_SEND_BACKLOG
                told.append(entry.info2)
    assert told and told == sorted(set(told)) and len(told) <= 5


def test_many_connections(make_card: MakeCard) -> None:
    """CAP-3, TRE-18, SND-5: 200 connections over one path, each its own stream."""
    card = make_card().start(log2_size=9)
    nodes = [new_tcp(cookie=n, local_port=10_000 + n) for n in range(200)]
    bulk = BlockList(card, tree(nodes))
    bulk.run(abi.CHIM_OP_INITIATE)
    assert set(bulk.statuses()) == {abi.CHIM_ST_SUCCESS}
    conn = Connection(card, cookie=0)
    for n in range(200):
        conn.handle = bulk.node(2 + n).handle
        conn.send(b"stream %d" % n)
    got = {seg.sport: seg.data for seg in Peer(conn).frames()}
    assert got == {10_000 + n: b"stream %d" % n for n in range(200)}
