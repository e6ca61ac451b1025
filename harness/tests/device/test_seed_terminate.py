# SPDX-License-Identifier: GPL-2.0-or-later
"""Founding rules on send data that is outstanding at terminate: handed back, completed, or both."""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.state import UNA


def loaded(card: Card) -> tuple[Connection, Peer, list[int]]:
    """Six requests of 1000 bytes: one acknowledged, one acknowledged in part, one sent, the others
    held back by the peer's window.
    """
    conn = Connection(card, snd_wnd=3000, max_snd_wnd=3000).initiate()
    peer = Peer(conn)
    peer.window = 3000 >> 7
    cookies = [conn.send(bytes([n]) * 1000) for n in range(6)]
    peer.frames()
    peer.ack(UNA + 1400)
    peer.frames()
    assert conn.entry(abi.CHIM_CQ_SEND).cookie == cookies[0]
    return conn, peer, cookies


def card_that(make_card: MakeCard, how: str) -> Card:
    card = make_card(options=f"x-terminate-sends={how}").start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 8)
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    return card


def test_outstanding_is_unacknowledged_and_unsent(make_card: MakeCard) -> None:
    """TRM-15: what is acknowledged is completed and not outstanding; the rest is, sent or not."""
    conn, _, cookies = loaded(card_that(make_card, "return"))
    delegated, back, _ = conn.terminate()
    assert [ref.cookie for ref in back] == cookies[1:]
    assert UNA + 1400 == delegated.snd_una < delegated.snd_max < UNA + 6000


@pytest.mark.parametrize(
    "how,completed,returned", [("return", 0, 5), ("complete", 5, 0), ("mix", 3, 2)]
)
def test_ways_to_dispose_of_sends(
    make_card: MakeCard, how: str, completed: int, returned: int
) -> None:
    """SND-11, SND-12, TRM-16, SND-13, TRM-23: completed with UPLOAD_IN_PROGRESS before LAST,
    handed back, or some of both; each once.
    """
    card = card_that(make_card, how)
    conn, _, cookies = loaded(card)
    _, back, _ = conn.terminate()
    assert [entry.ctl & abi.CHIM_CTL_OP_MASK for entry in conn.entries] == [
        abi.CHIM_CQ_SEND
    ] * completed
    assert {entry.status for entry in conn.entries} <= {abi.CHIM_ST_UPLOAD_IN_PROGRESS}
    done = [entry.cookie for entry in conn.entries]
    assert (done, [ref.cookie for ref in back]) == (
        cookies[1 : 1 + completed],
        cookies[1 + completed :],
    )
    assert len(back) == returned
    acked = [entry.bytes for entry in conn.entries] + [ref.done for ref in back]
    assert acked == [400, 0, 0, 0, 0]
    cases = card.stats().cases
    assert (cases.send_back_completed, cases.send_back_requests) == (completed, returned)
    assert cases.send_back_mixed == bool(completed and returned)


def test_ways_taken_in_turn(make_card: MakeCard) -> None:
    """TRM-16: with x-terminate-sends=turns each connection meets the next way."""
    card = card_that(make_card, "turns")
    returned = []
    for number in range(4):
        conn = Connection(card, local_port=40001 + number, snd_wnd=0, max_snd_wnd=0).initiate()
        for _ in range(4):
            conn.send(bytes(100))
        _, back, _ = conn.terminate()
        returned.append(len(back))
    assert returned == [4, 0, 2, 4]
    assert card.stats().cases.send_back_mixed == 1


def test_handed_back_in_original_order(make_card: MakeCard) -> None:
    """TRM-17, TRM-22: the very requests that were posted, those taken over at initiate first."""
    card = card_that(make_card, "return")
    conn = Connection(card, sends=[b"inherited 1", b"inherited 2"], snd_wnd=0).initiate()
    cookies = [conn.send(bytes([n]) * 100) for n in range(4)]
    _, back, _ = conn.terminate()
    assert [ref.cookie for ref in back] == [*conn.send_cookies, *cookies]
    assert [ref.len for ref in back] == [11, 11, 100, 100, 100, 100]


def test_first_request_handed_back(make_card: MakeCard) -> None:
    """TRM-18, TRM-20, TRM-21: the list begins with the first unacknowledged request, its done bytes
    end at SndUna; with none it is empty.
    """
    card = card_that(make_card, "return")
    conn, _, cookies = loaded(card)
    delegated, back, _ = conn.terminate()
    assert (delegated.send_count, back[0].cookie, back[0].done) == (5, cookies[1], 400)
    assert [ref.done for ref in back[1:]] == [0, 0, 0, 0]
    idle = Connection(card, local_port=40001).initiate()
    assert idle.terminate()[0].send_count == 0


