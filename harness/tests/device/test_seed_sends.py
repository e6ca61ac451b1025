# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding rules on sending: outstanding data at offload, completions, IP IDs, DF, no fragments."""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, new_path
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK, FIN, PSH, RST, Seg, build, match, parse
from chimney.qdev.state import UNA

MSS = 1448  # 1460 less the timestamps
DONT_FRAGMENT, MORE_FRAGMENTS = 2, 1


def pattern(length: int, salt: int = 0) -> bytes:
    """Bytes of which any run of a few tells its place."""
    return bytes((i * 7 + i // 251 + salt) & 0xFF for i in range(length))


def given(card: Card, sends: list[bytes], nxt: int, high: int, **more: int) -> Connection:
    """A connection with a send chain, SND.NXT and SND.MAX given from SND.UNA on."""
    return Connection(card, sends=sends, snd_nxt=UNA + nxt, snd_max=UNA + high, **more).initiate()


# outstanding send data at offload


def test_chain_is_one_stream(card: Card) -> None:
    """OSD-1: unacknowledged and unsent requests go along in order; all bytes reach the peer, each
    request completes.
    """
    sends = [pattern(500, 1), pattern(900, 2), pattern(300, 3)]
    conn, data = given(card, sends, 500, 500), b"".join(sends)
    peer = Peer(conn)
    assert stream(peer.frames(), UNA + 500) == data[500:]
    peer.ack(UNA + 500)
    assert conn.entry(abi.CHIM_CQ_SEND).cookie == conn.send_cookies[0]
    peer.ack(UNA + len(data))
    assert [conn.entry(abi.CHIM_CQ_SEND).cookie for _ in range(2)] == conn.send_cookies[1:]
    cases = card.stats().cases
    assert (cases.send_in_unacked_bytes, cases.send_in_unsent_bytes) == (500, 1200)


def test_one_request_chain(card: Card) -> None:
    """OSD-2: a list of one; each request of a list is one run of bytes with one completion."""
    conn = given(card, [b"alone"], 0, 0)
    peer = Peer(conn)
    peer.frame(seq=UNA, data=b"alone")
    peer.ack(UNA + 5)
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert (done.cookie, done.status, done.bytes) == (conn.send_cookies[0], 0, 5)
    assert conn.no_entry()


def test_request_of_many_pieces(card: Card) -> None:
    """OSD-2, OSD-7: pieces of one request join; the boundaries of SND.NXT may fall inside one."""
    data = pattern(1000)
    conn = Connection(card, sends=[b"x"], snd_nxt=UNA + 333, snd_max=UNA + 333)
    node = conn.list.nodes[2]
    cuts = [0, 1, 100, 400, 401, 1000]
    pieces = [(card.memory.put(data[a:b], 1), b - a) for a, b in zip(cuts, cuts[1:], strict=False)]
    node.sends = [(conn.send_cookies[0], 1000, pieces, 0)]
    conn.list = BlockList(card, conn.list.nodes)
    conn.initiate()
    peer = Peer(conn)
    assert stream(peer.frames(), UNA + 333) == data[333:]
    peer.ack(UNA + 1000)
    assert conn.entry(abi.CHIM_CQ_SEND).bytes == 1000


@pytest.mark.parametrize("head,tail", [(0, 2), (1, 1), (0, 0), (2, 2), (1, 2)])
def test_head_and_tail_name_the_requests_with_data(card: Card, head: int, tail: int) -> None:
    """OSD-3, OBJ-H5: what stands before the head and behind the tail is no data of the
    connection.
    """
    sends = [pattern(100, 1), pattern(200, 2), pattern(300, 3)]
    conn = Connection(card, sends=sends)
    conn.list.nodes[2].send_range = (head, tail)
    conn.list = BlockList(card, conn.list.nodes)
    conn.initiate()
    want = b"".join(sends[head : tail + 1])
    peer = Peer(conn)
    assert stream(peer.frames(), UNA) == want
    peer.ack(UNA + len(want))
    cookies = [conn.entry(abi.CHIM_CQ_SEND).cookie for _ in range(tail - head + 1)]
    assert cookies == conn.send_cookies[head : tail + 1]


@pytest.mark.parametrize("head,tail", [(1, 0), (0, 3), (3, 3), (0xFFFFFFFF, 0), (0, 0xFFFFFFFF)])
def test_impossible_head_and_tail(card: Card, head: int, tail: int) -> None:
    """OSD-3, OBJ-H5, SEC-4: indices outside of the chain or in the wrong order are refused."""
    conn = Connection(card, sends=[b"a", b"b", b"c"])
    conn.list.nodes[2].send_range = (head, tail)
    conn.list = BlockList(card, conn.list.nodes)
    conn.initiate(expect=abi.CHIM_ST_INVALID_FIELD)


def test_empty_chain(card: Card) -> None:
    """OSD-4: without a chain, head and tail mean nothing."""
    conn = Connection(card)
    conn.list.nodes[2].send_range = (5, 3)
    conn.list = BlockList(card, conn.list.nodes)
    conn.initiate()
    conn.send(b"first")
    Peer(conn).frame(seq=UNA, data=b"first")


def test_request_without_data_in_a_chain(card: Card) -> None:
    """OSD-3, OBJ-H5"""
    Connection(card, sends=[b"a", b"", b"c"]).initiate(expect=abi.CHIM_ST_INVALID_FIELD)


def test_chain_is_sent_from_the_hosts_buffers(card: Card) -> None:
    """OSD-5: bytes are read from the host's memory for each transmission, no copy stands
    between.
    """
    conn = given(card, [b"first version"], 0, 0)
    peer = Peer(conn)
    peer.frame(seq=UNA, data=b"first version")
    card.qtest.write(conn.send_addrs[0], b"other version")
    card.advance(ms=250)
    peer.frame(seq=UNA, data=b"other version")


@pytest.mark.parametrize("nxt,high", [(0, 0), (700, 700), (1500, 1500), (0, 1500), (400, 1200)])
def test_sequence_variables_describe_the_chain(card: Card, nxt: int, high: int) -> None:
    """OSD-6, OSD-8..11: sent and unacknowledged is not sent again, [SndNxt, SndMax) goes first,
    then the unsent.
    """
    data = pattern(1500)
    conn = given(card, [data[:600], data[600:]], nxt, high)
    peer = Peer(conn)
    frames = peer.frames()
    if nxt < len(data):
        assert frames[0].seq == UNA + nxt
    assert stream(frames, UNA + nxt) == data[nxt:]
    cases = card.stats().cases
    assert (
        cases.send_in_unacked_bytes,
        cases.send_in_rexmit_bytes,
        cases.send_in_unsent_bytes,
    ) == (nxt, high - nxt, 1500 - high)
    delegated = conn.query()[2]
    assert (delegated.snd_una, delegated.snd_max) == (UNA, UNA + 1500)


def test_pulled_back_snd_nxt_counts_as_retransmission(card: Card) -> None:
    """OSD-10: [SndNxt, SndMax) is retransmission, what follows is not."""
    given(card, [pattern(1000)], 0, 600)
    card.wire_frames()
    stats = card.stats()
    assert stats.tcp4.retransmitted_segments >= 1


def test_unacknowledged_chain_is_retransmitted(card: Card) -> None:
    """OSD-9: the target repairs what the host sent, when the timer that came along runs out."""
    conn = given(card, [b"sent by the host"], 16, 16, rexmit_timeout_delta=70)
    peer = Peer(conn)
    card.advance(ms=60)
    assert peer.silent()
    card.advance(ms=20)
    peer.frame(seq=UNA, data=b"sent by the host")
    peer.ack(UNA + 16)
    assert conn.entry(abi.CHIM_CQ_SEND).cookie == conn.send_cookies[0]


@pytest.mark.parametrize("nxt,high", [(5, 3), (0, 7), (7, 7), (-1, 6), (0x80000000, 6)])
def test_contradicting_sequence_numbers(card: Card, nxt: int, high: int) -> None:
    """OBJ-D7, SEC-4, OSD-6: SndUna <= SndNxt <= SndMax <= SndUna + bytes, modulo 2^32."""
    conn = Connection(
        card, sends=[b"sixsix"], snd_nxt=(UNA + nxt) & 0xFFFFFFFF, snd_max=(UNA + high) & 0xFFFFFFFF
    )
    conn.initiate(expect=abi.CHIM_ST_INVALID_SEQUENCE)
    assert card.no_wire_frame()


@pytest.mark.parametrize(
    "state", [abi.CHIM_TCP_FIN_WAIT1, abi.CHIM_TCP_CLOSING, abi.CHIM_TCP_LAST_ACK]
)
def test_fin_sent_by_the_host(card: Card, state: int) -> None:
    """OSD-15: the FIN takes one number behind the chain, and the target retransmits it."""
    conn = given(card, [b"last"], 5, 5, state=state, rexmit_timeout_delta=50)
    peer = Peer(conn)
    card.advance(ms=60)
    seg = peer.frame(seq=UNA, data=b"last")
    assert seg.flags & FIN
    peer.ack(UNA + 5)
    assert conn.entry(abi.CHIM_CQ_SEND).cookie == conn.send_cookies[0]


def test_chain_across_the_wrap(card: Card) -> None:
    """OSD-8, OSD-12: all of it modulo 2^32, and later sends behind it."""
    una, data = 0xFFFFFF00, pattern(1000)
    conn = Connection(
        card, sends=[data], snd_una=una, snd_nxt=una + 100, snd_max=(una + 600) & 0xFFFFFFFF
    )
    conn.initiate()
    conn.send(b"later")
    peer = Peer(conn)
    assert stream(peer.frames(), una + 100) == data[100:] + b"later"


# send


def test_send_is_pending_until_acknowledged(card: Card) -> None:
    """SND-2, SND-8: no completion when the frame leaves or is retransmitted, one when it is
    acknowledged.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    cookie = conn.send(pattern(3000))
    assert stream(peer.frames(), UNA) == pattern(3000)
    card.advance(ms=250)
    assert conn.no_entry()
    peer.ack(UNA + 2999)
    assert conn.no_entry()
    peer.ack(UNA + 3000)
    done = conn.entry(abi.CHIM_CQ_SEND)
    assert (done.cookie, done.status, done.bytes) == (cookie, abi.CHIM_ST_SUCCESS, 3000)
    assert conn.no_entry()


def test_sends_of_several_calls_come_back_in_one_batch(card: Card) -> None:
    """SND-3, OP-D26: several entries, one interrupt, in call order; the second says so."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    cookies = [conn.send(pattern(100, n)) for n in range(5)]
    peer.frames()
    conn.pair.cq.set_event(conn.pair.cq.index)
    card.pci.take_interrupt(1)
    before = card.stats().cases.send_batches
    peer.ack(UNA + 500)
    card.wait("the interrupt", lambda: card.pci.take_interrupt(1))
    entries = [conn.pair.cq.take() for _ in cookies]
    assert [entry.cookie for entry in entries] == cookies
    batch = [bool(entry.flags & abi.CHIM_CQE_BATCH) for entry in entries]
    assert batch == [False, True, False, False, False]
    assert not card.pci.take_interrupt(1)
    assert card.stats().cases.send_batches == before + 1


def test_sends_are_owned_until_completed_or_handed_back(card: Card) -> None:
    """SND-9, TRM-43, SND-7, TRM-23: of ten sends each comes back exactly once, by completion or
    in the chain.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    cookies = [conn.send(pattern(100, n)) for n in range(10)]
    peer.frames()
    peer.ack(UNA + 350)
    done = [conn.entry(abi.CHIM_CQ_SEND).cookie for _ in range(3)]
    _, back, _ = conn.terminate()
    assert conn.entries == []
    assert done + [ref.cookie for ref in back] == cookies
    assert [ref.done for ref in back] == [50, 0, 0, 0, 0, 0, 0]


def test_every_kind_of_operation_completes_by_an_entry(card: Card) -> None:
    """ARC-12: state and data operations answer by a completion entry each, once, and never by
    anything else.
    """
    conn = Connection(card).initiate()
    peer = Peer(conn)
    send = conn.send(b"bytes")
    recv, _ = conn.recv(4)
    forward = peer.forward(data=b"abcd", flags=ACK | PSH)
    peer.frames()
    peer.seq += 4
    peer.ack(UNA + 5)
    disconnect = conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    peer.frames()
    peer.ack(UNA + 6)
    entries = [conn.entry() for _ in range(4)]
    assert {(e.ctl & abi.CHIM_CTL_OP_MASK, e.cookie) for e in entries} == {
        (abi.CHIM_CQ_SEND, send),
        (abi.CHIM_CQ_RECV, recv),
        (abi.CHIM_CQ_FORWARD, forward),
        (abi.CHIM_CQ_DISCONNECT, disconnect),
    }
    assert {entry.status for entry in entries} == {abi.CHIM_ST_SUCCESS}
    conn.query()
    conn.terminate()
    assert conn.entries == [] and conn.no_entry() and card.admin_cq.peek() is None
    cases = card.stats().cases
    completions = (cases.initiate_completions, cases.query_completions, cases.terminate_completions)
    assert completions == (1, 1, 1)


# what every datagram holds


def all_kinds_of_frames(card: Card, **more: int) -> list[Seg]:
    """Frames of every kind that the target makes: data small and large, retransmission, ACK, window
    probe, keepalive, FIN, RST.
    """
    frames = []
    conn = Connection(card, flags=abi.CHIM_TCP_KEEPALIVE, ka_timeout=3000, **more).initiate()
    peer = Peer(conn)
    conn.send(pattern(10))
    conn.send(pattern(9000))
    frames += peer.frames()
    card.advance(ms=250)
    frames += peer.frames()
    peer.ack(UNA + 9010, window=0)
    conn.send(b"held back by the window")
    card.advance(ms=600)
    frames += peer.frames()
    peer.ack(UNA + 9010, window=512)
    frames += peer.frames()
    peer.ack(UNA + 9033)
    peer.data(b"to be acknowledged")
    card.advance(ms=100)
    frames += peer.frames()
    card.advance(ms=3100)
    frames += peer.frames()
    conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL)
    frames += peer.frames()
    conn.disconnect(abi.CHIM_DISCONNECT_ABORTIVE)
    frames += peer.frames()
    assert frames[-1].flags & RST
    assert any(seg.flags & FIN for seg in frames) and any(not seg.data for seg in frames)
    return frames


def test_no_fragments(card: Card) -> None:
    """SND-17: no datagram is a fragment, and none is larger than the path's MTU."""
    for seg in all_kinds_of_frames(card):
        assert not seg.ip_flags & MORE_FRAGMENTS and seg.ip_offset == 0
        assert len(seg.data) <= MSS


def test_no_datagram_is_larger_than_the_path(card: Card) -> None:
    """SND-17, SND-23: segments are cut to the path's MTU, not fragmented."""
    conn = Connection(card, path=new_path(mtu=600)).initiate()
    conn.send(pattern(4000))
    frames = Peer(conn).frames()
    assert stream(frames, UNA) == pattern(4000)
    assert max(len(seg.data) for seg in frames) == 600 - 52
    assert not any(seg.ip_flags & MORE_FRAGMENTS or seg.ip_offset for seg in frames)


def test_every_datagram_has_an_id(make_card: MakeCard) -> None:
    """SND-18: IDs count up by one per datagram, whatever kind it is, large frames one per
    segment.
    """
    card = make_card(options="x-ip-id-start=0x9000").start()
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    ids = [seg.ip_id for seg in all_kinds_of_frames(card)]
    assert ids == list(range(0x9000, 0x9000 + len(ids)))


@pytest.mark.parametrize("start", [0xFFFE, 0xFFFF, 0x8000])
def test_ids_stay_in_the_upper_half(make_card: MakeCard, start: int) -> None:
    """SND-19: 0xFFFF is followed by 0x8000."""
    card = make_card(options=f"x-ip-id-start={start:#x}").start()
    conn = Connection(card).initiate()
    for n in range(4):
        conn.send(bytes([n]))
    ids = [seg.ip_id for seg in Peer(conn).frames()]
    assert ids == [0x8000 + ((start - 0x8000 + n) & 0x7FFF) for n in range(4)]


def test_ids_of_a_large_frame_do_not_cross_the_end(make_card: MakeCard) -> None:
    """SND-19: a frame of n segments reserves n numbers, and jumps to 0x8000 before it would leave
    the half.
    """
    card = make_card(options="x-ip-id-start=0xfffd").start()
    conn = Connection(card).initiate()
    conn.send(pattern(7 * MSS))
    ids = [seg.ip_id for seg in Peer(conn).frames()]
    assert len(ids) == 7
    assert ids == list(range(0x8000, 0x8007))


def test_ipv6_has_no_fragment_header(card: Card) -> None:
    """SND-20: the target never makes a fragment, so no fragment ID can lie outside of the upper
    half.
    """
    conn = Connection(card, ipv6=True).initiate()
    conn.send(pattern(9000))
    frames = card.wire_frames()
    assert frames and all(frame[14 + 6] == 6 for frame in frames)
    assert stream([match(parse(frame)) for frame in frames], UNA) == pattern(9000)


@pytest.mark.parametrize("ip_id", [0, 0x7FF0, 0x7FFF])
def test_ids_of_the_host_are_the_hosts(card: Card, ip_id: int) -> None:
    """CAP-10, SND-21: the card sends a frame of the host with the ID that the host gave,
    however the target's IDs stand.
    """
    conn = Connection(card).initiate()
    conn.send(b"target")
    card.wire_frames()
    out = Seg(src=bytes([10, 77, 0, 2]), dst=bytes([10, 77, 0, 1]), sport=9, dport=9, ip_id=ip_id)
    card.send_frame(build(out))
    match(parse(card.wire_frame()), ip_id=ip_id)


def test_ids_of_a_large_frame_of_the_host(card: Card) -> None:
    """SND-21: segments of a large frame count up from the host's ID, so that the host can keep them
    in its half.
    """
    seg = Seg(
        src=bytes([10, 77, 0, 2]),
        dst=bytes([10, 77, 0, 1]),
        data=pattern(5000),
        ip_id=0x8000 - 5,
        flags=ACK,
    )
    vnet = abi.chim_vnet_hdr(
        flags=abi.CHIM_VNET_F_NEEDS_CSUM,
        gso_type=abi.CHIM_VNET_GSO_TCPV4,
        hdr_len=54,
        gso_size=1000,
        csum_start=34,
        csum_offset=16,
    )
    card.send_frame(build(seg), vnet=vnet)
    ids = [parse(frame).ip_id for frame in card.wire_frames()]
    assert ids == list(range(0x8000 - 5, 0x8000))


def test_dont_fragment_in_every_datagram(card: Card) -> None:
    """SND-22: DF, whatever kind of frame it is."""
    assert {seg.ip_flags for seg in all_kinds_of_frames(card)} == {DONT_FRAGMENT}


def test_push_marks_the_end_of_a_request(card: Card) -> None:
    """SND-15: PSH on the last segment made from a request that asks for it."""
    conn = Connection(card).initiate()
    conn.send(pattern(3000), abi.CHIM_SEND_PUSH)
    frames = Peer(conn).frames()
    assert [bool(seg.flags & PSH) for seg in frames] == [False] * (len(frames) - 1) + [True]
