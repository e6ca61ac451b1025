# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that a program sets while the card has its connection: they hold for the next byte, as
with Linux; and what the card does not know keeps a connection with Linux, or brings it back (spec
chapter 10.5).
"""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

import pytest

from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until
from chimney.wire import pcapng

TCP_THIN_LINEAR_TIMEOUTS, TCP_TX_DELAY = 16, 37
TCP_RTO_MAX_MS, TCP_RTO_MIN_US, TCP_DELACK_MAX_US = 44, 45, 46
RTO_MIN = "net.ipv4.tcp_rto_min_us"
IP_MTU_DISCOVER = 10
# Flags of SO_TIMESTAMPING, and kinds of stamps as bits.
SO_TIMESTAMPING = 37
TX_SOFTWARE, SOFTWARE, TX_ACK, TSONLY = 1 << 1, 1 << 4, 1 << 9, 1 << 11
SENT, ACKED = 1 << 0, 1 << 2
IPV6_UNICAST_HOPS, IPV6_TCLASS, IPV6_AUTOFLOWLABEL = 16, 67, 70
ROUNDS = 8
SIZE = 700
SMALL, LARGE = 8 << 10, 64 << 10


def with_data(file: Path, conn: Conn) -> list[bytes]:
    """IP packets with data that the guest has sent on a connection, in order; of what was sent
    again the first.
    """
    found: dict[bytes, bytes] = {}
    try:
        for packet in pcapng.read(file):
            if packet.data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
                continue
            ip = packet.data[14:]
            six = ip[0] >> 4 == 6
            tcp = ip[40:] if six else ip[4 * (ip[0] & 15):]
            total = struct.unpack_from(">H", ip, 4)[0] if six else \
                struct.unpack_from(">H", ip, 2)[0] - 4 * (ip[0] & 15)
            if (ip[6] if six else ip[9]) == socket.IPPROTO_TCP \
                    and struct.unpack_from(">HH", tcp) == (conn.guest_port, conn.peer_port) \
                    and total > 4 * (tcp[12] >> 4):
                found.setdefault(tcp[4:8], ip)
    except pcapng.BadCapture:
        pass  # its last packet is still being written
    return list(found.values())


# Name: family, level, option, and where an IP packet has it.
HEADERS = {
    "ttl": (4, socket.IPPROTO_IP, socket.IP_TTL, lambda ip: ip[8]),
    "tos": (4, socket.IPPROTO_IP, socket.IP_TOS, lambda ip: ip[1]),
    "hop-limit": (6, socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS, lambda ip: ip[7]),
    "traffic-class": (6, socket.IPPROTO_IPV6, IPV6_TCLASS,
                      lambda ip: (ip[0] & 15) << 4 | ip[1] >> 4),
}


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("name", HEADERS)
def test_header_holds_for_the_next_byte(visit: Visit, name: str, tmp_path: Path) -> None:
    """Data that is written behind the call leaves with what the call has set."""
    family, level, option, field = HEADERS[name]
    conn = visit.connect(family)
    conn.both_ways()
    visit.hand(conn)
    values = [8 * (4 + i) for i in range(ROUNDS)]
    with captured(visit, tmp_path / "wire.pcapng") as file:
        for value in values:
            conn.guest.set(level, option, value)
            conn.guest.send(SIZE)
            conn.peer.recv(SIZE)
        wait_until(lambda: len(with_data(file, conn)) >= ROUNDS, "the capture", 10, 0.1)
    assert [field(ip) for ip in with_data(file, conn)] == values
    visit.expect("offloaded", conn)
    conn.both_ways()


@pytest.mark.where(cpus=(2,))
def test_no_flow_label_for_who_wants_none(visit: Visit, tmp_path: Path) -> None:
    """IPV6_AUTOFLOWLABEL is the socket's, whatever the sysctl says of all."""
    conn = visit.connect(6, prepare=lambda end: end.set(socket.IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0))
    conn.both_ways()
    visit.hand(conn)
    with captured(visit, tmp_path / "wire.pcapng") as file:
        conn.both_ways()
        wait_until(lambda: with_data(file, conn), "the capture", 10, 0.1)
    assert {struct.unpack_from(">I", ip)[0] & 0xfffff for ip in with_data(file, conn)} == {0}


