# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames beyond 64 KiB (BIG TCP): none is given to the card, whatever the interface is told; those
that Linux makes of the card's, or another card's, by merging are taken apart without a wrong byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.load import MIB, Exchange, Handovers
from chimney.guest.netdev_family import NetdevFamily, Refused, link_attributes
from chimney.guest.station import Conn, Visit
from chimney.host import programs
from chimney.wire.net import NO_OFFLOAD

KIB = 1024
MOST, BIG = 65536, 400_000
TRACING = "/sys/kernel/tracing"
EVENT = f"{TRACING}/events/net/netif_receive_skb"
IPV4_TOO = ("6.12", "7.3")  # kernels with a limit of its own for IPv4


def shell(visit: Visit, script: str) -> str:
    """Run a shell script in the guest."""
    return visit.vm.run(["sh", "-ec", script], seconds=30).text


def limits(visit: Visit, device: str) -> dict[str, int]:
    """What `ip -d link` says of the largest frames."""
    found: dict[str, int] = json.loads(shell(visit, f"ip -d -j link show {device}"))[0]
    return found


def bulk(conn: Conn, count: int) -> None:
    """So many bytes in each direction, of which little is pushed: a pushed segment ends a frame
    that others are merged to.
    """
    for sender, reader in ((conn.peer, conn.guest), (conn.guest, conn.peer)):
        reading = reader.begin("recv", count)
        sender.send(count - KIB, "more")
        sender.send(KIB)
        assert reading.wait()["done"] == count


def larger_ones_sent(visit: Visit, device: str) -> None:
    """The peer makes large frames, which are cut to segments behind the device: Linux ends each
    with a push, and merges nothing beyond that. Without timestamps, because it merges none that
    differ.
    """
    index = json.loads(visit.room.run(["ip", "-j", "link", "show", device]).stdout)[0]["ifindex"]
    values = link_attributes(dict.fromkeys(("gso_max_size", "gso_ipv4_max_size"), BIG))
    answer = visit.room.run([str(programs.asknl()), "link", str(index), values.hex()]).stdout
    assert not answer, answer
    visit.room.sysctl("net/ipv4/tcp_timestamps", 0)


@contextmanager
def merged(visit: Visit, device: str) -> Iterator[None]:
    """Received frames are merged up to BIG meanwhile, and Linux waits a while for more."""
    link = NetdevFamily(visit.vm, device)
    names = ["gro_max_size", *(["gro_ipv4_max_size"]
                               if visit.vm.config.kernel in IPV4_TOO else [])]
    link.set_link(**dict.fromkeys(names, BIG))
    files = f"/sys/class/net/{device}"
    try:
        shell(visit, f"echo 10 >{files}/napi_defer_hard_irqs; "
                     f"echo 50000000 >{files}/gro_flush_timeout")
        yield
    finally:
        shell(visit, f"echo 0 >{files}/napi_defer_hard_irqs; echo 0 >{files}/gro_flush_timeout")
        link.set_link(**dict.fromkeys(names, MOST))


@contextmanager
def large_ones_traced(visit: Visit) -> Iterator[None]:
    """The kernel notes each frame beyond 64 KiB that it receives meanwhile."""
    shell(visit, f"echo 'len > {MOST}' >{EVENT}/filter; echo >{TRACING}/trace; "
                 f"echo 1 >{EVENT}/enable")
    try:
        yield
    finally:
        shell(visit, f"echo 0 >{EVENT}/enable; echo 0 >{EVENT}/filter; echo >{TRACING}/trace")


def large_ones(visit: Visit, device: str) -> int:
    """How many of them there were."""
    return int(shell(visit, f"grep -c 'netif_receive_skb: dev={device} ' {TRACING}/trace || true"))


def merges(visit: Visit, family: int) -> bool:
    """Whether this kernel merges so far."""
    return family == 6 or visit.vm.config.kernel in IPV4_TOO


@pytest.mark.where(cpus=(2,), native=False, debug=False)
def test_card_gets_no_frame_beyond_its_limit(visit: Visit) -> None:
    """The driver says that it takes 64 KiB; the kernel refuses to make larger ones for it, for
    IPv6 and for IPv4, and a smaller limit holds for both ways of a connection.
    """
    link = NetdevFamily(visit.vm)
    assert limits(visit, "eth0")["tso_max_size"] == MOST
    names = ["gso_max_size", *(["gso_ipv4_max_size"]
                               if visit.vm.config.kernel in IPV4_TOO else [])]
    for name in names:
        with pytest.raises(Refused):
            link.set_link(**{name: MOST + 1})
        with pytest.raises(Refused):
            link.set_link(**{name: BIG})
        link.set_link(**{name: 20_000})
    try:
        conn = visit.connect()
        for way in (visit.hand, visit.back, visit.hand):
            bulk(conn, 1 * MIB)
            way(conn)
    finally:
        for name in names:
            link.set_link(**{name: MOST})
    assert limits(visit, "eth0")["gso_max_size"] == MOST
    bulk(conn, 1 * MIB)


