# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of the driver's module: it cannot go while it owns connections, and can afterwards."""

from __future__ import annotations

import pytest

from chimney.guest.station import Visit

KIB = 1024


@pytest.mark.where(native=False)
def test_module_stays_while_it_is_needed(visit: Visit) -> None:
    """rmmod is refused while a connection is offloaded; after the upload the module goes, is loaded
    again, and the same connection is handed over by the new one.
    """
    conn = visit.connect()
    conn.guest.send(10 * KIB)
    conn.peer.recv(10 * KIB)
    visit.hand(conn)
    refused = visit.vm.run(["rmmod", "chimney"], check=False)
    assert not refused.ok and b"in use" in refused.stderr
    conn.guest.send(10 * KIB)
    visit.back(conn)
    try:
        visit.station.card_object_goes()
        visit.vm.run(["rmmod", "chimney"])
        assert not visit.vm.run(["test", "-e", "/sys/class/net/eth0"], check=False).ok
    finally:
        visit.vm.run(["modprobe", "chimney"])
        visit.configure()
    conn.peer.recv(10 * KIB)
    visit.hand(conn)
    for _ in range(3):
        conn.guest.send(40 * KIB)
        conn.peer.recv(40 * KIB)
        conn.peer.send(40 * KIB)
        conn.guest.recv(40 * KIB)


@pytest.mark.slow
@pytest.mark.where(native=False, cpus=(2,))
def test_module_comes_and_goes(visit: Visit) -> None:
    """Five times out and in, with a connection that lives through all of it."""
    conn = visit.connect(6)
    for _ in range(5):
        visit.hand(conn)
        conn.guest.send(8 * KIB)
        conn.peer.send(8 * KIB)
        visit.back(conn)
        visit.station.card_object_goes()
        visit.vm.run(["rmmod", "chimney"])
        visit.vm.run(["modprobe", "chimney"])
        visit.configure()
        conn.guest.recv(8 * KIB)
        conn.peer.recv(8 * KIB)
