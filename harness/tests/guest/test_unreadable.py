# SPDX-License-Identifier: GPL-2.0-or-later
"""Received bytes that the CPU cannot read, because they lie in the memory of a device: the driver
reads none of them, and Linux has the connection as long as a program has not taken them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Conn, Visit
from chimney.host import programs
from chimney.wait import wait_until

KIB = 1024
SHORT = 400  # leaves room for the options, and is not copied out of its buffer
REASON = "unreadable-memory"
PORT = "/sys/module/unreadable/parameters/port"


@contextmanager
def unreadable(visit: Visit, conn: Conn) -> Iterator[None]:
    """What comes to a connection cannot be read meanwhile."""
    visit.vm.agent.put(PORT, str(conn.guest_port))
    try:
        yield
    finally:
        visit.vm.agent.put(PORT, "0")


@contextmanager
def module(visit: Visit) -> Iterator[None]:
    """The module that marks segments is loaded meanwhile."""
    visit.vm.agent.put("/tmp/unreadable.ko", programs.unreadable(visit.vm.config.kernel))
    visit.vm.run(["insmod", "/tmp/unreadable.ko"])
    try:
        yield
    finally:
        visit.vm.run(["rmmod", "unreadable"])


def take(conn: Conn, count: int) -> None:
    """The program gets EFAULT, as it does with Linux alone, and then takes the bytes unread."""
    wait_until(lambda: conn.guest.queues()["in"] == count, "the bytes", 20, 0.05)
    with pytest.raises(CallFailed) as caught:
        conn.guest.recv(count)
    assert caught.value.errno == "EFAULT"
    conn.guest.recv(count, "trunc")


@pytest.mark.where(kernels=("6.12", "7.3"), cpus=(2,), vm="emulated", debug=False)
def test_memory_that_cannot_be_read(visit: Visit) -> None:
    """Unread in the socket it keeps a connection with Linux; when it comes to the host while the
    card has the connection, here because of IP options, the connection goes back. The reason is
    told, and after the program has taken the bytes the connection goes over again.
    """
    with module(visit):
        conn = visit.connect()
        conn.both_ways()
        with unreadable(visit, conn):
            conn.peer.send(20 * KIB)
            wait_until(lambda: conn.guest.queues()["in"] == 20 * KIB, "the bytes", 20, 0.05)
            if visit.offloads:
                answer = visit.ctl.offload_answer(*conn.words)
                assert (answer["refused"], answer["reason"]) == (1, REASON)
            take(conn, 20 * KIB)
        visit.hand(conn)
        conn.both_ways()
        _, uploads = visit.ctl.reasons()
        visit.link.set("ba", options=1.0)
        try:
            with unreadable(visit, conn):
                conn.peer.send(SHORT)
                visit.expect("host", conn)
                take(conn, SHORT)
        finally:
            visit.link.set("ba", options=0.0)
        if visit.offloads:
            assert visit.ctl.reasons()[1][REASON] == uploads.get(REASON, 0) + 1
        visit.hand(conn)
        conn.both_ways()
