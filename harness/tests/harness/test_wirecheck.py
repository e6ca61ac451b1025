# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules that read captures find what they are there to find, and nothing in a clean connection.
"""
from __future__ import annotations

import socket
import struct
from dataclasses import replace
from pathlib import Path

from chimney.wire.pcapng import Packet, Writer
from chimney.wirecheck import rows, rules
from chimney.wirecheck.cyclewatch import CycleWatch, row_of
from chimney.wirecheck.rows import FIELDS, Row, parse_line

GUEST, PEER = "10.77.0.2", "10.77.0.1"
ACK, SYN, RST, FIN = 0x10, 0x02, 0x04, 0x01


def out(number: int, **changes: object) -> Row:
    base = {
        "time": number / 100,
        "origin": "host",
        "src": GUEST,
        "dst": PEER,
        "sport": 4000,
        "dport": 5001,
        "seq": 100 + number,
        "ack": 500,
        "flags": ACK,
        "window": 100,
        "tsval": 10 + number,
        "ip_id": number,
    }
    return Row(number, **{**base, **changes})  # type: ignore[arg-type]


def inward(number: int, **changes: object) -> Row:
    base = {
        "time": number / 100,
        "origin": "received",
        "src": PEER,
        "dst": GUEST,
        "sport": 5001,
        "dport": 4000,
        "seq": 500,
        "ack": 100,
        "flags": ACK,
        "window": 100,
        "ip_id": 1,
    }
    return Row(number, **{**base, **changes})  # type: ignore[arg-type]


SYN_ROW = out(0, flags=SYN, wscale=7)


def test_parse_line() -> None:
    values = {
        "frame.number": "7",
        "frame.time_epoch": "1.5",
        "frame.interface_name": "target",
        "ip.src": GUEST,
        "ip.dst": PEER,
        "tcp.srcport": "4000",
        "tcp.dstport": "5001",
        "tcp.seq_raw": "4294967295",
        "tcp.ack_raw": "3",
        "tcp.flags": "0x0018",
        "tcp.window_size_value": "512",
        "tcp.options.timestamp.tsval": "99",
        "ip.id": "0x8001",
        "ip.flags": "0x02",
        "ip.frag_offset": "0",
        "tcp.len": "1448",
        "tcp.options.sack_le": "1;5",
        "tcp.options.sack_re": "2;9",
        "frame.comment": "offload #1",
    }
    row = parse_line("\t".join(values.get(name, "") for name in FIELDS))
    assert (row.seq, row.flags, row.ip_id, row.df, row.fragment) == (
        0xFFFFFFFF,
        0x18,
        0x8001,
        True,
        False,
    )
    assert row.sack == ((1, 2), (5, 9)) and row.comment == "offload #1" and row.outgoing
    assert row.connection == (GUEST, 4000, PEER, 5001)


def test_clean_connection() -> None:
    rows = [SYN_ROW, *[out(i, length=10) for i in range(1, 9)], inward(9)]
    assert (
        not rules.no_reset(rows)
        and not rules.acks_never_back(rows)
        and not rules.timestamps_never_back(rows)
    )
    assert not rules.right_edge_never_left(rows) and not rules.identifications(rows, 1448)
    assert not rules.silences(rows, 0.2)


def test_reset_is_found() -> None:
    assert len(rules.no_reset([out(1), inward(2, flags=RST)])) == 1


def test_reset_behind_both_ends() -> None:
    """The peer repeats its FIN, because the ACK of it is late, and is gone when the next one comes:
    that RST breaks nothing. One before is found, as long as either FIN is not acknowledged.
    """
    rows = [out(1, seq=100, flags=ACK | FIN), inward(2, ack=101),
            inward(3, ack=101, length=20, flags=ACK | FIN), out(4, seq=101, ack=521),
            inward(5, ack=101, length=20, flags=ACK | FIN), out(6, seq=101, ack=521)]
    reset = inward(7, seq=521, flags=RST)
    assert rules.no_reset([*rows, reset]) == []
    assert rules.no_reset([*rows[:3], reset]) == ["frame 7: RST from received"]
    assert rules.no_reset([rows[0], inward(2, ack=100, flags=ACK | FIN), out(3, ack=501), reset])
    assert rules.no_reset([*rows[:3], out(4, seq=101, ack=520), reset])


def test_ack_and_timestamp_going_back_are_found() -> None:
    rows = [out(1), out(2, ack=499, tsval=5)]
    assert len(rules.acks_never_back(rows)) == len(rules.timestamps_never_back(rows)) == 1


def test_missing_timestamp_is_found() -> None:
    rows = [SYN_ROW, inward(1, flags=SYN | ACK, tsval=9), out(2), inward(3)]
    assert not rules.timestamps_never_missing(rows)
    assert rules.timestamps_never_missing([*rows, out(4, tsval=None)])
    assert not rules.timestamps_never_missing([*rows, out(4, tsval=None, flags=RST)])
    assert not rules.timestamps_never_missing([out(0, flags=SYN, tsval=None), out(4, tsval=None)])


def test_wrapping_numbers_do_not_go_back() -> None:
    assert not rules.acks_never_back([out(1, ack=0xFFFFFFF0), out(2, ack=5)])


def test_shrinking_window_is_found() -> None:
    assert not rules.right_edge_never_left(
        [SYN_ROW, out(1, window=100), out(2, ack=500 + 128, window=99)]
    )
    assert rules.right_edge_never_left(
        [SYN_ROW, out(1, window=100), out(2, ack=500 + 128, window=98)]
    )
    assert rules.right_edge_never_left([out(1)])


def test_silence_is_found() -> None:
    assert rules.silences([out(1, length=1), out(2, time=0.5, length=1)], 0.2)
    assert not rules.silences([out(1), out(2, time=0.5, length=1)], 0.2)


def test_silence_while_the_host_was_busy_is_none() -> None:
    """What is left of the gap without it counts, and the sentence says how much that was."""
    rows = [out(1, time=1, length=1), out(2, time=1.5, length=1)]
    assert not rules.silences(rows, 0.2, lambda begin, end: 0.4 * (end - begin == 0.5))
    assert rules.silences(rows, 0.2, lambda _begin, _end: 0.25) == [
        "frame 2: nothing for 500 ms, of which the host was busy elsewhere for 250"]
    assert not rules.stalls(rows, 0.2, lambda _begin, _end: 0.4)


def test_stall_of_one_direction_is_found() -> None:
    other_way = [inward(i, time=i / 10, length=1) for i in range(1, 6)]
    rows = [out(1, time=0, length=1), *other_way, out(6, time=0.6, length=1)]
    assert not rules.silences(rows, 0.2)
    assert len(rules.stalls(rows, 0.2)) == 1
    assert not rules.stalls(rows, 0.7)


def test_guest_repeats() -> None:
    rows = [out(1, seq=100, length=50), out(2, seq=150, length=50), out(3, seq=200)]
    assert rules.guest_repeats(rows) == 0
    again = [*rows, inward(4, seq=7, length=9), out(5, seq=150, length=9, origin="target")]
    assert rules.guest_repeats(again) == 1
    assert rules.repeats(again, outgoing=True, maker="target") == 1
    assert rules.repeats(again, outgoing=True, maker="host") == 0


def test_peer_repeats() -> None:
    rows = [
        inward(1, seq=500, length=100),
        inward(2, seq=500, length=100),
        inward(3, seq=600, length=10),
        inward(4, ack=200, sack=((150, 180),)),
        inward(5, ack=200, sack=((300, 310),)),
    ]
    assert rules.peer_repeats(rows) == (1, 1)


def test_dsack_within_the_second_block() -> None:
    assert rules.is_dsack(inward(1, ack=200, sack=((300, 310), (290, 320))))
    assert not rules.is_dsack(inward(1, ack=200, sack=((300, 310), (320, 330))))
    assert not rules.is_dsack(inward(1, ack=200, sack=((300, 330), (310, 330))))
    assert not rules.is_dsack(inward(1, ack=200))


def test_missing_agreement_on_timestamps_is_found() -> None:
    answer = inward(1, flags=SYN | ACK, tsval=9)
    assert not rules.timestamps_agreed([SYN_ROW, answer, out(2, tsval=None)])
    assert rules.timestamps_agreed([SYN_ROW]) and rules.timestamps_agreed([])
    assert rules.timestamps_agreed([SYN_ROW, inward(1, flags=SYN | ACK)])


def test_shares_by_who_has_the_connection() -> None:
    rows = [
        inward(1, seq=500, length=100),
        inward(2, seq=600, length=100, comment="offload #1"),
        inward(3, seq=800, length=100),
        inward(4, seq=600, length=100),
        inward(5, seq=650, length=200),  # 100 of them are the hole
        out(6, origin="target", length=7),
        inward(7, seq=900, length=10, comment="upload #1: 0 sends"),
        out(8, length=5),
    ]
    share = rules.shares(rows)
    assert (share.target_out, share.host_out, share.received) == (7, 5, 610)
    assert (share.received_again, share.received_by_card) == (200, 300)


def test_bytes_seen_across_the_wrap() -> None:
    seen = rules.Seen()
    assert [seen.new(inward(n, seq=seq % (1 << 32), length=100))
            for n, seq in enumerate((-150, 50, -50, -150))] == [100, 100, 100, 0]


def test_identifications() -> None:
    assert rules.identifications([out(1, origin="target", ip_id=0x7FFF)], 1448)
    assert rules.identifications([out(1, origin="target", ip_id=0xFFFF, length=1449)], 1448)
    assert rules.identifications([out(1, origin="host", ip_id=0x7FFF, length=1449)], 1448)
    assert rules.identifications([out(1, origin="target", ip_id=0x8000, df=False)], 1448)
    assert rules.identifications([out(1, fragment=True)], 1448)
    assert rules.identifications([out(1, fragment=True, ip_id=None)], 1448)
    assert not rules.identifications([out(1, origin="target", ip_id=0xFFFE, length=2896)], 1448)
    assert rules.wraps([out(1, ip_id=0x7FFE), out(2, ip_id=1)], "host") == 1


def test_cycles_count_only_with_payload_both_ways_on_both_sides() -> None:
    def leg(start: int, comment: str, origin: str, both: bool = True) -> list[Row]:
        rows = [out(start, comment=comment, origin=origin, length=5)]
        return [*rows, inward(start + 1, length=5)] if both else rows

    good = (
        leg(1, "offload #1", "target")
        + leg(3, "upload #1", "host")
        + leg(5, "offload #2", "target")
    )
    assert rules.cycles(good).counted == 1
    assert rules.cycles(good + leg(7, "upload #2", "host")).counted == 2
    idle_card = (
        leg(1, "offload #1", "target", False)
        + leg(3, "upload #1", "host")
        + leg(5, "offload #2", "target")
    )
    found = rules.cycles(idle_card)
    assert (found.counted, found.offloads, len(found.why_not)) == (0, 2, 1)


def frame(version: int, sport: int, dport: int, length: int) -> bytes:
    """A segment with a timestamp option; of more than a frame's length it is a large one."""
    tcp = struct.pack("!HHIIBBHHHBBBBII", sport, dport, 7, 9, 8 << 4, 0x18, 500, 0, 0,
                      1, 1, 8, 10, 1, 2) + bytes(length)
    if version == 6:
        addresses = [socket.inet_pton(socket.AF_INET6, f"fd00::{n}") for n in (1, 2)]
        return b"".join([bytes(12), b"\x86\xdd",
                         struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64), *addresses, tcp])
    return bytes(12) + b"\x08\x00" + struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0,
        bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) + tcp


