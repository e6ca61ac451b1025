# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes, rules, addresses and the options by which a route is chosen change below a connection of
the card: it leaves by the way that Linux would take, or not at all (spec chapter 10.4).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimney.guest.load import MIB, Exchange
from chimney.guest.segments import HOST_HALF, captured
from chimney.guest.station import Conn, Visit
from chimney.wait import stays, wait_until
from chimney.wire import pcapng

KIB = 1024
SO_MARK, SO_BINDTODEVICE = 36, 25
MARK, TABLE = 7, 77
LOWDELAY = 0x10
GATEWAY = {4: ("10.77.0.88", 24), 6: ("fd77::88", 64)}
OTHER = {4: ("10.77.0.22", 24), 6: ("fd77::22", 64)}
STORM = 1500
ONE = pytest.mark.where(cpus=(2,))
BOTH = pytest.mark.parametrize("family", [4, 6])


def shell(visit: Visit, script: str, seconds: float = 30) -> str:
    """Run a shell script in the guest."""
    return visit.vm.run(["sh", "-ec", script], seconds=seconds).text


def ip(family: int) -> str:
    """The command for one family, and one host's prefix."""
    return "ip" if family == 4 else "ip -6"


def host(conn: Conn) -> str:
    """The route to the peer alone."""
    return f"{conn.peer_host}/{128 if ':' in conn.peer_host else 32}"


@pytest.fixture
def tidy(visit: Visit) -> Iterator[None]:
    """The guest routes afterwards as it did before."""
    yield
    for number in (4, 6):
        _, peer = visit.hosts(number)
        bits = 32 if number == 4 else 128
        shell(visit, f"while {ip(number)} route del {peer}/{bits} 2>/dev/null; do :; done; "
                     f"{ip(number)} route flush table {TABLE} || true; "
                     f"while {ip(number)} rule del priority 100 2>/dev/null; do :; done")
    visit.configure()


def uploads(visit: Visit) -> dict[str, int]:
    """Why connections went back so far."""
    return visit.ctl.reasons()[1]


def went_back(visit: Visit, conn: Conn, before: dict[str, int], why: str) -> None:
    """The connection is Linux's again, for that reason."""
    visit.expect("host", conn)
    if visit.offloads:
        assert uploads(visit).get(why, 0) == before.get(why, 0) + 1, \
            f"{before}, then {uploads(visit)}"


def nothing_leaves(visit: Visit, conn: Conn) -> None:
    """What the program writes does not reach the peer."""
    before = conn.peer.queues()["in"]
    conn.guest.send(3 * KIB)
    stays(lambda: conn.peer.queues()["in"] == before, "the peer gets nothing", 1.0)


def arrives(conn: Conn) -> None:
    """What nothing_leaves() has written."""
    conn.peer.recv(3 * KIB, seconds=40)


@ONE
@BOTH
def test_foreign_route_changes_nothing(visit: Visit, tidy: None, family: int) -> None:
    """Routes to others come and go, a rule is added that others fall under, and a neighbor's route
    goes: the connection stays where it is.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    before = uploads(visit)
    other = "10.200.0.0/16" if family == 4 else "fd99::/64"
    shell(visit, f"{ip(family)} route add {other} via {conn.peer_host}; "
                 f"{ip(family)} rule add priority 100 fwmark {MARK} table {TABLE}; "
                 f"{ip(family)} route add blackhole default table {TABLE}")
    conn.both_ways()
    shell(visit, f"{ip(family)} route del {other}")
    conn.both_ways()
    visit.expect("offloaded", conn)
    assert uploads(visit) == before


@ONE
@BOTH
@pytest.mark.parametrize("kind", ["blackhole", "prohibit"])
def test_closed_route(visit: Visit, tidy: None, family: int, kind: str) -> None:
    """ARC-1: the route is closed: nothing more leaves, the connection is Linux's and is not
    offloaded again; it goes on, and over, when the route is open.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    conn.both_ways()
    before = uploads(visit)
    shell(visit, f"{ip(family)} route replace {kind} {host(conn)}")
    went_back(visit, conn, before, "route")
    nothing_leaves(visit, conn)
    if visit.offloads:
        assert visit.ctl.offload_answer(*conn.words)["reason"] == "route"
    assert visit.state(conn) == "host"
    shell(visit, f"{ip(family)} route del {kind} {host(conn)}")
    arrives(conn)
    visit.hand(conn)
    conn.both_ways()


