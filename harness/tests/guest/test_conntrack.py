# SPDX-License-Identifier: GPL-2.0-or-later
"""Connection tracking sees nothing of what the card sends and receives: it must not call invalid
what Linux sends and receives afterwards, or a firewall would drop it (spec chapter 10.5).
"""

from __future__ import annotations

import pytest

from chimney.guest.load import MIB, exchange_with_handovers
from chimney.guest.station import Visit

KIB = 1024
CYCLES = 10
COUNTS = "/proc/net/stat/nf_conntrack"
LIBERAL = "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal"
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
