# SPDX-License-Identifier: GPL-2.0-or-later
"""The network device's queues as newer kernels know them: which NAPI and which interrupt serve
them, what they have counted, who may lend them memory; and settings that change under traffic.
"""

from __future__ import annotations

import errno
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.load import MIB, Exchange
from chimney.guest.netdev_family import IFINDEX, Entry, NetdevFamily, Refused
from chimney.guest.puppet import CallFailed
from chimney.guest.station import Visit
from chimney.wait import wait_until

KIB = 1024
UNREAD = 150 * KIB
# Kernels that have the netlink family, and those where a NAPI keeps its settings.
newer = pytest.mark.where(kernels=("6.12", "7.3"), cpus=(2, 4), native=False, debug=False)
newest = pytest.mark.where(kernels=("7.3",), cpus=(2,), native=False, debug=False)


def shell(visit: Visit, script: str) -> str:
    """Run a shell script in the guest."""
    return visit.vm.run(["sh", "-ec", script], seconds=60).text


@contextmanager
def restored(visit: Visit) -> Iterator[None]:
    """Afterwards the interface is up, with all its pairs and its addresses."""
    pairs = visit.vm.config.cpus
    try:
        yield
    finally:
        shell(visit, f"ip link set eth0 up; ethtool -L eth0 combined {pairs} || true")
        visit.configure()


def interrupts(visit: Visit) -> dict[int, str]:
    """The interrupts of eth0's pairs, by number."""
    lines = re.findall(r"^ *(\d+):.* (eth0-\d+)$", shell(visit, "cat /proc/interrupts"), re.M)
    return {int(number): name for number, name in lines}


def serves_its_pair(visit: Visit, family: NetdevFamily, pairs: int) -> list[int]:
    """Each queue has the NAPI of its pair, and that the interrupt; returns the NAPIs' numbers."""
    queues, napis, irqs = family.queues(), family.napis(), interrupts(visit)
    assert set(queues) == {(way, pair) for way in ("rx", "tx") for pair in range(pairs)}
    for pair in range(pairs):
        assert queues["rx", pair] == queues["tx", pair] > 0
        assert irqs[napis[queues["rx", pair]]["irq"]] == f"eth0-{pair}"
    numbers = [queues["rx", pair] for pair in range(pairs)]
    assert len(set(numbers)) == pairs
    return numbers


@newer
def test_queues_have_their_napi(visit: Visit) -> None:
    """Queues, NAPIs and interrupts are linked, as many as are in use; with the interface down
    none is shown, and a NAPI has the same number when it is up again.
    """
    family, pairs = NetdevFamily(visit.vm), visit.vm.config.cpus
    with restored(visit):
        numbers = serves_its_pair(visit, family, pairs)
        shell(visit, "ip link set eth0 down")
        assert not family.queues()
        shell(visit, "ip link set eth0 up")
        assert serves_its_pair(visit, family, pairs) == numbers
        shell(visit, "ethtool -L eth0 combined 1")
        assert serves_its_pair(visit, family, 1) == numbers[:1]
        shell(visit, f"ethtool -L eth0 combined {pairs}")
        serves_its_pair(visit, family, pairs)
        pools = [pool for pool in family.pools() if "detach-time" not in pool]
        assert len(pools) == 3 * pairs, "not one pool for each ring of buffers, and for requests"


@newest
def test_settings_of_a_napi_stay(visit: Visit, seed: int) -> None:
    """A NAPI that runs in a thread of its own, with its own timeouts, carries a connection and
    its hand-overs, and is so again after the interface was down and after it had fewer queues.
    """
    family, pairs = NetdevFamily(visit.vm), visit.vm.config.cpus
    wanted = {"defer-hard-irqs": 3, "gro-flush-timeout": 200_000, "threaded": 1}

    def settings() -> list[dict[str, int]]:
        napis = family.napis()
        return [{name: napis[number][name] for name in wanted} for number in numbers]

    numbers = serves_its_pair(visit, family, pairs)
    before = settings()
    with restored(visit):
        try:
            for number in numbers:
                family.set_napi(number, defer_hard_irqs=3, gro_flush_timeout=200_000, threaded=1)
            assert settings() == [wanted] * pairs
            assert all(napi["pid"] for napi in family.napis().values())
            exchange = Exchange(visit, seed, size=1 * MIB)
            try:
                for _ in range(3):
                    visit.ctl.offload_soon(*exchange.words)
                    exchange.wait_moved(256 * KIB)
                    visit.ctl.upload(*exchange.words)
                exchange.finish()
            finally:
                exchange.end()
            for script in ("ip link set eth0 down; ip link set eth0 up",
                           f"ethtool -L eth0 combined 1; ethtool -L eth0 combined {pairs}"):
                shell(visit, script)
                assert settings() == [wanted] * pairs
        finally:
            for number, old in zip(numbers, before, strict=True):
                family.set_napi(number, **{name.replace("-", "_"): old[name] for name in old})


