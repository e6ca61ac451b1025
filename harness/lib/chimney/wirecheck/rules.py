# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that one connection must keep on the wire over any number of hand-overs; each returns what
breaks it.

The rules look at what the peer can see: it must not be able to tell when the connection changed its
owner. A finding names the frame, so that it can be looked up in the capture.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .rows import MANY, Row

M32 = 1 << 32
TARGET_IDS, HOST_IDS = (0x8000, 0xFFFF), (0x0000, 0x7FFF)


def before(a: int, b: int) -> bool:
    """a < b modulo 2^32."""
    return a != b and (b - a) % M32 < M32 // 2


def no_reset(rows: Iterable[Row]) -> list[str]:
    """No RST before each side has acknowledged the other's FIN. Then the connection is over, and
    an RST only says that an ACK of a repeated FIN has met nobody.
    """
    found: list[str] = []
    ends: dict[bool, int] = {}  # by maker: the sequence number behind its FIN
    over: set[bool] = set()  # who has acknowledged the other's
    for row in rows:
        if row.rst:
            if len(over) < 2:
                found.append(f"frame {row.number}: RST from {row.origin}")
            continue
        end = ends.get(not row.outgoing)
        if row.flags & 0x10 and end is not None and not before(row.ack, end):
            over.add(row.outgoing)
        if row.fin:
            ends[row.outgoing] = (row.seq + row.length + 1) % M32
    return found


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


def timestamps_agreed(rows: Iterable[Row]) -> list[str]:
    """Both sides offered them: without, the other rules on timestamps would hold of nothing."""
    syns = [row for row in rows if row.syn]
    if {row.outgoing for row in syns} != {False, True}:
        return ["the capture does not hold the SYNs of both sides"]
    return [f"frame {row.number}: a SYN without timestamp" for row in syns if row.tsval is None]


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


# How long the host let both sides wait for a processor between two times of a capture, in seconds.
Waits = Callable[[float, float], float]


def no_waits(_begin: float, _end: float) -> float:
    """A host that always has a processor free."""
    return 0.0


def silences(rows: Sequence[Row], seconds: float, waits: Waits = no_waits) -> list[str]:
    """Gaps in which neither side sent anything, between the first and the last data. For as long as
    the host let them wait, they could not.
    """
    data = [i for i, row in enumerate(rows) if row.length]
    span = rows[data[0] : data[-1] + 1] if data else []
    found = []
    for a, b in zip(span, span[1:]):
        gap = b.time - a.time
        if gap <= seconds:
            continue
        waited = waits(a.time, b.time)
        if gap - waited > seconds:
            found.append(f"frame {b.number}: nothing for {1000 * gap:.0f} ms, of which the host "
                         f"was busy elsewhere for {1000 * waited:.0f}")
    return found


def stalls(rows: Sequence[Row], seconds: float, waits: Waits = no_waits) -> list[str]:
    """The same for each direction by itself: times in which it carried no data, while there was
    some before and after.
    """
    return [
        f"{way}: {text}"
        for way, outgoing in (("from the guest", True), ("to the guest", False))
        for text in silences(
            [row for row in rows if row.length and row.outgoing == outgoing], seconds, waits
        )
    ]


class Stream:
    """How far one direction of a connection has come."""

    def __init__(self) -> None:
        self.end: int | None = None

    def again(self, row: Row) -> bool:
        """Takes the next row; whether some of it had been sent before."""
        end = (row.seq + row.length) % M32
        old = self.end is not None and before(row.seq, self.end)
        if self.end is None or before(self.end, end):
            self.end = end
        return old


def repeats(rows: Iterable[Row], outgoing: bool, maker: str = "") -> int:
    """Frames in which one side, or one maker of it, sent again what that side had sent; the capture
    holds large frames as one, as tshark counts them.
    """
    stream, count = Stream(), 0
    for row in rows:
        if row.outgoing == outgoing and row.length:
            count += stream.again(row) and row.origin == (maker or row.origin)
    return count


def guest_repeats(rows: Iterable[Row]) -> int:
    """What the guest's side sent again."""
    return repeats(rows, outgoing=True)


def peer_repeats(rows: Sequence[Row]) -> tuple[int, int]:
    """What the peer sent again, and how many DSACKs it sent."""
    return repeats(rows, outgoing=False), sum(is_dsack(row) for row in rows if not row.outgoing)


def is_dsack(row: Row) -> bool:
    """RFC 2883 4: the first block lies at or below the ACK, or within the second."""
    if not row.sack:
        return False
    left, right = row.sack[0]
    if before(left, row.ack):
        return True
    return len(row.sack) > 1 and not before(left, row.sack[1][0]) and not before(
        row.sack[1][1], right)


