# SPDX-License-Identifier: GPL-2.0-or-later
"""The ordinary NIC: frames both ways, buffers, filters, RSS, checksums and large frames, MTU, VLAN,
link, counters.
"""
from __future__ import annotations

import ctypes
import struct

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import MAC, Card, MakeCard, ethernet
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK, PSH, Seg, build, match, parse, pseudo, tcp_bytes

BROADCAST, OTHER, GROUP = b"\xff" * 6, bytes.fromhex("5254009abcde"), bytes.fromhex("01005e000001")


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 17])
def test_transmit(card: Card, pieces: int) -> None:
    """RING-D9: a frame of any number of scatter elements leaves whole."""
    frame = ethernet(bytes(i * 7 & 0xFF for i in range(1000)))
    card.send_frame(frame, pieces=pieces)
    assert card.wire_frame() == frame
    card.wait("the slot", lambda: card.pairs[0].tx.dev_index == card.pairs[0].tx.index)


def test_transmit_in_order(card: Card) -> None:
    frames = [ethernet(bytes([n]) * 100) for n in range(20)]
    for frame in frames:
        card.send_frame(frame)
    assert [card.wire_frame() for _ in frames] == frames


def test_receive(card: Card) -> None:
    frame = ethernet(bytes(range(200)), dst=BROADCAST)
    card.inject(frame)
    first, data = card.received()
    assert data == frame
    assert (first.len, first.u.frame.vnet.num_buffers) == (len(frame), 1)


@pytest.mark.parametrize("size,buffers", [(1500, 1), (2035, 2), (4000, 2), (9000, 5)])
def test_receive_into_chained_buffers(card: Card, size: int, buffers: int) -> None:
    """RING-D11"""
    card.admin(abi.CHIM_OP_SET_MTU, value=9000)
    frame = ethernet(bytes(i * 13 & 0xFF for i in range(size)))
    card.inject(frame)
    first, data = card.received()
    assert data == frame
    assert first.u.frame.vnet.num_buffers == buffers


def test_without_buffers_a_frame_is_dropped_and_counted(make_card: MakeCard) -> None:
    """RING-D12: never truncated."""
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 1, 512)
    before = card.stats().nic.rx_no_buffer
    card.inject(ethernet(bytes(1000), dst=BROADCAST))
    card.settle()
    assert card.pairs[0].rxc.peek() is None
    assert card.stats().nic.rx_no_buffer == before + 1
    card.post_buffers(0, abi.CHIM_RING_RXB, 3, 512)
    card.inject(ethernet(b"next" + bytes(996), dst=BROADCAST))
    assert card.received()[1][14:18] == b"next"


@pytest.mark.parametrize(
    "flags,passed",
    [
        (abi.CHIM_RX_ENABLE, {"mine"}),
        (abi.CHIM_RX_ENABLE | abi.CHIM_RX_BROADCAST, {"mine", "broadcast"}),
        (abi.CHIM_RX_ENABLE | abi.CHIM_RX_ALLMULTI, {"mine", "group", "group2"}),
        (
            abi.CHIM_RX_ENABLE | abi.CHIM_RX_PROMISC,
            {"mine", "other", "broadcast", "group", "group2"},
        ),
        (0, set()),
    ],
)
def test_filter(card: Card, flags: int, passed: set[str]) -> None:
    """OP-D25 and the filter flags."""
    assert card.rx_mode(flags, [MAC]) == abi.CHIM_ST_SUCCESS
    names = {
        "mine": MAC,
        "other": OTHER,
        "broadcast": BROADCAST,
        "group": GROUP,
        "group2": b"\x33\x33\0\0\0\1",
    }
    for name, mac in names.items():
        card.inject(ethernet(name.encode().ljust(60), dst=mac))
    card.settle()
    got = set()
    while (entry := card.pairs[0].rxc.take()) is not None:
        got.add(card.buffer(0, abi.CHIM_RING_RXB, entry.buf, entry.len)[14:].split()[0].decode())
    assert got == passed


def test_multicast_list(card: Card) -> None:
    card.rx_mode(abi.CHIM_RX_ENABLE, [MAC, OTHER], [GROUP])
    for mac in (OTHER, b"\x01\0\x5e\0\0\2", GROUP):
        card.inject(ethernet(bytes(60), dst=mac))
    card.settle()
    assert [card.received()[1][:6] for _ in range(2)] == [OTHER, GROUP]
    assert card.pairs[0].rxc.peek() is None


def test_too_many_addresses(card: Card) -> None:
    mode = abi.chim_rx_mode(flags=abi.CHIM_RX_ENABLE, uni_count=200, multi_count=57)
    assert card.admin_data(abi.CHIM_OP_SET_RX_MODE, bytes(mode)).status == abi.CHIM_ST_INVALID_FIELD


def test_vlan_tag_passes_unchanged_both_ways(card: Card) -> None:
    tagged = MAC + OTHER + struct.pack(">HHH", 0x8100, 0x6005, 0x88B5) + bytes(60)
    card.send_frame(tagged)
    assert card.wire_frame() == tagged
    card.inject(tagged)
    assert card.received()[1] == tagged


