# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures: reads and writes pcapng, reads classic pcap, and merges captures by time.

A capture of a run has one interface per origin: "host" for frames from the host's ring, "target"
for frames that the offload target made, "received" for frames from the wire. Comments mark
hand-overs. Files are foreign data: every length is checked, and a damaged file gives a sentence.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..errors import HarnessError

SECTION, INTERFACE, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 3, 6
BYTE_ORDER = 0x1A2B3C4D
ETHERNET = 1
MAX_BLOCK = 1 << 24
OPT_END, OPT_COMMENT, OPT_IF_NAME, OPT_IF_TSRESOL = 0, 1, 2, 9
PCAP_MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
              b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}

HOST, TARGET, RECEIVED = "host", "target", "received"


class BadCapture(HarnessError):
    """A capture file that cannot be read."""


class CutShort(BadCapture):
    """One that ends inside a block: it was cut, or is still being written."""


@dataclass
class Packet:
    """One captured frame; ns is nanoseconds since the epoch of the capture's clock."""

    ns: int
    data: bytes
    interface: str = ""
    length: int = 0
    comments: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.length = self.length or len(self.data)


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from(order + "HH", data, at)
        at += 4
        if code == OPT_END or at + length > len(data):
            return
        yield code, data[at:at + length]
        at += (length + 3) & ~3


def _per_tick(value: bytes) -> tuple[int, int]:
    """Nanoseconds per tick as a fraction, from the if_tsresol option."""
    if not value:
        return 1000, 1
    exponent = value[0] & 0x7F
    return 10**9, 2**exponent if value[0] & 0x80 else 10**exponent


@dataclass
class _Interface:
    name: str
    numerator: int = 1000
    denominator: int = 1
    snaplen: int = 0


