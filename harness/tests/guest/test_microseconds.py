# SPDX-License-Identifier: GPL-2.0-or-later
"""Timestamps in microseconds (`ip route ... features tcp_usec_ts`): the clock of a connection goes
on at its rate and from where it was, whoever has the connection, and both measure the round trip
by it (spec chapters 6 and 10.4).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import paced, wait_until
from chimney.wire import pcapng

TCPI_OPT_USEC_TS = 64
TIMESTAMP, NOP, END = 8, 1, 0
# Of rtnetlink.
RTM_NEWROUTE, REPLACE = 24, 0x1 | 0x4 | 0x100 | 0x400
TABLE_MAIN, PROTOCOL_STATIC, SCOPE_LINK, UNICAST = 254, 4, 253, 1
RTA_DST, RTA_OIF, RTA_METRICS, RTAX_FEATURES, FEATURE_USEC_TS = 1, 4, 8, 12, 1 << 4
PHASE = 1.2  # seconds, of which each has its own data
DELAY_MS = 40
# What two clocks may differ by: the peer's ticks, and how exactly the guest knows its own rate.
SLACK = 0.1
SLOW_MS = paced(400.0)
COPIES = 4  # of lost bytes: the last comes seconds after the first


@dataclass(frozen=True)
class Stamp:
    """A segment of the guest: the clock that it shows, in microseconds, and between which two
    readings of the peer's clock, in milliseconds, it was sent: the one that it echoes, and that of
    the peer's first segment that echoes it. However busy the machine is, these hold.
    """

    value: int
    after: int
    before: int


def option(tcp: bytes) -> tuple[int, int] | None:
    """TSval and TSecr of a segment."""
    options = tcp[20:4 * (tcp[12] >> 4)]
    while options and options[0] != END:
        if options[0] == NOP:
            options = options[1:]
        elif options[0] == TIMESTAMP:
            value, echo = struct.unpack_from(">II", options, 2)
            return value, echo
        else:
            options = options[options[1]:]
    return None


def since(later: int, earlier: int) -> int:
    """From one reading of a clock of 32 bits to another, negative if it is the other way round."""
    return (later - earlier + (1 << 31)) % (1 << 32) - (1 << 31)


def stamps(file: Path, conn: Conn) -> list[Stamp]:
    """Of all that the guest has sent on a connection, once it has heard the peer, and the peer has
    echoed.
    """
    found: list[Stamp] = []
    waiting: list[tuple[int, int]] = []
    ports = (conn.guest_port, conn.peer_port)
    for packet in pcapng.read(file):
        if packet.data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            continue
        ip = packet.data[14:]
        tcp = ip[40:] if ip[0] >> 4 == 6 else ip[4 * (ip[0] & 15):]
        if (ip[6] if ip[0] >> 4 == 6 else ip[9]) != socket.IPPROTO_TCP:
            continue
        stamp, between = option(tcp), struct.unpack_from(">HH", tcp)
        if stamp is not None and stamp[1] and between == ports:
            waiting.append(stamp)
        elif stamp is not None and between == ports[::-1]:
            peer, echo = stamp
            found += [Stamp(mine, heard, peer) for mine, heard in waiting if since(echo, mine) >= 0]
            waiting = [one for one in waiting if since(echo, one[0]) < 0]
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """One of netlink's, padded."""
    return struct.pack("=HH", 4 + len(value), kind) + value.ljust(-(-len(value) // 4) * 4, b"\0")


def fine_route(host: str, device: int) -> bytes:
    """`ip route replace HOST dev DEVICE features tcp_usec_ts`, for which the guest's ip may be too
    old.
    """
    address = ipaddress.ip_address(host)
    six = address.version == 6
    body = struct.pack("=BBBBBBBBI", socket.AF_INET6 if six else socket.AF_INET,
                       address.max_prefixlen, 0, 0, TABLE_MAIN, PROTOCOL_STATIC,
                       0 if six else SCOPE_LINK, UNICAST, 0)
    body += attribute(RTA_DST, address.packed) + attribute(RTA_OIF, struct.pack("=I", device))
    body += attribute(RTA_METRICS, attribute(RTAX_FEATURES, struct.pack("=I", FEATURE_USEC_TS)))
    return struct.pack("=IHHII", 16 + len(body), RTM_NEWROUTE, REPLACE, 1, 0) + body


@pytest.fixture
def fine(visit: Visit) -> Iterator[None]:
    """The guest's routes to the peer want microseconds."""
    hosts = [visit.hosts(family)[1] for family in (4, 6)]
    device = int(visit.vm.run(["cat", "/sys/class/net/eth0/ifindex"]).text)
    end = visit.guest.socket()
    for host in hosts:
        end.do("rtnetlink", fine_route(host, device).hex())
    try:
        yield
    finally:
        for host in hosts:
            visit.vm.run(["ip", "route", "delete", host])


def talk(conn: Conn) -> None:
    """Something in both directions for a while."""
    end = time.monotonic() + PHASE

    def spoken() -> bool:
        conn.both_ways(1000)
        return time.monotonic() >= end
    wait_until(spoken, "a while to pass", 60, 0.05)


def round_trip_is_right(conn: Conn) -> None:
    """As long as the wire makes it."""
    rtt = conn.guest.info()["rtt"] / 1000
    assert 1.9 * DELAY_MS <= rtt < 2 * DELAY_MS + SLOW_MS, f"{rtt} ms"


def judge(all_stamps: list[Stamp]) -> None:
    """One clock of a million a second, which never goes back: from the first stamp to each other
    one as much has passed as the peer's clock allows.
    """
    first = last = all_stamps[0]
    for stamp in all_stamps:
        assert since(stamp.value, last.value) >= 0, f"back from {last} to {stamp}"
        passed = since(stamp.value, first.value) / 1e6
        least = since(stamp.after, first.before) / 1e3
        most = since(stamp.before, first.after) / 1e3
        assert least - SLACK <= passed <= most + SLACK, \
            f"{passed:.3f} s, by the peer {least:.3f} to {most:.3f}: {first}, {last}, {stamp}"
        last = stamp
    assert passed > PHASE


@pytest.mark.where(cpus=(2,), kernels=("6.12", "7.3"), vm="emulated")
@pytest.mark.parametrize("opener", ["guest", "peer"])
@pytest.mark.parametrize("family", [4, 6])
def test_clock_goes_on(visit: Visit, fine: None, tmp_path: Path, family: int, opener: str) -> None:
    """TSP-7: over and back twice; and the round trip is what the wire makes it. 6.1 knows no such
    clock.
    """
    visit.link.set("both", delay_ms=DELAY_MS)
    try:
        with captured(visit, tmp_path / "wire.pcapng") as file:
            conn = visit.connect(family, opener=opener)
            assert conn.guest.info()["options"] & TCPI_OPT_USEC_TS
            talk(conn)
            for way in (visit.hand, visit.back) * 2:
                way(conn)
                talk(conn)
                round_trip_is_right(conn)
        judge(stamps(file, conn))
    finally:
        visit.link.set("both", delay_ms=0)


@pytest.mark.where(cpus=(2,), kernels=("6.12", "7.3"), vm="emulated", native=False)
def test_clock_of_what_was_lost(visit: Visit, fine: None, tmp_path: Path) -> None:
    """Bytes that the card sent in vain and Linux sends again: the peer's echo of the second copy
    is weighed by the same clock, so the round trip does not take in the wait.
    """
    visit.link.set("both", delay_ms=DELAY_MS)
    try:
        with captured(visit, tmp_path / "wire.pcapng") as file:
            conn = visit.connect()
            talk(conn)
            visit.hand(conn)
            talk(conn)
            visit.link.set("ab", loss=1)
            conn.guest.send(1000)
            visit.back(conn)
            before = conn.guest.info()["retrans"]
            wait_until(lambda: conn.guest.info()["retrans"] >= before + COPIES, "copies", 30, 0.1)
            visit.link.set("ab", loss=0)
            conn.peer.recv(1000)
            wait_until(lambda: not conn.guest.queues()["out"], "the acknowledgement", 20, 0.01)
            round_trip_is_right(conn)
            talk(conn)
        found = stamps(file, conn)
        judge([found[0], found[-1]])  # in between the peer had nothing to say
    finally:
        visit.link.set("both", loss=0, delay_ms=0)