@ONE
def test_closed_route_under_the_automatic_policy(visit: Visit, tidy: None) -> None:
    """Segments of the peer that still come do not bring the connection to the card again."""
    conn = visit.connect(6)
    conn.peer.set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # no ACK will come
    conn.both_ways()
    if visit.offloads:
        visit.ctl.policy("auto")
    try:
        conn.both_ways()
        visit.expect("offloaded", conn)
        shell(visit, f"ip -6 route replace blackhole {host(conn)}")
        visit.expect("host", conn)
        initiates = visit.ctl.stats()[0]["initiates"]
        for _ in range(5):
            conn.peer.send(KIB)
            conn.guest.recv(KIB)
        nothing_leaves(visit, conn)
        assert visit.state(conn) == "host"
        assert visit.ctl.stats()[0]["initiates"] == initiates
        shell(visit, f"ip -6 route del blackhole {host(conn)}")
        arrives(conn)
        conn.both_ways()
        visit.expect("offloaded", conn)
    finally:
        visit.ctl.policy("none")


@pytest.mark.where(cpus=(2,), vm="two-cards", debug=False)
@BOTH
def test_route_to_another_card(visit: Visit, tidy: None, family: int) -> None:
    """The connection follows its route to a card that is none of ours, and comes back with it."""
    visit.vm.run(["sh", "-ec", "ip link set eth1 up; "
                  "for i in all eth0 eth1; do echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done"])
    for name in ("all", visit.vm.wires[0].device, visit.vm.wires[1].device):
        visit.room.sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
    subnet = visit.vm.wires[1].subnet
    via = subnet.peer4 if family == 4 else subnet.peer6
    shell(visit, f"ip address replace {subnet.guest4}/24 dev eth1; "
                 f"ip -6 address replace {subnet.guest6}/64 dev eth1 nodad")
    conn = visit.connect(family)
    try:
        visit.hand(conn)
        conn.both_ways()
        before, sent = uploads(visit), sent_by(visit, "eth1")
        shell(visit, f"{ip(family)} route replace {host(conn)} via {via} dev eth1 "
                     f"src {conn.guest_host}")
        went_back(visit, conn, before, "route")
        for _ in range(20):
            conn.guest.send(20 * KIB)
            conn.peer.recv(20 * KIB)
        assert sent_by(visit, "eth1") - sent > 300 * KIB
        if visit.offloads:
            assert visit.ctl.offload_answer(*conn.words)["reason"] == "not-our-device"
        shell(visit, f"{ip(family)} route del {host(conn)}")
        visit.hand(conn)
        conn.both_ways()
    finally:
        conn.guest.close()
        conn.peer.close()
        shell(visit, "ip link set eth1 down")


def sent_by(visit: Visit, device: str) -> int:
    """Bytes that a card of the guest has sent."""
    return int(shell(visit, f"cat /sys/class/net/{device}/statistics/tx_bytes"))


@ONE
@BOTH
@pytest.mark.parametrize("how", ["route", "nexthop", "rule"])
def test_another_gateway(visit: Visit, tidy: None, family: int, how: str) -> None:
    """A gateway is put before the peer, by a route, a nexthop object that is replaced, or a rule.
    The connection goes back, and over by the new one.
    """
    gateway, bits = GATEWAY[family]
    nodad = [] if family == 4 else ["nodad"]
    device = visit.vm.wire.device
    visit.room.ip("address", "add", f"{gateway}/{bits}", "dev", device, *nodad)
    conn = visit.connect(family)
    command = ip(family)
    try:
        if how == "nexthop":
            shell(visit, f"{command} nexthop replace id 5 via {conn.peer_host} dev eth0; "
                         f"{command} route replace {host(conn)} nhid 5")
        visit.hand(conn)
        conn.both_ways()
        before = uploads(visit)
        shell(visit, {
            "route": f"{command} route replace {host(conn)} via {gateway}",
            "nexthop": f"{command} nexthop replace id 5 via {gateway} dev eth0",
            "rule": f"{command} route add {host(conn)} via {gateway} table {TABLE}; "
                    f"{command} rule add priority 100 to {host(conn)} table {TABLE}",
        }[how])
        went_back(visit, conn, before, "route")
        conn.both_ways()
        visit.hand(conn)
        conn.both_ways()
        if visit.offloads:
            assert neighbors(visit) >= {gateway}
    finally:
        shell(visit, f"{command} rule del priority 100 2>/dev/null || true; "
                     f"{command} route del {host(conn)} 2>/dev/null || true; "
                     f"ip nexthop flush >/dev/null 2>&1 || true")
        visit.room.ip("address", "delete", f"{gateway}/{bits}", "dev", device)


