# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections end while the card has them: the program's own ways, the peer's, and the
administrator's. The program and its peer must see what they see with Linux alone
(spec chapter 10.4; TRM-5, TRM-16, TRM-31, DIS-6).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.puppet import CallFailed, End
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until

KIB = 1024
MIB = 1024 * KIB
WRITTEN = 48 * KIB
POLLERR, POLLHUP = 8, 16


def failure(call: object, *args: object) -> str:
    """The errno, by name, with which a call fails."""
    assert callable(call)
    with pytest.raises(CallFailed) as caught:
        call(*args)
    return caught.value.errno


def wait_unread(end: End, count: int) -> None:
    """Wait until so many bytes lie in a receive queue."""
    wait_until(lambda: end.queues()["in"] >= count, f"{count} bytes to arrive", 10, 0.05)


@contextmanager
def fragments(visit: Visit) -> Iterator[None]:
    """Every large frame to the guest comes in fragments meanwhile."""
    visit.link.set("ba", fragment=1.0)
    try:
        yield
    finally:
        visit.link.set("ba", fragment=0.0)


@pytest.mark.parametrize("family", [4, 6])
def test_shutdown_of_the_write_side(visit: Visit, family: int) -> None:
    """The peer gets all data and the end; the other direction goes on to its own end."""
    conn = visit.connect(family)
    visit.hand(conn)
    conn.guest.send(120 * KIB)
    conn.guest.do("shutdown", "wr")
    assert conn.peer.drain() == 120 * KIB
    conn.peer.send(90 * KIB)
    conn.peer.close()
    assert conn.guest.drain() == 90 * KIB


def waiting_end(visit: Visit, who: str) -> Conn:
    """A connection whose end waits, behind more than the window takes, for a peer that reads
    nothing. `who` has ended the guest's stream: the program, or chimneyctl, with which the
    connection stays with the card; in a native run always the program.
    """
    conn = visit.connect(opener="peer", prepare=lambda end: end.set(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB))
    visit.hand(conn)
    conn.guest.send(WRITTEN)
    if who == "chimneyctl" and visit.offloads:
        wait_until(lambda: visit.vm.run(["chimneyctl", "disconnect", *conn.words], check=False).ok,
                   "the disconnect", 10, 0.05)
    else:
        conn.guest.do("shutdown", "wr")
    return conn


def both_end(conn: Conn) -> None:
    """The peer reads at last, and ends its stream too."""
    assert conn.peer.drain() == WRITTEN
    conn.peer.close()
    assert conn.guest.drain() == 0


@pytest.mark.parametrize("who", ["program", "chimneyctl"])
def test_reader_while_the_end_waits(visit: Visit, who: str) -> None:
    """The program gets all that the peer sends meanwhile, also if it reads late (DIS-6, RIN-9)."""
    conn = waiting_end(visit, who)
    before = visit.ctl.refusals()
    sending = conn.peer.begin("send", 2 * MIB)
    if who == "chimneyctl" and visit.offloads:
        wait_until(lambda: visit.ctl.refusals() > before, "the socket to be full", 10, 0.05)
    conn.guest.recv(2 * MIB)
    assert sending.wait()["done"] == 2 * MIB
    if who == "chimneyctl":
        visit.expect("offloaded", conn)
    both_end(conn)
    visit.expect("host", conn)


@pytest.mark.where(cpus=(2,), vm="emulated")
def test_forwards_while_the_end_waits(visit: Visit) -> None:
    """What the card leaves to Linux is given to it meanwhile: data, and the ACKs that open the
    window and acknowledge the end.
    """
    conn = waiting_end(visit, "chimneyctl")
    before = visit.ctl.stats()[0]["forward_fragments"]
    with fragments(visit):
        conn.peer.send(64 * KIB)
        conn.guest.recv(64 * KIB)
        visit.expect("offloaded", conn)
        if visit.offloads:
            assert visit.ctl.stats()[0]["forward_fragments"] > before
        both_end(conn)