@pytest.mark.parametrize(
    "mtu,status",
    [
        (68, 0),
        (1500, 0),
        (9000, 0),
        (67, abi.CHIM_ST_INVALID_FIELD),
        (0x10000, abi.CHIM_ST_INVALID_FIELD),
    ],
)
def test_mtu(card: Card, mtu: int, status: int) -> None:
    assert card.admin(abi.CHIM_OP_SET_MTU, value=mtu).status == status


def partial(seg: Seg) -> bytes:
    """A frame whose TCP checksum is the pseudo-header sum, as a stack leaves it for the card."""
    frame = bytearray(build(seg))
    body = tcp_bytes(seg)
    from chimney.qdev.seg import ones_complement

    frame[34 + 16 : 34 + 18] = struct.pack(">H", ones_complement(pseudo(seg, len(body))))
    return bytes(frame)


OUT = Seg(
    src=bytes([10, 77, 0, 2]),
    dst=bytes([10, 77, 0, 1]),
    smac=MAC,
    dmac=OTHER,
    sport=40000,
    dport=5001,
)


def test_transmit_checksum(card: Card) -> None:
    """The wire has no vnet header, so the card completes the checksum itself."""
    vnet = abi.chim_vnet_hdr(flags=abi.CHIM_VNET_F_NEEDS_CSUM, csum_start=34, csum_offset=16)
    card.send_frame(partial(OUT.with_(data=b"odd", seq=7)), vnet=vnet)
    match(parse(card.wire_frame()), data=b"odd", seq=7)


@pytest.mark.parametrize("length", [1, 1000, 1001, 5000, 60000])
def test_segmentation(card: Card, length: int) -> None:
    """Without TSO behind it the card cuts a large frame: sequence, ID, PSH on the last, checksums
    right.
    """
    data = bytes(i * 31 & 0xFF for i in range(length))
    vnet = abi.chim_vnet_hdr(
        flags=abi.CHIM_VNET_F_NEEDS_CSUM,
        gso_type=abi.CHIM_VNET_GSO_TCPV4,
        hdr_len=54,
        gso_size=1000,
        csum_start=34,
        csum_offset=16,
    )
    card.send_frame(
        partial(OUT.with_(data=data, seq=100, flags=ACK | PSH, ip_id=50)), vnet=vnet, pieces=5
    )
    at, ids = 0, []
    while at < length:
        seg = match(parse(card.wire_frame()), seq=100 + at)
        assert seg.data == data[at : at + 1000]
        at += len(seg.data)
        ids.append(seg.ip_id)
        assert bool(seg.flags & PSH) == (at == length)
    assert ids == list(range(50, 50 + len(ids)))


@pytest.mark.parametrize(
    "vnet",
    [
        {"flags": 1, "csum_start": 5000, "csum_offset": 16},
        {"flags": 1, "csum_start": 60, "csum_offset": 0xFFFF},
        {
            "flags": 1,
            "gso_type": 1,
            "gso_size": 0,
            "hdr_len": 54,
            "csum_start": 34,
            "csum_offset": 16,
        },
        {
            "flags": 1,
            "gso_type": 77,
            "gso_size": 100,
            "hdr_len": 54,
            "csum_start": 34,
            "csum_offset": 16,
        },
        {
            "flags": 1,
            "gso_type": 1,
            "gso_size": 1,
            "hdr_len": 0xFFFF,
            "csum_start": 34,
            "csum_offset": 16,
        },
    ],
)
def test_nonsense_in_the_vnet_header(card: Card, vnet: dict[str, int]) -> None:
    """The frame is dropped or leaves as it is; the next one is right."""
    card.send_frame(build(OUT.with_(data=b"bad")), vnet=abi.chim_vnet_hdr(**vnet))
    card.send_frame(ethernet(b"good" + bytes(60)))
    frames = card.wire_frames()
    assert frames[-1][14:18] == b"good"
    assert card.fatal() is None


def test_frame_without_bytes(card: Card) -> None:
    """RING-D9: an empty scatter list is counted as dropped."""
    card.pairs[0].tx.publish([abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)])
    card.send_frame(ethernet(bytes(60)))
    card.wire_frame()
    assert card.stats().nic.tx_dropped == 1


KEY = bytes.fromhex(
    "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"
)
# Published verification vectors of the Toeplitz hash: source, destination, ports, hash.
VECTORS = [
    ("66.9.149.187", "161.142.100.80", 2794, 1766, 0x51CCC178),
    ("199.92.111.2", "65.69.140.83", 14230, 4739, 0xC626B0EA),
    ("24.19.198.95", "12.22.207.184", 12898, 38024, 0x5C2B394A),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v[0])