def link_counts(visit: Visit) -> dict[str, int]:
    """What `ip -s link` says, by the names that the netlink family has."""
    shown = json.loads(shell(visit, "ip -s -j link show eth0"))[0]["stats64"]
    return {f"{way}-{unit}": int(shown[way][unit])
            for way in ("rx", "tx") for unit in ("packets", "bytes")}


def ethtool_counts(visit: Visit) -> dict[str, int]:
    """What `ethtool -S` says of the pairs."""
    text = shell(visit, "ethtool -S eth0")
    return {name: int(value) for name, value in re.findall(r"^ *(p\d+_\w+): (\d+)$", text, re.M)}


def same_everywhere(visit: Visit, family: NetdevFamily) -> Entry:
    """What the device has counted, when all who say it say the same; once a second the driver
    reads what the card's target has carried.
    """
    def totals() -> Entry:
        first, shown = link_counts(visit), ethtool_counts(visit)
        queues, found = family.counts(), family.totals()
        if first != {name: found[name] for name in first}:
            return {}
        for (way, number), entry in queues.items():
            if entry[f"{way}-packets"] != shown[f"p{number}_{way}_frames"] or \
                    entry[f"{way}-bytes"] != shown[f"p{number}_{way}_bytes"]:
                return {}
        return found

    found = wait_until(totals, "ip -s link, ethtool -S and the netlink family to agree", 20, 0.2)
    for (way, _), entry in family.counts().items():
        if way == "rx":
            assert entry["rx-csum-unnecessary"] + entry["rx-csum-none"] == entry["rx-packets"]
        else:
            assert entry["tx-needs-csum"] + entry["tx-csum-none"] == entry["tx-packets"] - \
                entry["tx-hw-gso-packets"] + entry["tx-hw-gso-wire-packets"]
    return found


@newer
def test_counts_of_queues_add_up_and_never_go_back(visit: Visit) -> None:
    """Queues and base together say what `ip -s link` says, frames of the card's target included,
    and what `ethtool -S` says of each pair; also after the interface was down, with other numbers
    of queues and with other rings.
    """
    family, pairs = NetdevFamily(visit.vm), visit.vm.config.cpus
    with restored(visit):
        conn = visit.connect()
        conn.both_ways(200 * KIB)
        before, shown = same_everywhere(visit, family), ethtool_counts(visit)
        assert before["tx-hw-gso-packets"] > 0 and before["tx-needs-csum"] > 0
        assert before["rx-csum-unnecessary"] + before["rx-csum-none"] > 0
        visit.hand(conn)
        conn.both_ways(200 * KIB)
        wait_until(lambda: min(family.totals()[name] - before[name]
                               for name in ("rx-bytes", "tx-bytes")) > 200 * KIB,
                   "the bytes of the card's target to be counted", 10, 0.2)
        for script in ("ip link set eth0 down", "ip link set eth0 up",
                       "ethtool -L eth0 combined 1", "ethtool -G eth0 rx 128 tx 128",
                       f"ethtool -L eth0 combined {pairs}", "ethtool -G eth0 rx 512 tx 512"):
            shell(visit, script)
            if "down" not in script:
                visit.configure()
                conn.both_ways(20 * KIB)
                visit.hand(conn)
                conn.both_ways(20 * KIB)
                visit.back(conn)
            now, now_shown = same_everywhere(visit, family), ethtool_counts(visit)
            assert all(now[name] >= before[name] for name in before), script
            assert all(now_shown[name] >= shown[name] for name in shown), script
            before, shown = now, now_shown


@newer
def test_no_queue_is_lent_to_memory_of_others(visit: Visit) -> None:
    """Device memory cannot be bound to a queue, for receiving or for sending, nor io_uring's to a
    receive queue: the kernel refuses it because the driver cannot restart one queue. Connections,
    the card's among them, go on; a program that asks for device memory gets a copy (MSG_DEVMEM).
    """
    family = NetdevFamily(visit.vm)
    conn = visit.connect()
    visit.hand(conn)
    conn.both_ways()
    with pytest.raises(Refused) as caught:
        family.bind_rx(0)
    assert caught.value.errno == errno.EOPNOTSUPP
    if visit.vm.config.kernel == "7.3":
        assert caught.value.attribute == IFINDEX
        with pytest.raises(Refused, match="not support netmem TX") as caught:
            family.bind_tx()
        assert caught.value.errno == errno.EOPNOTSUPP
        with pytest.raises(CallFailed) as failed:
            conn.guest.do("zcrx", family.ifindex, 0)
        assert failed.value.errno in ("EOPNOTSUPP", "ENOTSUP")  # one number
    conn.peer.send(20 * KIB)
    conn.guest.recv(20 * KIB, "devmem")
    conn.both_ways()
    visit.expect("offloaded", conn)