@pytest.mark.slow
@pytest.mark.where(cpus=(2,), vm="segmented", debug=False)
@pytest.mark.parametrize("family", [6, 4])
def test_frames_of_the_card_merged_beyond_64_kib(visit: Visit, seed: int, family: int) -> None:
    """Linux merges what the card's raw path receives into frames beyond 64 KiB, while connections
    change hands: no byte is wrong. (Linux 6.1 merges so far for IPv6 alone.)
    """
    larger_ones_sent(visit, visit.vm.wire.device)
    with merged(visit, "eth0"), large_ones_traced(visit):
        conn = visit.connect(family)
        bulk(conn, 4 * MIB)
        exchange = Exchange(visit, seed, family=family, size=4 * MIB)
        handovers = Handovers(visit, seed)
        try:
            handovers.wait(5, 120, exchange)
            handovers.stop()
            exchange.finish()
        finally:
            exchange.end()
            handovers.stop()
        assert large_ones(visit, "eth0") or not merges(visit, family)


@contextmanager
def another_way(visit: Visit, family: int) -> Iterator[None]:
    """What the peer sends reaches the guest by its other card, in segments, meanwhile."""
    tap, guest = visit.vm.wires[1].device, visit.hosts(family)[0]
    # the card's own merging ends at 64 KiB, and its driver leaves Linux none to do
    mac = shell(visit, "ethtool -K eth1 lro off; ip link set eth1 up; "
                       "cat /sys/class/net/eth1/address").strip()
    kind, bits = (["-6"], 128) if family == 6 else ([], 32)
    visit.room.ip("link", "add", "out1", "type", "veth", "peer", "name", "in1")
    visit.room.ip("link", "add", "br1", "type", "bridge", "stp_state", "0", "forward_delay", "0",
                  "mcast_snooping", "0")
    try:
        for device in ("out1", "in1"):
            visit.room.run(["ethtool", "-K", device, *(word for name in NO_OFFLOAD
                                                       for word in (name, "off"))])
        for device in (tap, "in1"):
            visit.room.ip("link", "set", device, "master", "br1", "up")
        for device in ("br1", "out1"):
            visit.room.ip("link", "set", device, "up")
        larger_ones_sent(visit, "out1")
        visit.room.ip(*kind, "neighbour", "replace", guest, "lladdr", mac, "dev", "out1")
        visit.room.ip(*kind, "route", "replace", f"{guest}/{bits}", "dev", "out1")
        yield
    finally:
        visit.room.ip("link", "delete", "out1")
        visit.room.ip("link", "delete", "br1")
        visit.room.sysctl("net/ipv4/tcp_timestamps", 1)
        shell(visit, "ip link set eth1 down; ethtool -K eth1 lro on")


@pytest.mark.where(cpus=(2,), vm="two-cards", debug=False)
@pytest.mark.parametrize("family", [6, 4])
def test_frames_beyond_64_kib_for_the_card(visit: Visit, family: int) -> None:
    """The peer's segments come by another card, merged beyond 64 KiB, for a connection that the
    card has: each goes to the card as it was on the wire, and no byte is wrong (FWD-1, FWD-4).
    """
    shell(visit, "for i in all eth0 eth1; do echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done")
    for name in ("all", visit.vm.wire.device):
        visit.room.sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
    visit.room.sysctl("net/ipv4/tcp_timestamps", 0)
    conn = visit.connect(family)
    conn.both_ways()
    visit.hand(conn)
    with another_way(visit, family), merged(visit, "eth1"), large_ones_traced(visit):
        before, _ = visit.ctl.stats()
        for _ in range(3):
            bulk(conn, 2 * MIB)
        visit.expect("offloaded", conn)
        after, _ = visit.ctl.stats()
        if visit.offloads:
            assert after["forward_interface"] - before["forward_interface"] > 100
        assert large_ones(visit, "eth1") or not merges(visit, family)
        visit.back(conn)
        bulk(conn, 1 * MIB)
    conn.both_ways()
