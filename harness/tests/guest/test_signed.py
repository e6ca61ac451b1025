# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments that are signed, by TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925): the card cannot, so a
connection with a key stays with Linux, and one that gets a key while the card has it goes back
before the key is there (spec chapter 10.5).
"""

from __future__ import annotations

import ipaddress
import socket
import struct

import pytest

from chimney.guest.mirror import mirrored
from chimney.guest.puppet import CallFailed, End
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

TCP_MD5SIG, TCP_AO_ADD_KEY, TCP_AO_DEL_KEY = 14, 38, 39
KEY = b"as secret as any"
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def address(host: str) -> bytes:
    """A struct sockaddr_storage of any port."""
    if ":" in host:
        text = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0,
                           ipaddress.IPv6Address(host).packed, 0)
    else:
        text = struct.pack("=HH4s", socket.AF_INET, 0, ipaddress.IPv4Address(host).packed)
    return text.ljust(128, b"\0")


def md5(end: End, host: str, key: bytes = KEY) -> None:
    """struct tcp_md5sig: a key for what goes to a host and comes from it; an empty one removes it.
    """
    end.set_raw(socket.IPPROTO_TCP, TCP_MD5SIG,
                address(host) + struct.pack("=BBHi80s", 0, 0, len(key), 0, key))


def ao(end: End, host: str) -> None:
    """struct tcp_ao_add: the same with TCP-AO, for good."""
    bits = 128 if ":" in host else 32
    end.set_raw(socket.IPPROTO_TCP, TCP_AO_ADD_KEY,
                address(host) + struct.pack("=64siIHBBBBBB80s", b"hmac(sha1)", 0, 0, 0, bits, 1, 1,
                                            0, 0, len(KEY), KEY))


def refused(visit: Visit, conn: Conn) -> None:
    """By name, to who asks; it goes on with Linux, signed."""
    conn.both_ways()
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["refused"], answer["reason"]) == (0, 1, "md5-or-ao")
    visit.ctl.policy("auto")
    try:
        conn.both_ways()
    finally:
        visit.ctl.policy("none")
    assert visit.state(conn) == "host"


@pytest.mark.where(cpus=(2,), native=False)
@FAMILIES
def test_md5_before_the_connection(visit: Visit, family: int) -> None:
    """Both ends have the key before the first SYN."""
    guest, peer = visit.hosts(family)
    listener, _ = visit.listener("peer", peer)
    md5(listener, guest)
    conn = visit.connect(family, prepare=lambda end: md5(end, peer))
    refused(visit, conn)


@pytest.mark.where(cpus=(2,))
@FAMILIES
def test_md5_while_the_card_has_it(visit: Visit, family: int) -> None:
    """Both ends get a key in the middle, which only Linux can use; without it, it goes over again.
    """
    guest, peer = visit.hosts(family)
    conn = visit.connect(family)
    visit.hand(conn)
    conn.both_ways()
    md5(conn.guest, peer)
    visit.expect("host", conn)
    md5(conn.peer, guest)
    failures = visit.netstat("TCPMD5Failure")
    conn.both_ways()
    if visit.offloads:
        refused(visit, conn)
    assert visit.netstat("TCPMD5Failure") == failures
    for end, host in ((conn.guest, peer), (conn.peer, guest)):
        md5(end, host, b"")
    visit.hand(conn)
    conn.both_ways()


NEWEST = {"cpus": (2,), "native": False, "kernels": ("7.3",), "debug": False}


@pytest.mark.where(vm="two-cards", **NEWEST)
@FAMILIES
@pytest.mark.parametrize("opener", ["guest", "peer"])
def test_ao_before_the_connection(visit: Visit, opener: str, family: int) -> None:
    """Both ends have the key. Only the newest of the kernels is configured for it."""
    with mirrored(visit) as mirror:
        guest, peer = visit.hosts(family)[0], mirror.host(family)
        here, there = (guest, peer) if opener == "guest" else (peer, guest)
        listener, _ = visit.listener("peer" if opener == "guest" else "guest", there)
        ao(listener, here)
        good = visit.netstat("TCPAOGood")
        conn = mirror.connect(family, opener=opener, prepare=lambda end: ao(end, there))
        refused(visit, conn)
        assert visit.netstat("TCPAOGood") > good + 10


@pytest.mark.where(**NEWEST)
@FAMILIES
def test_ao_key_of_another_host(visit: Visit, family: int) -> None:
    """A listener that has keys for others only: nothing is signed, nothing refused."""
    stranger = {4: "10.99.0.1", 6: "fd99::1"}[family]
    listener, _ = visit.listener("guest", visit.hosts(family)[0])
    ao(listener, stranger)
    conn = visit.connect(family, opener="peer")
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(cpus=(2,), kernels=("7.3",), debug=False)
@FAMILIES
def test_ao_key_while_the_card_has_it(visit: Visit, family: int) -> None:
    """Linux takes none for a connection that began without: the program is told so, and the card
    can have the connection again.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    conn.both_ways()
    with pytest.raises(CallFailed) as failed:
        ao(conn.guest, visit.hosts(family)[1])
    assert failed.value.errno == "EISCONN"
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(**NEWEST)
def test_ao_key_by_repair(visit: Visit) -> None:
    """Whoever restores a connection may give it a key: from then on it is refused, and before that
    the card gives it back.
    """
    conn = visit.connect()
    visit.hand(conn)
    conn.both_ways()
    conn.guest.set(socket.IPPROTO_TCP, 19, 1)
    ao(conn.guest, visit.hosts(4)[1])
    conn.guest.set(socket.IPPROTO_TCP, 19, -1)
    visit.expect("host", conn)
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["reason"]) == (0, "md5-or-ao")
    conn.guest.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
    conn.guest.close()
    wait_until(lambda: visit.peer.do("poll", conn.peer.slot, 100, 1)["events"], "anything", 10)
