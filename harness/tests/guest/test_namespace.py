# SPDX-License-Identifier: GPL-2.0-or-later
"""Card and program in a network namespace of their own, as a container has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chimney.guest.chimneyctl import GuestCtl
from chimney.guest.puppet import GuestPuppet
from chimney.guest.station import Visit
from chimney.wait import wait_until

NAME = "room"
INSIDE = ("ip", "netns", "exec", NAME)


@pytest.fixture
def inside(visit: Visit) -> Iterator[Visit]:
    """The visit, whose card, program and chimneyctl are in a second namespace meanwhile."""
    outer = visit.ctl
    visit.guest.close()
    visit.vm.run(["ip", "netns", "add", NAME])
    try:
        visit.vm.run(["ip", "link", "set", "eth0", "netns", NAME])
        visit.configure(INSIDE)
        visit.guest, visit.ctl = GuestPuppet(visit.vm, INSIDE), GuestCtl(visit.vm, INSIDE)
        yield visit
        visit.guest.close()
    finally:
        visit.vm.run(["ip", "netns", "delete", NAME])
        wait_until(lambda: visit.vm.run(["test", "-e", "/sys/class/net/eth0"], check=False).ok,
                   "the card to come back with the end of its namespace", 20, 0.1)
        visit.configure()
        visit.guest, visit.ctl = GuestPuppet(visit.vm), outer


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
