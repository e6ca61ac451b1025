# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows of many megabytes, as newer kernels give them by default: what Linux has offered the
card offers, and what the card has offered Linux keeps. Bytes are right, and the right edge never
moves to the left, whoever has the connection (spec chapter 10.3; ADR 10).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney.guest.mirror import mirrored
from chimney.guest.puppet import End
from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until
from chimney.wire import pcapng

MIB = 1 << 20
# Linux doubles a size that a program sets, and offers half of it or more.
BUFFER, LARGE = 9 * MIB // 2, 4 * MIB
TOO_LARGE = 16 * MIB
MOST = 8 * MIB  # of the card
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
MEMORY = {"net.ipv4.tcp_rmem": f"4096 131072 {4 * TOO_LARGE}",
          "net.ipv4.tcp_wmem": f"4096 16384 {4 * TOO_LARGE}"}
SYN, RST = 0x02, 0x04
WINDOW_SCALE, NOP, END = 3, 1, 0


@pytest.fixture
def roomy(visit: Visit) -> Iterator[None]:
    """The guest's sockets may have buffers of 64 MiB, and scale their windows for that."""
    before = {name: visit.vm.run(["sysctl", "-n", name]).text.strip() for name in MEMORY}
    for name, value in MEMORY.items():
        visit.vm.run(["sysctl", "-qw", f"{name}={value}"])
    try:
        yield
    finally:
        for name in MEMORY:
            visit.vm.run(["sysctl", "-qw", f"{name}={before[name]}"])


def force(end: End, size: int = BUFFER) -> None:
    """Buffers of a fixed size, beyond what programs may ask for."""
    for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
        end.set(socket.SOL_SOCKET, option, size)


def use(sender: End, receiver: End, count: int) -> None:
    """Bytes to a reader that waits for them: a window grows as it is used."""
    moving = sender.begin("send", count, seconds=120)
    receiver.recv(count, seconds=120)
    moving.wait()


@contextmanager
def large(visit: Visit, file: Path, family: int) -> Iterator[Conn]:
    """A connection whose buffers are so large, and which is known to the wire from its SYN on."""
    with mirrored(visit) as mirror, captured(visit, file):
        listener, _ = visit.listener("peer", mirror.host(family))
        force(listener)
        yield mirror.connect(family, prepare=force)


def scale(tcp: bytes) -> int:
    """The window's, in a SYN."""
    options = tcp[20:4 * (tcp[12] >> 4)]
    while options and options[0] != END:
        if options[0] == WINDOW_SCALE:
            return options[2]
        options = options[1:] if options[0] == NOP else options[options[1]:]
    return 0


def edges(file: Path, conn: Conn) -> list[int]:
    """Every right edge that the guest has offered, in order; relative to the first."""
    shift, found = 0, []
    for packet in pcapng.read(file):
        if packet.data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            continue
        ip = packet.data[14:]
        tcp = ip[40:] if ip[0] >> 4 == 6 else ip[4 * (ip[0] & 15):]
        if (ip[6] if ip[0] >> 4 == 6 else ip[9]) != socket.IPPROTO_TCP \
                or int.from_bytes(tcp[0:2], "big") != conn.guest_port \
                or int.from_bytes(tcp[2:4], "big") != conn.peer_port:
            continue
        if tcp[13] & SYN:
            shift = scale(tcp)
        elif not tcp[13] & RST:
            window = int.from_bytes(tcp[14:16], "big") << shift
            found.append(int.from_bytes(tcp[8:12], "big") + window)
    return [(edge - found[0] + (1 << 31)) % (1 << 32) - (1 << 31) for edge in found]


def fill(sender: End, receiver: End) -> None:
    """As many bytes as go, with nobody reading. Where it stands still before so many have arrived,
    it may have been the machine.
    """
    def full() -> bool:
        sender.do("fill", 1500, seconds=120)
        return receiver.queues()["in"] > LARGE

    wait_until(full, "a large window to be filled", 60)


