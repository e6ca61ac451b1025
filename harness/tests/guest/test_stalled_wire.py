# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire whose other end reads nothing for a while, as when the peer's VM is stopped: frames wait,
and nothing else of the card does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

KIB = 1024
COUNT = 32
UPLOADS = 6
UPLOAD_SECONDS = 20  # for chimneyctl to say that the connection is back
FILL_MS = 30
HOUR_MS = 3600 * 1000


@pytest.fixture(autouse=True)
def known_neighbor(visit: Visit) -> Iterator[None]:
    """The guest's kernel does not ask whether the peer is still there. On a wire that takes nothing
    its question would have no answer, and connections of a neighbor that is gone leave the card
    (NCE-10).
    """
    names = [f"net.ipv{version}.neigh.eth0.base_reachable_time_ms" for version in (4, 6)]
    before = [visit.vm.run(["sysctl", "-n", name]).text.strip() for name in names]
    visit.vm.run(["sysctl", "-qw", *(f"{name}={HOUR_MS}" for name in names)])
    yield
    restored = [f"{name}={old}" for name, old in zip(names, before, strict=True)]
    visit.vm.run(["sysctl", "-qw", *restored])


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


@pytest.mark.where(native=False, cpus=(2,), vm="stream")
def test_abort_that_cannot_leave(visit: Visit) -> None:
    """The card answers receive requests of a connection that ends at once, before its RST has left:
    the driver, which keeps requests posted while much arrives, posts no more of them.
    """
    conn = visit.connect()
    others = [visit.connect() for _ in range(COUNT)]
    visit.hand(conn, *others)

    def waiting() -> int:
        stats = visit.ctl.stats()[0]
        return stats["recvs"] - stats["recv_completions"]

    before = waiting()

    def posted() -> bool:
        conn.peer.send(512 * KIB)
        conn.guest.recv(512 * KIB)
        return waiting() > before

    wait_until(posted, "receive requests that wait", 60, 0)
    with visit.link.paused("ab"):
        for each in others:
            each.guest.do("fill", FILL_MS)
        begin = visit.ctl.stats()[0]
        visit.vm.run(["chimneyctl", "disconnect", "--abort", *conn.words])
        time.sleep(1)
        end = visit.ctl.stats()[0]
        assert end["disconnect_completions"] == begin["disconnect_completions"]
        assert end["recvs"] == begin["recvs"]
    with pytest.raises(CallFailed) as caught:
        conn.peer.drain()
    assert caught.value.errno == "ECONNRESET"


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.where(cpus=(2,), debug=False, native=False, vm="stream", kernels=("6.1",))
def test_stream_that_is_not_read_for_a_minute(visit: Visit) -> None:
    """60 s."""
    stall(visit, 60)