def neighbors(visit: Visit) -> set[str]:
    """Whom the guest's Linux knows on the card's link."""
    rows = shell(visit, "ip neighbor show dev eth0; ip -6 neighbor show dev eth0").splitlines()
    return {row.split()[0] for row in rows if "lladdr" in row}


@ONE
@BOTH
@pytest.mark.parametrize("option", ["mark", "tos", "device"])
def test_option_that_chooses_the_route(visit: Visit, tidy: None, family: int, option: str) -> None:
    """SO_MARK, IP_TOS or SO_BINDTODEVICE leads to a route that is closed: what the program writes
    next does not leave any more.
    """
    if option == "tos" and family == 6:
        pytest.skip("Linux does not look the route up anew when IPV6_TCLASS changes")
    conn = visit.connect(family)
    by = {"mark": f"fwmark {MARK}", "tos": f"tos {LOWDELAY:#x}", "device": "oif lo"}[option]
    shell(visit, f"{ip(family)} rule add priority 100 {by} table {TABLE}; "
                 f"{ip(family)} route add blackhole default table {TABLE}")
    visit.hand(conn)
    conn.both_ways()
    before = uploads(visit)
    if option == "mark":
        conn.guest.set(socket.SOL_SOCKET, SO_MARK, MARK)
    elif option == "tos":
        conn.guest.set(socket.IPPROTO_IP, socket.IP_TOS, LOWDELAY)
    else:
        conn.guest.do("setstr", socket.SOL_SOCKET, SO_BINDTODEVICE, "lo")
    nothing_leaves(visit, conn)
    went_back(visit, conn, before, "route")
    shell(visit, f"{ip(family)} rule del priority 100")
    if option == "device":
        conn.guest.do("setstr", socket.SOL_SOCKET, SO_BINDTODEVICE, "eth0")
    arrives(conn)
    conn.both_ways()
    if option != "device":
        visit.hand(conn)
        conn.both_ways()
        visit.expect("offloaded", conn)