class Reader:
    """Iterates over the packets of a pcapng file in file order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.interfaces: list[str] = []
        self._known: list[_Interface] = []
        self._order = "<"

    def __iter__(self) -> Iterator[Packet]:
        with self.path.open("rb") as stream:
            for kind, body in self._blocks(stream):
                if kind == INTERFACE:
                    self._interface(body)
                elif kind == ENHANCED:
                    yield self._enhanced(body)
                elif kind == SIMPLE:
                    yield self._simple(body)

    def _blocks(self, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        while (block := self._block(stream)) is not None:
            yield block

    def _bad(self, why: str, kind: type[BadCapture] = BadCapture) -> BadCapture:
        return kind(f"{self.path} is not a whole pcapng file: {why}.")

    def _block(self, stream: BinaryIO) -> tuple[int, bytes] | None:
        head = stream.read(8)
        if not head:
            return None
        if len(head) < 8:
            raise self._bad("it ends inside a block header", CutShort)
        if head[:4] == struct.pack("<I", SECTION):
            magic = stream.read(4)
            if len(magic) < 4:
                raise self._bad("it ends inside a block", CutShort)
            self._order = "<" if magic == struct.pack("<I", BYTE_ORDER) else ">"
            if magic != struct.pack(self._order + "I", BYTE_ORDER):
                raise self._bad("its byte-order magic is wrong")
            head_length = 12
            self._known, self.interfaces = [], []
        elif self._order and stream.tell() == 8:
            raise self._bad("it does not begin with a section header")
        else:
            head_length = 8
        kind, total = struct.unpack(self._order + "II", head)
        if total % 4 or not head_length + 4 <= total <= MAX_BLOCK:
            raise self._bad(f"a block claims {total} bytes")
        body = stream.read(total - head_length)
        if len(body) != total - head_length:
            raise self._bad("it ends inside a block", CutShort)
        if struct.unpack(self._order + "I", body[-4:])[0] != total:
            raise self._bad("the two lengths of a block differ")
        return kind, body[:-4]

    def _interface(self, body: bytes) -> None:
        if len(body) < 8:
            raise self._bad("an interface block is too short")
        interface = _Interface(f"if{len(self._known)}",
                               snaplen=struct.unpack_from(self._order + "I", body, 4)[0])
        for code, value in _options(body[8:], self._order):
            if code == OPT_IF_NAME:
                interface.name = value.decode(errors="replace").rstrip("\0")
            elif code == OPT_IF_TSRESOL:
                interface.numerator, interface.denominator = _per_tick(value)
        self._known.append(interface)
        self.interfaces.append(interface.name)

    def _enhanced(self, body: bytes) -> Packet:
        if len(body) < 20:
            raise self._bad("a packet block is too short")
        index, high, low, captured, length = struct.unpack_from(self._order + "5I", body)
        if index >= len(self._known):
            raise self._bad(f"a packet names interface {index}")
        padded = (captured + 3) & ~3
        if 20 + padded > len(body):
            raise self._bad("a packet is longer than its block")
        interface = self._known[index]
        ticks = high << 32 | low
        comments = [value.decode(errors="replace") for code, value
                    in _options(body[20 + padded:], self._order) if code == OPT_COMMENT]
        return Packet(ticks * interface.numerator // interface.denominator,
                      body[20:20 + captured], interface.name, length, comments)

    def _simple(self, body: bytes) -> Packet:
        if len(body) < 4 or not self._known:
            raise self._bad("a simple packet has no interface")
        length = struct.unpack_from(self._order + "I", body)[0]
        captured = min(length, len(body) - 4, self._known[0].snaplen or length)
        return Packet(0, body[4:4 + captured], self._known[0].name, length)


class Follower(Reader):
    """Iterates over what a file that is still being written has got since the last time; a block
    that is not whole yet waits for the next time.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._at = 0

    def _blocks(self, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        stream.seek(self._at)
        while (block := self._whole_block(stream)) is not None:
            self._at = stream.tell()
            yield block

    def _whole_block(self, stream: BinaryIO) -> tuple[int, bytes] | None:
        try:
            return self._block(stream)
        except CutShort:
            return None


class Writer:
    """Writes a pcapng file with nanosecond time stamps; interfaces are named beforehand."""

    def __init__(self, path: Path, interfaces: Iterable[str] = (HOST, TARGET, RECEIVED)) -> None:
        self.interfaces = list(interfaces)
        self._stream = path.open("wb")
        self._block(SECTION, struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1))
        for name in self.interfaces:
            options = [(OPT_IF_NAME, name.encode()), (OPT_IF_TSRESOL, b"\x09")]
            self._block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, 0), options)

    def write(self, packet: Packet) -> None:
        """Append one packet to its interface."""
        index = self.interfaces.index(packet.interface)
        head = struct.pack("<5I", index, packet.ns >> 32 & 0xFFFFFFFF, packet.ns & 0xFFFFFFFF,
                           len(packet.data), packet.length)
        options = [(OPT_COMMENT, comment.encode()) for comment in packet.comments]
        self._block(ENHANCED, head + packet.data, options)

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _block(self, kind: int, body: bytes, options: Iterable[tuple[int, bytes]] = ()) -> None:
        body += bytes(-len(body) % 4)
        tail = b""
        for code, value in options:
            tail += struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
        if tail:
            tail += struct.pack("<HH", OPT_END, 0)
        total = 12 + len(body) + len(tail)
        frame = struct.pack("<II", kind, total)
        self._stream.write(frame + body + tail + struct.pack("<I", total))


def read(path: Path) -> list[Packet]:
    """All packets of a pcapng file."""
    return list(Reader(path))


def read_pcap(path: Path, interface: str) -> Iterator[Packet]:
    """The packets of a classic pcap file, as QEMU's filter-dump writes it."""
    with path.open("rb") as stream:
        head = stream.read(24)
        if len(head) < 24 or head[:4] not in PCAP_MAGIC:
            raise BadCapture(f"{path} is not a pcap file.")
        order, unit = PCAP_MAGIC[head[:4]]
        while True:
            record = stream.read(16)
            if not record:
                return
            # QEMU may have been ended in the middle of a record: what is whole counts.
            if len(record) < 16:
                return
            seconds, fraction, captured, length = struct.unpack(order + "4I", record)
            if captured > MAX_BLOCK:
                raise BadCapture(f"{path}: a packet claims {captured} bytes.")
            data = stream.read(captured)
            if len(data) < captured:
                return
            yield Packet(seconds * 10**9 + fraction * unit, data, interface, length)


def merge(path: Path, sources: Iterable[Iterable[Packet]],
          interfaces: Iterable[str] = (HOST, TARGET, RECEIVED)) -> int:
    """Write several captures, each in order of time, into one; returns the count of packets."""
    count = 0
    with Writer(path, interfaces) as writer:
        for packet in heapq.merge(*sources, key=lambda packet: packet.ns):
            writer.write(packet)
            count += 1
    return count