# What Linux heeds and the card does not know: family, reason, level, option, a value, and one with
# which the connection may go over again.
UNKNOWN = {
    "mtu-discover": (4, "may-be-fragmented", socket.IPPROTO_IP, IP_MTU_DISCOVER, 0, 1),
    "thin": (4, "thin-timeouts", socket.IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1, 0),
    "tx-delay": (4, "tx-delay", socket.IPPROTO_TCP, TCP_TX_DELAY, 1000, 0),
    "packet-info": (6, "ip-options", socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1, 0),
    "stamps": (4, "tx-timestamps", socket.SOL_SOCKET, SO_TIMESTAMPING, SOFTWARE | TSONLY, 0),
}
# The same, of newer kernels.
NEWER = {
    "rto-max": (4, "timer-limits", socket.IPPROTO_TCP, TCP_RTO_MAX_MS, 60000, 120000),
    "rto-min": (4, "timer-limits", socket.IPPROTO_TCP, TCP_RTO_MIN_US, 20000, 200000),
    "delayed-ack": (4, "timer-limits", socket.IPPROTO_TCP, TCP_DELACK_MAX_US, 20000, 200000),
}


def option_is_heeded(visit: Visit, family: int, reason: str, level: int, option: int, value: int,
                     harmless: int) -> None:
    """It brings a connection back, keeps it and a new one with Linux, and no other."""
    conn, stays = visit.connect(family), visit.connect(family)
    fresh = visit.connect(family, prepare=lambda end: end.set(level, option, value))
    visit.hand(conn, stays)
    conn.guest.set(level, option, value)
    visit.expect("host", conn)
    for one in (conn, fresh):
        one.both_ways()
        answer = visit.ctl.offload_answer(*one.words)
        assert (answer["done"], answer["refused"], answer["reason"]) == (0, 1, reason)
    assert visit.state(stays) == "offloaded"
    for one in (conn, fresh):
        one.guest.set(level, option, harmless)
        visit.hand(one)
        one.both_ways()


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("name", UNKNOWN)
def test_option_that_the_card_does_not_know(visit: Visit, name: str) -> None:
    """Each has its reason, whether it is set before the hand-over or after it."""
    option_is_heeded(visit, *UNKNOWN[name])


@pytest.mark.where(cpus=(2,), native=False, kernels=("7.3",), debug=False)
@pytest.mark.parametrize("name", NEWER)
def test_newer_option_that_the_card_does_not_know(visit: Visit, name: str) -> None:
    """Limits of a socket's timers, which older kernels do not let programs set."""
    option_is_heeded(visit, *NEWER[name])


@pytest.mark.where(cpus=(2,), native=False, kernels=("6.12", "7.3"))
def test_least_timeout_of_the_namespace(visit: Visit) -> None:
    """A shorter one than the card's is each new socket's own."""
    before = visit.vm.run(["sysctl", "-n", RTO_MIN]).text.strip()
    visit.vm.run(["sysctl", "-qw", f"{RTO_MIN}=20000"])
    try:
        conn = visit.connect()
    finally:
        visit.vm.run(["sysctl", "-qw", f"{RTO_MIN}={before}"])
    conn.both_ways()
    assert visit.ctl.offload_answer(*conn.words)["reason"] == "timer-limits"
    visit.hand(visit.connect())


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("family", [4, 6])
def test_stamps_of_single_writes(visit: Visit, family: int) -> None:
    """A program asks for the times at which single writes left and were acknowledged, each in a
    message of its own: with or without the card it is told of every one.
    """
    conn = visit.connect(family)
    conn.guest.set(socket.SOL_SOCKET, SO_TIMESTAMPING, SOFTWARE)
    conn.both_ways()
    for size in (1, SIZE, 60 << 10):
        visit.hand(conn)
        conn.both_ways()
        assert conn.guest.do("stamped", size, TX_SOFTWARE | TX_ACK, "message")["done"] == size
        conn.peer.recv(size)
        assert conn.guest.do("stamps", 10000, SENT | ACKED) == {"kinds": SENT | ACKED, "count": 2}
        visit.expect("host", conn)
        conn.both_ways()


