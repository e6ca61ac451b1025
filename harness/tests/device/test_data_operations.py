# SPDX-License-Identifier: GPL-2.0-or-later
"""Data operations (spec chapter 5): which requests, disconnects and verdicts are refused or
ignored, with which status, and in which order they complete.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.memory import NO_RAM
from chimney.qdev.peer import Peer
from chimney.qdev.seg import RST
from chimney.qdev.state import RCV, UNA

FIELD = abi.CHIM_ST_INVALID_FIELD


def test_command_on_another_pair(make_card: MakeCard) -> None:
    """OP-D18"""
    card = make_card().start(pairs=2)
    conn = Connection(card, pair=0).initiate()
    conn.pair = card.pairs[1]
    cookie = conn.send(b"wrong ring")
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_INVALID_HANDLE)
    assert card.no_wire_frame()


def test_send_without_bytes(card: Card) -> None:
    """OP-D19"""
    conn = Connection(card).initiate()
    conn.send(b"")
    assert conn.entry(abi.CHIM_CQ_SEND).status == FIELD


def test_send_too_long(card: Card) -> None:
    """OP-D19: CHIM_REG_MAX_SEND_LEN bounds a request."""
    conn = Connection(card).initiate()
    limit = card.read(abi.CHIM_REG_MAX_SEND_LEN)
    addr = card.memory.alloc(limit + 1)
    conn._io(abi.CHIM_OP_SEND, [(addr, limit + 1)], limit + 1, 0)
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_LIMIT
    conn._io(abi.CHIM_OP_SEND, [(addr, limit)], limit, 0)
    assert conn.no_entry()


@pytest.mark.parametrize("what", ["sends", "recvs"])
def test_too_many_requests(make_card: MakeCard, what: str) -> None:
    """SND-1, OP-D19: as many as the card announces are outstanding, one more is answered with
    LIMIT.
    """
    card = make_card().start(log2_size=11)
    conn = Connection(card, snd_wnd=0).initiate()
    if what == "sends":
        limit = card.read(abi.CHIM_REG_MAX_SENDS)
        addr = card.memory.put(b"one byte")
        cookies = [conn._io(abi.CHIM_OP_SEND, [(addr, 1)], 1, 0) for _ in range(limit + 1)]
        kind = abi.CHIM_CQ_SEND
    else:
        limit = card.read(abi.CHIM_REG_MAX_RECVS)
        cookies = [conn.recv(8)[0] for _ in range(limit + 1)]
        kind = abi.CHIM_CQ_RECV
    done = conn.entry(kind)
    assert (done.cookie, done.status) == (cookies[-1], abi.CHIM_ST_LIMIT)
    assert conn.no_entry()


def test_request_with_more_prefilled_than_room(card: Card) -> None:
    """RING-D9: `prefilled` beyond the request."""
    conn = Connection(card).initiate()
    conn.recv(8, abi.CHIM_RECV_NONPUSH, prefilled=9)
    assert conn.entry(abi.CHIM_CQ_RECV).status == FIELD


def test_send_after_disconnect(card: Card) -> None:
    """OP-D21"""
    conn = Connection(card).initiate()
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    conn.send(b"after")
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_INVALID_STATE


def test_requests_after_an_abort(card: Card) -> None:
    """OP-D21, RRQ-18, SND-14: REQUEST_ABORTED for all kinds."""
    conn = Connection(card).initiate()
    Peer(conn).inject(flags=RST)
    conn.entry(abi.CHIM_CQ_EVENT)
    conn.send(b"after")
    assert conn.entry(abi.CHIM_CQ_SEND).status == abi.CHIM_ST_REQUEST_ABORTED
    conn.recv(8)
    assert conn.entry(abi.CHIM_CQ_RECV).status == abi.CHIM_ST_REQUEST_ABORTED
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    assert conn.entry(abi.CHIM_CQ_DISCONNECT).status == abi.CHIM_ST_REQUEST_ABORTED


@pytest.mark.parametrize("flags,data", [(0, b""), (3, b""), (2, b"data")])
def test_impossible_disconnects(card: Card, flags: int, data: bytes) -> None:
    """OP-D23: exactly one flag, and no data with the abortive one."""
    conn = Connection(card).initiate()
    conn.disconnect(flags, data)
    assert conn.entry(abi.CHIM_CQ_DISCONNECT).status == FIELD
    assert card.no_wire_frame()


def test_completions_keep_posting_order(card: Card) -> None:
    """OP-D22, RRQ-4, SND-4: per kind, whatever arrives in between."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    sends, recvs = [], []
    for n in range(8):
        sends.append(conn.send(bytes([n]) * 50))
        recvs.append(conn.recv(10)[0])
    peer.frames()
    for n in range(8):
        peer.data(bytes(10), ack=UNA + 50 * n + 50)
    entries = [conn.entry() for _ in range(16)]
    for kind, cookies in ((abi.CHIM_CQ_SEND, sends), (abi.CHIM_CQ_RECV, recvs)):
        assert [e.cookie for e in entries if e.ctl & abi.CHIM_CTL_OP_MASK == kind] == cookies


