# SPDX-License-Identifier: GPL-2.0-or-later
"""Cycles in a capture that is still being written. What has been counted once is not read again:
tshark would read all of it each time, while more is written than it can read.
"""
from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from ..wire.pcapng import Follower, Packet
from . import rules
from .rows import MANY, Marks, Row

ETHERNET = 14
IPV4, IPV6 = 0x0800, 0x86DD
TCP, FRAGMENT = 6, 44


class CycleWatch:
    """Counts the cycles of the connections of one port and address family (4 or 6)."""

    def __init__(self, capture: Path, port: int, family: int) -> None:
        self._packets = Follower(capture)
        self._port, self._family = port, family
        self._number = 0
        self._marks = Marks()
        self._counter = rules.CycleCounter()

    def counted(self) -> int:
        """The cycles up to now, as rules.cycles counts them; the file's unwritten end is left out
        (BadCapture: what is there is not a capture).
        """
        for row in self.new_rows():
            self._counter.see(row)
        return self._counter.result().counted

    def new_rows(self) -> Iterator[Row]:
        """The rows that the file has got since the last look, as rows.read gives them."""
        for packet in self._packets:
            self._number += 1
            row = row_of(packet, self._number)
            if row and (":" in row.src) == (self._family == 6) and (
                    row.fragment or self._port in (row.sport, row.dport)):
                yield self._marks.on(row)
            else:
                self._marks.keep(MANY.join(packet.comments))


def row_of(packet: Packet, number: int) -> Row | None:
    """A TCP segment or large frame with what cycles are counted by: addresses, ports, payload.
    Later fragments have neither ports nor payload. None: something else.
    """
    data = packet.data
    if len(data) < ETHERNET + 20:
        return None
    kind = struct.unpack_from("!H", data, 12)[0]
    if kind == IPV4:
        at = ETHERNET + 4 * (data[ETHERNET] & 15)
        protocol, first = data[ETHERNET + 9], not struct.unpack_from("!H", data, 20)[0] & 0x1FFF
        end = ETHERNET + struct.unpack_from("!H", data, 16)[0]
        addresses, version = data[26:34], socket.AF_INET
    elif kind == IPV6 and len(data) >= ETHERNET + 40:
        at, protocol, first = ETHERNET + 40, data[20], True
        end = at + struct.unpack_from("!H", data, 18)[0]
        addresses, version = data[22:54], socket.AF_INET6
        if protocol == FRAGMENT and len(data) >= at + 8:
            protocol, first = data[at], not struct.unpack_from("!H", data, at + 2)[0] & 0xFFF8
            at += 8
    else:
        return None
    if protocol != TCP or (first and len(data) < at + 20):
        return None
    half = len(addresses) // 2
    src, dst = (socket.inet_ntop(version, part) for part in (addresses[:half], addresses[half:]))
    comment = MANY.join(packet.comments)
    if not first:
        return Row(number, packet.ns / 1e9, packet.interface, src, dst, 0, 0, 0, 0, 0, 0,
                   fragment=True, comment=comment)
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", data, at)
    return Row(number, packet.ns / 1e9, packet.interface, src, dst, sport, dport, seq, ack, flags,
               window, length=max(end - at - 4 * (offset >> 4), 0), comment=comment)
