# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections end while the card has them: the program's own ways, the peer's, and the
administrator's. The program and its peer must see what they see with Linux alone
(spec chapter 10.4; TRM-5, TRM-16, TRM-31, DIS-6).
"""

from __future__ import annotations

import socket
import time

import pytest

from chimney.guest.puppet import CallFailed, End
from chimney.guest.station import Visit
from chimney.wait import stays, wait_until

KIB = 1024
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