# scatter lists


@pytest.mark.parametrize("opcode", [abi.CHIM_OP_SEND, abi.CHIM_OP_RECV, abi.CHIM_OP_FORWARD])
@pytest.mark.parametrize(
    "sges,length",
    [
        ([(0x300000, 100)], 99),
        ([(0x300000, 100)], 101),
        ([(0x300000, 100), (0, 0), (0x300000, 100)], 200),
        ([((1 << 64) - 50, 100)], 100),
        ([(0x300000, 0x80000000), (0x300000, 0x80000000), (0x300000, 1)], 1),
    ],
)
def test_scatter_list_that_does_not_add_up(
    card: Card, opcode: int, sges: list[tuple[int, int]], length: int
) -> None:
    """RING-D9: INVALID_FIELD, and no other effect."""
    conn = Connection(card).initiate()
    cookie = conn._io(opcode, sges, length, 0)
    done = conn.entry(opcode)
    assert (done.cookie, done.status) == (cookie, FIELD)
    assert conn.no_entry() and card.no_wire_frame() and card.fatal() is None


@pytest.mark.parametrize("opcode", [abi.CHIM_OP_SEND, abi.CHIM_OP_RECV, abi.CHIM_OP_FORWARD])
def test_request_memory_that_is_no_memory(card: Card, opcode: int) -> None:
    """RING-D10, RING-H4: the fatal cause names ring, index and address when the bytes are
    needed.
    """
    conn = Connection(card).initiate()
    index = conn.pair.sq.index
    conn._io(opcode, [(NO_RAM, 64)], 64, 0)
    Peer(conn).data(b"for the request")
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["ring"], fatal["index"], fatal["addr"]) == (
        abi.CHIM_FATAL_DMA,
        conn.pair.sq.id,
        index,
        NO_RAM,
    )


def test_longest_scatter_list(card: Card) -> None:
    """RING-D9: CHIM_REG_MAX_SGE elements in one command."""
    conn = Connection(card).initiate()
    limit = card.read(abi.CHIM_REG_MAX_SGE)
    data = bytes(n & 0xFF for n in range(limit))
    conn.send(data, pieces=limit)
    Peer(conn).frame(data=data)


# verdicts


@pytest.mark.parametrize(
    "number,status,consumed",
    [
        (2, abi.CHIM_ST_DATA_NOT_ACCEPTED, 0),
        (0, abi.CHIM_ST_DATA_NOT_ACCEPTED, 0),
        (1, abi.CHIM_ST_DATA_NOT_ACCEPTED, 1),
        (1, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 0),
        (1, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 8),
        (1, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 0xFFFFFFFF),
        (1, abi.CHIM_ST_SUCCESS, 0),
    ],
)
def test_verdicts_that_are_ignored(card: Card, number: int, status: int, consumed: int) -> None:
    """OP-D20: they name no indication under way, or contradict themselves; a right one still
    counts.
    """
    conn = Connection(card).initiate()
    Peer(conn).data(b"8 bytes!")
    entry = conn.entry(abi.CHIM_CQ_INDICATE, release=False)
    conn.verdict(number, status, consumed)
    card.settle()
    assert conn.no_entry()
    conn.verdict(entry.info, abi.CHIM_ST_DATA_PARTIALLY_ACCEPTED, 3)
    conn.pair.cq.release()
    _, addr = conn.recv(5)
    assert conn.entry(abi.CHIM_CQ_RECV).seq == RCV + 3
    assert card.qtest.read(addr, 5) == b"ytes!"


def test_verdict_that_comes_too_late(card: Card) -> None:
    """RING-H8: an indication that the consumer index has passed is settled; the verdict on it is
    ignored.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"taken")
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    peer.data(b"next")
    second = conn.entry(abi.CHIM_CQ_INDICATE)
    conn.verdict(entry.info, abi.CHIM_ST_DATA_NOT_ACCEPTED)
    assert conn.indicated(second)[-4:] == b"next"
    card.settle()
    assert conn.no_entry()
    assert card.stats().cases.verdict_refused == 0
