# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments as no Linux sends them, from peers of other kinds or from nobody's end: what the guest
answers is the same whether Linux or the card has the connection, and the native run says what.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until
from chimney.wire import pcapng

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ESTABLISHED = 1
QUIET = 1.0
EACH_WAY = 3000

# In the peer's namespace: a segment of the peer's end that its kernel knows nothing of.
SEND = """
import json, socket, struct, sys
guest, peer, sport, dport, seq, ack, flags, ts, data = json.loads(sys.argv[1])
options = struct.pack("!BBBBII", 1, 1, 8, 10, *ts) if ts else b""
words = 5 + len(options) // 4
body = lambda check: struct.pack("!HHIIBBHHH", sport, dport, seq, ack, words << 4, flags, 500,
                                 check, 0) + options + bytes(data)
def total(data):
    data += bytes(len(data) % 2)
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    value = (value & 0xffff) + (value >> 16)
    return ~((value & 0xffff) + (value >> 16)) & 0xffff
pseudo = socket.inet_aton(peer) + socket.inet_aton(guest)
pseudo += struct.pack("!BBH", 0, 6, len(body(0)))
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
sock.sendto(body(total(pseudo + body(0))), (guest, 0))
"""


@dataclass(frozen=True)
class Segment:
    """A segment on the wire."""

    by_guest: bool
    seq: int
    ack: int
    flags: int
    length: int
    ts: tuple[int, int]


@dataclass(frozen=True)
class Odd:
    """A segment to send, relative to the peer's SND.NXT, to the guest's and to the peer's clock,
    and what comes of it: whether it is answered, the bytes that the program can read, the state.
    """

    seq: int
    answered: bool
    ack: int = 0
    flags: int = ACK
    clock: int | None = 1
    length: int = 0
    unread: int = 0
    open: bool = True


ODD = {
    "keepalive": Odd(-1, True),
    "keepalive-with-a-byte": Odd(-1, True, length=1),
    "keepalive-without-timestamp": Odd(-1, True, clock=None),
    "data-without-timestamp": Odd(0, True, flags=ACK | PSH, clock=None, length=4, unread=4),
    "data-of-one-tick-ago": Odd(0, True, flags=ACK | PSH, clock=-1, length=4, unread=4),
    "data-of-long-ago": Odd(0, True, flags=ACK | PSH, clock=-100_000, length=4),
    "data-left-of-the-window": Odd(-300, True, flags=ACK | PSH, length=100),
    "data-right-of-the-window": Odd(1 << 27, True, flags=ACK | PSH, length=10),
    "old-ack": Odd(0, True, ack=-200_000),
    "ack-of-data-never-sent": Odd(0, False, ack=5000),
    "no-ack": Odd(0, False, flags=PSH, length=4),
    "old-fin": Odd(-5, True, flags=ACK | FIN),
    "syn-in-the-window": Odd(100, True, flags=ACK | SYN),
    "rst-in-the-window": Odd(100, True, flags=RST, clock=None),
    "rst-in-order-without-timestamp": Odd(0, False, flags=RST, clock=None, open=False),
}


def segments(file: Path, conn: Conn) -> list[Segment]:
    """The segments of a connection over IPv4 that are in the file by now."""
    found = []
    ports = {conn.guest_port, conn.peer_port}
    try:
        for packet in pcapng.read(file):
            data, number = packet.data, int.from_bytes
            header = 4 * (data[14] & 15)
            tcp = data[14 + header:]
            if data[12:14] != b"\x08\x00" or data[23] != socket.IPPROTO_TCP \
                    or {number(tcp[:2], "big"), number(tcp[2:4], "big")} != ports:
                continue
            stamped = tcp[20:24] == bytes((1, 1, 8, 10))
            found.append(Segment(
                data[26:30] == socket.inet_aton(conn.guest_host), number(tcp[4:8], "big"),
                number(tcp[8:12], "big"), tcp[13],
                number(data[16:18], "big") - header - 4 * (tcp[12] >> 4),
                (number(tcp[24:28], "big"), number(tcp[28:32], "big")) if stamped else (0, 0)))
    except pcapng.BadCapture:
        pass  # its last packet is still being written
    return found


def last_words(file: Path, conn: Conn) -> tuple[Segment, Segment] | None:
    """The last segments of guest and peer, once both have acknowledged EACH_WAY bytes."""
    found = segments(file, conn)
    guest = [segment for segment in found if segment.by_guest]
    peer = [segment for segment in found if not segment.by_guest]
    if not guest or not peer:
        return None
    ends = [(side[0].seq + 1 + EACH_WAY) % (1 << 32) for side in (guest, peer)]
    return (guest[-1], peer[-1]) if [peer[-1].ack, guest[-1].ack] == ends else None


def send(visit: Visit, conn: Conn, odd: Odd, guest: Segment, peer: Segment) -> None:
    """The segment as the peer's end would send it now."""
    seq = (guest.ack + odd.seq) % (1 << 32)
    ack = (peer.ack + odd.ack) % (1 << 32) if odd.flags & ACK else 0
    ts = None if odd.clock is None else ((peer.ts[0] + odd.clock) % (1 << 32), guest.ts[0])
    words = [conn.guest_host, conn.peer_host, conn.peer_port, conn.guest_port, seq, ack, odd.flags,
             ts, [0x41] * odd.length]
    visit.room.run(["/usr/bin/python3", "-c", SEND, json.dumps(words)])


def answers(file: Path, conn: Conn, before: int, peer: Segment) -> list[Segment]:
    """What the guest has sent since, but for copies of data that the peer had acknowledged: a guest
    that stands still hears of that too late.
    """
    return [segment for segment in segments(file, conn)[before:] if segment.by_guest
            and not (segment.length and 0 < (peer.ack - segment.seq) % (1 << 32) <= EACH_WAY)]


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("name", ODD)
def test_answered_as_by_linux(visit: Visit, tmp_path: Path, name: str) -> None:
    """TSP-8, BRA-1, BRA-3, BRA-4, BRA-7: one answer or none, the number that is expected next, the
    bytes for the program, and whether the connection lives.
    """
    odd, file = ODD[name], tmp_path / "wire.pcapng"
    with captured(visit, file):
        conn = visit.connect()
        conn.both_ways(EACH_WAY // 2)
        visit.hand(conn)
        conn.both_ways(EACH_WAY // 2)
        last = wait_until(lambda: last_words(file, conn), "the last ACKs in the capture", 10, 0.2)
        assert last is not None
        guest, peer = last
        before = len(segments(file, conn))
        send(visit, conn, odd, guest, peer)
        if odd.answered:
            wait_until(lambda: answers(file, conn, before, peer), f"an answer to {name}", 10, 0.1)
        else:
            stays(lambda: all(answer.flags & RST for answer in answers(file, conn, before, peer)),
                  "silence", QUIET)
        for answer in answers(file, conn, before, peer)[:odd.answered]:
            assert (answer.seq, answer.flags, answer.length) == (peer.ack, ACK, 0)
            assert (answer.ack - guest.ack) % (1 << 32) == odd.unread
    assert conn.guest.queues()["in"] == odd.unread
    if odd.open:
        assert conn.guest.info()["state"] == ESTABLISHED
        visit.expect("offloaded", conn)
    else:
        with pytest.raises(Exception, match="ECONNRESET"):
            conn.guest.recv(1)
    for end in (conn.guest, conn.peer):
        end.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
        end.close()
