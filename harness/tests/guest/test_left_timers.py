# SPDX-License-Identifier: GPL-2.0-or-later
"""What waits goes on waiting when a connection changes hands: timeouts, their counts, the limits
that a program or an administrator has set, and an ACK that is owed, as if nobody had changed.
"""
from __future__ import annotations

import errno
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chimney.guest.puppet import CallFailed, End
from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import Deadline, paced, stays, wait_until
from chimney.wire import pcapng

TCP_USER_TIMEOUT, TCP_ULP = 18, 31
TIMEOUT_MS = 3000
LONGER_MS = 10_000
LESS_LATE = paced(4.0)  # seconds: the wait has not begun anew at a retransmission
PATIENCE = 60  # seconds
PAUSE = 2.5  # seconds
FEW = 60  # segments
ROUNDS = 6
DELACK_SECONDS = 0.2  # the kernel waits no longer with an ACK
TAIL_PROBES = "/proc/sys/net/ipv4/tcp_early_retrans"
LATE = paced(10.0)  # seconds that a busy machine may add


@contextmanager
def cut(visit: Visit, which: str = "both") -> Iterator[None]:
    """Nothing comes through meanwhile; ba: nothing reaches the guest."""
    visit.link.set(which, loss=1)
    try:
        yield
    finally:
        visit.link.set("both", loss=0)


def dies(end: End, seconds: int) -> tuple[int, float]:
    """Wait for the error of a connection; which it is, and after how long."""
    began = time.monotonic()
    end.do("poll", seconds * 1000, 1, seconds=seconds + 10)
    return end.get(socket.SOL_SOCKET, socket.SO_ERROR), time.monotonic() - began


def abandon(conn: Conn) -> None:
    """Ends a connection of which the other side hears nothing."""
    for end in (conn.guest, conn.peer):
        end.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
        end.close()


def unanswered(visit: Visit, when: str) -> float:
    """How long bytes wait, of a connection of its own, until LONGER_MS are over."""
    conn = visit.connect()
    conn.both_ways(3000)
    if when != "after":
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, LONGER_MS)
    visit.hand(conn)
    if when == "after":
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, LONGER_MS)
    conn.both_ways(3000)
    with cut(visit):
        began = time.monotonic()
        conn.guest.send(3000)
        if when == "uploaded":
            # copies have been sent, and another is to come long before the time is up
            wait_until(lambda: time.monotonic() - began > LONGER_MS / 2500, "two fifths", 10, 0.02)
            visit.back(conn)
        error, _ = dies(conn.guest, 30)
        after = time.monotonic() - began
    abandon(conn)
    assert error == errno.ETIMEDOUT
    return after


@pytest.mark.parametrize("when", ["before", "after", "uploaded"])
@pytest.mark.where(cpus=(2,), vm="emulated")
def test_user_timeout_without_answers(visit: Visit, when: str) -> None:
    """TMR-6, VAR-D18, VAR-K7: bytes that nobody acknowledges wait so long in all, whoever has the
    connection, and not once for each of them.
    """
    after = unanswered(visit, when)
    assert LONGER_MS / 1000 <= after < LONGER_MS / 1000 + LESS_LATE, after


@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize(("waited", "timeout"), [(0, 3), (9, 12)])
def test_user_timeout_that_nothing_follows(visit: Visit, waited: int, timeout: int) -> None:
    """TMR-6: bytes wait already, for some time, and the program does nothing more than to set the
    option: all of the time counts.
    """
    conn = visit.connect()
    conn.both_ways(3000)
    visit.hand(conn)
    with cut(visit):
        began = time.monotonic()
        conn.guest.send(3000)
        wait_until(lambda: time.monotonic() - began >= waited, "some time", 20)
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 * timeout)
        error, _ = dies(conn.guest, 20)
        after = time.monotonic() - began
    abandon(conn)
    assert error == errno.ETIMEDOUT
    late = 0.9 * waited or 0.5 + LATE  # less than if only the time since the option counted
    assert timeout - 0.1 <= after < timeout + late, after


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_keepalive_that_nothing_follows(visit: Visit) -> None:
    """Switched on first, and then told how soon: it counts from what was heard last."""
    conn = visit.connect()
    conn.both_ways(3000)
    visit.hand(conn)
    conn.both_ways(3000)
    updates = visit.ctl.stats()[1]["updates"]
    conn.guest.set(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if visit.offloads:
        wait_until(lambda: visit.ctl.stats()[1]["updates"] > updates, "the card to know", 20)
    with cut(visit):
        began = time.monotonic()
        for name, value in ((socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2),
                            (socket.TCP_KEEPIDLE, 1)):
            conn.guest.set(socket.IPPROTO_TCP, name, value)
        error, _ = dies(conn.guest, 20)
        after = time.monotonic() - began
    abandon(conn)
    assert error == errno.ETIMEDOUT
    assert 2 <= after < 3 + 0.5 + LATE, after


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.where(cpus=(2,), vm="emulated")
def test_user_timeout_does_not_concern_who_is_idle(visit: Visit, when: str) -> None:
    """TMR-6: nothing waits to be acknowledged, so that nothing ends the connection."""
    conn = visit.connect()
    conn.both_ways(3000)
    if when == "before":
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, TIMEOUT_MS)
    visit.hand(conn)
    if when == "after":
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, TIMEOUT_MS)
    conn.both_ways(3000)
    assert conn.guest.do("poll", 2 * TIMEOUT_MS, select.POLLIN) == {"events": 0}
    conn.both_ways(3000)
    visit.expect("offloaded", conn)
    abandon(conn)