def test_rss(make_card: MakeCard, vector: tuple[str, str, int, int, int]) -> None:
    """RSS-1, Toeplitz with the driver's key, and its table chooses the pair."""
    src, dst, sport, dport, expected = vector
    card = make_card().start(pairs=4)
    for pair in range(4):
        card.post_buffers(pair, abi.CHIM_RING_RXB, 2)
    rss = abi.chim_rss(table_len=128)
    ctypes.memmove(ctypes.addressof(rss.key), KEY, 40)
    for slot in range(128):
        rss.table[slot] = slot * 7 % 4
    assert card.admin_data(abi.CHIM_OP_SET_RSS, bytes(rss)).status == abi.CHIM_ST_SUCCESS
    ip = [bytes(map(int, text.split("."))) for text in (src, dst)]
    card.inject(build(Seg(src=ip[0], dst=ip[1], sport=sport, dport=dport)))
    first, _ = card.received(pair=(expected & 127) * 7 % 4)
    assert first.u.frame.hash == expected
    assert first.ctl >> abi.CHIM_CTL_FLAGS_SHIFT & abi.CHIM_RX_F_HASH_L4


@pytest.mark.parametrize(
    "length,pair,status",
    [
        (0, 0, abi.CHIM_ST_INVALID_FIELD),
        (3, 0, abi.CHIM_ST_INVALID_FIELD),
        (256, 0, abi.CHIM_ST_INVALID_FIELD),
        (128, 4, abi.CHIM_ST_NOT_READY),
    ],
)
def test_rss_refused(make_card: MakeCard, length: int, pair: int, status: int) -> None:
    """A table of an impossible length, and one that names a pair without rings."""
    card = make_card(options="pairs=5").start(pairs=4)
    rss = abi.chim_rss(table_len=length)
    rss.table[5] = pair
    assert card.admin_data(abi.CHIM_OP_SET_RSS, bytes(rss)).status == status


def test_counters(card: Card) -> None:
    card.send_frame(ethernet(bytes(100)))
    card.wire_frame()
    card.inject(ethernet(bytes(200), dst=BROADCAST))
    card.received()
    card.inject(ethernet(bytes(60), dst=OTHER))
    card.settle()
    nic = card.stats().nic
    assert (nic.tx_frames, nic.tx_bytes, nic.rx_frames, nic.rx_bytes) == (1, 114, 1, 214)
    assert (nic.rx_filtered, nic.rx_multicast) == (1, 1)
    assert (
        card.admin(abi.CHIM_OP_RESET_STATS, value=abi.CHIM_STATS_NIC).status == abi.CHIM_ST_SUCCESS
    )
    assert card.stats().nic.tx_frames == 0


def test_octets_of_every_frame_are_counted(card: Card) -> None:
    """What came over the wire is what the host got, the target took and nobody wanted, to the
    byte; and what was sent is what host and target sent.
    """
    conn = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    peer = Peer(conn)
    peer.data(b"0123456789")
    conn.entry(abi.CHIM_CQ_INDICATE)
    card.inject(ethernet(bytes(200), dst=BROADCAST))
    card.received()
    card.inject(ethernet(bytes(60), dst=OTHER))
    card.inject(ethernet(bytes(4000), dst=BROADCAST))
    card.send_frame(ethernet(bytes(100)))
    assert card.wire_frame() == ethernet(bytes(100))
    conn.send(b"abcd")
    sent = len(card.wire_frame())
    stats = card.stats()
    nic, cases = stats.nic, stats.cases
    assert (nic.rx_frames, nic.rx_bytes) == (1, 214)
    assert (nic.rx_offloaded_frames, cases.target_rx_octets) == (1, 14 + 20 + 32 + 10)
    assert (nic.rx_filtered, nic.rx_too_long, cases.rx_dropped_octets) == (1, 1, 74 + 4014)
    assert (nic.tx_frames, nic.tx_bytes) == (1, 114)
    assert (nic.tx_offloaded_frames, cases.target_tx_octets) == (1, sent)
    card.admin(abi.CHIM_OP_RESET_STATS, value=abi.CHIM_STATS_CASES)
    cases = card.stats().cases
    assert (cases.target_rx_octets, cases.target_tx_octets, cases.rx_dropped_octets) == (0, 0, 0)


@pytest.mark.parametrize("accepted", [True, False])
def test_octets_need_their_feature(make_card: MakeCard, accepted: bool) -> None:
    """A driver of ABI 1.0 finds what it knows as reserved: zero."""
    card = make_card()
    offered = card.read(abi.CHIM_REG_FEATURES_LO)
    card.start(features=offered if accepted else offered & ~(1 << abi.CHIM_F_OCTETS))
    card.inject(ethernet(bytes(60), dst=OTHER))
    card.settle()
    assert card.stats().nic.rx_filtered == 1
    assert card.stats().cases.rx_dropped_octets == (74 if accepted else 0)


def test_statistics_buffer_too_small(card: Card) -> None:
    addr = card.memory.alloc(64)
    done = card.admin(abi.CHIM_OP_GET_STATS, data=(addr, 64), admin__len=64)
    assert done.status == abi.CHIM_ST_BUFFER_TOO_SMALL
    assert done.info == ctypes.sizeof(abi.chim_stats)