def test_quick_rows_are_those_of_tshark(tmp_path: Path) -> None:
    """cyclewatch reads segments, large frames and bare ACKs of either family as tshark does."""
    shapes = [(4, 1, 5001, 10), (6, 5001, 1, 3000), (4, 5001, 2, 0), (6, 3, 5001, 60000)]
    packets = [Packet(10**18 + n * 10**9, frame(*shape), origin, comments=["offload #1"] * (n & 1))
               for n, (shape, origin) in enumerate(zip(shapes, ["host", "target", "received",
                                                                "host"], strict=True))]
    path = tmp_path / "rows.pcapng"
    with Writer(path) as writer:
        for packet in packets:
            writer.write(packet)
    quick = [row_of(packet, number) for number, packet in enumerate(packets, 1)]
    slow = [replace(row, tsval=None, ip_id=None, df=True) for row in rows.read(path)]
    assert quick == slow
    assert row_of(Packet(0, bytes(60)), 1) is None
    assert row_of(Packet(0, frame(4, 1, 2, 0)[:40]), 1) is None


def test_a_mark_on_a_foreign_frame_is_the_next_rows(tmp_path: Path) -> None:
    """The card marks a hand-over on its next frame, which may be a neighbor's, another
    connection's or one that marks two: none is lost, and they keep their order.
    """
    tcp, foreign = frame(6, 5001, 1, 100), frame(6, 22, 23, 0)
    solicitation = bytearray(frame(6, 0, 0, 0))
    solicitation[20] = 58
    packets = [Packet(10**18 + n, bytes(data), origin, comments=comments) for n, (
        data, origin, comments) in enumerate([
            (tcp, "target", ["offload #1: port 1 to port 2, 0 kB"]),
            (solicitation, "received", ["upload #1"]),
            (foreign, "received", ["offload #2", "upload #2"]), (tcp, "host", ["offload #3", "x"]),
            (tcp, "target", []), (tcp, "received", ["upload #3", "offload #4"])])]
    path = tmp_path / "marks.pcapng"
    with Writer(path) as writer:
        for packet in packets:
            writer.write(packet)
    slow = rows.read(path, 5001)
    assert [rules.changes(row) for row in slow] == [
        ["card"], ["host", "card", "host", "card"], [], ["host", "card"]]
    quick = list(CycleWatch(path, 5001, 6).new_rows())
    assert [row.comment for row in quick] == [row.comment for row in slow]


