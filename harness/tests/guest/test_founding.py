# SPDX-License-Identifier: GPL-2.0-or-later
"""The founding rules that bind the host: what it hands to the card and how, what it keeps when the
card refuses, and what it does with segments that are not its own any more.

The wire swallows what the guest sends while the numbers are taken, so that bytes under way stay
under way: the guest's kernel and the card must then agree to the byte.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney.guest.segments import by_card, by_host, captured, newest_ack, sent
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

KIB = 1024
UNREAD = 12 * KIB
RTO_SECONDS = 6
# The first ID of a connection is drawn: that so many fall into one half is no chance.
CONNECTIONS = 20
STREAM_BITS = 4_000_000
STREAM = 1024 * KIB
HANDOVERS = 30
# More connections than a card without memory can have.
FULL = 64
STATIONARY = pytest.mark.where(cpus=(2,), vm="emulated", native=False, debug=False)


@pytest.fixture
def patient(visit: Visit) -> Iterator[None]:
    """The guest's kernel repeats nothing of itself for RTO_SECONDS: no timeout, no probe."""
    hosts = [(visit.hosts(4)[1], 32), (visit.hosts(6)[1], 128)]
    routes = [f"{host}/{bits} dev eth0" for host, bits in hosts]
    for route in routes:
        visit.vm.run(["sh", "-c", f"ip route replace {route} rto_min {RTO_SECONDS}s"])
    probes = visit.vm.run(["sysctl", "-n", "net.ipv4.tcp_early_retrans"]).text.strip()
    visit.vm.run(["sysctl", "-qw", "net.ipv4.tcp_early_retrans=0"])
    try:
        yield
    finally:
        visit.link.set("both", loss=0)
        visit.vm.run(["sysctl", "-qw", f"net.ipv4.tcp_early_retrans={probes}"])
        for route in routes:
            visit.vm.run(["sh", "-c", f"ip route delete {route}"])


def attempts(visit: Visit, family: int = 4) -> Iterator[Conn]:
    """Connections that have carried data, one after the other: on a machine that stood still, the
    guest's kernel may have repeated something before the numbers were taken.
    """
    for _ in range(5):
        conn = visit.connect(family)
        conn.both_ways()
        yield conn
        for end in (conn.guest, conn.peer):
            end.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
            end.close()
    pytest.fail("the guest's kernel repeats something each time")


@contextmanager
def swallowed(visit: Visit) -> Iterator[None]:
    """Nothing that the guest sends arrives meanwhile."""
    visit.link.set("ab", loss=1)
    try:
        yield
    finally:
        visit.link.set("ab", loss=0)


def unread(conn: Conn) -> None:
    """Bytes that the guest's kernel has acknowledged and its program has not read."""
    conn.peer.send(UNREAD)
    wait_until(lambda: conn.guest.queues()["in"] == UNREAD, "the unread bytes to arrive", 10, 0.05)


def outstanding(conn: Conn) -> dict[str, int]:
    """On a wire that swallows: bytes under way and bytes that wait; returns how many the guest's
    kernel says there are.
    """
    conn.guest.do("fill", 100)
    queues = conn.guest.queues()
    assert queues["out"] > queues["unsent"] > 0, f"nothing is under way, or nothing waits: {queues}"
    return queues


def unload(conn: Conn) -> None:
    """The peer gets everything that was written, every byte at its place."""
    conn.peer.recv(conn.guest.queues()["tx"] - conn.peer.queues()["rx"])


