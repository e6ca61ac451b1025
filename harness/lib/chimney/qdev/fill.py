# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills rings to their last entry, whatever their size, and goes on into the next pass.

Each function takes rings that nothing is under way on, looks at what comes out entry by entry, and
leaves them empty.
"""
from __future__ import annotations

import select
from collections.abc import Callable

from .. import abi
from .connection import Connection
from .device import Card, Pair, ethernet, with_sges
from .peer import Peer
from .rings import Consumer, Producer
from .seg import tcp_bytes

MORE = 8  # entries behind the full ring
FRAME = 64  # bytes of a frame, and of the smallest buffer


def full(ring: Consumer) -> bool:
    """Whether the device can publish nothing more."""
    return (ring.dev_index - ring.index) & 0xFFFFFFFF == ring.size


def commands(
    card: Card, sq: Producer, cq: Consumer, make: Callable[[int], abi.chim_sqe]
) -> None:
    """As many commands as the SQ holds, each with one completion, which fill a CQ of the same size,
    and some more, whose completions have to wait.
    """
    assert sq.size == cq.size
    sq.publish_many([make(cookie) for cookie in range(sq.size)], bell=False)
    assert sq.room() == 0
    sq.ring()
    card.wait("a full completion ring", lambda: full(cq))
    card.wait("an empty command ring", lambda: sq.room() == sq.size)
    sq.publish_many([make(sq.size + cookie) for cookie in range(MORE)])
    card.settle()
    assert full(cq)
    done = cq.take_many()
    card.wait("the completions that waited", lambda: cq.dev_index - cq.index == MORE)
    done += cq.take_many()
    assert [(e.cookie, e.status) for e in done] == [(n, 0) for n in range(sq.size + MORE)]


def admin_rings(card: Card) -> None:
    """Admin SQ and CQ."""

    def make(cookie: int) -> abi.chim_sqe:
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_SET_MTU, cookie=cookie)
        entry.u.value = 1500
        return entry

    commands(card, card.admin_sq, card.admin_cq, make)


def command_rings(conn: Connection, peer: Peer) -> None:
    """SQ and CQ, by bare ACKs that the host forwards."""
    segment = tcp_bytes(peer.seg())
    addr = conn.card.memory.put(segment)

    def make(cookie: int) -> abi.chim_sqe:
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_FORWARD, handle=conn.handle, cookie=cookie)
        entry.u.io.len = len(segment)
        return with_sges(entry, [(addr, len(segment))])[0]  # type: ignore[return-value]

    commands(conn.card, conn.pair.sq, conn.pair.cq, make)


def numbered(number: int) -> bytes:
    """A frame that knows its number."""
    return ethernet(number.to_bytes(4, "big") + bytes(FRAME - 18))


def transmit_ring(card: Card, tx: Producer) -> None:
    """TX."""
    total = tx.size + MORE
    memory = card.memory.put(b"".join(numbered(n) for n in range(total)))
    entries = [
        with_sges(abi.chim_sqe(ctl=abi.CHIM_OP_FRAME), [(memory + FRAME * n, FRAME)])[0]
        for n in range(total)
    ]
    tx.publish_many(entries[: tx.size], bell=False)
    assert tx.room() == 0
    tx.ring()
    assert [card.wire_frame() for _ in range(tx.size)] == [numbered(n) for n in range(tx.size)]
    card.wait("the last slot", lambda: tx.room() == tx.size)
    tx.publish_many(entries[tx.size :])
    assert [card.wire_frame() for _ in range(MORE)] == [
        numbered(n) for n in range(tx.size, total)
    ]


def buffers(card: Card, pair: Pair, kind: int, count: int) -> None:
    """So many of the smallest buffers on RXB or IB."""
    ring = pair.by_kind(kind)
    assert isinstance(ring, Producer)
    memory = card.memory.alloc(FRAME * count)
    for n in range(count):
        pair.buffers[kind, (ring.index + n) & 0xFFFFFFFF] = (memory + FRAME * n, FRAME)
    ring.publish_many(
        [abi.chim_buf(ctl=0, len=FRAME, addr=memory + FRAME * n) for n in range(count)]
    )


def inject(card: Card, frame: bytes) -> None:
    """A frame from the wire, when there is room for it in the socket."""
    card.wait("room on the wire", lambda: select.select([], [card.wire], [], 0.05)[1])
    card.inject(frame)


def receive_rings(card: Card, pair: Pair) -> None:
    """RXB, every buffer of which receives a frame, and RXC, where some frames find no room."""
    rxb, rxc = pair.rxb, pair.rxc
    assert rxb.size == rxc.size
    buffers(card, pair, abi.CHIM_RING_RXB, rxb.room())
    assert rxb.room() == 0
    for n in range(rxb.size):
        inject(card, numbered(n))
    card.wait("a full receive ring", lambda: full(rxc))
    card.wait("an empty buffer ring", lambda: rxb.room() == rxb.size)
    buffers(card, pair, abi.CHIM_RING_RXB, MORE)
    for n in range(MORE):
        inject(card, numbered(rxb.size + n))
    card.settle()
    assert full(rxc)
    got = rxc.take_many()
    card.wait("the frames that waited", lambda: rxc.dev_index - rxc.index == MORE)
    got += rxc.take_many()
    frames = [card.buffer(pair.number, abi.CHIM_RING_RXB, e.buf, e.len) for e in got]
    assert frames == [numbered(n) for n in range(rxb.size + MORE)]


def indication_ring(conn: Connection, peer: Peer) -> None:
    """IB: the peer's stream goes through every buffer."""
    card, pair, ib = conn.card, conn.pair, conn.pair.ib
    buffers(card, pair, abi.CHIM_RING_IB, ib.room())
    assert ib.room() == 0
    total, data, want = FRAME * (ib.size + MORE), b"", b""
    while len(data) < total:
        if len(want) < total:
            part = bytes(n % 251 for n in range(len(want), min(total, len(want) + 1408)))
            peer.data(part)
            want += part
        for entry in card.wait("an indication", pair.cq.take_many):
            assert entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_INDICATE
            data += conn.indicated(entry)
        if len(want) == total and ib.room() == ib.size:
            buffers(card, pair, abi.CHIM_RING_IB, MORE)
        card.wire_now()
    assert data == want