@pytest.mark.parametrize("how", ["", "registered"])
def test_io_uring_sends_without_a_copy(visit: Visit, how: str) -> None:
    """IORING_OP_SEND_ZC, from a program's memory and from a registered buffer: the notice comes
    when nobody reads the memory any more, whoever has the connection; the program overwrites it at
    once (SND-8).
    """
    conn = visit.connect()
    for way in (visit.hand, visit.back, visit.hand):
        sending = conn.guest.begin("uringsend", 3 * MIB, how)
        conn.peer.recv(1 * MIB)
        way(conn)
        conn.peer.recv(2 * MIB)
        assert sending.wait()["done"] == 3 * MIB
    conn.both_ways()


@pytest.mark.where(kernels=("7.3",), cpus=(2,), debug=False)
def test_io_uring_receives_into_an_area(visit: Visit) -> None:
    """IORING_OP_RECV_ZC without a device of its own: what the card delivers is copied into the
    program's area, as it is with Linux alone, the first part of it at once, and the connection
    changes hands meanwhile.
    """
    conn = visit.connect(prepare=lambda end: end.set(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 * MIB))
    visit.hand(conn)
    for way in (visit.back, visit.hand):
        conn.peer.send(UNREAD)
        wait_until(lambda: conn.guest.queues()["in"] == UNREAD, "the unread bytes", 10, 0.05)
        reading = conn.guest.begin("zcrecv", 300 * KIB)
        conn.peer.send(50 * KIB)
        way(conn)
        conn.peer.send(100 * KIB)
        assert reading.wait()["done"] == 300 * KIB
        conn.both_ways()


CHANGES = (
    ("ethtool -L eth0 combined 1", "ethtool -l eth0 | tail -n1 | grep -w 1"),
    ("ethtool -G eth0 rx 128 tx 64", "ethtool -g eth0 | tail -n5 | grep -w 64"),
    ("ethtool -C eth0 rx-usecs 100 rx-frames 16", "ethtool -c eth0 | grep 'rx-usecs:.*100'"),
    ("ethtool -K eth0 gro off tso off rx off tx off", "ethtool -k eth0 | grep '^rx-c.*off'"),
    ("ip link set eth0 mtu 1400 promisc on allmulticast on", "ip link show eth0 | grep PROMISC"),
    ("ip link add link eth0 name eth0.9 type vlan id 9", "test -e /sys/class/net/eth0.9"),
    ("ip link set eth0 address 52:54:00:12:34:99; ip link set eth0 address {mac}", "true"),
    ("ip link set eth0 down; ip link set eth0 up", "cat /sys/class/net/eth0/carrier"),
)
BACK = ("ip link del eth0.9; ip link set eth0 mtu 1500 promisc off allmulticast off; "
        "ethtool -K eth0 gro on tso on rx on tx on; ethtool -C eth0 rx-usecs 0 rx-frames 0; "
        "ethtool -G eth0 rx 512 tx 512; ethtool -L eth0 combined 2")


@pytest.mark.slow
@pytest.mark.where(cpus=(2,), native=False)
def test_settings_change_under_traffic(visit: Visit, seed: int) -> None:
    """Everything that can be set of the device is set while connections carry data and the policy
    hands them over, again after each change: nothing hangs, nothing is lost, the settings hold.
    """
    mac = shell(visit, "cat /sys/class/net/eth0/address").strip()
    coalescing = shell(visit, "ethtool -c eth0")
    before, _ = visit.ctl.stats()
    visit.ctl.policy("auto")
    exchanges = [Exchange(visit, seed, family=family, size=1 * MIB) for family in (4, 6)]
    try:
        for change, check in CHANGES:
            shell(visit, change.format(mac=mac))
            visit.configure()
            shell(visit, check)
            for exchange in exchanges:
                exchange.wait_moved(128 * KIB)
        shell(visit, BACK)
        visit.configure()
        for exchange in exchanges:
            exchange.wait_moved(1 * MIB)
            assert exchange.running
            exchange.finish()
    finally:
        visit.ctl.policy("none")
        for exchange in exchanges:
            exchange.end()
        shell(visit, "ip link del eth0.9 || true; ip link set eth0 mtu 1500")
        visit.configure()
    after, _ = visit.ctl.stats()
    assert after["initiates"] - before["initiates"] > len(exchanges)
    assert shell(visit, "ethtool -c eth0") == coalescing


@pytest.mark.where(cpus=(2,), native=False, debug=False)
def test_what_the_hash_is_of(visit: Visit) -> None:
    """The driver says what the card hashes, and how many receive queues there are."""
    for flow, ports in (("tcp4", True), ("tcp6", True), ("udp4", False), ("udp6", False)):
        text = shell(visit, f"ethtool -n eth0 rx-flow-hash {flow}")
        assert "IP SA" in text and "IP DA" in text
        assert ("L4 bytes 0 & 1" in text) == ports == ("L4 bytes 2 & 3" in text)
    assert "with 2 RX ring(s)" in shell(visit, "ethtool -x eth0")
