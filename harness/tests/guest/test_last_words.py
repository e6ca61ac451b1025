# SPDX-License-Identifier: GPL-2.0-or-later
"""Data, FIN and RST of the peer that arrive at the same moment: the machine stands still while the
peer sends them, so that the card takes them in one go and does not wait for the driver in between.
The program sees what it sees with Linux alone: every byte, the end of the stream if there was one,
then the error (spec chapter 10.4).
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

POLLIN, POLLOUT, POLLERR, POLLHUP, POLLRDHUP = 1, 4, 8, 16, 0x2000
GONE = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP
IPV6_MULTICAST_HOPS, IPV6_RECVHOPLIMIT = 18, 51
SO_ERROR = {"EPIPE": 32, "ECONNRESET": 104}


def outcome(call: Callable[[], dict[str, int]]) -> tuple[int, str]:
    """The bytes that a call moved, and what ended it: "end", an errno, or nothing."""
    try:
        answer = call()
    except CallFailed as failed:
        return failed.done, failed.errno
    return answer["done"], "end" if answer.get("end") else ""


def last_words(visit: Visit, conn: Conn, size: int, fin: bool) -> None:
    """So many bytes, a FIN perhaps, and a RST, as one moment for the guest and its card."""
    visit.vm.qmp.command("stop")
    try:
        if size:
            conn.peer.send(size)
        if fin:
            conn.peer.do("shutdown", "wr")
        conn.peer.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
        conn.peer.close()
    finally:
        visit.vm.qmp.command("cont")


def wait_events(conn: Conn, wanted: int) -> None:
    """Wait for what poll() tells unasked: while a reset is taken, the error may come first."""
    wait_until(lambda: conn.guest.do("poll", 10000, 0)["events"] & wanted == wanted,
               f"the events {wanted}", 10, 0.02)


@pytest.mark.where(cpus=(1, 2))
@pytest.mark.parametrize("fin", [False, True])
@pytest.mark.parametrize("size", [0, 1000, 12 << 10])
def test_reader_comes_late(visit: Visit, size: int, fin: bool) -> None:
    """OP-D30: the reset is there when the program looks. It reads all that came before, then
    the end if a FIN came, else ECONNRESET once; a write is EPIPE.
    """
    conn = visit.connect()
    visit.hand(conn)
    last_words(visit, conn, size, fin)
    wait_events(conn, POLLERR | POLLHUP)
    assert conn.guest.do("poll", 0, GONE)["events"] == GONE
    assert outcome(lambda: conn.guest.do("drain")) == (size, "end" if fin else "ECONNRESET")
    assert outcome(lambda: conn.guest.do("recv", 1)) == (0, "end")
    assert outcome(lambda: conn.guest.do("send", 1)) == (0, "EPIPE")


@pytest.mark.where(cpus=(1, 2))
@pytest.mark.parametrize("fin", [False, True])
def test_error_is_asked_for(visit: Visit, fin: bool) -> None:
    """SO_ERROR is ECONNRESET, or EPIPE behind a FIN; once it has been asked for, a reader finds
    the bytes and then the end.
    """
    conn = visit.connect()
    visit.hand(conn)
    last_words(visit, conn, 1000, fin)
    wait_events(conn, POLLERR | POLLHUP)
    error = conn.guest.do("get", socket.SOL_SOCKET, socket.SO_ERROR)["value"]
    assert error == SO_ERROR["EPIPE" if fin else "ECONNRESET"]
    assert outcome(lambda: conn.guest.do("drain")) == (1000, "end")


@pytest.mark.where(cpus=(1, 2))
@pytest.mark.parametrize("fin", [False, True])
def test_reader_waits(visit: Visit, fin: bool) -> None:
    """A program that waits in recv() gets every byte before it hears of the end or the reset."""
    conn = visit.connect()
    visit.hand(conn)
    reading = conn.guest.begin("drain")
    last_words(visit, conn, 12 << 10, fin)
    assert outcome(reading.wait) == (12 << 10, "end" if fin else "ECONNRESET")
    wait_events(conn, POLLHUP)
    assert outcome(lambda: conn.guest.do("send", 1)) == (0, "EPIPE")


@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("fin", [False, True])
def test_nobody_answers(visit: Visit, family: int, fin: bool) -> None:
    """OP-D30: what the peer has said counts, though nothing of the guest's reaches it any more, so
    that no second reset can come.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    visit.link.set("ab", loss=1)
    try:
        last_words(visit, conn, 1000, fin)
        wait_events(conn, POLLERR | POLLHUP)
    finally:
        visit.link.set("ab", loss=0)
    error = conn.guest.get(socket.SOL_SOCKET, socket.SO_ERROR)
    assert error == SO_ERROR["EPIPE" if fin else "ECONNRESET"]
    assert outcome(lambda: conn.guest.do("drain")) == (1000, "end")


@pytest.mark.where(cpus=(2,), native=False, vm="faulty")
def test_hop_limit_behind_the_end(visit: Visit) -> None:
    """A program that asks for the hop limit of what comes, when the card has taken the FIN already,
    finds the peer's all the same.
    """
    conn = visit.connect(6)
    conn.both_ways()
    before = conn.guest.get(socket.IPPROTO_IPV6, IPV6_MULTICAST_HOPS)
    visit.hand(conn)
    with visit.card_breaks("TERMINATE/RESOURCES"):
        conn.peer.send(1000)
        conn.peer.do("shutdown", "wr")
        wait_until(lambda: conn.guest.queues()["in"] == 1000, "the bytes", 10, 0.05)
        conn.guest.set(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
    assert outcome(lambda: conn.guest.do("drain")) == (1000, "end")
    visit.expect("host", conn)
    assert conn.guest.get(socket.IPPROTO_IPV6, IPV6_MULTICAST_HOPS) == before
