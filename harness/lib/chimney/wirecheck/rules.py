# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that one connection must keep on the wire over any number of hand-overs; each returns what
breaks it.

The rules look at what the peer can see: it must not be able to tell when the connection changed its
owner. A finding names the frame, so that it can be looked up in the capture.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .rows import Row

M32 = 1 << 32
TARGET_IDS, HOST_IDS = (0x8000, 0xFFFF), (0x0000, 0x7FFF)


def before(a: int, b: int) -> bool:
    """a < b modulo 2^32."""
    return a != b and (b - a) % M32 < M32 // 2


def no_reset(rows: Iterable[Row]) -> list[str]:
    return [f"frame {row.number}: RST from {row.origin}" for row in rows if row.rst]


def never_back(rows: Iterable[Row], what: str, value: str) -> list[str]:
    """A number of the guest's side that must not go back."""
    found: list[str] = []
    last = None
    for row in rows:
        current = getattr(row, value)
        if not row.outgoing or current is None or (value == "ack" and not row.flags & 0x10):
            continue
        if last is not None and before(current, last):
            found.append(f"frame {row.number} ({row.origin}): {what} {current} after {last}")
        last = current
    return found


def acks_never_back(rows: Iterable[Row]) -> list[str]:
    return never_back(rows, "ACK", "ack")


def timestamps_never_back(rows: Iterable[Row]) -> list[str]:
    return never_back(rows, "timestamp", "tsval")


def timestamps_never_missing(rows: Sequence[Row]) -> list[str]:
    """RFC 7323 3.2: agreed with the SYN, they are on every segment but RSTs."""
    syns = [row for row in rows if row.syn]
    if not syns or any(row.tsval is None for row in syns):
        return []
    return [
        f"frame {row.number} ({row.origin}): no timestamp"
        for row in rows
        if row.outgoing and row.tsval is None and not row.rst
    ]


def right_edge_never_left(rows: Sequence[Row]) -> list[str]:
    """RFC 9293 3.8.6: ACK plus scaled window, as the guest's side offers it."""
    scale = next((row.wscale or 0 for row in rows if row.outgoing and row.syn), None)
    if scale is None:
        return ["the capture does not hold the connection's SYN, so windows cannot be scaled"]
    found: list[str] = []
    edge = None
    for row in rows:
        if not row.outgoing or row.syn or row.rst:
            continue
        current = (row.ack + (row.window << scale)) % M32
        if edge is not None and before(current, edge):
            found.append(f"frame {row.number} ({row.origin}): right edge {current}, was {edge}")
        edge = current if edge is None or before(edge, current) else edge
    return found


def silences(rows: Sequence[Row], seconds: float) -> list[str]:
    """Gaps in which neither side sent anything, between the first and the last data."""
    data = [i for i, row in enumerate(rows) if row.length]
    span = rows[data[0] : data[-1] + 1] if data else []
    return [
        f"frame {b.number}: nothing for {1000 * (b.time - a.time):.0f} ms"
        for a, b in zip(span, span[1:])
        if b.time - a.time > seconds
    ]


def stalls(rows: Sequence[Row], seconds: float) -> list[str]:
    """The same for each direction by itself: times in which it carried no data, while there was
    some before and after.
    """
    return [
        f"{way}: {text}"
        for way, outgoing in (("from the guest", True), ("to the guest", False))
        for text in silences(
            [row for row in rows if row.length and row.outgoing == outgoing], seconds
        )
    ]


def guest_repeats(rows: Iterable[Row]) -> int:
    """Segments in which the guest's side sent again what it had sent."""
    again, sent = 0, None
    for row in rows:
        if not row.outgoing or not row.length:
            continue
        end = (row.seq + row.length) % M32
        again += sent is not None and before(row.seq, sent)
        sent = end if sent is None or before(sent, end) else sent
    return again


def peer_repeats(rows: Iterable[Row]) -> tuple[int, int]:
    """Segments that the peer sent again, and DSACKs that it sent (RFC 2883: first block at or below
    its ACK).
    """
    again, dsacks, sent = 0, 0, None
    for row in rows:
        if row.outgoing:
            continue
        end = (row.seq + row.length) % M32
        if row.length:
            if sent is not None and before(row.seq, sent):
                again += 1
            sent = end if sent is None or before(sent, end) else sent
        if row.sack and before(row.sack[0][0], row.ack):
            dsacks += 1
    return again, dsacks


