# SPDX-License-Identifier: GPL-2.0-or-later
"""When the last, partial segment of what a program has written leaves: at once if the program says
so, else when Linux would let it go, never later. Times are taken at the peer, several times each,
because a stall is in all of them and a busy machine is not: one that is short is enough.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from chimney.guest.puppet import End
from chimney.guest.station import Conn, Visit
from chimney.wait import paced, wait_until

TCP = socket.IPPROTO_TCP
ROUNDS = 40
# Linux keeps a partial segment for 200 ms at least, counted in ticks of 4 ms.
KEPT, AT_ONCE, FOREVER = 0.19, paced(0.15), 20
TAIL = 100
MSS = 1448

pytestmark = pytest.mark.where(cpus=(2,))


def cork(end: End, on: int) -> None:
    """Set TCP_CORK or take it back."""
    end.set(TCP, socket.TCP_CORK, on)


def handed(visit: Visit, family: int = 4, *, nodelay: bool = False) -> Conn:
    """A connection of the card that has carried data; what follows is not its first."""
    conn = visit.connect(family)
    if nodelay:
        conn.guest.set(TCP, socket.TCP_NODELAY, 1)
    visit.hand(conn)
    conn.both_ways()
    return conn


def settle(conn: Conn) -> None:
    """Nothing is in flight any more: an ACK would take a tail with it."""
    wait_until(lambda: conn.guest.queues()["out"] == 0, "everything to be acknowledged", 10)


def shortest(once: Callable[[], float], rounds: int = ROUNDS, enough: float = AT_ONCE) -> float:
    """The shortest time of several rounds, of which none follows one that is short enough."""
    took = [once()]
    while min(took) >= enough and len(took) < rounds:
        took.append(once())
    return min(took)


def seconds_to_arrive(conn: Conn, count: int, before: Callable[[End], object],
                      release: Callable[[End], object], rounds: int = ROUNDS,
                      enough: float = AT_ONCE) -> float:
    """The shortest time from the call of `before`, which `release` follows, until the peer has all
    that was written. What `before` wrote is kept from then on.
    """
    def once() -> float:
        settle(conn)
        pending = conn.peer.begin("recv", count, seconds=FOREVER)
        begun = time.monotonic()
        before(conn.guest)
        release(conn.guest)
        assert pending.wait()["done"] == count
        return time.monotonic() - begun

    return shortest(once, rounds, enough)


def more(end: End) -> None:
    """A tail of which the program says that more will follow."""
    end.send(TAIL, "more")


def plain(end: End) -> None:
    """A tail of which it says nothing."""
    end.send(TAIL)


def corked(end: End) -> None:
    """A tail in a corked socket."""
    cork(end, 1)
    plain(end)


def corked_more(end: End) -> None:
    """Both."""
    cork(end, 1)
    more(end)


def uncork(end: End) -> None:
    """The cork out of the bottle."""
    cork(end, 0)


def nodelay(end: End) -> None:
    """Nagle off: what is queued goes, corked or not."""
    end.set(TCP, socket.TCP_NODELAY, 1)


def nothing(_end: End) -> None:
    """The program does nothing."""


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("before", "release"), [
    (more, nodelay), (more, plain), (corked, uncork), (corked, nodelay), (corked_more, uncork),
    (corked_more, nodelay)],
    ids=lambda step: step.__name__ if callable(step) else None)
def test_a_tail_leaves_when_the_program_says_so(visit: Visit, family: int,
                                                before: Callable[[End], object],
                                                release: Callable[[End], object]) -> None:
    """RFC-11: TCP_NODELAY, an uncork and a write without MSG_MORE each send what was kept."""
    conn = handed(visit, family)
    count = TAIL + (TAIL if release is plain else 0)
    assert seconds_to_arrive(conn, count, before, release) < AT_ONCE


def test_the_end_of_a_file_leaves_at_once(visit: Visit) -> None:
    """RFC-11: sendfile() that is asked for more than there is: the kernel writes with MSG_MORE, and
    takes it back at the end of the file.
    """
    conn = handed(visit)

    def whole(end: End) -> None:
        assert end.do("sendfile", 1000, 1 << 20)["done"] == 1000

    assert seconds_to_arrive(conn, 1000, nothing, whole) < AT_ONCE


@pytest.mark.parametrize("end_of_it", ["shutdown", "close"])
@pytest.mark.parametrize("kept", [more, corked], ids=lambda step: step.__name__)
def test_a_tail_leaves_with_the_end(visit: Visit, kept: Callable[[End], object],
                                    end_of_it: str) -> None:
    """Nothing can follow behind a shutdown or a close."""
    def once() -> float:
        conn = handed(visit)
        pending = conn.peer.begin("drain", seconds=FOREVER)
        begun = time.monotonic()
        kept(conn.guest)
        if end_of_it == "close":
            conn.guest.close()
        else:
            conn.guest.do("shutdown", socket.SHUT_WR)
        assert pending.wait()["done"] == TAIL
        return time.monotonic() - begun

    assert shortest(once) < AT_ONCE


@pytest.mark.parametrize("kept", [more, corked, corked_more], ids=lambda step: step.__name__)
def test_nobody_takes_it_back(visit: Visit, kept: Callable[[End], object]) -> None:
    """RFC-11: a tail of which nothing more is said leaves when Linux sends it: after an RTO, which
    is 200 ms or little more, and before a second one would be over.
    """
    conn = handed(visit)
    period = max(0.2, conn.guest.info()["rto"] / 1e6)
    most = period + AT_ONCE
    kept_for = seconds_to_arrive(conn, TAIL, nothing, kept, rounds=5)
    if kept_for >= most:  # a busy machine
        kept_for = seconds_to_arrive(conn, TAIL, nothing, kept, enough=most)
    assert KEPT < kept_for < period + AT_ONCE, (kept_for, period)


@pytest.mark.parametrize("kept", [more, corked], ids=lambda step: step.__name__)
def test_only_the_tail_is_kept(visit: Visit, kept: Callable[[End], object]) -> None:
    """Whole segments in front of it leave at once; the tail leaves with an uncork or TCP_NODELAY
    after they have been acknowledged, too.
    """
    conn = handed(visit)
    flags = ("more",) if kept is more else ()

    def once() -> float:
        if kept is corked:
            cork(conn.guest, 1)
        pending = conn.peer.begin("recv", 3 * MSS, seconds=FOREVER)
        begun = time.monotonic()
        conn.guest.send(3 * MSS + TAIL, *flags)
        assert pending.wait()["done"] == 3 * MSS
        took = time.monotonic() - begun
        if kept is corked:
            cork(conn.guest, 0)
        conn.peer.recv(TAIL)
        return took

    assert shortest(once) < AT_ONCE


@pytest.mark.where(native=False, cpus=(2,))
@pytest.mark.parametrize("release", [uncork, nodelay, nothing], ids=lambda step: step.__name__)
def test_a_tail_goes_over_with_the_connection(visit: Visit,
                                              release: Callable[[End], object]) -> None:
    """Corked before the hand-over: it is kept there and released there, and again back here."""
    conn = visit.connect()
    for way in (visit.hand, visit.back, visit.hand, visit.back):
        pending = conn.peer.begin("recv", TAIL, seconds=FOREVER)
        corked(conn.guest)
        way(conn)
        begun = time.monotonic()
        release(conn.guest)
        assert pending.wait()["done"] == TAIL
        assert time.monotonic() - begun < FOREVER
        uncork(conn.guest)
    conn.both_ways()


@pytest.mark.where(cpus=(2,), debug=False)
def test_a_tail_is_not_kept_longer_by_hand_overs(visit: Visit) -> None:
    """What is left of the time goes over and back: handed over more often than it lasts, a tail
    leaves when it is over.
    """
    conn = handed(visit)
    settle(conn)
    visit.back(conn)
    corked(conn.guest)
    begun = time.monotonic()
    pending = conn.peer.begin("recv", TAIL, seconds=FOREVER)
    mover = visit.vm.background(["chimneyctl", "shuttle", "7", *conn.words]) \
        if visit.offloads else None
    try:
        assert pending.wait()["done"] == TAIL
        assert KEPT / 2 < time.monotonic() - begun < FOREVER
    finally:
        if mover is not None:
            mover.kill(signal=15)
            mover.wait(10)
            visit.ctl.upload("all", check=False)
    visit.expect("host", conn)
    uncork(conn.guest)
    conn.both_ways()


@pytest.mark.parametrize("family", [4, 6])
def test_many_tiny_writes(visit: Visit, family: int) -> None:
    """Two thousand writes of seven bytes, with and without MSG_MORE, take as long as they are
    written: none stands still behind another, and the last one needs no further word.
    """
    conn = handed(visit, family, nodelay=True)
    for flags in ((), ("more",), ()):
        pending = conn.peer.begin("recv", 14000, seconds=FOREVER)
        conn.guest.send(14000, *flags, "tiny")
        begun = time.monotonic()
        assert pending.wait()["done"] == 14000
        assert time.monotonic() - begun < FOREVER
