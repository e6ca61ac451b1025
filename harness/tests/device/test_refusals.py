# SPDX-License-Identifier: GPL-2.0-or-later
"""What the card says of what it refuses (spec/refusals.md): registers, rings, frames and commands
on connections; what is kept, and how often it is said. test_refused_lists.py has all else.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chimney import abi
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, ring_id, with_sges
from chimney.qdev.memory import NO_RAM
from chimney.qdev.peer import Peer
from chimney.qdev.refusals import Refusals, Row, names, on, sqe
from chimney.qdev.rings import DRV_INDEX
from chimney.qdev.state import UNA

SQ, TX, RXB = (ring_id(0, k) for k in (abi.CHIM_RING_SQ, abi.CHIM_RING_TX, abi.CHIM_RING_RXB))
FIELD, LIMIT = abi.CHIM_ST_INVALID_FIELD, abi.CHIM_ST_LIMIT


# registers


def vector_without_master(card: Card) -> None:
    card.pci.enable(memory=True, master=False)
    card.write(abi.CHIM_REG_TEST_IRQ, 1)
    card.pci.enable(memory=True, master=True)


def enable(size: int = 0x0505, base: int = 0) -> Callable[[Card], None]:
    def again(card: Card) -> None:
        card.reset()
        card.make_admin()
        card.write(abi.CHIM_REG_ADMIN_SIZE, size)
        if base:
            card.write64(abi.CHIM_REG_ADMIN_CQ_CTL_LO, base)
        card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    return again


def without_master(card: Card) -> None:
    card.pci.enable(memory=True, master=False)
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, card.admin_sq.index)
    card.settle()
    card.pci.enable(memory=True, master=True)


def strange_features(card: Card) -> None:
    card.reset()
    card.write(abi.CHIM_REG_DRV_FEATURES_HI, 1 << 31)


def reset_with_a_connection(card: Card) -> None:
    Connection(card).initiate()
    card.reset()


REGISTERS: list[Row] = [
    (lambda card: card.qtest.access("w", card.regs + abi.CHIM_REG_MAGIC), "REG-H1/size",
     {"field": "read", "offset": 0, "found": 2}),
    (lambda card: card.write(0xFFC, 1), "REG-D1/register", {"field": "write", "offset": 0xFFC}),
    (lambda card: card.write(abi.CHIM_REG_MAGIC, 1), "REG-D1/direction", {"field": "MAGIC"}),
    (lambda card: card.read(abi.CHIM_REG_TEST_IRQ), "REG-D1/direction", {"field": "TEST_IRQ"}),
    (lambda card: card.write(abi.CHIM_REG_ADMIN_SIZE, 7), "REG-H2/latched",
     {"field": "ADMIN_SIZE", "found": 7}),
    (lambda card: card.write(abi.CHIM_REG_DRV_FEATURES_LO, 0), "REG-D3/features",
     {"field": "DRV_FEATURES_LO"}),
    (enable(size=0x0500), "REG-H2/pair", {
        "field": "ADMIN_SIZE bits 0..7", "offset": abi.CHIM_REG_ADMIN_SIZE, "found": 0,
        "cause": abi.CHIM_FATAL_RING_CONFIG}),
    (enable(base=0x10040), "REG-H2/pair", {
        "field": "ADMIN_CQ_CTL", "found": 0x10040, "allowed": "a multiple of 128"}),
    (lambda card: card.doorbell(7, 1), "REG-H3/doorbell", {"ring": 7, "entry": 1}),
    (strange_features, "REG-H4/features", {"field": "DRV_FEATURES_HI", "found": 1 << 31}),
    (without_master, "REG-H6/dma", {"ring": 0, "cause": abi.CHIM_FATAL_DMA}),
    (vector_without_master, "REG-H6/message", {"field": "TEST_IRQ", "found": 1}),
    (lambda card: card.write(abi.CHIM_REG_TEST_IRQ, 17), "2.3/vector",
     {"found": 17, "allowed": "0..16"}),
    (reset_with_a_connection, "LIFE-H1/reset", {"found": 1, "allowed": "0"}),
]


# rings


def beyond_published(card: Card) -> None:
    card.doorbell(card.pairs[0].cq.id, 3)


def index_in_memory(card: Card) -> None:
    conn = Connection(card).initiate()
    Peer(conn).data(b"indicated")
    conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    card.qtest.writel(conn.pair.cq.ctl + DRV_INDEX, 7)
    conn.pair.sq.ring()


def unpublished(card: Card) -> None:
    entry = sqe(abi.CHIM_OP_SEND)
    entry.ctl |= 1 << abi.CHIM_CTL_SG_SHIFT
    card.pairs[0].sq.publish([entry])


def longer_than_its_ring(card: Card) -> None:
    card.create_pair(1, 1)
    entry = sqe(abi.CHIM_OP_FRAME)
    entry.ctl |= 2 << abi.CHIM_CTL_SG_SHIFT
    card.pairs[1].tx.publish([entry])


def no_continuation(card: Card) -> None:
    entry = sqe(abi.CHIM_OP_SEND)
    entry.ctl |= 1 << abi.CHIM_CTL_SG_SHIFT
    card.pairs[0].sq.publish([entry, sqe(abi.CHIM_OP_SEND)])


def buffer(length: int, addr: int) -> Callable[[Card], None]:
    def post(card: Card) -> None:
        card.create_pair(1, 4)
        card.pairs[1].ib.publish([abi.chim_buf(len=length, addr=addr)])
        conn = Connection(card, pair=1).initiate()
        Peer(conn).data(b"x")
    return post


RINGS: list[Row] = [
    (lambda card: card.doorbell(0, 0x7000), "RING-H1/doorbell", {
        "ring": 0, "entry": 0x7000, "field": "doorbell", "offset": 0x1000, "found": 0x7000,
        "cause": abi.CHIM_FATAL_DOORBELL}),
    (beyond_published, "RING-H2/doorbell", {"found": 3, "cause": abi.CHIM_FATAL_DOORBELL}),
    (index_in_memory, "RING-H2/index", {
        "field": "chim_ring_ctl.drv_index", "found": 7, "cause": abi.CHIM_FATAL_CQ_INDEX}),
    (unpublished, "RING-H3/phase", {"ring": SQ, "entry": 1, "cause": abi.CHIM_FATAL_PHASE}),
    (longer_than_its_ring, "RING-H3/length", {"entry": 0, "found": 3, "allowed": "1..2"}),
    (lambda card: card.admin_post(abi.CHIM_OP_SET_RSS, data=(NO_RAM, 176), admin__len=176),
     "RING-H4/dma", {"ring": 0, "found": NO_RAM, "cause": abi.CHIM_FATAL_DMA}),
    (lambda card: card.admin_post(abi.CHIM_OP_CREATE_RING, data=(0, 0), second=NO_RAM,
                                  ring__ring=RXB + 8, ring__log2_size=4),
     "RING-H5/dma", {"ring": RXB + 8, "cause": abi.CHIM_FATAL_DMA}),
    (lambda card: card.admin(0x7F), "RING-H6/opcode", {"ring": 0, "found": 0x7F, "status": 32}),
    (lambda card: card.pairs[0].sq.publish([sqe(abi.CHIM_OP_FRAME)]), "RING-H6/opcode",
     {"ring": SQ, "found": abi.CHIM_OP_FRAME, "cause": abi.CHIM_FATAL_OPCODE}),
    (lambda card: card.pairs[0].tx.publish([sqe(abi.CHIM_OP_SEND)]), "RING-H6/opcode",
     {"ring": TX, "found": abi.CHIM_OP_SEND, "cause": abi.CHIM_FATAL_OPCODE}),
    (no_continuation, "RING-H6/sg", {"ring": SQ, "entry": 1, "found": abi.CHIM_OP_SEND}),
    (buffer(63, 0x10000), "RING-H7/length", {"found": 63, "cause": abi.CHIM_FATAL_BUFFER}),
    (buffer(64, 2**64 - 64), "RING-H7/wrap", {"found": 2**64 - 64}),
    (buffer(2**16, NO_RAM), "RING-H7/dma", {"found": NO_RAM, "cause": abi.CHIM_FATAL_DMA}),
]


# frames


def frame(length: int, **vnet: int) -> Callable[[Card], None]:
    def send(card: Card) -> None:
        card.send_frame(bytes(length), vnet=abi.chim_vnet_hdr(**vnet))
    return send


def wrapping_frame(card: Card) -> None:
    card.pairs[0].tx.publish(with_sges(sqe(abi.CHIM_OP_FRAME), [(2**64 - 32, 64)]))


CSUM, V = abi.CHIM_VNET_F_NEEDS_CSUM, "chim_sqe.u.frame.vnet."
FRAMES: list[Row] = [
    (frame(13), "3.4/length", {"ring": TX, "entry": 0, "found": 13, "allowed": "14..67584"}),
    (wrapping_frame, "3.4/wrap", {"ring": TX}),
    (frame(60, flags=2), "3.4/flags", {"field": V + "flags", "found": 2}),
    (frame(60, flags=CSUM, csum_start=50, csum_offset=16), "3.4/csum",
     {"field": V + "csum_start", "found": 68, "allowed": "2..60"}),
    (frame(60, gso_type=9), "3.4/gso", {"field": V + "gso_type", "found": 9}),
]


# commands on connections


def verdict(consumed: int, status: int, number: int | None = None) -> Callable[[Card], None]:
    def give(conn: Connection) -> None:
        Peer(conn).data(b"taken")
        entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
        conn.verdict(entry.info if number is None else number, status, consumed)
    return on(give)


def not_its_length(conn: Connection) -> None:
    conn._io(abi.CHIM_OP_SEND, [(conn.card.memory.put(b"12"), 2)], 3, 0)


def stopping(conn: Connection) -> None:
    fence = next_fence()
    conn.post_fence(fence)
    conn.terminate_list().run(abi.CHIM_OP_TERMINATE, fence, 1)
    conn.send(b"late")


DATA_NOT, DATA_SOME = abi.CHIM_ST_DATA_NOT_ACCEPTED, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED
ABORT, GRACE = abi.CHIM_DISCONNECT_ABORTIVE, abi.CHIM_DISCONNECT_GRACEFUL
LONG = abi.CHIM_OP_SEND, [(0, (1 << 20) + 1)], (1 << 20) + 1, 0
COMMANDS: list[Row] = [
    (on(not_its_length), "RING-D9/length", {
        "ring": SQ, "entry": 0, "field": "chim_sqe.u.io.len", "offset": 16, "found": 3,
        "allowed": "2", "status": FIELD}),
    (on(lambda conn: conn._io(abi.CHIM_OP_RECV, [(2**64 - 1, 2)], 2, 0)), "RING-D9/wrap",
     {"status": FIELD}),
    (on(lambda conn: conn.send(b"")), "OP-D19/length",
     {"found": 0, "allowed": "1..1048576", "status": FIELD}),
    (on(lambda conn: conn._io(*LONG)), "OP-D19/length",
     {"found": (1 << 20) + 1, "status": LIMIT}),
    (on(lambda conn: conn.recv(8, prefilled=8)), "OP-D19/prefilled",
     {"found": 8, "allowed": "0..7"}),
    (on(lambda conn: conn.forward(bytes(19))), "OP-D19/length",
     {"found": 19, "allowed": "20..65535"}),
    (on(lambda conn: conn.forward(bytes(20))), "OP-D19/segment", {"status": FIELD}),
    (on(lambda conn: conn.disconnect(ABORT | GRACE)), "OP-D23/flags", {"found": ABORT | GRACE}),
    (on(lambda conn: conn.disconnect(ABORT, b"x")), "OP-D23/data", {"found": 1, "allowed": "0"}),
    (lambda card: card.pairs[0].sq.publish([sqe(abi.CHIM_OP_SEND, handle=5)]), "OP-H3/handle",
     {"field": "chim_sqe.handle", "found": 5, "status": abi.CHIM_ST_INVALID_HANDLE}),
    (on(stopping), "OP-H3/handle", {"entry": 1}),
    (verdict(0, DATA_NOT, 9), "RING-H8/verdict", {"found": 9}),
    (verdict(5, DATA_SOME), "OP-D20/consumed", {"found": 5, "allowed": "0..4"}),
    (verdict(1, DATA_NOT), "OP-D20/status", {"found": DATA_NOT, "allowed": str(int(DATA_SOME))}),
]


def send_after_disconnect(conn: Connection) -> None:
    conn.disconnect(GRACE)
    conn.send(b"late")


def many_recvs(conn: Connection) -> None:
    for _ in range(257):
        conn.recv(1)
        conn.card.settle(1)


COMMANDS += [
    (on(send_after_disconnect), "OP-D21/state",
     {"ring": SQ, "entry": 1, "status": abi.CHIM_ST_INVALID_STATE}),
    (on(many_recvs), "OP-D19/outstanding", {"ring": SQ, "entry": 256, "status": LIMIT}),
]

CASES = [*REGISTERS, *RINGS, *FRAMES, *COMMANDS]


@pytest.mark.parametrize("breaks,code,members", CASES, ids=names(CASES))
def test_a_refusal_is_told(
    refusals: Refusals, breaks: Callable[[Card], object], code: str, members: dict[str, Any]
) -> None:
    """spec/refusals.md: one record and one line for one mistake, with code, place and values."""
    assert refusals.get() == {"total": 0, "last": []}
    breaks(refusals.card)
    assert refusals.is_only(code, members), refusals.get()


def flood(card: Card, times: int) -> None:
    for _ in range(times):
        card.doorbell(7, 1)


def test_only_the_newest_are_kept(refusals: Refusals) -> None:
    """spec/refusals.md: the total counts all, the newest stand last, and a number tells of those
    that are gone. A reset clears nothing.
    """
    card = refusals.card
    flood(card, 70)
    card.write(abi.CHIM_REG_TEST_IRQ, 99)
    card.reset()
    found = refusals.get()
    assert found["total"] == 71 and [one["number"] for one in found["last"]] == list(range(8, 72))
    assert [one["code"] for one in found["last"][-2:]] == ["REG-H3/doorbell", "2.3/vector"]


def test_the_log_is_bounded(refusals: Refusals) -> None:
    """spec/refusals.md: so many lines in a second of virtual time; what is left out is counted."""
    card = refusals.card
    flood(card, 100)
    card.settle()
    assert len(refusals.said()) == 64
    card.advance(ms=999)
    flood(card, 1)
    assert len(refusals.said()) == 64
    card.advance(ms=2)
    flood(card, 1)
    assert len(refusals.said()) == 66 and refusals.said()[64] == "chimney: 37 lines are left out"
    flood(card, 64)
    card.reset()
    assert len(refusals.said()) == 130 and refusals.said()[-1] == "chimney: 1 lines are left out"
    assert refusals.get()["total"] == 166


def test_time_is_that_of_the_virtual_clock(refusals: Refusals) -> None:
    card = refusals.card
    flood(card, 1)
    card.advance(ms=1500)
    flood(card, 1)
    first, second = (one["time"] for one in refusals.get()["last"])
    assert second - first == 1_500_000_000


def test_nothing_is_refused_of_a_driver_that_keeps_the_rules(refusals: Refusals) -> None:
    """A connection goes over, works and comes back; frames go both ways; the card is reset."""
    card = refusals.card
    conn = Connection(card, sends=[b"chain"], snd_nxt=UNA + 5, snd_max=UNA + 5).initiate()
    peer = Peer(conn)
    peer.data(b"indicated")
    conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE))
    conn.send(b"sent")
    conn.update_tcp(ttl=3)
    conn.query()
    conn.terminate()
    card.send_frame(bytes(60))
    card.stats()
    card.reset()
    assert refusals.get() == {"total": 0, "last": []} and refusals.said() == []
