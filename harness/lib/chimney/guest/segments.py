# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest sends on a connection over IPv4, told apart by the halves of the IP IDs that host
and card use.
"""

from __future__ import annotations

import socket
import struct
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ..wire import net, pcapng
from .station import Conn, Visit

HOST_HALF = 0x8000


@dataclass(frozen=True)
class Segment:
    """A TCP segment over IPv4 that the guest has sent."""

    id: int
    ack: int


def captured(visit: Visit, file: Path, length: int = 0) -> AbstractContextManager[Path]:
    """The wire goes into a file meanwhile; of each frame at most `length` bytes, if given."""
    return net.captured(visit.room, visit.vm.wire.device, file, length)


def sent(file: Path, conn: Conn) -> list[Segment]:
    """What the guest has sent on a connection, as far as it is in the file. The port alone does not
    tell: the peer may listen on one of the same number.
    """
    segments, source = [], socket.inet_aton(conn.guest_host)
    try:
        for packet in pcapng.read(file):
            data = packet.data
            tcp = 14 + 4 * (data[14] & 15)
            if data[12:14] == b"\x08\x00" and data[23] == socket.IPPROTO_TCP \
                    and data[26:30] == source \
                    and struct.unpack_from(">H", data, tcp)[0] == conn.guest_port:
                segments.append(Segment(struct.unpack_from(">H", data, 18)[0],
                                        struct.unpack_from(">I", data, tcp + 8)[0]))
    except pcapng.BadCapture:
        pass  # its last packet is still being written
    return segments


def newest_ack(segments: list[Segment]) -> int:
    """The one that is ahead of all others; a SYN acknowledges nothing."""
    acks = [segment.ack for segment in segments if segment.ack]
    return max(acks, key=lambda ack: (ack - acks[0] + (1 << 31)) % (1 << 32))


def by_host(file: Path, conn: Conn) -> list[Segment]:
    """What Linux has sent."""
    return [segment for segment in sent(file, conn) if segment.id < HOST_HALF]


def by_card(file: Path, conn: Conn) -> list[Segment]:
    """What the card has sent."""
    return [segment for segment in sent(file, conn) if segment.id >= HOST_HALF]
