# SPDX-License-Identifier: GPL-2.0-or-later
"""One offloaded connection through rings and wire: the thin line through every layer."""
from __future__ import annotations

from chimney import abi
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card
from chimney.qdev.seg import ACK, PSH, Seg, build, match, parse, tcp_bytes

PEER = Seg(seq=0x10000, ack=0x20000, ts=(1001, 5000))


def test_initiate_opens_and_cuts_over(card: Card) -> None:
    """OP-D6: CUTOVER on the raw ring, OPENED on the completion ring, then the admin completion."""
    conn = Connection(card).initiate()
    cut = card.wait("the cut-over", card.pairs[0].rxc.take)
    assert cut.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_RX_CUTOVER
    assert cut.u.cookie == conn.cookie
    assert conn.list.statuses() == [abi.CHIM_ST_SUCCESS] * 3
    assert conn.handle and conn.path and conn.neighbor
    assert card.stats().tcp4.currently_established == 1


def test_echo_of_one_byte(card: Card) -> None:
    """A byte from the wire is indicated; the same byte sent leaves, and its send completes when it
    is acknowledged.
    """
    conn = Connection(card).initiate()
    card.inject(build(PEER.with_(data=b"x", flags=ACK | PSH)))
    entry = conn.entry(abi.CHIM_CQ_INDICATE)
    assert (entry.conn_cookie, entry.bytes, entry.seq) == (conn.cookie, 1, 0x10000)
    assert conn.indicated(entry) == b"x"
    cookie = conn.send(b"x")
    seg = match(parse(card.wire_frame()), data=b"x", seq=0x20000, ack=0x10001, ip_flags=2)
    assert seg.ip_id >= 0x8000
    assert seg.flags == ACK | PSH
    assert conn.no_entry()
    card.inject(build(PEER.with_(seq=0x10001, ack=0x20001, ts=(1002, seg.ts[0]))))
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert (done.cookie, done.status, done.bytes, done.seq) == (
        cookie,
        abi.CHIM_ST_SUCCESS,
        1,
        0x20001,
    )


def test_frames_of_others_stay_raw(card: Card) -> None:
    """ARC-4: only the offloaded tuple is the target's."""
    Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    card.inject(build(PEER.with_(sport=5002, data=b"other")))
    assert parse(card.received()[1]).data == b"other"


def test_terminate_gives_everything_back(card: Card) -> None:
    """TRM-13, TRM-17, TRM-30: state, unacknowledged send, LAST; later segments go raw."""
    conn = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    cookie = conn.send(b"unacknowledged")
    card.wire_frame()
    delegated, sends, buffered = conn.terminate()
    assert (delegated.state, delegated.rcv_nxt, delegated.snd_una, delegated.snd_max) == (
        abi.CHIM_TCP_ESTABLISHED,
        0x10000,
        0x20000,
        0x20000 + 14,
    )
    assert [(ref.cookie, ref.done) for ref in sends] == [(cookie, 0)]
    assert buffered == b"" and conn.entries == []
    card.inject(build(PEER.with_(data=b"late")))
    assert parse(card.received()[1]).data == b"late"
    assert card.no_wire_frame()
    assert card.stats().tcp4.currently_established == 0


def test_no_state_operation_before_its_fence(card: Card) -> None:
    """OP-D1: the terminate waits for the fence, and commands before the fence still count."""
    conn = Connection(card).initiate()
    asked, fence = conn.terminate_list(), next_fence()
    cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
    card.settle()
    assert card.admin_cq.peek() is None
    conn.send(b"before the fence")
    match(parse(card.wire_frame()), data=b"before the fence")
    conn.post_fence(fence)
    assert conn.entry(abi.CHIM_CQ_LAST).info == fence
    assert card.admin_wait(cookie).status == abi.CHIM_ST_SUCCESS


def test_fence_that_never_comes(card: Card) -> None:
    """OP-D2: a status after 10 s of virtual time, and the connection goes on."""
    conn = Connection(card).initiate()
    cookie = conn.terminate_list().post(abi.CHIM_OP_TERMINATE, next_fence(), 1)
    card.advance(ms=9_900)
    assert card.admin_cq.peek() is None
    card.advance(ms=200)
    assert card.admin_wait(cookie).status == abi.CHIM_ST_FENCE_TIMEOUT
    conn.send(b"alive")
    match(parse(card.wire_frame()), data=b"alive")


def test_forward_is_processed_as_from_the_wire(card: Card) -> None:
    """FWD-4, FWD-5: data delivered, acknowledged by the target, request completed."""
    conn = Connection(card).initiate()
    cookie = conn.forward(tcp_bytes(PEER.with_(data=b"elsewhere", flags=ACK | PSH)))
    entries = {entry.ctl & 0xFF: entry for entry in (conn.entry(), conn.entry())}
    assert entries[abi.CHIM_CQ_FORWARD].cookie == cookie
    assert entries[abi.CHIM_CQ_FORWARD].status == abi.CHIM_ST_SUCCESS
    assert conn.indicated(entries[abi.CHIM_CQ_INDICATE]) == b"elsewhere"
    card.advance(ms=300)
    match(parse(card.wire_frame()), ack=0x10000 + 9, data=b"")


def test_forwarded_bytes_are_not_the_wires(card: Card) -> None:
    """What the host forwards counts as the host's, also where bytes from the wire waited for it."""
    conn = Connection(card).initiate()
    card.inject(build(PEER.with_(seq=0x10000 + 5, data=b"wire", flags=ACK | PSH)))
    conn.forward(tcp_bytes(PEER.with_(data=b"host,", flags=ACK | PSH)))
    while conn.entry().ctl & abi.CHIM_CTL_OP_MASK != abi.CHIM_CQ_INDICATE:
        pass
    nic = card.stats().nic
    assert (nic.rx_offloaded_frames, nic.rx_offloaded_bytes) == (1, 4)


def test_buffered_data_waits_for_a_request(card: Card) -> None:
    """BRD-6, BRD-7, BRD-8: nothing before a request; the request first, the rest indicated, newer
    data after it.
    """
    conn = Connection(card, buffered=b"0123456789").initiate()
    card.inject(build(PEER.with_(data=b"new", flags=ACK | PSH)))
    assert conn.no_entry()
    cookie, addr = conn.recv(4)
    first = conn.entry(abi.CHIM_CQ_RECV)
    assert (first.cookie, first.bytes, first.seq) == (cookie, 4, 0x10000 - 10)
    assert card.qtest.read(addr, 4) == b"0123"
    second = conn.entry(abi.CHIM_CQ_INDICATE)
    assert conn.indicated(second) == b"456789new"[: second.bytes]
    assert second.seq == 0x10000 - 6