def connect_small(visit: Visit) -> Conn:
    """The peer's window has been small from the start."""
    listener = visit.peer.socket(4)
    host = visit.hosts(4)
    listener.set(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    listener.do("bind", host[1], 0)
    port = listener.do("listen", 1)["port"]
    end = visit.guest.socket(4)
    end.do("bind", host[0], 0)
    own = end.do("connect", host[1], port)["port"]
    conn = Conn(end, listener.accept(), host[0], own, host[1], port)
    listener.close()
    return conn


def shut_for_good(visit: Visit, conn: Conn, when: str, rcvbuf: int = 0) -> float:
    """How long more bytes than a peer that reads nothing takes wait, with a user timeout that was
    set before or after the hand-over.
    """
    conn.both_ways(3000)
    if when == "before":
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, TIMEOUT_MS)
    visit.hand(conn)
    if when == "after":
        conn.guest.set(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, TIMEOUT_MS)
    if rcvbuf:
        conn.peer.set(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    began = time.monotonic()
    conn.guest.do("fill", 400)
    error, _ = dies(conn.guest, 30)
    after = time.monotonic() - began
    abandon(conn)
    assert error == errno.ETIMEDOUT
    return after


@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("when", ["before", "after"])
def test_user_timeout_at_a_shut_window(visit: Visit, when: str) -> None:
    """TMR-6, VAR-D18: nor do bytes wait longer in front of a peer that answers every probe."""
    after = shut_for_good(visit, connect_small(visit), when)
    assert TIMEOUT_MS / 1000 <= after < TIMEOUT_MS / 1000 + LATE / 2, after


@pytest.mark.where(cpus=(2,), vm="emulated", native=False)
@pytest.mark.parametrize("when", ["before", "after"])
def test_user_timeout_at_a_window_taken_back(visit: Visit, when: str) -> None:
    """TMR-6, VAR-D18: nor if the peer has dropped a part of what it had offered to take. There 6.1
    by itself takes four times as long, or minutes.
    """
    after = shut_for_good(visit, visit.connect(), when, rcvbuf=4096)
    assert TIMEOUT_MS / 1000 <= after < TIMEOUT_MS / 1000 + LATE / 2, after


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_retransmissions_are_as_many_as_the_sysctl_says(visit: Visit) -> None:
    """PRM-4, TMR-6: net.ipv4.tcp_retries2 holds for the card too."""
    with visit.sysctl("net.ipv4.tcp_retries2", 3):
        conn = visit.connect()
        conn.both_ways(3000)
        visit.hand(conn)
        conn.both_ways(3000)
        with cut(visit):
            conn.guest.send(3000)
            error, after = dies(conn.guest, 40)
        abandon(conn)
    assert error == errno.ETIMEDOUT
    assert 3 < after < 12 + LATE, after  # 0.2 s five times doubled, or an RTT more


def times(file: Path, conn: Conn) -> list[float]:
    """When segments with data of the guest's end were on the wire."""
    found = []
    try:
        for packet in pcapng.read(file):
            data = packet.data
            if data[12:14] != b"\x08\x00" or data[23] != socket.IPPROTO_TCP:
                continue
            header = 4 * (data[14] & 15)
            tcp = 14 + header
            length = int.from_bytes(data[16:18], "big") - header - 4 * (data[tcp + 12] >> 4)
            if int.from_bytes(data[tcp:tcp + 2], "big") == conn.guest_port and length > 0 \
                    and data[26:30] == socket.inet_aton(conn.guest_host):
                found.append(packet.ns / 1e9)
    except pcapng.BadCapture:
        pass  # its last packet is still being written
    return found


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_backed_off_timeout_comes_when_it_was_due(visit: Visit, tmp_path: Path) -> None:
    """TMR-8: a retransmission that has been put off three times already is handed over and back;
    each next one comes after twice the time, as without hand-overs.
    """
    file = tmp_path / "wire.pcapng"
    with visit.sysctl("net.ipv4.tcp_early_retrans", 0):
        conn = visit.connect()
        conn.both_ways(3000)
        with captured(visit, file), cut(visit, "ba"):
            rto = conn.guest.info()["rto"] / 1e6
            conn.guest.send(100)

            def sent(count: int) -> None:
                wait_until(lambda: len(times(file, conn)) >= count, f"copy {count}", 60, 0.02)

            sent(4)
            visit.hand(conn)
            sent(5)
            visit.back(conn)
            sent(6)
        visit.hand(conn)
        conn.guest.send(3000)
        conn.peer.recv(3000, seconds=60)  # behind the next copy, which a slow machine puts off far
        conn.peer.send(3000)
        conn.guest.recv(3000)
    at = times(file, conn)
    gaps = [b - a for a, b in zip(at[1:5], at[2:6], strict=True)]
    due = [rto * 2**n for n in range(1, 5)]
    assert all(0.75 * a < gap < 1.2 * a + LATE / 5 for a, gap in zip(due, gaps, strict=True)), \
        (due, gaps)


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_keepalive_goes_on_counting(visit: Visit) -> None:
    """TMR-23: probes that were not answered before a hand-over count after it."""
    conn = visit.connect()
    for name, value in ((socket.TCP_KEEPIDLE, 3), (socket.TCP_KEEPINTVL, 3),
                        (socket.TCP_KEEPCNT, 5)):
        conn.guest.set(socket.IPPROTO_TCP, name, value)
    conn.guest.set(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    visit.hand(conn)
    conn.both_ways(3000)
    with cut(visit):
        began = time.monotonic()
        for again in range(1, 5):
            due = 3 * again
            wait_until(lambda due=due: time.monotonic() - began > due, f"second {due}", 20, 0.02)
            (visit.back if again % 2 else visit.hand)(conn)
        error, _ = dies(conn.guest, 60)
        after = time.monotonic() - began
    abandon(conn)
    assert error == errno.ETIMEDOUT
    assert 17.5 < after < 18.5 + LATE, after


@contextmanager
def patient_peer(visit: Visit, family: int = 4) -> Iterator[None]:
    """The peer repeats nothing of itself for PATIENCE, however busy the machine is."""
    room = visit.vm.wire.room
    assert room is not None
    guest, peer = visit.hosts(family)
    device = re.search(r"dev (\S+)", room.ip("route", "get", guest, "from", peer))
    assert device is not None
    route = [f"{guest}/{32 if family == 4 else 128}", "dev", device[1]]
    room.ip("route", "replace", *route, "rto_min", f"{PATIENCE}s")
    room.run(["sh", "-c", f"echo 0 >{TAIL_PROBES}"])
    try:
        yield
    finally:
        room.run(["sh", "-c", f"echo 3 >{TAIL_PROBES}"])
        room.ip("route", "delete", *route)


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_owed_ack_changes_hands(visit: Visit) -> None:
    """INI-14: what arrived shortly before a hand-over is acknowledged when it would have been, by
    the card: the peer, which hears nothing else, waits 10 s at most.
    """
    with patient_peer(visit):
        acks_change_hands(visit)


def acks_change_hands(visit: Visit) -> None:
    conn = visit.connect()
    visit.link.set("both", delay_ms=100)  # far away: the kernel's ACK takes its time too
    try:
        for _ in range(4):
            conn.both_ways(100)
        before, deadline, rounds = owed(visit), Deadline(60), 0
        # a slow machine hands over when the ACK has left, but not each time
        while rounds < ROUNDS or (visit.offloads and owed(visit) == before):
            deadline.check("an ACK to be owed at a hand-over")
            rounds += 1
            visit.expect("host", conn)
            conn.both_ways(100)
            conn.both_ways(100)  # question and answer: the kernel waits with the last ACK
            if visit.offloads:
                with suppress(CallFailed):  # by the program: a command would come when it has left
                    conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
            wait_until(lambda: not conn.peer.queues()["out"], f"ACK {rounds}", 10, 0.005)
            if visit.offloads:
                visit.ctl.upload(*conn.words, check=False)  # it may not have gone over
    finally:
        visit.link.set("both", delay_ms=0)


def owed(visit: Visit) -> int:
    """Connections so far that an ACK was owed on when they were handed over."""
    return visit.ctl.stats()[0].get("owed_acks", 0)


@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("family", [4, 6])
def test_owed_ack_at_a_refusal(visit: Visit, family: int) -> None:
    """INI-7, INI-14: the card refuses a connection on which an ACK is owed. Linux still sends it,
    and when it would have: the peer hears nothing else, and repeats nothing.
    """
    with patient_peer(visit, family):
        conn = visit.connect(family)
        with visit.card_fails("TCP_ENTRIES"):
            waits = acks_behind_refusals(visit, conn)
    # a busy machine may be late, but not each time
    assert min(waits) < DELACK_SECONDS + LATE / 20, waits


def acks_behind_refusals(visit: Visit, conn: Conn) -> list[float]:
    """How long the peer has waited for ACKs that had not left when the card had refused."""
    waits: list[float] = []
    visit.link.set("ba", delay_ms=200)  # the guest's peer is far away; an ACK is there at once
    try:
        for _ in range(4):
            conn.both_ways(100)
        deadline = Deadline(60)
        while len(waits) < ROUNDS:  # on a slow machine it has left before the card's answer
            deadline.check("ACKs to be owed at refusals", f"there have been {len(waits)}")
            conn.both_ways(100)
            conn.both_ways(100)  # question and answer: the kernel waits with the last ACK
            began = time.monotonic()
            refused(visit, conn)
            owed = conn.peer.queues()["out"]
            wait_until(lambda: not conn.peer.queues()["out"], "the ACK", 10, 0.005)
            if owed:
                waits.append(time.monotonic() - began)
    finally:
        visit.link.set("ba", delay_ms=0)
    conn.both_ways()
    return waits


def refused(visit: Visit, conn: Conn) -> None:
    """The program asks for the card, which refuses; nothing in a native run."""
    if visit.offloads:
        with pytest.raises(CallFailed) as caught:
            conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
        assert caught.value.errno == "ENOSPC"


@pytest.mark.where(cpus=(2,))
def test_time_since_the_peer_was_heard(visit: Visit) -> None:
    """TCP_INFO: when data was sent last, and an ACK received, which programs take for a sign of
    life.
    """
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    stays(lambda: not conn.guest.queues()["in"], "nothing comes", PAUSE)
    conn.both_ways(100)
    info = conn.guest.info()
    assert info["sent_ago"] < PAUSE * 500 and info["heard_ago"] < PAUSE * 500
    stays(lambda: not conn.guest.queues()["in"], "nothing comes", PAUSE)
    visit.back(conn)
    info = conn.guest.info()
    assert PAUSE * 900 < info["sent_ago"] and PAUSE * 900 < info["heard_ago"]


@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("turns", ["over", "back", "over and back"])
def test_congestion_window_behind_a_pause(visit: Visit, turns: str) -> None:
    """RFC 5681, 4.1: what the path once took is not sent at once after a pause, also if the
    connection has changed hands in it.
    """
    visit.link.set("both", delay_ms=20)
    try:
        conn = visit.connect()
        if turns == "back":
            visit.hand(conn)
        sending = conn.guest.begin("send", 3 << 20)
        conn.peer.recv(3 << 20)
        sending.wait()
        assert conn.guest.info()["cwnd"] > 2 * FEW
        wait_until(lambda: not conn.guest.queues()["out"], "the last ACK", 10, 0.05)
        stays(lambda: not conn.guest.queues()["out"], "nothing is sent", PAUSE)
        if turns != "back":
            visit.hand(conn)
        if turns != "over":
            visit.back(conn)
        conn.guest.send(1000)
        conn.peer.recv(1000)
        wait_until(lambda: not conn.guest.queues()["out"], "the ACK", 10, 0.05)
        if turns == "over":
            visit.back(conn)
        assert conn.guest.info()["cwnd"] < FEW
    finally:
        visit.link.set("both", delay_ms=0)
