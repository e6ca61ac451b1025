# SPDX-License-Identifier: GPL-2.0-or-later
"""A router whose next link is narrower says so by ICMP (RFC 1191, RFC 8201): the connection of the
card follows, and nobody else's word changes anything (spec chapter 10.5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from chimney.guest.station import Conn, Visit
from chimney.wait import paced, stays

KIB = 1024
NARROW = 1300
FORGOTTEN = int(paced(6))  # seconds

# In the peer's namespace: the packet that a router would send for a segment of the guest.
ROUTER = """
import socket, struct, sys
family, guest, peer, sport, dport, seq, mtu = sys.argv[1:]
numbers = int(sport), int(dport), int(seq)
tcp = struct.pack("!HHI", *numbers)
def total(data):
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    value = (value & 0xffff) + (value >> 16)
    return ~((value & 0xffff) + (value >> 16)) & 0xffff
if family == "4":
    inner = struct.pack("!BBHHHBBH", 0x45, 0, 1500, 0x8000, 0x4000, 64, 6, 0)
    inner += socket.inet_aton(guest) + socket.inet_aton(peer) + tcp
    packet = lambda check: struct.pack("!BBHHH", 3, 4, check, 0, int(mtu)) + inner
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.sendto(packet(total(packet(0))), (guest, 0))
else:
    inner = struct.pack("!IHBB", 0x60000000, 1440, 6, 64)
    pton = lambda address: socket.inet_pton(socket.AF_INET6, address)
    inner += pton(guest) + pton(peer) + tcp
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    sock.sendto(struct.pack("!BBHI", 2, 0, 0, int(mtu)) + inner, (guest, 0, 0, 0))
"""


@pytest.fixture
def routes(visit: Visit) -> Iterator[None]:
    """What the guest has learned about its routes does not outlive the test."""
    yield
    visit.vm.run(["sh", "-c", "ip route flush cache; ip -6 route flush cache"])


def say_too_big(visit: Visit, conn: Conn, family: int, seq: int) -> None:
    """The router's packet about the segment that began at `seq`."""
    words = [family, conn.guest_host, conn.peer_host, conn.guest_port, conn.peer_port, seq, NARROW]
    visit.room.run(["/usr/bin/python3", "-c", ROUTER, *map(str, words)])


def snd_una(visit: Visit, conn: Conn) -> int:
    """The first byte that the peer has not acknowledged, by the card's word."""
    text = visit.vm.run(["chimneyctl", "query", *conn.words, "--json"]).text
    return int(json.loads(text)["snd_una"])


def mtu_of_route(visit: Visit, conn: Conn) -> str:
    """What the guest knows about the way to the peer."""
    return visit.vm.run(["ip", "route", "get", conn.peer_host]).text


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("family", [4, 6])
def test_narrower_path(visit: Visit, routes: None, family: int) -> None:
    """UPD-5's purpose by an upload: kernel TCP cuts what is under way anew, and the next path
    object has the new MTU.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    conn.guest.send(20 * KIB)
    conn.peer.recv(20 * KIB)
    say_too_big(visit, conn, family, snd_una(visit, conn))
    visit.expect("host", conn)
    assert f"mtu {NARROW}" in mtu_of_route(visit, conn)
    visit.hand(conn)
    conn.guest.send(20 * KIB)
    conn.peer.recv(20 * KIB)
    conn.peer.send(20 * KIB)
    conn.guest.recv(20 * KIB)


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("family", [4, 6])
def test_path_is_wide_again(visit: Visit, routes: None, family: int) -> None:
    """The kernel forgets after some time what a router has said, and tries larger segments."""
    conn = visit.connect(family)
    visit.hand(conn)
    conn.both_ways(20 * KIB)
    with visit.sysctl(f"net.ipv{family}.route.mtu_expires", FORGOTTEN):
        say_too_big(visit, conn, family, snd_una(visit, conn))
        visit.expect("host", conn)
        visit.hand(conn)
        conn.both_ways(20 * KIB)
        assert f"mtu {NARROW}" in mtu_of_route(visit, conn), "the machine is too slow for this"
    # whoever asks for the route then makes the kernel forget at once
    stays(lambda: visit.state(conn) == "offloaded", "the connection being offloaded", FORGOTTEN + 1)
    before = visit.ctl.reasons()[1].get("mtu", 0)
    conn.both_ways(20 * KIB)
    visit.expect("host", conn)
    assert visit.ctl.reasons()[1].get("mtu", 0) == before + 1
    visit.hand(conn)
    conn.both_ways(20 * KIB)


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("family", [4, 6])
def test_word_of_a_stranger(visit: Visit, routes: None, family: int) -> None:
    """A sequence number that is not under way was guessed."""
    conn = visit.connect(family)
    visit.hand(conn)
    conn.guest.send(20 * KIB)
    conn.peer.recv(20 * KIB)
    say_too_big(visit, conn, family, (snd_una(visit, conn) + (1 << 30)) & 0xFFFFFFFF)
    stays(lambda: visit.state(conn) == "offloaded", "the connection being offloaded", 0.5)