@ONE
@BOTH
def test_option_that_changes_no_route(visit: Visit, tidy: None, family: int) -> None:
    """A mark that no rule asks for: Linux looks the route up anew, finds the same, and the
    connection stays; likewise bound to its own device.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    before = uploads(visit)
    conn.guest.set(socket.SOL_SOCKET, SO_MARK, MARK)
    conn.both_ways()
    conn.guest.do("setstr", socket.SOL_SOCKET, SO_BINDTODEVICE, "eth0")
    conn.both_ways()
    visit.expect("offloaded", conn)
    assert uploads(visit) == before


@ONE
@BOTH
def test_source_address_goes(visit: Visit, tidy: None, family: int) -> None:
    """One of two addresses is removed: its connection goes back, that of the other stays."""
    address, bits = OTHER[family]
    shell(visit, f"{ip(family)} address add {address}/{bits} dev eth0"
                 + (" nodad" if family == 6 else ""))
    stays_here, goes = visit.connect(family), visit.connect(family, guest_host=address)
    visit.hand(stays_here, goes)
    for conn in (stays_here, goes):
        conn.both_ways()
    before = uploads(visit)
    shell(visit, f"{ip(family)} address del {address}/{bits} dev eth0")
    went_back(visit, goes, before, "route")
    stays_here.both_ways()
    visit.expect("offloaded", stays_here)
    shell(visit, f"{ip(family)} address add {address}/{bits} dev eth0"
                 + (" nodad" if family == 6 else ""))
    goes.both_ways()
    visit.hand(goes)
    goes.both_ways()
    goes.guest.close()
    assert goes.peer.drain() == 0
    goes.peer.close()
    wait_until(lambda: address not in shell(visit, "ss -Htn state connected exclude time-wait"),
               "the connection to end", 10, 0.1)
    shell(visit, f"{ip(family)} address del {address}/{bits} dev eth0")


def hop_limits(file: Path, conn: Conn) -> list[int]:
    """TTLs of what the card has sent on an IPv4 connection with data, in order."""
    found = []
    try:
        for packet in pcapng.read(file):
            data = packet.data
            if data[12:14] == b"\x08\x00" and data[23] == socket.IPPROTO_TCP \
                    and data[26:30] == socket.inet_aton(conn.guest_host) \
                    and int.from_bytes(data[18:20], "big") >= HOST_HALF \
                    and int.from_bytes(data[34:36], "big") == conn.guest_port:
                found.append(data[22])
    except pcapng.BadCapture:
        pass  # its last packet is still being written
    return found


@pytest.mark.where(cpus=(2,), native=False)
def test_hop_limit_of_the_route(visit: Visit, tidy: None, tmp_path: Path) -> None:
    """UPD-6: the route's hop limit is the card's, also when an option or a change of routes has
    taken the route from the socket for a moment.
    """
    shell(visit, "echo 50 >/proc/sys/net/ipv4/ip_default_ttl")
    try:
        conn = visit.connect()
        with captured(visit, tmp_path / "wire.pcapng") as file:
            visit.hand(conn)
            conn.both_ways()
            conn.guest.set(socket.SOL_SOCKET, SO_MARK, MARK)
            conn.guest.set(socket.IPPROTO_IP, socket.IP_TOS, LOWDELAY)
            conn.both_ways()
            wait_until(lambda: len(hop_limits(file, conn)) > 4, "frames of the card", 10, 0.2)
            assert set(hop_limits(file, conn)) == {50}
            shell(visit, f"ip route replace {host(conn)} dev eth0 hoplimit 33")
            wait_until(lambda: (conn.both_ways(), hop_limits(file, conn)[-1:] == [33])[1],
                       "the card to use the route's hop limit", 10, 0.1)
        visit.expect("offloaded", conn)
        assert sorted(set(hop_limits(file, conn))) == [33, 50]
    finally:
        shell(visit, "echo 64 >/proc/sys/net/ipv4/ip_default_ttl")


@pytest.mark.where(cpus=(2,), debug=False)
def test_storm_of_routes(visit: Visit, tidy: None, seed: int) -> None:
    """Thousands of changes that concern nobody while data flows: nothing goes back."""
    exchange = Exchange(visit, seed, size=4 * MIB)
    idle = [visit.connect(family) for family in (4, 6) for _ in range(10)]
    try:
        if visit.offloads:
            visit.ctl.offload_soon(*exchange.words)
        visit.hand(*idle)
        before = uploads(visit)
        peer4, peer6 = visit.hosts(4)[1], visit.hosts(6)[1]
        script = (f"for i in $(seq {STORM}); do "
                  f"echo route add 10.201.$((i / 250)).$((i % 250))/32 via {peer4}; "
                  f"echo route add fd98::$i/128 via {peer6}; done >/tmp/storm; "
                  "sed s/add/del/ /tmp/storm >/tmp/calm; ip -batch /tmp/storm; ip -batch /tmp/calm")
        shell(visit, script, seconds=300)
        for conn in idle:
            conn.both_ways(KIB)
        visit.expect("offloaded", *idle)
        assert uploads(visit) == before
        exchange.finish()
    finally:
        exchange.end()


@ONE
@BOTH
def test_closed_route_of_an_idle_connection(visit: Visit, tidy: None, family: int) -> None:
    """Nobody has sent anything while the route was closed: no error waits for SO_ERROR."""
    conn = visit.connect(family)
    conn.both_ways()
    visit.hand(conn)
    wait_until(lambda: not conn.peer.queues()["out"], "the last ACK", 10, 0.05)
    shell(visit, f"{ip(family)} route replace prohibit {host(conn)}")
    visit.expect("host", conn)
    if visit.offloads:
        assert visit.ctl.offload_answer(*conn.words)["reason"] == "route"
    shell(visit, f"{ip(family)} route del prohibit {host(conn)}")
    assert conn.guest.get(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    conn.both_ways()