@pytest.mark.parametrize("who", ["program", "chimneyctl"])
def test_writer_behind_the_end(visit: Visit, who: str) -> None:
    """No program can write behind the end, not even while it waits: the peer gets what stands
    before it, and then the end.
    """
    conn = waiting_end(visit, who)
    assert failure(conn.guest.send, 8 * KIB) == "EPIPE"
    both_end(conn)
    visit.expect("host", conn)
    assert failure(conn.guest.send, 1) == "EPIPE"


@pytest.mark.where(native=False)
def test_blocked_writer_at_the_end(visit: Visit) -> None:
    """A program that waits for room is told of the end, and of how much stands before it."""
    conn = visit.connect(opener="peer", prepare=lambda end: end.set(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB))
    conn.guest.set(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KIB)
    visit.hand(conn)
    writing = conn.guest.begin("send", 4 * MIB)
    wait_until(lambda: conn.peer.queues()["in"] > 16 * KIB, "the window to be full", 10, 0.05)
    wait_until(lambda: visit.vm.run(["chimneyctl", "disconnect", *conn.words], check=False).ok,
               "the disconnect", 10, 0.05)
    with pytest.raises(CallFailed) as caught:
        writing.wait()
    assert caught.value.errno == "EPIPE" and caught.value.done > 16 * KIB
    assert conn.peer.drain() == caught.value.done
    conn.peer.close()
    assert conn.guest.drain() == 0


@pytest.mark.parametrize("why", ["upload", "peer"])
def test_end_that_comes_back_unsent(visit: Visit, why: str) -> None:
    """TRM-41: the connection leaves the card while its end waits, because an administrator wants it
    or because the peer has ended its own stream: Linux sends the end.
    """
    conn = waiting_end(visit, "chimneyctl")
    if why == "upload":
        visit.back(conn)
    else:
        conn.peer.do("shutdown", "wr")
        assert conn.guest.drain() == 0
        visit.expect("host", conn)
    assert conn.peer.drain() == WRITTEN
    conn.peer.close()
    assert conn.guest.drain() == 0


@pytest.mark.where(native=False)
def test_abort_behind_an_end(visit: Visit) -> None:
    """An end that waits for the peer's window cannot be asked for again, but an abort goes ahead of
    it.
    """
    conn = waiting_end(visit, "chimneyctl")
    words = ["chimneyctl", "disconnect"]
    again = visit.vm.run([*words, *conn.words], check=False)
    assert again.stderr == b"chimneyctl: Operation already in progress\n"
    visit.vm.run([*words, "--abort", *conn.words])
    assert failure(conn.peer.drain) == "ECONNRESET"
    visit.expect("host", conn)


@pytest.mark.parametrize("how", ["close", "exit", "kill"])
def test_program_goes_away(visit: Visit, how: str) -> None:
    """close(), exit and kill -9 with data in flight: the peer gets every byte, then the end."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.send(120 * KIB)
    if how == "close":
        conn.guest.close()
    elif how == "exit":
        visit.guest.close()
    else:
        visit.guest.kill()
    assert conn.peer.drain() == 120 * KIB


def test_close_with_unread_data_resets(visit: Visit) -> None:
    """Bytes that the program never read: Linux says so with a RST, and so it must stay."""
    conn = visit.connect()
    visit.hand(conn)
    conn.peer.send(50 * KIB)
    wait_unread(conn.guest, 50 * KIB)
    conn.guest.close()
    assert failure(conn.peer.recv, 1) == "ECONNRESET"


def test_linger_zero_resets(visit: Visit) -> None:
    """SO_LINGER with time 0 turns close() into an abort."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.send(10 * KIB)
    conn.peer.recv(10 * KIB)
    conn.guest.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
    conn.guest.close()
    assert failure(conn.peer.recv, 1) == "ECONNRESET"


def test_close_lingers(visit: Visit) -> None:
    """SO_LINGER with a time: close() waits for a peer that does not read, as long as it was told to
    and no longer, and what was written arrives all the same.
    """
    conn = visit.connect()
    visit.hand(conn)
    written = conn.guest.do("fill", 300)["done"]
    conn.guest.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 2)
    begun = time.monotonic()
    conn.guest.close()
    assert 1.5 < time.monotonic() - begun < 12
    assert conn.peer.drain() == written


