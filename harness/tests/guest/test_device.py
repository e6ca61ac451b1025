# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the card, the link and the path below connections that the card has: unbind,
reset, link loss, flow labels, segments that come by another way (LIFE-H1, LIFE-D5, FWD-7).
"""

from __future__ import annotations

import errno
import json
import select
import socket
import struct
from pathlib import Path

import pytest

from chimney.guest.load import MIB, Exchange
from chimney.guest.segments import by_host, captured, sent
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until
from chimney.wire import pcapng

KIB = 1024
KEEPALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
             (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
             (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
             (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3))
ANOTHER_MAC = "52:54:00:77:aa:01"
DRIVER = "/sys/bus/pci/drivers/chimney"


def shell(visit: Visit, script: str, seconds: float = 30) -> str:
    """Run a shell script in the guest."""
    return visit.vm.run(["sh", "-ec", script], seconds=seconds).text


def card_address(visit: Visit) -> str:
    """The card's PCI address."""
    return shell(visit, "basename $(readlink -f /sys/class/net/eth0/device)").strip()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["unbind", "reset"])
def test_card_goes_away_under_load(visit: Visit, seed: int, how: str) -> None:
    """The driver is taken off the card, or the card is reset, while connections of both families
    carry data: they come back to Linux first, and go on when the card is there again.
    """
    exchanges = [Exchange(visit, seed + i, family=family, size=4 * MIB, pause=200)
                 for i, family in enumerate((4, 6, 4))]
    idle = visit.connect()
    try:
        idle.both_ways()
        if visit.offloads:
            for exchange in exchanges:
                visit.ctl.offload_soon(*exchange.words)
        visit.hand(idle)
        card = card_address(visit)
        if how == "unbind":
            visit.station.card_object_goes()
            shell(visit, f"echo {card} >{DRIVER}/unbind")
            assert not visit.vm.run(["test", "-e", "/sys/class/net/eth0"], check=False).ok
            shell(visit, f"echo {card} >{DRIVER}/bind")
        else:
            shell(visit, f"echo 1 >/sys/bus/pci/devices/{card}/reset")
        visit.configure()
        idle.both_ways(5 * KIB)
        visit.hand(idle)
        idle.both_ways()
        assert all(exchange.running for exchange in exchanges)
        for exchange in exchanges:
            exchange.finish()
    finally:
        for exchange in exchanges:
            exchange.end()
        if not visit.vm.run(["test", "-e", "/sys/class/net/eth0"], check=False).ok:
            shell(visit, f"echo {card} >{DRIVER}/bind")
        visit.configure()


def test_program_writes_during_a_reset(visit: Visit) -> None:
    """What the kernel's TCP could not send while the rings were down goes out when they are up
    again, although nobody sends anything more that would push it (LIFE-H1).
    """
    reset = f"echo 1 >/sys/bus/pci/devices/{card_address(visit)}/reset"
    conn = visit.connect()
    conn.both_ways()
    for offloaded in (False, True, False):
        if offloaded:
            visit.hand(conn)
        resetting = visit.vm.background(["sh", "-ec", reset])
        count = 0
        while resetting.running and count < 200 * KIB:
            conn.guest.send(1 * KIB)
            count += 1 * KIB
        assert resetting.wait(30).ok
        conn.peer.recv(count)
    visit.configure()
    conn.both_ways()