def identifications(rows: Iterable[Row], mss: int) -> list[str]:
    """DF, no fragments, and every ID of a large frame within its maker's half (SND-19, SND-21,
    SND-22).
    """
    found = []
    for row in rows:
        if not row.outgoing or row.ip_id is None:
            continue
        low, high = TARGET_IDS if row.origin == "target" else HOST_IDS
        last = row.ip_id + max(1, -(-row.length // mss)) - 1
        if not low <= row.ip_id <= last <= high:
            found.append(f"frame {row.number} ({row.origin}): IDs {row.ip_id:#06x}..{last:#06x}")
        if row.origin == "target" and not row.df:
            found.append(f"frame {row.number} ({row.origin}): DF is not set")
        if row.fragment:
            found.append(f"frame {row.number} ({row.origin}): a fragment")
    return found


def wraps(rows: Iterable[Row], origin: str) -> int:
    """How often the IDs of one maker jumped back across at least half of its range."""
    count, last = 0, None
    for row in rows:
        if row.origin != origin or row.ip_id is None:
            continue
        if last is not None and last - row.ip_id > 0x4000:
            count += 1
        last = row.ip_id
    return count


@dataclass
class Share:
    """Payload bytes of the connection by who moved them."""

    target_out: int = 0
    host_out: int = 0
    received: int = 0


def shares(rows: Iterable[Row]) -> Share:
    share = Share()
    for row in rows:
        if row.origin == "target":
            share.target_out += row.length
        elif row.origin == "host":
            share.host_out += row.length
        else:
            share.received += row.length
    return share


@dataclass
class Cycles:
    """Hand-overs as the capture's comments mark them."""

    offloads: int = 0
    uploads: int = 0
    counted: int = 0
    why_not: list[str] = field(default_factory=list)


def cycles(rows: Iterable[Row]) -> Cycles:
    """
    Count cycles: a stretch on the card with payload both ways, then a stretch in Linux TCP with
    payload both ways. A comment "offload #n" or "upload #n" stands on the first frame after the
    event.
    """
    result, owner = Cycles(), "host"
    out = into = 0
    card_ok = False
    for row in rows:
        for word in row.comment.split(";"):
            if "offload #" in word and owner == "host":
                if card_ok and out and into:
                    result.counted += 1
                elif result.offloads:
                    result.why_not.append(
                        f"frame {row.number}: card {card_ok}, Linux {out} out {into} in"
                    )
                result.offloads, owner, out, into = result.offloads + 1, "card", 0, 0
            elif "upload #" in word and owner == "card":
                card_ok = bool(out and into)
                result.uploads, owner, out, into = result.uploads + 1, "host", 0, 0
        if row.origin == ("target" if owner == "card" else "host"):
            out += row.length
        elif row.origin == "received":
            into += row.length
    if result.uploads and owner == "host" and card_ok and out and into:
        result.counted += 1
    return result


def segmented_identifications(
    made: Iterable[Row], segments: Iterable[Row], enough: int
) -> list[str]:
    """
    Segments that Linux has cut from large frames: each must carry an ID of its maker's half. The
    maker is found by sequence number and ID in the capture of what the card handed to the wire. Of
    either maker at least `enough` segments behind the first of a large frame must have been seen.
    """
    owners: dict[int, list[Row]] = {}
    for row in made:
        if row.length and row.ip_id is not None:
            owners.setdefault(row.ip_id >> 6, []).append(row)
            last = row.ip_id + row.length // 1000
            for bucket in range((row.ip_id >> 6) + 1, (last >> 6) + 1):
                owners.setdefault(bucket, []).append(row)
    found, cut = [], {"host": 0, "target": 0}
    for segment in segments:
        if not segment.length or segment.ip_id is None:
            continue
        frame = _made_by(segment, owners.get(segment.ip_id >> 6, []))
        if frame is None:
            found.append(f"segment {segment.number}: nobody made ID {segment.ip_id:#06x}")
            continue
        low, high = TARGET_IDS if frame.origin == "target" else HOST_IDS
        if not low <= segment.ip_id <= high or segment.fragment:
            found.append(f"segment {segment.number} of {frame.origin}: ID {segment.ip_id:#06x}")
        cut[frame.origin] += segment.seq != frame.seq
    return found + [
        f"only {count} segments of the {maker}'s large frames were seen"
        for maker, count in cut.items()
        if count < enough
    ]


def _made_by(segment: Row, frames: list[Row]) -> Row | None:
    for frame in frames:
        into = (segment.seq - frame.seq) % M32
        if into + segment.length <= frame.length and frame.ip_id is not None:
            index = segment.ip_id - frame.ip_id if segment.ip_id is not None else -1
            if index >= 0 and (index == 0) == (into == 0) and into >= index:
                return frame
    return None
