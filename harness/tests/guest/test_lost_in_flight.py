# SPDX-License-Identifier: GPL-2.0-or-later
"""A segment is lost, and then the connection changes hands: the new owner learns of the loss from
what the peer says next, and sends the segment again without a timeout, as one owner alone would
(spec chapter 10.4). Linux finds losses by time (RACK); older kernels have another way as well.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

SIZE = 1000
BEHIND = 6  # segments behind the lost one: enough for duplicate ACKs too
DELAY_MS = 10
RTO_SECONDS = 60
RECOVERY = "net.ipv4.tcp_recovery"
TAIL_PROBES = "net.ipv4.tcp_early_retrans"


@pytest.fixture
def patient(visit: Visit) -> Iterator[None]:
    """Linux sends no probe of the tail, and waits so long before it takes silence for a loss that
    no command of a test takes longer.
    """
    route = f"{visit.hosts(4)[1]}/32 dev eth0"
    visit.vm.run(["sh", "-c", f"ip route replace {route} rto_min {RTO_SECONDS}s"])
    try:
        with visit.sysctl(TAIL_PROBES, 0):
            yield
    finally:
        visit.link.set("both", delay_ms=0, loss=0)
        visit.vm.run(["sh", "-c", f"ip route delete {route}"])


def lose_one(visit: Visit, conn: Conn) -> None:
    """The guest sends a segment that does not arrive. Other frames are lost too, but not so long
    ones.
    """
    visit.link.set("ab", loss=1)
    try:
        before = visit.link.stats()["ab"]["bytes_in"]
        conn.guest.send(SIZE)
        wait_until(lambda: visit.link.stats()["ab"]["bytes_in"] > before + SIZE, "it to be lost",
                   10, 0.005)
    finally:
        visit.link.set("ab", loss=0)


def connect(visit: Visit) -> Conn:
    """A connection that sends each write as a segment. A timeout is most of a minute away, from
    either owner, and the peer's word is not.
    """
    visit.link.set("both", delay_ms=DELAY_MS)
    conn = visit.connect()
    conn.guest.set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conn.both_ways(SIZE)
    assert conn.guest.info()["rto"] > RTO_SECONDS / 2 * 1e6
    return conn


def repaired(conn: Conn) -> None:
    """What goes on behind the lost segment arrives, and that segment in front of it."""
    for _ in range(BEHIND):
        conn.guest.send(SIZE)
    conn.peer.recv((BEHIND + 1) * SIZE)


def no_timeout(visit: Visit, direction: str) -> None:
    """One hand-over behind a loss: all arrives, and no timeout was due."""
    conn = connect(visit)
    before = visit.netstat("TCPTimeouts")
    if direction == "back":
        visit.hand(conn)
        conn.both_ways(SIZE)
    lose_one(visit, conn)
    (visit.back if direction == "back" else visit.hand)(conn)
    sent = conn.guest.info()["retrans"]
    repaired(conn)
    assert visit.netstat("TCPTimeouts") == before
    if direction == "back" or not visit.offloads:
        assert conn.guest.info()["retrans"] == sent + 1
    conn.both_ways()


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_nothing_is_known_of_earlier_connections(visit: Visit) -> None:
    """Linux would remember, in the guest and at the peer, how long an earlier test's segments took
    and how far they overtook each other, and wait as much longer before it takes one for lost:
    whether these tests hold would depend on which ran before.
    """
    conn = visit.connect()
    conn.both_ways(SIZE)
    conn.guest.close()
    assert conn.peer.drain() == 0
    conn.peer.close()
    living = ["ss", "-Htn", "state", "connected", "exclude", "time-wait"]
    wait_until(lambda: not visit.vm.run(living).text + visit.room.run(living).stdout, "it to end",
               10, 0.1)
    assert visit.vm.run(["ip", "tcp_metrics", "show"]).text == ""
    assert visit.room.ip("tcp_metrics", "show") == ""


@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("direction", ["over", "back"])
def test_loss_is_repaired_without_a_timeout(visit: Visit, patient: None, direction: str) -> None:
    """TMR-8, M-33: lost before the hand-over, reported after it."""
    no_timeout(visit, direction)


@pytest.mark.where(cpus=(2,), vm="emulated", kernels=("6.1", "6.12"))
@pytest.mark.parametrize("direction", ["over", "back"])
def test_loss_is_repaired_the_old_way(visit: Visit, patient: None, direction: str) -> None:
    """The same by counting what the peer reports; 7.3 no longer does."""
    with visit.sysctl(RECOVERY, 0):
        no_timeout(visit, direction)
