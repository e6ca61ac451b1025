# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers that wait for more without taking what is there: as much waits for them unread as with
kernel TCP, whatever the size of the messages that it came in, and nobody waits in vain.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from chimney.guest.puppet import CallFailed, End
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until

KIB = 1024
MIB = 1024 * KIB
WANTED = 30_000
MESSAGES = 60
THROWN, KEPT = 4_000_000, 100_000
SO_RCVLOWAT, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 18, 33, 35
AGE = 2.0
POLLIN = 1
# Below and above what an indication is copied for, a segment, and parts of a buffer.
SIZES = (300, 1000, 1025, 1448, 2000, 3000)

pytestmark = pytest.mark.where(cpus=(2,))


def reader(visit: Visit, prepare: int = 0) -> Conn:
    """A connection of the card, at whose peer each write is a segment of its own."""
    def buffer(end: End) -> None:
        if prepare:
            end.set(socket.SOL_SOCKET, socket.SO_RCVBUF, prepare)

    conn = visit.connect(prepare=buffer)
    conn.both_ways(2000)
    conn.peer.set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    visit.hand(conn)
    return conn


def write(conn: Conn, size: int, least: int) -> int:
    """Messages of that size, as many as the peer can get rid of, but at least so many bytes."""
    done = 0
    for _ in range(max(MESSAGES, -(-least // size))):
        try:
            done += conn.peer.do("send", size, "dontwait")["done"]
        except CallFailed as failed:
            assert failed.errno == "EAGAIN"
            return done + failed.done
    return done


def waiting(conn: Conn) -> int:
    """SIOCINQ: what a program sees that asks how much there is."""
    return conn.guest.queues()["in"]


@pytest.mark.parametrize("size", SIZES)
def test_as_much_waits_as_with_linux(visit: Visit, size: int) -> None:
    """Of messages of any size 30000 bytes wait unread, in the default buffer of 128 KiB; a reader
    that peeks until they are there gets them, and then all of them again, in order.
    """
    conn = reader(visit)
    sent = write(conn, size, WANTED)
    wait_until(lambda: waiting(conn) >= min(sent, WANTED), f"{WANTED} bytes to wait", 10, 0.1)
    conn.guest.recv(WANTED, "peek", "waitall")
    conn.guest.recv(sent)
    conn.both_ways()


@pytest.mark.parametrize("size", SIZES)
def test_blocked_peek_is_woken(visit: Visit, size: int) -> None:
    """MSG_PEEK with MSG_WAITALL that began before anything was there, also over the hand-over with
    half of it unread.
    """
    conn = reader(visit)
    visit.back(conn)
    write(conn, size, WANTED)
    conn.guest.recv(100)
    peek = conn.guest.begin("recv", 2 * WANTED - 100 if size >= 1000 else WANTED // 2, "peek",
                            "waitall")
    visit.hand(conn)
    write(conn, size, WANTED)
    assert peek.wait()["done"] >= WANTED // 2
    conn.guest.recv(WANTED)


def test_bytes_are_thrown_away(visit: Visit) -> None:
    """MSG_TRUNC: many windows of bytes go unseen, each opens the window again, what follows them is
    right, and the end of the stream is the end.
    """
    conn = reader(visit)
    sending = conn.peer.begin("send", THROWN + KEPT)
    conn.guest.recv(THROWN, "trunc")
    conn.guest.recv(KEPT)
    assert sending.wait() == {"done": THROWN + KEPT}
    visit.expect("offloaded", conn)
    conn.peer.do("shutdown", "wr")
    assert conn.guest.do("recv", 10, "trunc") == {"done": 0, "end": 1}


@pytest.mark.parametrize("size", SIZES)
def test_low_water_mark_of_small_messages(visit: Visit, size: int) -> None:
    """SO_RCVLOWAT near what the buffer holds: poll() says when it is reached."""
    conn = reader(visit)
    conn.guest.set(socket.SOL_SOCKET, SO_RCVLOWAT, WANTED)
    poll = conn.guest.begin("poll", 10000, POLLIN)
    sent = write(conn, size, WANTED)
    assert poll.wait()["events"] == POLLIN
    conn.guest.set(socket.SOL_SOCKET, SO_RCVLOWAT, 1)
    conn.guest.recv(sent)


@pytest.mark.parametrize("size", (300, 1025, 1448))
def test_small_fixed_buffer(visit: Visit, size: int) -> None:
    """SO_RCVBUF of 16 KiB, which is 32 KiB of memory: 12000 bytes wait, and can be peeked at."""
    conn = reader(visit, prepare=16 * KIB)
    sent = write(conn, size, 12_000)
    conn.guest.recv(12_000, "peek", "waitall")
    conn.guest.recv(min(sent, 12_000))


@pytest.mark.parametrize("size", (100 * KIB, MIB, 3 * MIB), ids=lambda size: f"{size >> 10}K")
@pytest.mark.parametrize("unread", (0, 10, 30, 45), ids=lambda unread: f"{unread}%")
def test_large_fixed_buffer(visit: Visit, size: int, unread: int) -> None:
    """SO_RCVBUF of any size, as much of it unread at the hand-over: what kernel TCP has room for
    waits for a reader that asks how much there is, which is what SO_RCVBUF says.
    """
    def buffer(end: End) -> None:
        end.set(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)

    conn = visit.connect(prepare=buffer)
    conn.both_ways(2000)
    before = size * unread // 100
    if before:
        conn.peer.send(before)
        wait_until(lambda: waiting(conn) == before, f"{before} bytes to wait", 10, 0.01)
    visit.hand(conn)
    wanted = size * 8 // 10
    sending = conn.peer.begin("send", 3 * size)
    wait_until(lambda: waiting(conn) >= wanted, f"{wanted} bytes to wait", 10, 0.1)
    conn.guest.recv(before + 3 * size)
    assert sending.wait() == {"done": 3 * size}
    conn.both_ways()


@pytest.mark.where(native=False, cpus=(2,))
def test_the_queue_is_collapsed_before_a_refusal_lasts(visit: Visit) -> None:
    """Messages that each take a buffer: their frames are copied into compact ones, of which the
    buffer holds more, and the bytes are right.
    """
    conn = reader(visit)
    before, _ = visit.ctl.stats()
    for done in range(2000, 62_001, 2000):
        conn.peer.send(2000)
        wait_until(lambda done=done: waiting(conn) == done,  # type: ignore[misc]
                   f"{done} bytes to wait", 10, 0.01)
    after, _ = visit.ctl.stats()
    assert after["collapses"] > before["collapses"]
    conn.guest.recv(62_000)
    conn.both_ways()


@pytest.fixture
def no_memory(visit: Visit) -> Iterator[None]:
    """All sockets together may have no memory but what each processor keeps for them, a MiB."""
    before = visit.vm.run(["sysctl", "-n", "net.ipv4.tcp_mem"]).text.strip()
    visit.vm.run(["sysctl", "-qw", "net.ipv4.tcp_mem=1 1 1"])
    yield
    visit.vm.run(["sysctl", "-qw", f"net.ipv4.tcp_mem={before}"])


@pytest.mark.where(native=False, cpus=(2,))
@pytest.mark.parametrize("sndbuf", (0, 100 * KIB))
def test_what_waits_is_charged(visit: Visit, no_memory: None, sndbuf: int) -> None:
    """The card keeps what the socket may not have. When it comes back, it is charged to the socket,
    whatever the limits, since it has been acknowledged: the socket owes no memory. The send buffer
    stays as large as it was.
    """
    conn = visit.connect(prepare=lambda end: end.set(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 * MIB))
    visit.hand(conn)
    if sndbuf:
        conn.guest.set(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    room = conn.guest.get(socket.SOL_SOCKET, socket.SO_SNDBUF)
    conn.peer.send(3 * MIB)
    wait_until(lambda: not conn.peer.queues()["out"], "all ACKs", 20, 0.05)
    assert waiting(conn) < 3 * MIB
    visit.back(conn)
    wait_until(lambda: waiting(conn) == 3 * MIB, "the bytes to be back", 20, 0.05)
    shown = visit.vm.run(["ss", "-tmnH", "sport", "=", f":{conn.guest_port}",
                          "dport", "=", f":{conn.peer_port}"]).text
    memory = dict(re.findall(r"\b([a-z]+)(\d+)\b", shown.split("skmem:")[1]))
    assert int(memory["r"]) >= 3 * MIB
    assert int(memory["f"]) < 1 << 31, "a negative number"
    assert conn.guest.get(socket.SOL_SOCKET, socket.SO_SNDBUF) == room
    conn.guest.recv(3 * MIB)


@pytest.mark.where(native=False, cpus=(2,), kernels=("7.3",))
def test_offer_that_was_taken_back(visit: Visit, no_memory: None) -> None:
    """Linux TCP has shut the window for want of memory, though it had offered more. When the card
    refuses the connection, no more is open than Linux TCP itself says then.
    """
    conn = visit.connect(prepare=lambda end: end.set(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 * MIB))
    assert conn.guest.info()["rcvwnd"]
    conn.peer.do("fill", 300)
    wait_until(lambda: not conn.guest.info()["rcvwnd"], "the window to be shut", 10, 0.1)
    with visit.card_fails("RESOURCES"):
        assert visit.ctl.offload_answer(*conn.words)["reason"] == "card-refused"
    assert conn.guest.info()["rcvwnd"] < 32 * KIB


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("back", [False, True])
def test_time_of_arrival(visit: Visit, back: bool) -> None:
    """A program asks when the bytes that it reads arrived: when they did, and not when the card
    gave them back.
    """
    conn = visit.connect()
    conn.both_ways()
    conn.guest.set(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    for size in (1000, 5 * KIB, 700):
        conn.peer.send(size)
        wait_until(lambda size=size: waiting(conn) >= size,  # type: ignore[misc]
                   "the bytes to arrive", 10, 0.01)
    wait_until(lambda: waiting(conn) == 1700 + 5 * KIB, "the bytes to arrive", 10, 0.01)
    stays(lambda: waiting(conn) == 1700 + 5 * KIB, "nobody reads", AGE)
    visit.hand(conn)
    if back:
        visit.back(conn)
    stays(lambda: waiting(conn) == 1700 + 5 * KIB, "nobody reads", AGE / 4)
    for size in (1000, 5 * KIB, 700):
        assert conn.guest.do("arrived", size)["age"] >= AGE * 1000
    conn.peer.send(300)
    assert -1 < conn.guest.do("arrived", 300)["age"] < AGE * 1000