def identifications(rows: Iterable[Row], mss: int) -> list[str]:
    """DF, no fragments, and every ID of a large frame within its maker's half (SND-17, SND-19,
    SND-21, SND-22).
    """
    found = []
    for row in rows:
        if row.outgoing and row.fragment:
            found.append(f"frame {row.number} ({row.origin}): a fragment")
        if not row.outgoing or row.ip_id is None:
            continue
        low, high = TARGET_IDS if row.origin == "target" else HOST_IDS
        last = row.ip_id + max(1, -(-row.length // mss)) - 1
        if not low <= row.ip_id <= last <= high:
            found.append(f"frame {row.number} ({row.origin}): IDs {row.ip_id:#06x}..{last:#06x}")
        if row.origin == "target" and not row.df:
            found.append(f"frame {row.number} ({row.origin}): DF is not set")
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


class Seen:
    """Which bytes of one direction have been on the wire, holes among them."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._end = 0
        self._holes: list[tuple[int, int]] = []

    def new(self, row: Row) -> int:
        """Takes the next row; how many bytes of it had not been there before."""
        if self._first is None:
            self._first = row.seq
        ahead = (row.seq - self._first - self._end + M32 // 2) % M32 - M32 // 2
        start = self._end + ahead
        end = start + row.length
        new = max(0, end - max(start, self._end))
        left = []
        for low, high in self._holes:
            new += max(0, min(high, end) - max(low, start))
            left += [(low, min(high, start)), (max(low, end), high)]
        left.append((self._end, start))
        self._holes = [(low, high) for low, high in left if low < high]
        self._end = max(self._end, end)
        return new


@dataclass
class Share:
    """Payload bytes of the connection by who moved them."""

    target_out: int = 0
    host_out: int = 0
    received: int = 0
    received_again: int = 0  # of it, what had been on the wire before
    received_by_card: int = 0  # of it, what had not, and came while the card had the connection


def shares(rows: Iterable[Row]) -> Share:
    share, seen = Share(), Seen()
    for row, owner in owned(rows):
        if row.origin == "target":
            share.target_out += row.length
        elif row.origin == "host":
            share.host_out += row.length
        elif row.length:
            share.received += row.length
            new = seen.new(row)
            share.received_again += row.length - new
            share.received_by_card += new if owner == "card" else 0
    return share


def changes(row: Row) -> list[str]:
    """Who got the connection just before a frame, "card" or "host", one after the other: a comment
    "offload #n" or "upload #n" stands on the first frame of the connection after the event.
    """
    return ["card" if "offload #" in word else "host"
            for word in row.comment.split(MANY) if "offload #" in word or "upload #" in word]


def owned(rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Each row with who has the connection by then."""
    owner = "host"
    for row in rows:
        owner = (changes(row) or [owner])[-1]
        yield row, owner


@dataclass
class Cycles:
    """Hand-overs as the capture's comments mark them."""

    offloads: int = 0
    uploads: int = 0
    counted: int = 0
    why_not: list[str] = field(default_factory=list)


class CycleCounter:
    """Counts cycles, row after row: a stretch on the card with payload both ways, then a stretch in
    Linux TCP with payload both ways.
    """

    def __init__(self) -> None:
        self._cycles = Cycles()
        self._owner = "host"
        self._out = self._into = 0
        self._card_ok = False

    def see(self, row: Row) -> None:
        """The next row of the capture."""
        for now in changes(row):
            if now != self._owner:
                self._change(row, now)
        if row.origin == ("target" if self._owner == "card" else "host"):
            self._out += row.length
        elif row.origin == "received":
            self._into += row.length

    def result(self) -> Cycles:
        """What has been seen up to now, the stretch that has not ended included."""
        last = self._owner == "host" and self._cycles.uploads and self._whole()
        return replace(self._cycles, counted=self._cycles.counted + bool(last))

    def _whole(self) -> bool:
        return bool(self._card_ok and self._out and self._into)

    def _change(self, row: Row, now: str) -> None:
        cycles = self._cycles
        if now == "host":
            self._card_ok = bool(self._out and self._into)
            cycles.uploads += 1
        else:
            if self._whole():
                cycles.counted += 1
            elif cycles.offloads:
                cycles.why_not.append(f"frame {row.number}: card {self._card_ok}, "
                                      f"Linux {self._out} out {self._into} in")
            cycles.offloads += 1
        self._owner, self._out, self._into = now, 0, 0


def cycles(rows: Iterable[Row]) -> Cycles:
    """The cycles of a whole capture."""
    counter = CycleCounter()
    for row in rows:
        counter.see(row)
    return counter.result()


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