def test_disconnect_and_connect_again(visit: Visit) -> None:
    """connect(AF_UNSPEC) resets the peer; the same socket can connect and be handed over again."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.send(10 * KIB)
    conn.peer.recv(10 * KIB)
    conn.guest.do("disconnect")
    assert failure(conn.peer.recv, 1) == "ECONNRESET"
    listener, port = visit.listener("peer", conn.peer_host)
    conn.guest_port = conn.guest.do("connect", conn.peer_host, port)["port"]
    conn.peer = listener.accept()
    visit.hand(conn)
    conn.guest.send(10 * KIB)
    conn.peer.recv(10 * KIB)


@pytest.mark.parametrize("family", [4, 6])
def test_peer_ends_its_stream(visit: Visit, family: int) -> None:
    """A FIN from the peer: data, then the end. In CLOSE_WAIT the connection can go over again."""
    conn = visit.connect(family)
    visit.hand(conn)
    conn.peer.send(100 * KIB)
    conn.peer.do("shutdown", "wr")
    assert conn.guest.drain() == 100 * KIB
    visit.expect("host", conn)
    visit.hand(conn)
    sending = conn.guest.begin("send", 1024 * KIB)
    conn.peer.recv(1024 * KIB)
    sending.wait()
    visit.expect("offloaded", conn)
    conn.guest.close()
    assert conn.peer.drain() == 0


def test_peer_ends_its_stream_during_a_blocked_read(visit: Visit) -> None:
    """A program that waits in recv() is woken by the end of the stream."""
    conn = visit.connect()
    visit.hand(conn)
    reading = conn.guest.begin("drain")
    conn.peer.send(3 * KIB)
    conn.peer.do("shutdown", "wr")
    answer = reading.wait()
    assert answer["done"] == 3 * KIB and answer["end"] == 1


@pytest.mark.parametrize("blocked", [False, True])
def test_peer_resets(visit: Visit, blocked: bool) -> None:
    """A RST from the peer: ECONNRESET once, then EPIPE; a blocked reader hears of it at once."""
    conn = visit.connect()
    visit.hand(conn)
    conn.peer.send(1 * KIB)
    conn.guest.recv(1 * KIB)
    conn.peer.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
    if blocked:
        reading = conn.guest.begin("recv", 1)
        conn.peer.close()
        assert failure(reading.wait) == "ECONNRESET"
    else:
        conn.peer.close()
        wait_until(lambda: conn.guest.do("poll", 0, 1)["events"] & (POLLERR | POLLHUP),
                   "the reset to arrive", 10, 0.05)
        assert failure(conn.guest.recv, 1) == "ECONNRESET"
    assert failure(conn.guest.send, 1) == "EPIPE"


def test_administrator_destroys_the_socket(visit: Visit) -> None:
    """`ss -K`: the program sees ECONNABORTED, the peer a RST."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.send(10 * KIB)
    conn.peer.recv(10 * KIB)
    visit.vm.run(["ss", "-K", "dst", conn.peer_host, "dport", "=", f":{conn.peer_port}",
                  "sport", "=", f":{conn.guest_port}"])
    assert failure(conn.guest.recv, 1) == "ECONNABORTED"
    assert failure(conn.peer.recv, 1) == "ECONNRESET"


def test_shutdown_of_the_read_side(visit: Visit) -> None:
    """shutdown(SHUT_RD): the end for the reader, though data still comes in and can go out."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.do("shutdown", "rd")
    assert conn.guest.drain() == 0
    conn.peer.send(10 * KIB)
    wait_unread(conn.guest, 10 * KIB)
    conn.guest.recv(10 * KIB)
    conn.guest.send(100 * KIB)
    conn.peer.recv(100 * KIB)


def test_inherited_socket(visit: Visit) -> None:
    """The parent closes its copy of a socket: nothing happens until the child's is closed too."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.do("fork", 8000, 90 * KIB)
    conn.guest.close()
    if visit.offloads:
        stays(lambda: visit.state(conn) == "offloaded", "the connection is offloaded", 0.5)
    assert conn.peer.drain() == 90 * KIB
