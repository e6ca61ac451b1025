# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP segments as a wire peer writes and reads them, independent of the engine's own code.

`build` makes a whole frame from a Seg, `parse` reads one and checks every checksum. Unset fields of
`match` match anything, so a test states only what it is about.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from .device import MAC
from .state import GUEST_IP, PEER_IP, PEER_MAC

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))


@dataclass(frozen=True)
class Seg:
    """One TCP segment with its addresses. Options are (kind, data) pairs; ts and sack are
    shorthands.
    """

    seq: int = 0
    ack: int = 0
    flags: int = ACK
    window: int = 512
    data: bytes = b""
    sport: int = 5001
    dport: int = 40000
    ts: tuple[int, int] | None = None
    sack: tuple[tuple[int, int], ...] = ()
    options: tuple[tuple[int, bytes], ...] = ()
    urgent: int = 0
    src: bytes = PEER_IP
    dst: bytes = GUEST_IP
    smac: bytes = PEER_MAC
    dmac: bytes = MAC
    vlan: int | None = None
    ttl: int = 64
    tos: int = 0
    ip_id: int = 1
    ip_flags: int = 2
    ip_offset: int = 0
    ip_options: bytes = b""
    checksums_ok: bool = field(default=True, compare=False)

    def with_(self, **changes: object) -> "Seg":
        return replace(self, **changes)


def ones_complement(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo(seg: Seg, length: int) -> bytes:
    if len(seg.src) == 4:
        return seg.src + seg.dst + struct.pack(">BBH", 0, 6, length)
    return seg.src + seg.dst + struct.pack(">IHBB", length, 0, 0, 6)


def tcp_bytes(seg: Seg) -> bytes:
    """The TCP segment from its header on, with its checksum."""
    options = b""
    if seg.ts is not None:
        options += b"\1\1" + struct.pack(">BBII", 8, 10, *seg.ts)
    if seg.sack:
        options += b"\1\1" + struct.pack(">BB", 5, 2 + 8 * len(seg.sack))
        options += b"".join(struct.pack(">II", *block) for block in seg.sack)
    for kind, value in seg.options:
        options += bytes([kind]) if kind in (0, 1) else bytes([kind, 2 + len(value)]) + value
    options += b"\1" * (-len(options) % 4)
    offset = 5 + len(options) // 4
    header = struct.pack(
        ">HHIIBBHHH",
        seg.sport,
        seg.dport,
        seg.seq & 0xFFFFFFFF,
        seg.ack & 0xFFFFFFFF,
        offset << 4,
        seg.flags,
        seg.window,
        0,
        seg.urgent,
    )
    body = header + options + seg.data
    checksum = ~ones_complement(pseudo(seg, len(body)) + body) & 0xFFFF
    return body[:16] + struct.pack(">H", checksum) + body[18:]


def build(seg: Seg) -> bytes:
    """The frame."""
    body = tcp_bytes(seg)
    if len(seg.src) == 4:
        options = seg.ip_options + bytes(-len(seg.ip_options) % 4)
        words = 5 + len(options) // 4
        head = (
            struct.pack(
                ">BBHHHBBH",
                0x40 | words,
                seg.tos,
                4 * words + len(body),
                seg.ip_id,
                seg.ip_flags << 13 | seg.ip_offset // 8,
                seg.ttl,
                6,
                0,
            )
            + seg.src
            + seg.dst
            + options
        )
        head = head[:10] + struct.pack(">H", ~ones_complement(head) & 0xFFFF) + head[12:]
        ethertype = 0x0800
    else:
        head = (
            struct.pack(">IHBB", 6 << 28 | seg.tos << 20, len(body), 6, seg.ttl) + seg.src + seg.dst
        )
        ethertype = 0x86DD
    tag = struct.pack(">HH", 0x8100, seg.vlan) if seg.vlan is not None else b""
    return seg.dmac + seg.smac + tag + struct.pack(">H", ethertype) + head + body


def parse(frame: bytes) -> Seg:
    """A frame as a Seg; asserts that lengths make sense, records whether checksums are right."""
    dmac, smac = frame[:6], frame[6:12]
    ethertype, at, vlan = struct.unpack(">H", frame[12:14])[0], 14, None
    if ethertype == 0x8100:
        vlan, ethertype = struct.unpack(">HH", frame[14:18])
        at = 18
    if ethertype == 0x0800:
        first, tos, total, ip_id, frag, ttl, proto, _ = struct.unpack(
            ">BBHHHBBH", frame[at : at + 12]
        )
        head_len = 4 * (first & 15)
        src, dst = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
        ok = ones_complement(frame[at : at + head_len]) == 0xFFFF
        ip_options = frame[at + 20 : at + head_len]
    else:
        assert ethertype == 0x86DD, hex(ethertype)
        word, length, proto, ttl = struct.unpack(">IHBB", frame[at : at + 8])
        tos, ip_id, frag, head_len, total, ok, ip_options = (
            word >> 20 & 0xFF,
            0,
            0,
            40,
            length + 40,
            True,
            b"",
        )
        src, dst = frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    assert proto == 6, f"protocol {proto}"
    assert at + total <= len(frame), "IP length beyond the frame"
    body = frame[at + head_len : at + total]
    sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack(
        ">HHIIBBHHH", body[:20]
    )
    header = 4 * (offset >> 4)
    seg = Seg(
        seq,
        ack,
        flags,
        window,
        body[header:],
        sport,
        dport,
        src=src,
        dst=dst,
        smac=smac,
        dmac=dmac,
        vlan=vlan,
        ttl=ttl,
        tos=tos,
        ip_id=ip_id,
        ip_flags=frag >> 13,
        ip_offset=8 * (frag & 0x1FFF),
        urgent=urgent,
        ip_options=ip_options,
    )
    ts, sack, others = parse_options(body[20:header])
    ok = ok and ones_complement(pseudo(seg, len(body)) + body) == 0xFFFF
    return seg.with_(ts=ts, sack=sack, options=others, checksums_ok=ok)


def tuple_of_two(raw: bytes) -> tuple[int, int]:
    """Two 32-bit numbers of an option."""
    first, second = struct.unpack(">II", raw)
    return first, second


def parse_options(
    raw: bytes,
) -> tuple[tuple[int, int] | None, tuple[tuple[int, int], ...], tuple[tuple[int, bytes], ...]]:
    ts: tuple[int, int] | None = None
    sack: tuple[tuple[int, int], ...] = ()
    others: list[tuple[int, bytes]] = []
    at = 0
    while at < len(raw) and raw[at]:
        if raw[at] == 1:
            at += 1
            continue
        kind, length = raw[at], raw[at + 1]
        assert 2 <= length <= len(raw) - at, "option length"
        value = raw[at + 2 : at + length]
        if kind == 8:
            ts = tuple_of_two(value)
        elif kind == 5:
            sack = tuple(tuple_of_two(value[i : i + 8]) for i in range(0, len(value), 8))
        else:
            others.append((kind, value))
        at += length
    return ts, sack, tuple(others)


def match(seg: Seg, **want: object) -> Seg:
    """Assert that the named fields have these values and that checksums are right; returns the
    segment.
    """
    assert seg.checksums_ok, f"bad checksum in {seg}"
    for name, value in want.items():
        assert (
            getattr(seg, name) == value
        ), f"{name} is {getattr(seg, name)!r}, not {value!r}, in {seg}"
    return seg
