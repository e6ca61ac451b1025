# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the wire is not the target's: urgent data, other protocols, corrupt headers, padding."""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import ethernet
from chimney.qdev.peer import Peer
from chimney.qdev.seg import ACK, PSH, URG, build, match, parse
from chimney.qdev.state import RCV, UNA


def test_urgent_data(conn: Connection, peer: Peer) -> None:
    """NSP-9..14, UPR-5, SEC-2, EVT-6: valid URG: the upload is asked for, nothing more is
    acknowledged, all goes raw.
    """
    peer.inject(data=b"old", seq=RCV - 1000, flags=ACK | URG, urgent=1)
    peer.frames()
    peer.inject(data=b"future", ack=UNA + 5000, flags=ACK | URG, urgent=1)
    peer.frames()
    assert conn.no_entry()
    peer.inject(data=b"urgent", flags=ACK | URG, urgent=6)
    assert conn.event() == (abi.CHIM_EV_RETRIEVE, abi.CHIM_UPR_URGENT_DATA)
    match(parse(conn.card.received()[1]), data=b"urgent")
    peer.inject(data=b"after", seq=RCV + 6, flags=ACK)
    match(parse(conn.card.received()[1]), data=b"after")
    conn.card.advance(ms=1000)
    assert not [seg for seg in peer.frames() if seg.ack != RCV]
    assert conn.terminate()[0].rcv_nxt == RCV


@pytest.mark.parametrize("ethertype", [0x0806, 0x88CC])
def test_other_frames_go_raw(conn: Connection, ethertype: int) -> None:
    """NSP-3: what is not TCP of an offloaded tuple is the host's."""
    conn.card.inject(ethernet(b"frame" + bytes(60), ethertype=ethertype))
    assert conn.card.received()[1][14:19] == b"frame"


def test_icmp_goes_raw(conn: Connection, peer: Peer) -> None:
    """NSP-3, NSP-4: ICMP between the same addresses is the host's."""
    frame = bytearray(build(peer.seg()))
    frame[14 + 9] = 1
    conn.card.inject(bytes(frame))
    assert conn.card.received()[1] == bytes(frame)


@pytest.mark.parametrize("at", [14 + 10, 14 + 20 + 16])
def test_corrupt_headers_go_raw(conn: Connection, peer: Peer, at: int) -> None:
    """NSP-15, STT-7, STT-8: wrong IP or TCP checksums go up uncounted, and nothing of them is
    processed.
    """
    frame = bytearray(build(peer.seg(data=b"corrupt")))
    frame[at] ^= 0xFF
    conn.card.inject(bytes(frame))
    assert conn.card.received()[1] == bytes(frame)
    stats = conn.card.stats()
    assert stats.ip4.in_header_errors == stats.tcp4.in_errors == stats.tcp4.in_segments == 0
    assert conn.no_entry()


@pytest.mark.parametrize("extra", [b"", b"\0" * 6])
def test_padding_is_no_data(conn: Connection, peer: Peer, extra: bytes) -> None:
    """RFC-3: what Ethernet adds to a short frame does not count."""
    conn.card.inject(build(peer.seg(data=b"a", flags=ACK | PSH)) + extra)
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"a"
