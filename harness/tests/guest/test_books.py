# SPDX-License-Identifier: GPL-2.0-or-later
"""The books of a guest: refusals and uploads with their reasons, bytes of connections, the network
device's own counters; each counted once, and the same in every book and in the capture.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney.guest import offload
from chimney.guest.books import check_books
from chimney.guest.puppet import End
from chimney.guest.station import Conn, Visit
from chimney.vm.boot import Vm
from chimney.wait import wait_until

KIB = 1024
IP_MINTTL, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_SOFTWARE, SO_MAX_PACING_RATE = 21, 37, 1 << 1, 47
TCP_CONGESTION = 13
where = pytest.mark.where(native=False, cpus=(2,))


class Refusals:
    """Connections that are refused beyond those that were, by reason."""

    def __init__(self, visit: Visit, group: str = "refused") -> None:
        self._visit, self._group = visit, group
        self._before = self._now()

    def _now(self) -> dict[str, int]:
        stats = json.loads(self._visit.vm.run(["chimneyctl", "stats", "--json"]).text)
        return dict(stats["driver"][self._group])

    def grown(self) -> dict[str, int]:
        """Those that have changed."""
        now = self._now()
        changes = {name: now.get(name, 0) - self._before.get(name, 0)
                   for name in now.keys() | self._before.keys()}
        return {name: change for name, change in changes.items() if change}

    def wait(self, expected: dict[str, int]) -> None:
        """Until they are so."""
        wait_until(lambda: self.grown() == expected, f"the refusals to be {expected}", 10, 0.1)


@contextmanager
def auto(visit: Visit) -> Iterator[None]:
    """Policy auto meanwhile."""
    visit.ctl.policy("auto")
    try:
        yield
    finally:
        visit.ctl.policy("none")


def least_ttl(end: End) -> None:
    """What the card does not know."""
    end.set(socket.IPPROTO_IP, IP_MINTTL, 1)


def talk(conn: Conn, times: int = 20) -> None:
    """Many segments both ways."""
    for _ in range(times):
        conn.both_ways(KIB)


@where
def test_refused_connection_counts_once_by_its_last_reason(visit: Visit) -> None:
    """However many segments of it the policy has looked at, and however often it is asked for; not
    when the card has carried it after all. All books say the same.
    """
    refusals = Refusals(visit)
    with auto(visit):
        conn, other = visit.connect(prepare=least_ttl), visit.connect(prepare=least_ttl)
        talk(conn)
        talk(other)
        assert refusals.grown() == {"min-ttl": 2}
        conn.guest.set(socket.SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_SOFTWARE)
        talk(conn)
        assert refusals.grown() == {"min-ttl": 1, "tx-timestamps": 1}
        for _ in range(3):
            answer = visit.ctl.offload_answer(*conn.words)
            assert (answer["refused"], answer["reason"]) == (1, "tx-timestamps")
        assert refusals.grown() == {"min-ttl": 1, "tx-timestamps": 1}
        ledger = check_books(visit.vm)
        assert ledger.refusals["tx-timestamps"] >= 1
        for ours in (conn, other):
            ours.guest.set(socket.SOL_SOCKET, SO_TIMESTAMPING, 0)
            ours.guest.set(socket.IPPROTO_IP, IP_MINTTL, 0)
            talk(ours)
            visit.expect("offloaded", ours)
        refusals.wait({})
    check_books(visit.vm)


@where
def test_pacing_and_congestion_control_are_told(visit: Visit) -> None:
    """What iperf3 --fq-rate and -C ask for: refused by the policy and when asked for."""
    refusals = Refusals(visit)
    paced = visit.connect(prepare=lambda end: end.set(socket.SOL_SOCKET, SO_MAX_PACING_RATE,
                                                      1 << 20))
    visit.vm.run(["sysctl", "-qw", "net.ipv4.tcp_congestion_control=bbr"])
    try:
        other = visit.connect()
    finally:
        visit.vm.run(["sysctl", "-qw", "net.ipv4.tcp_congestion_control=cubic"])
    assert visit.ctl.offload_answer(*paced.words)["reason"] == "pacing"
    assert refusals.grown() == {"pacing": 1}
    with auto(visit):
        talk(paced, 3)
        talk(other, 3)
        assert refusals.grown() == {"pacing": 1, "congestion-control": 1}
    assert visit.ctl.offload_answer(*other.words)["reason"] == "congestion-control"
    assert refusals.grown() == {"pacing": 1, "congestion-control": 1}
    check_books(visit.vm)


@where
def test_connection_of_another_device_is_refused_when_asked_for(visit: Visit) -> None:
    """Of no card, and in the books for the module; the policy leaves it alone, and what the card
    has already is not refused.
    """
    nowhere, refusals = Refusals(visit, "refused_no_card"), Refusals(visit)
    listener, port = visit.listener("guest", "127.0.0.1")
    end = visit.guest.socket()
    end.do("bind", "127.0.0.1", 0)
    own = end.do("connect", "127.0.0.1", port)["port"]
    other = listener.accept()
    words = (f"127.0.0.1:{own}", f"127.0.0.1:{port}")
    with auto(visit):
        for _ in range(5):
            end.send(KIB)
            other.recv(KIB)
    assert (nowhere.grown(), refusals.grown()) == ({}, {})
    for _ in range(2):
        answer = visit.ctl.offload_answer(*words)
        assert (answer["refused"], answer["reason"]) == (1, "not-our-device")
    assert (nowhere.grown(), refusals.grown()) == ({"not-our-device": 1}, {})
    assert check_books(visit.vm).refusals["not-our-device"] >= 1
    conn = visit.connect()
    visit.hand(conn)
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["refused"], answer["reason"]) == (1, "already-offloaded")
    assert (nowhere.grown(), refusals.grown()) == ({"not-our-device": 1}, {})


@where
def test_bytes_of_all_connections_are_the_totals(visit: Visit) -> None:
    """What is said of each connection, while it is offloaded and when it goes back, adds up to what
    the card's totals have grown by.
    """
    watch = visit.vm.agent.start(["chimneyctl", "watch", "--json"])
    first = visit.connect()

    def listens() -> bool:
        visit.hand(first)
        visit.back(first)
        return b'"uploaded"' in watch.stdout

    wait_until(listens, "chimneyctl watch to print a hand-over", 20)
    begin = len(watch.stdout.splitlines())
    before, _ = visit.ctl.stats()
    conns = [first] + [visit.connect(6 if number % 2 else 4) for number in range(3)]
    for size, conn in enumerate(conns, 1):
        visit.hand(conn)
        conn.both_ways(size * 10 * KIB)
        visit.back(conn)
        conn.both_ways(KIB)
        visit.hand(conn)
        conn.both_ways(size * KIB)
    visit.back(*conns[:2])
    uploads = 6
    wait_until(lambda: watch.stdout.count(b'"uploaded"') >= uploads, "the events to be seen", 10)
    after, _ = visit.ctl.stats()
    events = [json.loads(line) for line in watch.stdout.decode().splitlines()[begin:]]
    parts = [event for event in events if event["event"] == "uploaded"] + visit.ctl.connections()
    for name in ("bytes_in", "bytes_out"):
        assert sum(part[name] for part in parts) == after[name] - before[name]
    assert after["bytes_in"] - before["bytes_in"] == sum(11 * size * KIB for size in range(1, 5))
    watch.kill(signal=15)
    watch.wait(10)
    check_books(visit.vm)


@where
def test_device_counters_show_what_the_card_carries(visit: Visit) -> None:
    """`ip -s link` counts the frames of an offloaded connection, a second later at the latest and
    without anybody who asks the card; and goes on where it was when the card is made anew.
    """
    def shown() -> dict[str, dict[str, int]]:
        text = visit.vm.run(["ip", "-s", "-j", "link", "show", "eth0"]).text
        counts: dict[str, dict[str, int]] = json.loads(text)[0]["stats64"]
        return counts

    conn = visit.connect()
    visit.hand(conn)
    before = shown()
    talk(conn)
    wait_until(lambda: min(shown()[way]["bytes"] - before[way]["bytes"] for way in ("rx", "tx"))
               > 20 * KIB, "ip -s link to show the bytes", 10, 0.2)
    check_books(visit.vm)
    last = shown()
    visit.vm.run(["sh", "-c", "echo 1 >/sys/bus/pci/devices/$(basename $(readlink "
                  "/sys/class/net/eth0/device))/reset"])
    visit.configure()
    wait_until(lambda: visit.vm.run(["ping", "-c1", "-W1", conn.peer_host], check=False).ok,
               "the card to work again", 20)
    assert check_books(visit.vm).resets > 0
    again = shown()
    assert all(again[way][unit] >= last[way][unit]
               for way in ("rx", "tx") for unit in ("packets", "bytes"))


MANY = 40
# Connections of a few bytes each, one after the other: opened, answered, ended by either side.
CLIENT = ("import socket\n"
          "for number in range({count}):\n"
          "    with socket.create_connection(('{host}', 7), 20) as s:\n"
          "        s.sendall(b'x' * (number * 37 % 3000 + 1))\n"
          "        s.shutdown(socket.SHUT_WR)\n"
          "        while s.recv(65536):\n"
          "            pass\n")


def use(vm: Vm) -> None:
    """Bulk data both ways, and many short connections that the guest serves."""
    peer, guest = vm.wire.subnet.peer4, vm.wire.subnet.guest4
    room = vm.wire.room
    assert room is not None
    for more in (["-t", "1"], ["-t", "1", "-R", "-P", "3"]):
        # for a moment after a client has gone a server refuses the next one
        server = vm.peer(["iperf3", "-s", "-1"])
        room.wait_listens(5201)
        vm.run(["iperf3", "-c", peer, *more], seconds=60)
        server.wait(20)
    vm.peer_run(["/usr/bin/python3", "-c", CLIENT.format(count=MANY, host=guest)], seconds=90)


@pytest.mark.tap
@pytest.mark.timeout(400)
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_all_books_agree_in_use(make_vm: Callable[..., Vm], tmp_path: Path, kernel: str) -> None:
    """iperf3 both ways and many short connections under each policy: ledger, chimneyctl, ethtool,
    ip -s link and capture agree to the byte, and each upload and each refusal has its reason.
    """
    capture = tmp_path / "wire.pcapng"
    vm = make_vm(kernel=kernel, device="chimney", cpus=2, bins=["iperf3", "socat"], pcap=capture)
    server = vm.background(["socat", "TCP-LISTEN:7,fork,reuseaddr", "EXEC:cat"])
    shares = {}
    for policy in ("none", "auto", "random"):
        vm.run(["chimneyctl", "policy", "none"])
        helper = offload.apply(vm.agent, policy, 5)
        use(vm)
        offload.stop(helper)
        shares[policy] = check_books(vm, capture)
    assert shares["none"].card_bytes == shares["none"].offloaded == 0
    carried = shares["auto"].card_bytes
    assert carried > (shares["auto"].wire_bytes - shares["none"].wire_bytes) / 2
    assert shares["random"].uploads["requested"] > 0
    server.kill()
    server.wait(10)
