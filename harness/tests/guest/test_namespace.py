# SPDX-License-Identifier: GPL-2.0-or-later
"""Card and program in a network namespace of their own, as a container has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.chimneyctl import GuestCtl
from chimney.guest.puppet import GuestPuppet
from chimney.guest.station import Visit
from chimney.wait import wait_until

NAME = "room"
INSIDE = ("ip", "netns", "exec", NAME)
CHILD_TABLE, TABLE = "net.ipv4.tcp_child_ehash_entries", "net.ipv4.tcp_ehash_entries"
EARLY = "net.ipv4.ip_early_demux"
STREAM = 2 << 20


@contextmanager
def moved(visit: Visit) -> Iterator[None]:
    """Card, program and chimneyctl are in a second namespace meanwhile."""
    outer = visit.ctl
    visit.guest.close()
    visit.vm.run(["ip", "netns", "add", NAME])
    try:
        visit.vm.run(["ip", "link", "set", "eth0", "netns", NAME])
        visit.configure(INSIDE)
        visit.guest, visit.ctl = GuestPuppet(visit.vm, INSIDE), GuestCtl(visit.vm, INSIDE)
        yield
        visit.guest.close()
    finally:
        visit.vm.run(["ip", "netns", "delete", NAME])
        wait_until(lambda: visit.vm.run(["test", "-e", "/sys/class/net/eth0"], check=False).ok,
                   "the card to come back with the end of its namespace", 20, 0.1)
        visit.configure()
        visit.guest, visit.ctl = GuestPuppet(visit.vm), outer


@pytest.fixture
def inside(visit: Visit) -> Iterator[Visit]:
    """The visit, in the second namespace."""
    with moved(visit):
        yield visit


@pytest.fixture(params=[256, 0], ids=["own-table", "shared-table"])
def tables(request: pytest.FixtureRequest, visit: Visit) -> Iterator[Visit]:
    """The same, with a table of connections of its own or with everybody's; and Linux does not look
    segments up before the driver does.
    """
    visit.vm.run(["sysctl", "-qw", f"{CHILD_TABLE}={request.param}"])
    try:
        with moved(visit):
            visit.vm.run(["sysctl", "-qw", f"{CHILD_TABLE}=0"])
            size = int(visit.vm.run([*INSIDE, "sysctl", "-n", TABLE]).text)
            assert size == 256 if request.param else size < 0, size
            visit.vm.run([*INSIDE, "sysctl", "-qw", f"{EARLY}=0"])
            yield visit
    finally:
        visit.vm.run(["sysctl", "-qw", f"{CHILD_TABLE}=0"])


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("family", [4, 6])
def test_connection_of_another_namespace(inside: Visit, family: int) -> None:
    """It is handed over and back from within, is nobody's business outside, and ends while the card
    has it; then the namespace can go.
    """
    conn = inside.connect(family)
    conn.both_ways()
    for _ in range(3):
        inside.hand(conn)
        conn.both_ways()
        inside.back(conn)
        conn.both_ways()
    inside.hand(conn)
    if inside.offloads:
        outside = inside.station.ctl
        assert not outside.connections()
        assert not outside.upload(*conn.words, check=False)
        inside.expect("offloaded", conn)
    conn.guest.send(1000)
    conn.guest.close()
    assert conn.peer.drain() == 1000
    conn.peer.close()


@pytest.mark.where(cpus=(2,))
def test_card_leaves_the_namespace_of_a_connection(inside: Visit) -> None:
    """Its connections go back to Linux first, and over again when the card has returned."""
    conn = inside.connect()
    inside.hand(conn)
    conn.both_ways()
    inside.vm.run([*INSIDE, "ip", "link", "set", "eth0", "netns", "1"])
    inside.expect("host", conn)
    conn.guest.send(1000)
    inside.vm.run(["ip", "link", "set", "eth0", "netns", NAME])
    inside.configure(INSIDE)
    conn.peer.recv(1000)
    inside.hand(conn)
    conn.both_ways()
    conn.guest.close()
    assert conn.peer.drain() == 0


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("family", [4, 6])
def test_table_of_the_namespace(tables: Visit, family: int) -> None:
    """Everything that looks for a connection finds it in the namespace's table: an offload by its
    addresses, by its port and of all, the segments that come meanwhile, and the policy.
    """
    visit, conn = tables, tables.connect(family)
    for which in (conn.words, ("--port", str(conn.guest_port)), ("all",)):
        # to the peer's first byte nobody has said anything: it is a segment that the driver finds
        coming = conn.peer.begin("send", STREAM)
        reading = conn.guest.begin("recv", STREAM)
        if visit.offloads:
            visit.ctl.offload_soon(*which)
        visit.expect("offloaded", conn)
        assert reading.wait()["done"] == coming.wait()["done"] == STREAM
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()
    if visit.offloads:
        visit.ctl.policy("auto")
    try:
        wait_until(lambda: (conn.both_ways(), visit.state(conn) == "offloaded"
                            or not visit.offloads)[1], "the policy to take it", 20, 0.1)
        conn.both_ways()
    finally:
        if visit.offloads:
            visit.ctl.policy("none")
    conn.guest.close()
    assert conn.peer.drain() == 0
    conn.peer.close()