class Watch:
    """What driver and card count from here on."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._before = visit.ctl.stats()

    def grown(self, name: str) -> int:
        """By how much a counter of both has grown, on both alike."""
        here, there = (now[name] - before[name] for now, before
                       in zip(self._visit.ctl.stats(), self._before, strict=True))
        assert here == there, f"{name}: the driver counts {here}, the card {there}"
        return here

    def of_driver(self, name: str) -> int:
        """By how much a counter of the driver has grown."""
        return self._visit.ctl.stats()[0][name] - self._before[0][name]


@STATIONARY
@pytest.mark.parametrize("family", [4, 6])
def test_unread_bytes_go_along(visit: Visit, family: int) -> None:
    """Bytes that are acknowledged and not read go to the card, all of them (BRD-1), as those that
    end before RCV.NXT (BRD-2): the program reads each at its place, and newer ones behind them.
    """
    conn = visit.connect(family)
    conn.both_ways()
    unread(conn)
    watch = Watch(visit)
    visit.hand(conn)
    assert watch.grown("buffered_in_bytes") == UNREAD
    conn.peer.send(UNREAD)
    conn.guest.recv(2 * UNREAD)
    conn.both_ways()


@STATIONARY
def test_unread_bytes_are_not_acknowledged_again(visit: Visit, tmp_path: Path) -> None:
    """What the card says about bytes that the host has acknowledged is what the host has said: its
    RCV.NXT is not moved by them, nor when it delivers them (BRD-9).
    """
    with captured(visit, tmp_path / "wire.pcapng") as file:
        conn = visit.connect()
        conn.both_ways()
        unread(conn)
        visit.hand(conn)
        conn.guest.send(KIB)
        conn.peer.recv(KIB)
        conn.guest.recv(UNREAD)
        conn.guest.send(KIB)
        conn.peer.recv(KIB)
        wait_until(lambda: len(by_card(file, conn)) > 1, "frames of the card", 10, 0.2)
        host = newest_ack(by_host(file, conn))
        assert {frame.ack for frame in by_card(file, conn)} == {host}
        conn.peer.send(KIB)
        conn.guest.recv(KIB)
        wait_until(lambda: newest_ack(by_card(file, conn)) == (host + KIB) % (1 << 32),
                   "the card to acknowledge the new bytes and no more", 10, 0.2)


@pytest.mark.where(cpus=(2,), vm="little-memory", native=False, debug=False)
def test_card_without_memory(visit: Visit) -> None:
    """The card has no memory for another connection and its unread bytes: it fails that one with
    FAILURE (BRD-4), which Linux goes on with; the others are offloaded.
    """
    conns = []
    statuses = []
    while len(conns) < FULL and not statuses:
        conns.append(visit.connect())
        unread(conns[-1])
        answer = visit.ctl.offload_answer(*conns[-1].words)
        statuses += [answer["status"]] if answer["refused"] else []
    assert statuses == ["FAILURE"] and len(conns) > 1
    assert visit.state(conns[-1]) == "host"
    visit.expect("offloaded", *conns[:-1])
    for conn in conns:
        conn.guest.recv(UNREAD)
        conn.both_ways()


@STATIONARY
@pytest.mark.parametrize("family", [4, 6])
def test_refused_connection_keeps_its_data(visit: Visit, patient: None, family: int) -> None:
    """The card refuses a connection with unread bytes, bytes under way and unsent bytes: the host
    still has all of them (INI-7) and has not freed the unread ones (BRD-5); Linux goes on.
    """
    for conn in attempts(visit, family):
        unread(conn)
        timeouts = visit.netstat("TCPTimeouts")
        with swallowed(visit):
            before = outstanding(conn)
            with visit.card_fails("TCP_ENTRIES"):
                answer = visit.ctl.offload_answer(*conn.words)
            after = conn.guest.queues()
            if visit.netstat("TCPTimeouts") == timeouts:
                break
    assert answer["status"] == "TCP_ENTRIES"
    assert after == before
    assert visit.state(conn) == "host"
    unload(conn)
    conn.guest.recv(UNREAD)
    conn.both_ways()


@STATIONARY
@pytest.mark.parametrize("family", [4, 6])
def test_send_data_goes_along(visit: Visit, patient: None, family: int) -> None:
    """Bytes under way and unsent bytes go along as one chain, in order (OSD-1), from the first
    request to the last (OSD-3), and SndUna, SndNxt and SndMax divide it where the guest's kernel
    does (OSD-6). Nothing is left over that would have to be sent by a command.
    """
    for conn in attempts(visit, family):
        watch, timeouts = Watch(visit), visit.netstat("TCPTimeouts")
        with swallowed(visit):
            queues = outstanding(conn)
            visit.hand(conn)
            if visit.netstat("TCPTimeouts") > timeouts:
                continue
            assert watch.grown("send_in_unsent_bytes") == queues["unsent"]
            assert watch.grown("send_in_unacked_bytes") == queues["out"] - queues["unsent"]
            assert watch.grown("send_in_rexmit_bytes") == 0
            assert watch.of_driver("sends") == 0
        break
    unload(conn)
    conn.both_ways()


@STATIONARY
@pytest.mark.parametrize("count", [1, 100, 1000])
def test_chain_of_one_request(visit: Visit, patient: None, count: int) -> None:
    """A little data under way is a chain with one element, whose one buffer holds that and no more
    (OSD-2).
    """
    for conn in attempts(visit):
        watch, timeouts = Watch(visit), visit.netstat("TCPTimeouts")
        with swallowed(visit):
            conn.guest.send(count)
            visit.hand(conn)
            if visit.netstat("TCPTimeouts") > timeouts:
                continue
            assert watch.grown("send_in_unacked_bytes") == count
        break
    conn.peer.recv(count)
    wait_until(lambda: watch.of_driver("send_completions") == 1, "the request to complete", 10, 0.1)
    conn.both_ways()


@STATIONARY
@pytest.mark.parametrize("family", [4, 6])
def test_outstanding_data_comes_back(visit: Visit, patient: None, family: int) -> None:
    """What the card has sent without an answer, and what it has not sent, is the host's again after
    the upload, all of it (TRM-15).
    """
    conn = visit.connect(family)
    conn.both_ways()
    visit.hand(conn)
    with swallowed(visit):
        conn.guest.do("fill", 100)
        out = conn.guest.queues()["out"]
        visit.back(conn)
        queues = conn.guest.queues()
        assert queues["out"] == out > queues["unsent"] > 0
    unload(conn)
    conn.both_ways()


@STATIONARY
@pytest.mark.parametrize("family", [4, 6])
def test_send_is_done_by_its_completion(visit: Visit, patient: None, family: int) -> None:
    """A send that the card has taken is the card's (SND-7) and not done; it is when its completion
    comes, with the peer's acknowledgement, and each has one (ARC-12).
    """
    conn = visit.connect(family)
    conn.both_ways()
    visit.hand(conn)
    watch = Watch(visit)
    with swallowed(visit):
        conn.guest.send(8 * KIB)
        assert watch.grown("sends") > 0
        assert conn.guest.queues()["out"] == 8 * KIB
        assert watch.grown("send_completions") == 0
    conn.peer.recv(8 * KIB)
    wait_until(lambda: conn.guest.queues()["out"] == 0, "the sends to be done", 10, 0.1)
    assert watch.grown("send_completions") == watch.grown("sends")


@STATIONARY
def test_segments_that_come_during_the_initiate(visit: Visit) -> None:
    """Segments that come while a connection goes over are kept and forwarded (EVO-6), which driver
    and card count alike.
    """
    conn = visit.connect()
    watch = Watch(visit)
    visit.link.set("ba", rate_bps=STREAM_BITS)
    try:
        for _ in range(HANDOVERS):
            coming = conn.peer.begin("send", STREAM)
            reading = conn.guest.begin("recv", STREAM)
            visit.hand(conn)
            assert reading.wait()["done"] == coming.wait()["done"] == STREAM
            visit.back(conn)
            if watch.of_driver("forward_initiate"):
                break
    finally:
        visit.link.set("ba", rate_bps=0)
    assert watch.grown("forward_initiate") > 0, f"none in {HANDOVERS} hand-overs"


@pytest.mark.where(cpus=(2,))
def test_ids_of_the_host(visit: Visit, tmp_path: Path) -> None:
    """IPv4 datagrams of the host have IDs of the lower half, as long as Linux has the connection
    (SND-21); afterwards none with such an ID is sent.
    """
    with captured(visit, tmp_path / "wire.pcapng") as file:
        conns = [visit.connect() for _ in range(CONNECTIONS)]
        for conn in conns:
            conn.both_ways(8 * KIB)
        wait_until(lambda: len(sent(file, conns[-1])) >= 3, "frames in the capture", 10, 0.2)
        assert not any(by_card(file, conn) for conn in conns)
        assert sum(len(sent(file, conn)) for conn in conns) >= 3 * CONNECTIONS
        visit.hand(*conns)
        if visit.offloads:
            only_the_card_sends(file, conns)
        last = visit.connect()
        last.both_ways()
        wait_until(lambda: len(sent(file, last)) >= 3, "later frames in the capture", 10, 0.2)
        assert not by_card(file, last)


def only_the_card_sends(file: Path, conns: list[Conn]) -> None:
    """Move bytes on connections that the card has, and see who makes the datagrams."""
    for conn in conns:
        conn.both_ways(8 * KIB)
    wait_until(lambda: all(by_card(file, conn) for conn in conns), "frames of the card", 10, 0.2)
    host = [len(by_host(file, conn)) for conn in conns]
    seen = [len(by_card(file, conn)) for conn in conns]
    for conn in conns:
        conn.both_ways(8 * KIB)
    wait_until(lambda: all(len(by_card(file, conn)) > count for conn, count
                           in zip(conns, seen, strict=True)), "more of them", 10, 0.2)
    assert [len(by_host(file, conn)) for conn in conns] == host
