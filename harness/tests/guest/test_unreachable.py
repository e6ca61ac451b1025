# SPDX-License-Identifier: GPL-2.0-or-later
"""A router says for a while that nobody has the peer's address. Kernel TCP tries on, does not back
off while it is told so (RFC 6069), and remembers the error for a program whose connection times
out, until the peer is heard again; and so it is when the card had the connection (spec chapter
10.4).
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until

TCP_USER_TIMEOUT = 18
FAR = {4: "10.99.0.1", 6: "fd99::1"}
ERRORS = {4: errno.EHOSTUNREACH, 6: errno.ENETUNREACH}
BITS = {4: 32, 6: 128}
FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
SIZE = 700
LONG, SOON = 14.0, 6.0
ONE = pytest.mark.where(cpus=(2,))
BOTH = pytest.mark.parametrize("family", [4, 6])


class Router:
    """The peer's host, which has another address behind it."""

    def __init__(self, visit: Visit, family: int) -> None:
        self._visit, self._family = visit, family
        self._host = f"{FAR[family]}/{BITS[family]}"
        # it stays: what ends after the test still needs it
        self._ip("address", "replace", self._host, "dev", "lo")

    def _ip(self, *words: str) -> None:
        self._visit.room.ip(f"-{self._family}", *words)

    @contextmanager
    def refuses(self) -> Iterator[None]:
        """Nobody has the address meanwhile."""
        self._ip("address", "del", self._host, "dev", "lo")
        self._ip("route", "add", "unreachable", self._host, "metric", "1")
        try:
            yield
        finally:
            self._ip("route", "del", "unreachable", self._host, "metric", "1")
            self._ip("address", "add", self._host, "dev", "lo")


@pytest.fixture
def router(visit: Visit, family: int) -> Iterator[Router]:
    """A router between the guest and its peer."""
    name = FORWARDING[family]
    before = visit.room.run(["cat", f"/proc/sys/{name}"]).stdout.strip()
    visit.room.sysctl(name, 1)
    try:
        yield Router(visit, family)
    finally:
        visit.room.sysctl(name, before)


def told(visit: Visit) -> int:
    """How often the guest has been told so."""
    v4 = visit.vm.run(["cat", "/proc/net/snmp"]).text.splitlines()
    names, values = (line.split() for line in v4 if line.startswith("Icmp:"))
    v6 = dict(line.split() for line in visit.vm.run(["cat", "/proc/net/snmp6"]).text.splitlines())
    return int(values[names.index("InDestUnreachs")]) + int(v6["Icmp6InDestUnreachs"])


def send_to_nobody(visit: Visit, conn: Conn) -> None:
    """Write, and wait until the router has answered."""
    before = told(visit)
    conn.guest.send(SIZE)
    wait_until(lambda: told(visit) > before, "the router's answer", 10, 0.05)


@ONE
@BOTH
def test_error_ends_when_the_peer_is_heard(visit: Visit, router: Router, family: int) -> None:
    """What SO_ERROR would tell is over when the peer acknowledges again."""
    conn = visit.connect(family, peer_host=FAR[family])
    conn.both_ways()
    visit.hand(conn)
    with router.refuses():
        send_to_nobody(visit, conn)
    conn.peer.recv(SIZE)
    conn.both_ways()
    assert conn.guest.get(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    visit.hand(conn)
    conn.both_ways()


@ONE
@BOTH
def test_error_of_a_timeout(visit: Visit, router: Router, family: int) -> None:
    """A connection that times out meanwhile ends with the router's word, not with ETIMEDOUT."""
    conn = visit.connect(family, peer_host=FAR[family])
    conn.both_ways()
    conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 2000)
    visit.hand(conn)
    with router.refuses():
        send_to_nobody(visit, conn)
        with pytest.raises(CallFailed) as caught:
            conn.guest.recv(1)
    assert caught.value.errno == errno.errorcode[ERRORS[family]]


@ONE
@BOTH
def test_no_backoff_while_told(visit: Visit, router: Router, family: int) -> None:
    """When the address is there again, the next attempt is near."""
    conn = visit.connect(family, peer_host=FAR[family])
    conn.both_ways()
    visit.hand(conn)
    with router.refuses():
        send_to_nobody(visit, conn)
        stays(lambda: not conn.peer.queues()["in"], "nothing arrives", LONG)
    begun = time.monotonic()
    conn.peer.recv(SIZE)
    assert time.monotonic() - begun < SOON
    conn.both_ways()
