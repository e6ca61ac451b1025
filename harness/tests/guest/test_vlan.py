# SPDX-License-Identifier: GPL-2.0-or-later
"""VLAN devices on the card: the one tag that it can send it sends with its priority, and what needs
another frame than that stays with Linux (VLN-2, spec chapter 10.3).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until
from chimney.wire import pcapng
from chimney.wire.vlan import INNER, INSIDE, VLAN

KIB = 1024


def shell(visit: Visit, script: str) -> str:
    """Run a shell script in the guest."""
    return visit.vm.run(["sh", "-ec", script]).text


@pytest.mark.where(vm="vlan")
@pytest.mark.parametrize("family", [4, 6])
def test_vlan_device(visit: Visit, family: int) -> None:
    """A VLAN device on the card: the connection goes over with its tag, and comes back."""
    guest, peer = (INSIDE.guest4, INSIDE.peer4) if family == 4 else (INSIDE.guest6, INSIDE.peer6)
    shell(visit, f"ip link add link eth0 name v77 type vlan id {VLAN}; "
                 f"ip address add {INSIDE.guest4}/24 dev v77; "
                 f"ip -6 address add {INSIDE.guest6}/64 dev v77 nodad; ip link set v77 up")
    try:
        conn = visit.connect(guest_host=guest, peer_host=peer)
        conn.both_ways()
        visit.hand(conn)
        conn.both_ways()
        visit.expect("offloaded", conn)
        visit.back(conn)
        conn.both_ways()
        visit.hand(conn)
        plain = visit.connect(family)
        visit.hand(plain)
        plain.both_ways()
        conn.both_ways()
        for ended in (conn, plain):
            ended.guest.close()
            assert ended.peer.drain() == 0
            ended.peer.close()
        # the last ACK needs the VLAN
        wait_until(lambda: not shell(visit, "ss -Htn state connected exclude time-wait"),
                   "the connections to end", 10, 0.1)
    finally:
        shell(visit, "ip link delete v77")


def inside(visit: Visit, family: int, device: str) -> Conn:
    """A connection over the VLAN device of that name, to the peer behind the tags."""
    shell(visit, f"ip address add {INSIDE.guest4}/24 dev {device}; "
                 f"ip -6 address add {INSIDE.guest6}/64 dev {device} nodad")
    guest, peer = (INSIDE.guest4, INSIDE.peer4) if family == 4 else (INSIDE.guest6, INSIDE.peer6)
    conn = visit.connect(guest_host=guest, peer_host=peer)
    conn.both_ways()
    return conn


def stays_with_linux(visit: Visit, conn: Conn) -> None:
    """The card cannot send such frames: no policy and no command gives it the connection."""
    if visit.offloads:
        answer = visit.ctl.offload_answer(*conn.words)
        assert answer == {"done": 0, "refused": 1, "reason": "vlan", "status": ""}
        visit.ctl.policy("auto")
    try:
        for _ in range(5):
            conn.both_ways()
        assert visit.state(conn) == "host"
    finally:
        visit.ctl.policy("none")
    conn.guest.close()
    assert conn.peer.drain() == 0
    conn.peer.close()
    wait_until(lambda: not shell(visit, "ss -Htn state connected exclude time-wait"),
               "the connection to end", 10, 0.1)


@pytest.mark.where(vm="vlan-on-vlan", cpus=(2,))
@pytest.mark.parametrize("family", [4, 6])
def test_vlan_on_vlan(visit: Visit, family: int) -> None:
    """VLN-2: of two tags, one behind the other, the ABI has room for one; the connection is
    refused.
    """
    shell(visit, f"ip link add link eth0 name v77 type vlan id {VLAN}; ip link set v77 up; "
                 f"ip link add link v77 name v77.5 type vlan id {INNER}; ip link set v77.5 up")
    try:
        stays_with_linux(visit, inside(visit, family, "v77.5"))
    finally:
        shell(visit, "ip link delete v77")


@pytest.mark.where(vm="service-vlan", cpus=(2,))
@pytest.mark.parametrize("family", [4, 6])
def test_service_vlan(visit: Visit, family: int) -> None:
    """A tag of IEEE 802.1ad is none that the card can send."""
    shell(visit, f"ip link add link eth0 name s77 type vlan proto 802.1ad id {VLAN}; "
                 "ip link set s77 up")
    try:
        stays_with_linux(visit, inside(visit, family, "s77"))
    finally:
        shell(visit, "ip link delete s77")


@pytest.mark.where(vm="vlan", cpus=(2,))
def test_vlan_with_an_address_of_its_own(visit: Visit) -> None:
    """The card sends from its own hardware address only."""
    shell(visit, f"ip link add link eth0 name v77 address 52:54:00:aa:bb:cc type vlan id {VLAN}; "
                 "ip link set v77 up")
    try:
        stays_with_linux(visit, inside(visit, 4, "v77"))
    finally:
        shell(visit, "ip link delete v77")


@contextmanager
def dumped(visit: Visit, file: Path) -> Iterator[None]:
    """What leaves QEMU for the wire goes into a file meanwhile, as the card has sent it."""
    visit.vm.qmp.command("object-add", **{"qom-type": "filter-dump", "id": "leaving",
                                          "netdev": "n0", "queue": "rx", "file": str(file)})
    try:
        yield
    finally:
        visit.vm.qmp.command("object-del", id="leaving")


def priorities(file: Path) -> list[int]:
    """User priorities of the tagged frames of IPv4 with data, in order."""
    return [packet.data[14] >> 5 for packet in pcapng.read_pcap(file, pcapng.HOST)
            if packet.data[12:14] == b"\x81\x00" and packet.data[16:18] == b"\x08\x00"
            and len(packet.data) > 1000]


@pytest.mark.where(vm="vlan", cpus=(2,))
def test_priority_of_a_vlan(visit: Visit, tmp_path: Path) -> None:
    """VLN-2, UPD-6: the VLAN device's map gives a program's frames their priority, in Linux and on
    the card, and a new SO_PRIORITY is heeded there.
    """
    file = tmp_path / "card.pcap"
    shell(visit, f"ip link add link eth0 name v77 type vlan id {VLAN} egress-qos-map 3:5 4:2; "
                 "ip link set v77 up")
    try:
        conn = inside(visit, 4, "v77")
        conn.guest.set(socket.SOL_SOCKET, socket.SO_PRIORITY, 3)
        visit.hand(conn)
        with dumped(visit, file):
            conn.both_ways()
            assert set(priorities(file)) == {5}
            conn.guest.set(socket.SOL_SOCKET, socket.SO_PRIORITY, 4)
            wait_until(lambda: (conn.both_ways(), priorities(file)[-1] == 2)[1],
                       "frames of the new priority", 10, 0.2)
            conn.both_ways()
            assert sorted(set(priorities(file))) == [2, 5]
        visit.expect("offloaded", conn)
        conn.guest.close()
        assert conn.peer.drain() == 0
        conn.peer.close()
    finally:
        shell(visit, "ip link delete v77")
