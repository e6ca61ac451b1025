# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire peer of one offloaded connection: it speaks in the connection's own numbers.

A Peer knows what it would send next and which timestamp it saw last, and nothing else; a test that
wants to be wrong changes any field of a segment by name. What the card sends is read as a list of
segments with every checksum checked.
"""
from __future__ import annotations

from typing import Any, cast

from .. import abi
from .connection import Connection
from .seg import ACK, FIN, PSH, Seg, build, match, parse, tcp_bytes
from .state import GUEST_IP6, PEER_IP6


class Peer:
    """The other end of a connection."""

    def __init__(self, conn: Connection) -> None:
        self.conn, self.card = conn, conn.card
        const, _, delegated = conn.list.nodes[2].states
        const, delegated = cast(abi.chim_tcp_const, const), cast(abi.chim_tcp_delegated, delegated)
        self.seq: int = delegated.rcv_nxt
        self.acked: int = delegated.snd_una
        self.has_ts = bool(const.flags & abi.CHIM_TCP_TIMESTAMPS)
        self.ts_val: int = delegated.ts_recent + 1
        self.ts_ecr: int = delegated.ts_time
        self.ports = const.remote_port.value, const.local_port.value
        self.window = 512

    def seg(self, **changes: Any) -> Seg:
        """A segment with what the peer would put into it now, but for what is changed."""
        own: dict[str, Any] = {
            "seq": self.seq,
            "ack": self.acked,
            "flags": ACK,
            "window": self.window,
            "sport": self.ports[0],
            "dport": self.ports[1],
            "ts": (self.ts_val, self.ts_ecr) if self.has_ts else None,
        }
        if self.conn.ipv6:
            own |= {"src": PEER_IP6, "dst": GUEST_IP6}
        return Seg(**{**own, **changes})

    def inject(self, **changes: Any) -> Seg:
        """Put a segment on the wire; the peer's own numbers stay as they are."""
        seg = self.seg(**changes)
        self.card.inject(build(seg))
        return seg

    def data(self, data: bytes, flags: int = ACK | PSH, **changes: Any) -> Seg:
        """The next bytes of the peer's stream."""
        seg = self.inject(data=data, flags=flags, **changes)
        self.seq = (self.seq + len(data) + bool(flags & FIN)) & 0xFFFFFFFF
        return seg

    def ack(self, upto: int | None = None, **changes: Any) -> Seg:
        """Acknowledge up to a sequence number."""
        if upto is not None:
            self.acked = upto & 0xFFFFFFFF
        return self.inject(**changes)

    def forward(self, **changes: Any) -> int:
        """Hand a segment to the target on the host's side (FWD-4); returns the cookie."""
        return self.conn.forward(tcp_bytes(self.seg(**changes)))

    def _note(self, seg: Seg) -> Seg:
        match(seg)
        if seg.ts is not None:
            self.ts_ecr = seg.ts[0]
        return seg

    def frame(self, **want: Any) -> Seg:
        """The next frame that the card sends, which must come."""
        return match(self._note(parse(self.card.wire_frame())), **want)

    def frames(self) -> list[Seg]:
        """All frames that the card has sent by now."""
        return [self._note(parse(raw)) for raw in self.card.wire_frames()]

    def silent(self) -> bool:
        """Whether the card has sent nothing."""
        return self.card.no_wire_frame()


def stream(frames: list[Seg], first: int) -> bytes:
    """The bytes that frames carry from a sequence number on, later copies of a byte ignored; no gap
    is allowed.
    """
    data = b""
    for seg in frames:
        at = (seg.seq - first) & 0xFFFFFFFF
        if at >= 1 << 31 or at + len(seg.data) <= len(data):
            continue
        assert at <= len(data), f"a gap before {seg.seq:#x}"
        data += seg.data[len(data) - at :]
    return data