@pytest.mark.where(cpus=(2,), vm="emulated", native=False)
def test_stamps_of_a_write_that_is_under_way(visit: Visit) -> None:
    """It has not been acknowledged yet: the connection waits for that with Linux."""
    conn = visit.connect()
    conn.guest.set(socket.SOL_SOCKET, SO_TIMESTAMPING, SOFTWARE)
    conn.both_ways()
    visit.link.set("ba", loss=1)
    try:
        assert conn.guest.do("stamped", SIZE, TX_ACK, "message")["done"] == SIZE
        conn.peer.recv(SIZE)
        assert visit.ctl.offload_answer(*conn.words)["reason"] == "tx-timestamps"
    finally:
        visit.link.set("ba", loss=0)
    assert conn.guest.do("stamps", 10000, ACKED) == {"kinds": ACKED, "count": 1}
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize(("level", "option", "value"),
                         [(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, SMALL),
                          (socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)], ids=["clamp", "buffer"])
def test_window_becomes_smaller(visit: Visit, level: int, option: int, value: int) -> None:
    """A program wants less: once the peer has used what it was offered, it is offered less."""
    # of a fixed size: a buffer that grows takes the clamp along
    conn = visit.connect(prepare=lambda end: end.set(socket.SOL_SOCKET, socket.SO_RCVBUF, LARGE))
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()
    assert conn.peer.info()["window"] > 2 * SMALL
    conn.guest.set(level, option, value)

    def small() -> bool:
        conn.peer.send(16 << 10)
        conn.guest.recv(16 << 10)
        return conn.peer.info()["window"] <= 2 * SMALL
    wait_until(small, "the window to become smaller", 10, 0.05)
    visit.expect("offloaded", conn)
    conn.both_ways()
    visit.back(conn)
    assert conn.peer.info()["window"] <= 2 * SMALL
    conn.both_ways()


@pytest.mark.where(cpus=(2,))
def test_timestamp_of_what_is_sent_next(visit: Visit) -> None:
    """A program asks for timestamps by the option and sends at once: the stamp comes when the peer
    has acknowledged the last byte.
    """
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    sends = visit.ctl.stats()[0]["sends"]
    assert conn.guest.do("stamped", SIZE, SOFTWARE | TX_ACK, "option")["done"] == SIZE
    conn.peer.recv(SIZE)
    assert conn.guest.do("stamps", 10000, ACKED) == {"kinds": ACKED, "count": 1}
    visit.expect("host", conn)
    assert visit.ctl.stats()[0]["sends"] == sends
    conn.both_ways()


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("metric", ["quickack 1", "cwnd lock 4", "mtu lock 1300"])
def test_metric_that_the_card_does_not_know(visit: Visit, metric: str) -> None:
    """Metrics of a route by which kernel TCP goes: the connection goes back, and stays with it."""
    conn = visit.connect()
    visit.hand(conn)
    route = f"{conn.peer_host}/32 dev eth0"
    try:
        visit.vm.run(["ip", "route", "replace", *route.split(), *metric.split()])
        visit.expect("host", conn)
        conn.both_ways()
        answer = visit.ctl.offload_answer(*conn.words)
        expected = "may-be-fragmented" if metric.startswith("mtu") else "route-metric"
        assert (answer["done"], answer["reason"]) == (0, expected)
    finally:
        visit.vm.run(["ip", "route", "del", *route.split()])
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(cpus=(2,), native=False)
def test_clamp_that_a_route_has_left(visit: Visit) -> None:
    """A congestion window that the route limits is remembered for the host when a connection ends,
    and limits a later one also when the route has gone.
    """
    host = f"{visit.hosts(4)[1]}/32"
    # what is remembered of an earlier connection does not become locked
    visit.vm.run(["ip", "tcp_metrics", "flush"])
    visit.vm.run(["ip", "route", "replace", host, "dev", "eth0", "cwnd", "lock", "4"])
    with visit.sysctl("net.ipv4.tcp_no_metrics_save", 0):
        try:
            first = visit.connect()
            first.both_ways()
            first.guest.close()
            assert first.peer.drain() == 0
            first.peer.close()
            wait_until(lambda: re.search(r"\bcwnd 4\b",
                                         visit.vm.run(["ip", "tcp_metrics", "show"]).text),
                       "it to be remembered", 10, 0.05)
            visit.vm.run(["ip", "route", "del", host, "dev", "eth0"])
            conn = visit.connect()
        finally:
            visit.vm.run(["sh", "-c", f"ip route del {host} dev eth0; ip tcp_metrics flush"])
    conn.both_ways()
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["reason"]) == (0, "route-metric")
    visit.hand(visit.connect())
