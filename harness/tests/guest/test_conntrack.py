# SPDX-License-Identifier: GPL-2.0-or-later
"""Connection tracking sees nothing of what the card sends and receives: it must not call invalid
what Linux sends and receives afterwards, or a firewall would drop it (spec chapter 10.5).
"""

from __future__ import annotations

import socket

import pytest

from chimney.guest.load import MIB, exchange_with_handovers
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until

KIB = 1024
CYCLES = 10
COUNTS = "/proc/net/stat/nf_conntrack"
LIBERAL = "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal"
ESTABLISHED = "net.netfilter.nf_conntrack_tcp_timeout_established"
POLLERR = 8
# The debug kernel's tracker does not show its counts.
TRACKED = pytest.mark.where(vm="tracked", cpus=(2,), debug=False)


def invalid(visit: Visit) -> int:
    """Segments that the tracker has called invalid, on all processors."""
    assert visit.vm.run(["cat", LIBERAL]).text.strip() == "0"
    head, *rows = visit.vm.run(["cat", COUNTS]).text.splitlines()
    column = head.split().index("invalid")
    return sum(int(row.split()[column], 16) for row in rows)


def is_tracked(visit: Visit, *ports: int) -> bool:
    """Whether the tracker has a connection of these ports, both of whose directions it has seen."""
    rows = visit.vm.run(["cat", "/proc/net/nf_conntrack"]).text.splitlines()
    wanted = {f"{name}={port}" for port in ports for name in ("sport", "dport")}
    return any(wanted <= set(row.split()) and "[ASSURED]" in row for row in rows)


@TRACKED
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("opener", ["guest", "peer"])
def test_no_segment_is_invalid_after_the_card(visit: Visit, family: int, opener: str) -> None:
    """More than a window in each direction on the card, and then in Linux, whoever has opened the
    connection: the tracker's windows are far behind, and all that it sees is valid to it.
    """
    conn = visit.connect(family, opener=opener)
    conn.both_ways()
    assert is_tracked(visit, conn.guest_port, conn.peer_port)
    before = invalid(visit)
    for _ in range(3):
        visit.hand(conn)
        for _ in range(10):
            conn.both_ways(100 * KIB)
        visit.back(conn)
        conn.both_ways(100 * KIB)
    conn.guest.close()
    assert conn.peer.drain() == 0
    assert invalid(visit) == before


@TRACKED
@pytest.mark.slow
@pytest.mark.parametrize("family", [4, 6])
def test_no_segment_is_invalid_under_traffic(visit: Visit, seed: int, family: int) -> None:
    """The same with data under way in both directions at every hand-over."""
    before = invalid(visit)
    exchange_with_handovers(visit, seed, family=family, size=4 * MIB, cycles=CYCLES)
    assert invalid(visit) == before


def seconds_left(visit: Visit, conn: Conn) -> int:
    """For how long the tracker still knows a connection; -1: it does not."""
    wanted = {f"sport={conn.guest_port}", f"dport={conn.peer_port}"}
    for row in visit.vm.run(["cat", "/proc/net/nf_conntrack"]).text.splitlines():
        words = row.split()
        if wanted <= set(words):
            return int(words[4])
    return -1


@TRACKED
@pytest.mark.parametrize("family", [4, 6])
def test_entry_of_a_busy_connection_stays(visit: Visit, family: int) -> None:
    """The tracker forgets what has been silent for as long as its sysctl says, and a firewall then
    lets nothing in that the guest has not asked for anew. A connection that speaks on the card is
    not silent; when it is back, it is as before.
    """
    conn = visit.connect(family)
    conn.both_ways()
    usual = int(visit.vm.run(["sysctl", "-n", ESTABLISHED]).text)
    with visit.sysctl(ESTABLISHED, 3):
        conn.both_ways()
        visit.hand(conn)

        def speaks() -> bool:
            conn.both_ways(100)
            return is_tracked(visit, conn.guest_port, conn.peer_port)

        stays(speaks, "the entry is there", 6.0)
        visit.back(conn)
        assert is_tracked(visit, conn.guest_port, conn.peer_port)
    conn.both_ways()
    assert usual - 60 <= seconds_left(visit, conn) <= usual


@pytest.mark.where(vm="tracked", cpus=(2,), debug=False, native=False)
def test_entry_of_a_refused_connection_stays(visit: Visit) -> None:
    """The card does not take it: it has not ended, and the tracker keeps it for days."""
    conn = visit.connect()
    conn.both_ways()
    with visit.card_fails("TCP_ENTRIES"):
        visit.ctl.offload_answer(*conn.words)
    visit.expect("host", conn)
    assert seconds_left(visit, conn) > 3600


@TRACKED
def test_entry_of_a_reset_connection_goes(visit: Visit) -> None:
    """The peer resets a connection that the card has: the tracker does not know it for days."""
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    conn.peer.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
    conn.peer.close()
    wait_until(lambda: conn.guest.do("poll", 0, 1)["events"] & POLLERR, "the reset", 10, 0.05)
    wait_until(lambda: seconds_left(visit, conn) <= 10, "the entry to be short-lived", 5, 0.1)


@TRACKED
def test_tracker_ends_without_waiting_for_the_card(visit: Visit) -> None:
    """Its module waits for whoever has an entry. It ends while the card has connections, and they
    go on; when it has been loaded again, it keeps the next ones as before.
    """
    conns = [visit.connect(family) for family in (4, 6, 4)]
    for conn in conns:
        conn.both_ways()
    visit.hand(*conns[:2])
    for conn in conns:
        assert is_tracked(visit, conn.guest_port, conn.peer_port)
    try:
        visit.vm.run(["rmmod", "nf_conntrack"], seconds=20)
        for conn in conns:
            conn.both_ways(100 * KIB)
        visit.hand(conns[2])
        visit.back(*conns)
    finally:
        visit.vm.run(["modprobe", "nf_conntrack", "enable_hooks=1"])
    for conn in conns:
        conn.both_ways(100 * KIB)
        visit.hand(conn)
        assert is_tracked(visit, conn.guest_port, conn.peer_port)
        visit.back(conn)
        conn.both_ways()