def test_link_goes_down_and_up(visit: Visit, seed: int) -> None:
    """No carrier for two seconds in the middle of a transfer: nothing is lost (LIFE-D5)."""
    exchange = Exchange(visit, seed, size=4 * MIB, pause=200)
    conn = visit.connect()
    try:
        conn.both_ways()
        visit.hand(conn)
        if visit.offloads:
            visit.ctl.offload_soon(*exchange.words)
        visit.vm.qmp.human("set_link nic0 off")
        wait_until(lambda: carrier(visit) == "0", "the guest to see no carrier", 10, 0.1)
        conn.guest.send(20 * KIB)
        stays(lambda: conn.peer.queues()["in"] == 0, "nothing crosses a dead link", 1.0)
        visit.vm.qmp.human("set_link nic0 on")
        wait_until(lambda: carrier(visit) == "1", "the guest to see a carrier", 10, 0.1)
        conn.peer.recv(20 * KIB, seconds=30)
        visit.hand(conn)
        conn.both_ways()
        exchange.finish()
    finally:
        visit.vm.qmp.human("set_link nic0 on")
        exchange.end()


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("family", [4, 6])
def test_peer_has_another_address_behind_the_link(visit: Visit, family: int) -> None:
    """The peer's hardware address changes while the guest has no carrier. Linux forgets the
    neighbor with the carrier and asks anew; the card sends nothing to the old address either, also
    if the program only reads and no address of the other family is on the interface.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    conn.both_ways()
    other = 6 if family == 4 else 4
    shell(visit, f"ip -{other} address flush dev eth0 scope global")
    device = visit.vm.wire.device
    before = json.loads(visit.room.ip("-j", "link", "show", device))[0]["address"]
    try:
        visit.vm.qmp.human("set_link nic0 off")
        wait_until(lambda: conn.peer_host not in neighbors(visit), "Linux to forget it", 10, 0.1)
        visit.room.ip("link", "set", device, "address", ANOTHER_MAC)
        visit.vm.qmp.human("set_link nic0 on")
        wait_until(lambda: carrier(visit) == "1", "the guest to see a carrier", 10, 0.1)
        sending = conn.peer.begin("send", 2 * MIB)
        conn.guest.recv(2 * MIB)
        sending.wait()
        conn.both_ways()
        visit.hand(conn)
        conn.both_ways()
    finally:
        visit.vm.qmp.human("set_link nic0 on")
        visit.room.ip("link", "set", device, "address", before)
        visit.configure()
        shell(visit, "ip neighbor flush dev eth0; ip -6 neighbor flush dev eth0")


def neighbors(visit: Visit) -> list[str]:
    """Whom the guest's Linux knows on the card's link."""
    rows = shell(visit, "ip neighbor show dev eth0; ip -6 neighbor show dev eth0").splitlines()
    return [row.split()[0] for row in rows]


def carrier(visit: Visit) -> str:
    """What the guest says about the link of its card."""
    return shell(visit, "cat /sys/class/net/eth0/carrier").strip()


def test_interface_goes_down(visit: Visit) -> None:
    """`ip link set eth0 down` brings connections back; they go on after `up`."""
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    try:
        shell(visit, "ip link set eth0 down")
        visit.expect("host", conn)
    finally:
        visit.configure()
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()


def test_flow_label_stays(visit: Visit, tmp_path: Path) -> None:
    """All frames of an IPv6 connection carry one flow label, whoever sends them."""
    with captured(visit, tmp_path / "wire.pcapng") as file:
        conn = visit.connect(6)
        conn.both_ways()
        visit.hand(conn)
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()
        visit.hand(conn)
        conn.guest.close()
        assert conn.peer.drain() == 0
    assert caught(file, conn) > 10
    labels = flow_labels(file, conn)
    assert set(labels) != {0}, "this kernel sets no flow labels"
    assert len(set(labels)) == 1, f"{[hex(label) for label in labels]}"


def caught(file: Path, conn: Conn) -> int:
    """How many frames of a connection are in a capture that is still being written."""
    try:
        return len(flow_labels(file, conn))
    except pcapng.BadCapture:
        return 0


def flow_labels(file: Path, conn: Conn) -> list[int]:
    """The flow labels of what the guest sends on a connection over IPv6."""
    labels, source = [], socket.inet_pton(socket.AF_INET6, conn.guest_host)
    for packet in pcapng.read(file):
        data = packet.data
        if data[12:14] == b"\x86\xdd" and data[20] == 6 and data[22:38] == source \
                and struct.unpack_from(">H", data, 54)[0] == conn.guest_port:
            labels.append(struct.unpack_from(">I", data, 14)[0] & 0xfffff)
    return labels


@pytest.mark.where(cpus=(2,), vm="two-cards")
def test_segments_by_another_card(visit: Visit, tmp_path: Path) -> None:
    """The peer's segments come in by a second card of another kind: they are forwarded, and the
    connection stays with the card (FWD-1, FWD-7). Kernel TCP acknowledges none of them: no frame
    of its own is on the wire, nor held up at its gate (FWD-10).
    """
    second = visit.vm.wires[1].device
    guest = visit.vm.wire.subnet.guest4
    shell(visit, "ip link set eth1 up; for i in all eth0 eth1; do "
                 "echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done")
    mac = shell(visit, "cat /sys/class/net/eth1/address").strip()
    for name in ("all", visit.vm.wire.device, second):
        visit.room.sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
    visit.room.ip("neighbour", "replace", guest, "lladdr", mac, "dev", second)
    try:
        conn = visit.connect()
        conn.both_ways()
        visit.hand(conn)
        with captured(visit, tmp_path / "wire.pcapng") as file:
            before, _ = visit.ctl.stats()
            visit.room.ip("route", "replace", f"{guest}/32", "dev", second)
            for _ in range(8):
                conn.both_ways(60 << 10)
            visit.expect("offloaded", conn)
            after, _ = visit.ctl.stats()
            if visit.offloads:
                assert after["forward_interface"] - before["forward_interface"] > 20
                assert after["gate_xmits"] == before["gate_xmits"]
                wait_until(lambda: len(sent(file, conn)) > 20, "frames in the capture", 10, 0.2)
                assert not by_host(file, conn)
        visit.room.ip("route", "delete", f"{guest}/32", "dev", second)
        conn.both_ways()
        conn.guest.close()
        assert conn.peer.drain() == 0
    finally:
        visit.room.run(["ip", "route", "delete", f"{guest}/32", "dev", second], check=False)
        visit.room.ip("neighbour", "delete", guest, "dev", second)
        shell(visit, "ip link set eth1 down")


@pytest.mark.slow
@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("what", ["fragment", "options"])
def test_segments_that_the_card_leaves_to_linux(
    visit: Visit, seed: int, what: str, family: int
) -> None:
    """Fragments, which Linux reassembles, and frames with IP options come up raw and are forwarded;
    the connection stays with the card.
    """
    exchange = Exchange(visit, seed, family=family, size=1 * MIB)
    visit.link.set("ba", **{what: 0.05})
    try:
        if visit.offloads:
            visit.ctl.offload_soon(*exchange.words)
        cause = {"fragment": "forward_fragments", "options": "forward_options"}[what]
        before = visit.ctl.stats()[0][cause]
        exchange.wait_moved(3 * MIB)
        if visit.offloads:
            wait_until(lambda: visit.ctl.stats()[0][cause] > before + 5, cause, 30, 0.2)
            assert any(tuple(exchange.words) == (entry["local"], entry["remote"])
                       for entry in visit.ctl.connections())
        exchange.finish()
    finally:
        visit.link.set("ba", **{what: 0.0})
        exchange.end()


@pytest.mark.where(cpus=(2,), vm="emulated", debug=False)
def test_keepalive_finds_a_dead_peer(visit: Visit) -> None:
    """No frame comes through any more: keepalive ends the connection with ETIMEDOUT in its time."""
    conn = visit.connect()
    conn.both_ways()
    for level, name, value in KEEPALIVE:
        conn.guest.set(level, name, value)
    visit.hand(conn)
    visit.link.set(loss=1)
    try:
        answer = conn.guest.do("poll", 12000, 1)
        assert answer["events"] & select.POLLERR, "no error after 12 s"
        assert conn.guest.get(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT
    finally:
        visit.link.set(loss=0)
    conn.guest.close()
    conn.peer.set(socket.SOL_SOCKET, socket.SO_LINGER, 1, 0)
    conn.peer.close()