def test_head_and_tail_of_what_is_handed_back(make_card: MakeCard) -> None:
    """TRM-19: indices of the first and the last request with data."""
    conn, _, _ = loaded(card_that(make_card, "return"))
    delegated, back, _ = conn.terminate()
    assert (delegated.send_head, delegated.send_tail) == (0, len(back) - 1)


def test_sequence_variables_of_what_is_handed_back(make_card: MakeCard) -> None:
    """TRM-20, TRM-21: SndUna is the first byte that is not done, SndMax what the peer may have
    seen.
    """
    card = card_that(make_card, "return")
    conn, _, _ = loaded(card)
    before = conn.query()[2]
    delegated, back, _ = conn.terminate()
    assert (delegated.snd_una, delegated.snd_nxt, delegated.snd_max) == (
        before.snd_una,
        before.snd_nxt,
        before.snd_max,
    )
    assert sum(ref.len - ref.done for ref in back) == UNA + 6000 - delegated.snd_una
    cases = card.stats().cases
    assert cases.send_back_unacked_bytes == delegated.snd_nxt - delegated.snd_una
    assert cases.send_back_rexmit_bytes == delegated.snd_max - delegated.snd_nxt == 0
    assert cases.send_back_unsent_bytes == UNA + 6000 - delegated.snd_max


def test_upload_while_the_target_retransmits(make_card: MakeCard) -> None:
    """TRM-20, OP-D28: what is to be sent again stands between SndNxt and SndMax, and the host is
    told what the target has repaired so far.
    """
    card = card_that(make_card, "return")
    conn = Connection(card).initiate()
    peer = Peer(conn)
    conn.send(bytes(10_000))
    sent = sum(len(seg.data) for seg in peer.frames())
    card.advance(ms=1000)
    again = sum(len(seg.data) for seg in peer.frames())
    assert 0 < again < sent
    delegated, _, _ = conn.terminate()
    stats = card.stats()
    assert delegated.rexmit_segments == stats.tcp4.retransmitted_segments > 0
    assert stats.cases.rexmit_segments == delegated.rexmit_segments
    assert UNA < delegated.snd_nxt < delegated.snd_max == UNA + sent
    assert stats.cases.send_back_rexmit_bytes == delegated.snd_max - delegated.snd_nxt


def test_no_memory_of_a_returned_send_is_read(make_card: MakeCard) -> None:
    """SND-7, OP-D11: after the admin completion the bytes are the host's; nothing of the connection
    is sent any more.
    """
    card = card_that(make_card, "return")
    conn, _, _ = loaded(card)
    conn.terminate()
    card.wire_frames()
    card.advance(ms=5000)
    assert card.no_wire_frame()


def test_disconnect_is_not_handed_back(make_card: MakeCard) -> None:
    """TRM-41, DIS-7: it completes with UPLOAD_IN_PROGRESS, the sends before it come back."""
    card = card_that(make_card, "return")
    conn = Connection(card, snd_wnd=0).initiate()
    send, close = conn.send(b"held"), conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL, b"bye")
    _, back, _ = conn.terminate()
    assert [ref.cookie for ref in back] == [send]
    assert [(e.cookie, e.status) for e in conn.entries] == [(close, abi.CHIM_ST_UPLOAD_IN_PROGRESS)]


def test_handed_back_and_offloaded_again(make_card: MakeCard) -> None:
    """TRM-20, OSD-6: what terminate gives is what initiate takes, and the peer gets one stream."""
    card = card_that(make_card, "return")
    data = bytes(i * 11 & 0xFF for i in range(6000))
    conn = Connection(card, sends=[data], snd_wnd=3000, max_snd_wnd=3000).initiate()
    peer = Peer(conn)
    got = {seg.seq: seg.data for seg in peer.frames()}
    delegated, back, _ = conn.terminate()
    rest = data[back[0].done :]
    again = Connection(
        card,
        sends=[rest],
        snd_una=delegated.snd_una,
        snd_nxt=delegated.snd_nxt,
        snd_max=delegated.snd_max,
        snd_wnd=delegated.snd_wnd,
        ts_time=delegated.ts_time,
    ).initiate()
    peer2 = Peer(again)
    peer2.ack(delegated.snd_max, window=512)
    got |= {seg.seq: seg.data for seg in peer2.frames()}
    joined = b"".join(got[seq] for seq in sorted(got))
    assert joined == data
