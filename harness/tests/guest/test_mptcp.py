# SPDX-License-Identifier: GPL-2.0-or-later
"""Multipath TCP, which some programs ask for without knowing: a connection that speaks it, and the
client's plain TCP below such a socket, stay with Linux and are refused by name. A listener's child
that the peer has opened with plain TCP is a plain socket, and is handed over (spec chapter 10.5).
"""

from __future__ import annotations


import pytest

from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

MPTCP = 262
KIB = 1024
# Linux itself keeps something of those that speak it for a minute.
ROUNDS = {0: 100, MPTCP: 10}
BYTES = 200 * KIB
ONE = pytest.mark.where(cpus=(2,), native=False)
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def connect(visit: Visit, family: int, opener: str, ours: int, theirs: int) -> Conn:
    """A connection whose ends have each the protocol that is named."""
    hosts = visit.hosts(family)
    here, there = hosts if opener == "guest" else hosts[::-1]
    near, far = (visit.guest, visit.peer) if opener == "guest" else (visit.peer, visit.guest)
    protocols = (ours, theirs) if opener == "guest" else (theirs, ours)
    listener = far.socket(family, protocols[1])
    listener.do("bind", there, 0)
    port = listener.do("listen", 8)["port"]
    end = near.socket(family, protocols[0])
    end.do("bind", here, 0)
    own = end.do("connect", there, port)["port"]
    other = listener.accept()
    listener.close()
    if opener == "guest":
        return Conn(end, other, hosts[0], own, hosts[1], port)
    return Conn(other, end, hosts[0], port, hosts[1], own)


def refused(visit: Visit) -> int:
    """Connections that were refused because of it."""
    return visit.ctl.reasons()[0].get("mptcp", 0)


def stays(visit: Visit, conn: Conn) -> None:
    """Refused by name, to who asks and under the policy, and goes on to its end."""
    before = refused(visit)
    with visit.automatic():
        for _ in range(5):
            conn.both_ways()
        wait_until(lambda: refused(visit) == before + 1, "the policy to refuse it", 10, 0.1)
    assert visit.state(conn) == "host"
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["refused"], answer["reason"]) == (0, 1, "mptcp")
    assert refused(visit) == before + 1
    conn.both_ways()
    conn.guest.close()
    assert conn.peer.drain() == 0
    conn.peer.close()


@ONE
@FAMILIES
@pytest.mark.parametrize("opener", ["guest", "peer"])
def test_multipath_stays(visit: Visit, opener: str, family: int) -> None:
    """Both ends speak it."""
    conn = connect(visit, family, opener, MPTCP, MPTCP)
    shown = visit.vm.run(["ss", "-Htni", "sport", "=", f":{conn.guest_port}"]).text
    assert "tcp-ulp-mptcp" in shown and "token" in shown, shown
    stays(visit, conn)


@ONE
@FAMILIES
def test_client_that_falls_back(visit: Visit, family: int) -> None:
    """The guest's program asks for it, the peer does not know it: the connection is plain TCP, and
    its socket still belongs to the other one above it.
    """
    stays(visit, connect(visit, family, "guest", MPTCP, 0))


@pytest.mark.where(cpus=(2,))
@FAMILIES
def test_child_that_falls_back(visit: Visit, family: int) -> None:
    """The guest's program listens for it, as programs in Go do, and the peer opens plain TCP."""
    conn = connect(visit, family, "peer", MPTCP, 0)
    conn.both_ways()
    for _ in range(3):
        visit.hand(conn)
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()
    visit.hand(conn)
    conn.guest.send(KIB)
    conn.guest.close()
    assert conn.peer.drain() == KIB
    conn.peer.close()


@pytest.mark.where(cpus=(2, 4), native=False)
@FAMILIES
@pytest.mark.parametrize("theirs", [0, MPTCP])
def test_policy_and_accept_at_once(visit: Visit, theirs: int, family: int) -> None:
    """Many short connections under the automatic policy, whose data comes while they are being
    accepted: the plain ones are taken while Linux still makes plain sockets of them.
    """
    host, rounds = visit.hosts(family)[0], ROUNDS[theirs]
    listener = visit.guest.socket(family, MPTCP)
    listener.do("bind", host, 0)
    port = listener.do("listen", 64)["port"]
    before = visit.ctl.stats()[0]["initiates"]
    with visit.automatic():
        serving = listener.begin("serve", rounds, BYTES, "close", seconds=120)
        slot = visit.peer.take_slot()
        visit.peer.do("visit", slot, host, port, rounds, BYTES, "whole", theirs, seconds=120)
        assert serving.wait()["done"] == rounds
    assert (visit.ctl.stats()[0]["initiates"] > before) == (theirs == 0)
