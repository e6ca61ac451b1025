# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire whose other end reads nothing for a while, as when the peer's VM is stopped: frames wait,
and nothing else of the card does.
"""

from __future__ import annotations

import time

import pytest

from chimney.guest.station import Conn, Visit

KIB = 1024
COUNT = 32
UPLOADS = 6
UPLOAD_SECONDS = 20  # for chimneyctl to say that the connection is back
FILL_MS = 30


def in_time(visit: Visit, conn: Conn) -> None:
    """Take a connection back, within the deadline."""
    begin = time.monotonic()
    visit.back(conn)
    passed = time.monotonic() - begin
    assert passed < UPLOAD_SECONDS, f"{passed:.1f} s for an upload"


def refused_at_once(visit: Visit, *conns: Conn) -> None:
    """The card, which could not say yes before its fences have passed, is not even asked."""
    before, _ = visit.ctl.stats()
    for conn in conns:
        visit.ctl.offload(*conn.words, check=False)
        assert visit.state(conn) == "host"
    after, _ = visit.ctl.stats()
    assert after["initiate_failures"] == before["initiate_failures"]


def stall(visit: Visit, seconds: float) -> None:
    """32 connections on the card and two that are not, one of which has nothing to send. The wire
    takes nothing of what the others have; of what comes they cannot acknowledge anything, and some
    go back. Then nothing comes either. After the stall every byte arrives, and the kernel has not
    complained about the card's queues.
    """
    conns = [visit.connect() for _ in range(COUNT)]
    other, silent = visit.connect(), visit.connect()
    visit.hand(*conns)
    begin = time.monotonic()
    with visit.link.paused("ab"):
        sent = [conn.guest.do("fill", FILL_MS)["done"] for conn in [*conns, other]]
        for conn in conns:
            conn.peer.send(KIB)
            conn.guest.recv(KIB)
        for conn in conns[:UPLOADS]:
            in_time(visit, conn)
        if visit.offloads:
            refused_at_once(visit, other, silent)
        with visit.link.paused("ba"):
            for conn in conns[UPLOADS : UPLOADS + 2]:
                in_time(visit, conn)
            time.sleep(max(0.0, begin + seconds - time.monotonic()))
    assert "WATCHDOG" not in visit.vm.run(["dmesg"]).text
    for conn, count in zip([*conns, other], sent, strict=True):
        conn.peer.recv(count, seconds=60)
        conn.both_ways(20 * KIB)
    visit.expect("offloaded", *conns[UPLOADS + 2 :])
    visit.hand(*conns, other, silent)
    for conn in [*conns, other, silent]:
        conn.both_ways(20 * KIB)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.where(cpus=(2,), debug=False, vm="stream")
def test_stream_that_is_not_read(visit: Visit) -> None:
    """16 s, which is longer than any deadline of driver and kernel (OP-D29)."""
    stall(visit, 16)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.where(cpus=(2,), debug=False, native=False, vm="emulated", kernels=("6.12",))
def test_datagrams_that_are_not_read(visit: Visit) -> None:
    """The same on a dgram wire."""
    stall(visit, 16)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.where(cpus=(2,), debug=False, native=False, vm="stream", kernels=("6.1",))
def test_stream_that_is_not_read_for_a_minute(visit: Visit) -> None:
    """60 s."""
    stall(visit, 60)