def offers(conn: Conn, most: int = LARGE) -> None:
    """The guest's window becomes as large, as the peer sees it."""
    def large_enough() -> bool:
        conn.both_ways()
        return conn.peer.info()["window"] > most
    wait_until(large_enough, "the window to be large", 20, 0.05)


def drain(sender: End, receiver: End) -> None:
    """All of it is read, and right."""
    receiver.recv(sender.queues()["tx"] - receiver.queues()["rx"], seconds=120)


def beyond(visit: Visit) -> int:
    """Segments that the guest's Linux dropped as beyond any window that it had offered; older ones
    do not look.
    """
    return visit.netstat("BeyondWindow")


def never_moved_left(file: Path, conn: Conn) -> None:
    """The edges that the guest has offered."""
    offered = edges(file, conn)
    worst = min(later - earlier for earlier, later in zip(offered, offered[1:], strict=False))
    assert worst >= 0, f"the right edge moved to the left by {-worst}"


@pytest.mark.where(cpus=(2,), debug=False, vm="two-cards")
@pytest.mark.parametrize("family", [4, 6])
def test_window_of_megabytes_in(visit: Visit, roomy: None, tmp_path: Path, family: int) -> None:
    """The guest offers it: handed over with it open, with it full of unread bytes, and back; a peer
    that fills it finds the room that it was promised.
    """
    file = tmp_path / "wire.pcapng"
    with large(visit, file, family) as conn:
        use(conn.peer, conn.guest, 4 * BUFFER)
        offers(conn)
        visit.hand(conn)
        offers(conn)
        fill(conn.peer, conn.guest)
        visit.back(conn)
        visit.hand(conn)
        drain(conn.peer, conn.guest)
        before = beyond(visit)
        conn.peer.send(MIB)
        wait_until(lambda: conn.guest.queues()["in"] == MIB, "unread bytes", 20, 0.05)
        visit.back(conn)
        conn.peer.send(MIB)  # before Linux has said anything
        conn.guest.recv(2 * MIB)
        assert beyond(visit) == before
        offers(conn)
        fill(conn.peer, conn.guest)
        visit.hand(conn)
        drain(conn.peer, conn.guest)
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()
    never_moved_left(file, conn)


@pytest.mark.where(cpus=(2,), debug=False, vm="two-cards")
@pytest.mark.parametrize("family", [4, 6])
def test_window_of_megabytes_out(visit: Visit, roomy: None, tmp_path: Path, family: int) -> None:
    """The peer offers it: the guest's bytes fill it, from either owner, and change hands with it.
    """
    file = tmp_path / "wire.pcapng"
    with large(visit, file, family) as conn:
        use(conn.guest, conn.peer, 4 * BUFFER)
        visit.hand(conn)
        fill(conn.guest, conn.peer)
        visit.back(conn)
        drain(conn.guest, conn.peer)
        fill(conn.guest, conn.peer)
        visit.hand(conn)
        drain(conn.guest, conn.peer)
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()
    never_moved_left(file, conn)


@pytest.mark.where(cpus=(2,), native=False, debug=False)
def test_window_that_is_too_large(visit: Visit, roomy: None) -> None:
    """What Linux has offered already is more than the card can offer: refused by name. The program
    wants less, the peer uses up what it was offered, and the connection goes over.
    """
    conn = visit.connect(prepare=lambda end: force(end, TOO_LARGE))
    use(conn.peer, conn.guest, 4 * TOO_LARGE)
    offers(conn, MOST)
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["refused"], answer["reason"]) == (0, 1, "window")
    conn.guest.set(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)

    def smaller() -> bool:
        use(conn.peer, conn.guest, MIB)
        return conn.peer.info()["window"] < MOST
    wait_until(smaller, "the window to become smaller", 60, 0.01)
    visit.hand(conn)
    conn.both_ways()