def test_later_fragments_have_their_comment_only() -> None:
    data = bytearray(frame(4, 5001, 1, 100))
    data[20:22] = (0x2000 | 3).to_bytes(2, "big")
    row = row_of(Packet(0, bytes(data), "host", comments=["upload #1"]), 1)
    assert row is not None
    assert (row.fragment, row.length, row.comment) == (True, 0, "upload #1")


def test_cycles_of_a_growing_capture(tmp_path: Path) -> None:
    """Each look counts what is new, of one port and family, and a block that was cut the next time.
    """
    whole, growing = tmp_path / "whole.pcapng", tmp_path / "growing.pcapng"
    with Writer(whole) as writer:
        for number, word in enumerate(["offload", "upload"] * 2, 1):
            origin = "target" if word == "offload" else "host"
            comments = [f"{word} #{number}"]
            writer.write(Packet(1, frame(6, 5001, 9, 5), origin, comments=["upload #6"]))
            writer.write(Packet(1, frame(4, 5002, 9, 5), origin, comments=["upload #7"]))
            writer.write(Packet(1, frame(4, 5001, 9, 5), origin, comments=comments))
            writer.write(Packet(1, frame(4, 9, 5001, 5), "received"))
    growing.touch()
    watch, counts, data = CycleWatch(growing, 5001, 4), [], whole.read_bytes()
    for start in range(0, len(data), 150):
        with growing.open("ab") as stream:
            stream.write(data[start:start + 150])
        counts.append(watch.counted())
    assert (counts == sorted(counts), set(counts)) == (True, {0, 1, 2})
    assert CycleWatch(whole, 5001, 6).counted() == 0


def test_segments_are_traced_to_their_maker() -> None:
    made = [out(1, seq=1000, length=3000, ip_id=100),
            out(2, seq=4000, length=2000, ip_id=0x8001, origin="target")]
    good = [out(3, seq=1000, length=1000, ip_id=100), out(4, seq=2000, length=1000, ip_id=101),
            out(5, seq=5000, length=1000, ip_id=0x8002)]
    assert rules.segmented_identifications(made, good, 1) == []
    assert rules.segmented_identifications(made, [*good, out(6, seq=2000, length=9, ip_id=900)], 1)
    assert len(rules.segmented_identifications(made, good, 2)) == 2
    assert len(rules.segmented_identifications(made, good[:1], 1)) == 2
    wrapped = [out(1, seq=1000, length=3000, ip_id=0x7FFF)]
    past = [out(2, seq=2000, length=1000, ip_id=0x8000)]
    assert rules.segmented_identifications(wrapped, past, 0)
