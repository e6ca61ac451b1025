# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding rules on received data that waits at offload: it travels, is copied, waits for requests,
and comes first.
"""
from __future__ import annotations

import resource
from pathlib import Path

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK, PSH, match, parse

OLD = b"received, acknowledged, and not read by the program yet"


def test_buffered_data_travels_whole(card: Card) -> None:
    """BRD-1: every byte handed in comes out again, at terminate if nobody asked for it before."""
    conn = Connection(card, buffered=OLD).initiate()
    assert card.stats().cases.buffered_in_bytes == len(OLD)
    delegated, _, back = conn.terminate()
    assert back == OLD
    assert delegated.rcv_nxt == 0x10000
    assert card.stats().cases.buffered_out_bytes == len(OLD)


def test_buffered_data_of_several_pieces(card: Card) -> None:
    """BRD-1: a scatter list is taken in its order."""
    conn = Connection(card, buffered=b"x")
    node = conn.list.nodes[2]
    parts = [OLD[:7], OLD[7:8], OLD[8:]]
    node.buffered = [(card.memory.put(part, 1), len(part)) for part in parts]
    conn.list = type(conn.list)(card, conn.list.nodes)
    conn.initiate()
    assert conn.terminate()[2] == OLD


def test_buffered_data_ends_before_rcv_nxt(card: Card) -> None:
    """BRD-2: its first byte is RcvNxt minus its length, also across the wrap of sequence
    numbers.
    """
    conn = Connection(card, buffered=OLD, rcv_nxt=10, snd_wl1=10).initiate()
    cookie, addr = conn.recv(len(OLD))
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes, done.seq) == (cookie, len(OLD), 10 - len(OLD) + (1 << 32))
    assert card.qtest.read(addr, len(OLD)) == OLD
    Peer(conn).data(b"next")
    assert conn.entry(abi.CHIM_CQ_INDICATE).seq == 10


def test_buffered_data_is_copied_before_success(card: Card) -> None:
    """BRD-3: what happens to the host's buffer after the completion changes nothing."""
    conn = Connection(card, buffered=OLD).initiate()
    card.qtest.write(conn.buffered_in, b"\xff" * len(OLD))
    _, addr = conn.recv(len(OLD))
    assert conn.entry(abi.CHIM_CQ_RECV).bytes == len(OLD)
    assert card.qtest.read(addr, len(OLD)) == OLD


def test_no_memory_for_the_copy(make_card: MakeCard, sanitized: bool) -> None:
    """BRD-4: the node fails with FAILURE, nothing has started, and the next initiate works."""
    if sanitized:
        pytest.skip("the sanitizers' own memory knows no limit")
    card = make_card().start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 4)
    small = Connection(card, initial_rcv_wnd=8 << 20, rcv_wnd=8 << 20, buffered=OLD)
    pid = card.qtest.process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (4096 * pages + (1 << 20), before[1]))
    small.initiate(expect=abi.CHIM_ST_FAILURE)
    assert small.no_entry() and card.stats().tcp4.currently_established == 0
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    Connection(card, buffered=OLD).initiate()


def test_more_than_the_card_takes(card: Card) -> None:
    """BRD-4: the announced limit has a status of its own."""
    size = card.read(abi.CHIM_REG_MAX_BUFFERED)
    conn = Connection(card, buffered=b"x")
    node = conn.list.nodes[2]
    node.buffered = [(conn.buffered_in, size), (conn.buffered_in, 1)]
    conn.list = type(conn.list)(card, conn.list.nodes)
    conn.initiate(expect=abi.CHIM_ST_TCP_RCV_BUFFER)


def test_buffer_is_the_hosts_again_only_after_success(make_card: MakeCard) -> None:
    """BRD-5: a failed node names its status, leaves the buffer as it was, and the same buffer can
    be offered again.
    """
    card = make_card(options="x-fail-initiate=RESOURCES").start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 4)
    conn = Connection(card, buffered=OLD).initiate(expect=abi.CHIM_ST_RESOURCES)
    assert conn.list.node(2).handle == 0
    assert card.qtest.read(conn.buffered_in, len(OLD)) == OLD
    assert card.stats().cases.buffered_in_bytes == 0


