# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that owns its socket for a long time, because a page that it sends from does not come:
it waits for itself, and nobody else for it; least of all does the card fail for it (spec chapters
10.3 and 10.4).
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chimney.guest.puppet import GuestPuppet, Pending
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

KIB = 1024
RELEASE = "/tmp/release"
CARD_SECONDS = 10


@pytest.fixture
def owner(visit: Visit) -> Iterator[GuestPuppet]:
    """A second program in the guest, that gets stuck until the test releases it."""
    puppet = GuestPuppet(visit.vm)
    yield puppet
    release(visit)
    puppet.close()
    visit.vm.run(["rm", RELEASE])


def begin_stuck(visit: Visit, conn: Conn) -> Pending:
    """A send waits for its memory, and so owns its socket."""
    sending = conn.guest.begin("stuck", 8 * KIB, RELEASE, seconds=90)
    wait_waiting(visit, "userfault")
    return sending


def wait_waiting(visit: Visit, where: str) -> None:
    """Until some program waits in a function of the kernel."""
    command = ["sh", "-c", "cat /proc/[0-9]*/wchan 2>/dev/null"]
    wait_until(lambda: where in visit.vm.run(command, check=False).text,
               f"a program to wait in {where}", 20, 0.05)


def release(visit: Visit) -> None:
    """The memory comes."""
    visit.vm.run(["touch", RELEASE])


def connect(visit: Visit, owner: GuestPuppet) -> Conn:
    """A connection of that program."""
    guest_host, peer_host = visit.hosts(4)
    listener, port = visit.listener("peer", peer_host)
    end = owner.socket(4)
    end.do("bind", guest_host, 0)
    own = end.do("connect", peer_host, port)["port"]
    return Conn(end, listener.accept(), guest_host, own, peer_host, port)


def carries(conn: Conn) -> None:
    """Bytes in both directions."""
    conn.guest.send(20 * KIB)
    conn.peer.recv(20 * KIB)
    conn.peer.send(20 * KIB)
    conn.guest.recv(20 * KIB)


@pytest.mark.where(cpus=(2,), native=False)
def test_offload_passes_an_owned_socket_by(visit: Visit, owner: GuestPuppet) -> None:
    """It is refused after a moment; others go over and back, and it can go over afterwards."""
    stuck, other = connect(visit, owner), visit.connect()
    sending = begin_stuck(visit, stuck)
    assert not visit.ctl.offload(*stuck.words, check=False)
    visit.hand(other)
    visit.back(other)
    visit.hand(other)
    carries(other)
    release(visit)
    assert sending.wait()["done"] == 8 * KIB
    stuck.peer.recv(8 * KIB)
    visit.hand(stuck)
    carries(stuck)


@pytest.mark.where(cpus=(2,), native=False)
def test_upload_leaves_an_owned_socket_to_its_owner(visit: Visit, owner: GuestPuppet) -> None:
    """The card lets go of it, can go down and up, and works on; the socket follows its owner."""
    stuck, other = connect(visit, owner), visit.connect()
    visit.hand(stuck, other)
    sending = begin_stuck(visit, stuck)
    began = time.monotonic()
    visit.vm.run(["ip", "link", "set", "eth0", "down"], seconds=10)
    visit.expect("host", other)
    visit.expect("terminating", stuck)
    visit.configure()
    carries(other)
    visit.hand(other)
    carries(other)
    # for longer than a card may take for anything
    wait_until(lambda: time.monotonic() - began > CARD_SECONDS, "some time", 20, 0.1)
    visit.expect("terminating", stuck)
    waiting = visit.vm.background(["chimneyctl", "upload", *stuck.words])
    wait_waiting(visit, "chimdrv_ask_wait")
    release(visit)
    assert waiting.wait(30).ok
    visit.expect("host", stuck)
    assert sending.wait()["done"] == 8 * KIB
    stuck.peer.recv(8 * KIB)
    assert visit.state(other) == "offloaded"
    carries(other)
