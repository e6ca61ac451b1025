# SPDX-License-Identifier: GPL-2.0-or-later
"""Short connections, one after the other as fast as they go, while the driver takes sockets by
itself, or all are handed over and back at random moments: between the upload that a close, a
shutdown or a socket option waits for and the kernel's own function, nothing may take the socket
again, and what the kernel's TCP could not send is sent once it has the connection again (spec
chapter 10.4).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from chimney.guest import offload
from chimney.guest.puppet import End, Puppet
from chimney.guest.station import Visit
from chimney.wait import stays, wait_until

COUNT = 120
SECONDS = 60
ANSWER = 10 << 10
TCP_REPAIR = 19
# What a connection passes through on its way to TIME-WAIT or to nothing.
UNDER_WAY = ("SYN-SENT", "SYN-RECV", "ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",
             "LAST-ACK")


@pytest.fixture(params=["auto", "random"])
def policy(request: pytest.FixtureRequest, visit: Visit) -> Iterator[str]:
    """Sockets are taken meanwhile, and given back."""
    helper = offload.apply(visit.vm.agent, request.param, 3) if visit.offloads else None
    yield str(request.param)
    if visit.offloads:
        offload.stop(helper)
        visit.ctl.policy("none")


def visitor(puppet: Puppet) -> End:
    """A free slot of a program, for the verb that opens its own sockets."""
    return End(puppet, puppet.take_slot())


def short_connections(visit: Visit, server: str, how: str) -> None:
    """COUNT connections to the guest or to the peer, each to its end at both sides."""
    guest_host, peer_host = visit.hosts(4)
    host = guest_host if server == "guest" else peer_host
    listener, port = visit.listener(server, host)
    client = visitor(visit.peer if server == "guest" else visit.guest)
    expected = "reset" if how in ("reset", "unread") else "whole"
    serving = listener.begin("serve", COUNT, ANSWER, how, seconds=SECONDS)
    assert client.do("visit", host, port, COUNT, ANSWER, expected, seconds=SECONDS) == \
        {"done": COUNT}
    assert serving.wait() == {"done": COUNT}
    client.puppet.give_slot(client.slot)


def under_way(visit: Visit) -> list[str]:
    """Connections of the guest that have not come to their end."""
    table = visit.vm.run(["ss", "-Htan"]).text.splitlines()
    return [line for line in table if line.split()[:1] and line.split()[0] in UNDER_WAY]


def uploads_have_reasons(visit: Visit) -> None:
    """Each connection that the card had has gone back, and the driver says why."""
    wait_until(lambda: not visit.ctl.connections(), "the card to have no connection", 10, 0.1)
    driver, _ = visit.ctl.stats()
    _, reasons = visit.ctl.reasons()
    assert sum(reasons.values()) == driver["terminates"] == driver["initiates"], reasons


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("how", ["close", "shut", "reset", "unread"])
def test_short_connections_end(visit: Visit, policy: str, how: str) -> None:
    """Every connection ends in time at both sides, whoever closes it and however, and nothing is
    left of any; the kernel's TCP has sent nothing while it stood still (the fixture looks).
    """
    for server in ("guest", "peer"):
        short_connections(visit, server, how)
    wait_until(lambda: not under_way(visit), "every connection to be gone", 10, 0.1)
    uploads_have_reasons(visit)


@pytest.mark.where(cpus=(2,))
def test_kernel_tls_finds_its_slot_free(visit: Visit, policy: str) -> None:
    """setsockopt(TCP_ULP, "tls") right behind arriving data, when the policy may take the socket:
    nothing takes it before the call has ended. Where the policy had taken it after the call had
    begun and before it owned the socket, the slot is taken, and free for the next call.
    """
    short_connections(visit, "guest", "ulp")
    wait_until(lambda: not under_way(visit), "every connection to be gone", 10, 0.1)


@pytest.mark.where(cpus=(2,), native=False, debug=False)  # no CONFIG_CHECKPOINT_RESTORE there
@pytest.mark.parametrize("when", ["before", "after"])
def test_repair_mode_is_left_alone(visit: Visit, when: str) -> None:
    """TCP_REPAIR under policy auto: a connection in repair mode is refused by name and not taken,
    however much arrives, whether the mode was set before the policy's turn or has brought it back.
    Out of repair mode it goes over.
    """
    conn, seen = visit.connect(), 0

    def refused() -> int:
        return visit.ctl.reasons()[0].get("repair", 0)

    def arrives(condition: bool) -> bool:
        nonlocal seen
        conn.peer.send(100)
        seen += 100
        return condition

    conn.both_ways()
    before = refused()
    if when == "before":
        conn.guest.set(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    with visit.automatic():
        if when == "after":
            wait_until(lambda: conn.both_ways() or visit.state(conn) == "offloaded",
                       "the policy to take it", 10, 0.1)
            conn.guest.set(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        wait_until(lambda: arrives(refused() == before + 1), "the policy to refuse it", 10, 0.1)
        stays(lambda: arrives(visit.state(conn) == "host"), "it is with Linux", 2)
        conn.guest.set(socket.IPPROTO_TCP, TCP_REPAIR, 0)
        conn.guest.recv(seen)
        wait_until(lambda: conn.both_ways() or visit.state(conn) == "offloaded",
                   "the policy to take it", 30, 0.1)
    assert refused() == before
    conn.both_ways()