def test_buffered_data_is_silent_until_a_request(card: Card) -> None:
    """BRD-6: no indication, whatever arrives and however long it takes; a request brings it."""
    conn = Connection(card, buffered=OLD).initiate()
    assert conn.no_entry()
    Peer(conn).data(b"newer bytes")
    card.advance(ms=5000)
    assert conn.no_entry()
    conn.recv(4)
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.bytes, done.flags & abi.CHIM_CQE_BUFFERED) == (4, abi.CHIM_CQE_BUFFERED)


def test_rest_of_buffered_data_is_indicated(card: Card) -> None:
    """BRD-7: a request too small for all of it is filled and completed; the rest is indicated."""
    conn = Connection(card, buffered=OLD).initiate()
    cookie, addr = conn.recv(20)
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.status, done.bytes) == (cookie, abi.CHIM_ST_SUCCESS, 20)
    assert card.qtest.read(addr, 20) == OLD[:20]
    rest = conn.entry(abi.CHIM_CQ_INDICATE)
    assert conn.indicated(rest) == OLD[20:]
    assert rest.flags & abi.CHIM_CQE_BUFFERED
    card.wait("its acceptance", lambda: card.stats().cases.verdict_accepted)
    cases = card.stats().cases
    assert (cases.buffered_to_recv_bytes, cases.buffered_indicated_bytes) == (20, len(OLD) - 20)


def test_large_request_takes_all_buffered_data(card: Card) -> None:
    """BRD-7: with the push timer running out the request completes with what there was."""
    conn = Connection(card, buffered=OLD).initiate()
    cookie, addr = conn.recv(4096)
    assert conn.no_entry()
    card.advance(ms=501)
    done = conn.entry(abi.CHIM_CQ_RECV)
    assert (done.cookie, done.bytes) == (cookie, len(OLD))
    assert card.qtest.read(addr, len(OLD)) == OLD


def test_buffered_data_comes_before_newer_data(card: Card) -> None:
    """BRD-8: one stream, the old bytes first, through requests and indications."""
    conn = Connection(card, buffered=OLD).initiate()
    peer = Peer(conn)
    peer.data(b"NEW1")
    _, addr = conn.recv(len(OLD) - 3)
    got = card.qtest.read(addr, conn.entry(abi.CHIM_CQ_RECV).bytes)
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    got += conn.indicated(entry)
    peer.data(b"NEW2")
    while len(got) < len(OLD) + 8:
        got += conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE))
    assert got == OLD + b"NEW1NEW2"


def test_buffered_data_is_not_acknowledged_again(card: Card) -> None:
    """BRD-9: no ACK is sent for it, neither at offload nor at delivery, and RcvNxt stays."""
    conn = Connection(card, buffered=OLD).initiate()
    card.advance(ms=1000)
    assert card.no_wire_frame()
    conn.recv(len(OLD))
    conn.entry(abi.CHIM_CQ_RECV)
    card.advance(ms=1000)
    assert card.no_wire_frame()
    assert conn.query()[2].rcv_nxt == 0x10000
    peer = Peer(conn)
    peer.data(b"four")
    card.advance(ms=100)
    peer.frame(ack=0x10004, data=b"")


def test_failed_node_stays_with_the_host(make_card: MakeCard) -> None:
    """INI-7, INI-6: after a failure nothing of the connection is the target's: segments go raw,
    nothing is sent, nothing completes, and the host can offer the same state again.
    """
    card = make_card(options="x-fail-initiate=TCP_ENTRIES").start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 8)
    sends = [b"unacknowledged", b"unsent"]
    conn = Connection(card, sends=sends, buffered=OLD, snd_nxt=0x20000 + 14, snd_max=0x20000 + 14)
    conn.initiate(expect=abi.CHIM_ST_TCP_ENTRIES)
    Peer(conn).data(b"goes raw", flags=ACK | PSH)
    first, frame = card.received()
    assert first.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_RX_FRAME
    match(parse(frame), data=b"goes raw")
    card.advance(ms=2000)
    assert conn.no_entry() and card.no_wire_frame()
    for addr, data in zip(conn.send_addrs, sends, strict=True):
        assert card.qtest.read(addr, len(data)) == data
