# SPDX-License-Identifier: GPL-2.0-or-later
"""Data of the set-up commands (spec chapter 5, 5.6, 5.7): how long each is, and the function that
RSS is, computed here a second time, bit by bit.
"""
from __future__ import annotations

import ctypes

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import MAC, Card, MakeCard, ethernet
from chimney.qdev.seg import Seg, build
from chimney.qdev.state import GUEST_IP6, PEER_IP6

OK, FIELD = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_INVALID_FIELD
KEY = bytes(n * 73 + 11 & 0xFF for n in range(40))
L3, L4 = abi.CHIM_RX_F_HASH_L3, abi.CHIM_RX_F_HASH_L4


def test_size_of_set_up_data(card: Card) -> None:
    """5.6: "The data of SET_RX_MODE, SET_RSS and SET_PARAMS is the whole structure, 2056, 176 and
    32 bytes, whatever its counts say"; any other length is INVALID_FIELD.
    """
    params = abi.chim_params(ticks_per_second=1000, dup_ack_threshold=3)
    for opcode, size, start in (
        (abi.CHIM_OP_SET_RX_MODE, 2056, b""),
        (abi.CHIM_OP_SET_RSS, 176, b"\1"),
        (abi.CHIM_OP_SET_PARAMS, 32, bytes(params)),
    ):
        for more in (-1, 0, 1):
            done = card.admin_data(opcode, start.ljust(size + 1, b"\0")[: size + more])
            assert done.status == (FIELD if more else OK), (opcode, more)


def test_addresses_of_rx_mode(card: Card) -> None:
    """5.6: "a unicast entry with the group bit, and a multicast entry without it" are
    INVALID_FIELD.
    """
    group = b"\3" * 6
    for uni, multi, status in (([MAC], [], OK), ([group], [], FIELD), ([], [MAC], FIELD),
                               ([], [group], OK)):
        assert card.rx_mode(abi.CHIM_RX_ENABLE, uni, multi) == status, (uni, multi)


def test_fields_of_params(card: Card) -> None:
    """5.6: "a `dup_ack_threshold` of 1 to 255 and a `congestion_algorithm` of 0"."""
    for threshold, algorithm, status in (
        (0, 0, FIELD), (1, 0, OK), (255, 0, OK), (256, 0, FIELD), (3, 1, FIELD)
    ):
        p = abi.chim_params(ticks_per_second=10, dup_ack_threshold=threshold,
                            congestion_algorithm=algorithm)
        done = card.admin_data(abi.CHIM_OP_SET_PARAMS, bytes(p))
        assert done.status == status, (threshold, algorithm)


# RSS


def toeplitz(data: bytes) -> int:
    """For each set bit of the data, the 32 bits of the key that begin there."""
    key, width, found = int.from_bytes(KEY, "big"), 8 * len(KEY), 0
    for bit in range(8 * len(data)):
        if data[bit // 8] & 0x80 >> bit % 8:
            found ^= key >> width - 32 - bit & 0xFFFFFFFF
    return found


def set_rss(card: Card, table: list[int]) -> None:
    rss = abi.chim_rss(table_len=len(table))
    ctypes.memmove(ctypes.addressof(rss.key), KEY, len(KEY))
    for slot, pair in enumerate(table):
        rss.table[slot] = pair
    assert card.admin_data(abi.CHIM_OP_SET_RSS, bytes(rss)).status == OK


FOUR = Seg(src=bytes([10, 1, 2, 3]), dst=bytes([10, 77, 0, 2]), sport=4711, dport=443, data=b"x")
SIX = FOUR.with_(src=PEER_IP6, dst=GUEST_IP6)
PORTS = bytes.fromhex("126701bb")


def udp(frame: bytes, at: int) -> bytes:
    """The frame with UDP in the place of TCP."""
    return frame[:at] + b"\x11" + frame[at + 1:]


FRAMES = {
    "IPv4 with options": (
        build(FOUR.with_(ip_options=b"\1" * 8)), FOUR.src + FOUR.dst + PORTS, L4),
    "tagged": (build(FOUR.with_(vlan=5)), FOUR.src + FOUR.dst + PORTS, L4),
    "first fragment": (build(FOUR.with_(ip_flags=1)), FOUR.src + FOUR.dst, L3),
    "last fragment": (build(FOUR.with_(ip_flags=0, ip_offset=80)), FOUR.src + FOUR.dst, L3),
    "UDP": (udp(build(FOUR), 23), FOUR.src + FOUR.dst, L3),
    "IPv6": (build(SIX), SIX.src + SIX.dst + PORTS, L4),
    "IPv6, not TCP": (udp(build(SIX), 20), SIX.src + SIX.dst, L3),
    "not IP": (ethernet(bytes(60)), b"", 0),
}


def test_function_of_rss(make_card: MakeCard) -> None:
    """5.7: "The hash is Toeplitz's, by `key`, over source address, destination address and, if the
    packet is TCP and no fragment, source port and destination port, as they are in the frame. [...]
    The frame goes to pair `table[hash & (table_len - 1)]`."
    """
    card = make_card().start(pairs=2, promisc=True)
    for pair in range(2):
        card.post_buffers(pair, abi.CHIM_RING_RXB, 16)
    for name, (frame, data, flags) in FRAMES.items():
        expected = toeplitz(data)
        set_rss(card, [int(slot == expected & 127) for slot in range(128)])
        card.inject(frame)
        card.settle()
        assert card.pairs[0].rxc.peek() is None, name
        first, _ = card.received(pair=1)
        assert first.u.frame.hash == expected, name
        assert first.ctl >> abi.CHIM_CTL_FLAGS_SHIFT & 0xFFFF == flags, name


def test_table_of_one(make_card: MakeCard) -> None:
    """5.7: "With a table of one entry no hash is computed": it is 0, without flags, and the entry
    may be any pair.
    """
    card = make_card().start(pairs=2)
    card.post_buffers(1, abi.CHIM_RING_RXB, 2)
    set_rss(card, [1])
    card.inject(build(FOUR))
    first, _ = card.received(pair=1)
    assert first.u.frame.hash == 0 and first.ctl & 0xFFFF00 == 0


def test_hash_of_a_connection(make_card: MakeCard) -> None:
    """5.7: "`hash` of a TCP object is the hash of the frames that its peer sends": the device only
    takes from it the ring on which CUTOVER comes, and believes it.
    """
    card = make_card().start(pairs=2)
    expected = toeplitz(FOUR.src + FOUR.dst + PORTS)
    set_rss(card, [int(slot == expected & 127) for slot in range(128)])
    for cookie, value, pair in ((7, expected, 1), (8, expected ^ 1, 0)):
        Connection(card, cookie=cookie, local_port=cookie, hash=value).initiate()
        entry = card.wait("the cut-over", card.pairs[pair].rxc.take)
        assert (entry.ctl & abi.CHIM_CTL_OP_MASK, entry.u.cookie) == (abi.CHIM_RX_CUTOVER, cookie)
