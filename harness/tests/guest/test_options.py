# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that a program sets while the card has its connection: they hold for the next byte, as
with Linux; and what the card does not know keeps a connection with Linux, or brings it back (spec
chapter 10.5).
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until
from chimney.wire import pcapng

TCP_THIN_LINEAR_TIMEOUTS = 16
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
IPV6_UNICAST_HOPS, IPV6_TCLASS, IPV6_AUTOFLOWLABEL = 16, 67, 70
ROUNDS = 8
SIZE = 700


def with_data(file: Path, conn: Conn) -> list[bytes]:
    """IP packets with data that the guest has sent on a connection, in order; of what was sent
    again the first.
    """
    found: dict[bytes, bytes] = {}
    try:
        for packet in pcapng.read(file):
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


# What Linux heeds and the card does not know, by the reason that is told.
UNKNOWN = {
    "may-be-fragmented": (socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT),
    "thin-timeouts": (socket.IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1),
}


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("reason", UNKNOWN)
def test_option_that_the_card_does_not_know(visit: Visit, reason: str) -> None:
    """It keeps a connection with Linux, and brings one back."""
    conn, stays = visit.connect(), visit.connect()
    visit.hand(conn, stays)
    conn.guest.set(*UNKNOWN[reason])
    visit.expect("host", conn)
    conn.both_ways()
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["reason"]) == (0, reason)
    assert visit.state(stays) == "offloaded"


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
