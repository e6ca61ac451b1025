# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM that tests share one after the other, and what one test does in it: connections between a
program in the guest and one at the peer, handed to the card or left with Linux.

A test written with a Visit runs in two ways: "native" leaves every connection with the kernel's
TCP, which proves the test itself, and "offload" hands it over where the test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import HarnessError
from ..host import programs
from ..host.nest import Room
from ..host.rundir import new_run_dir, remove
from ..vm.boot import Vm
from ..vm.config import VmConfig
from ..wait import paced, wait_until
from ..wire.linkemu import EmulatedWire, LinkEmulator
from . import fail_initiate
from .aftercare import Aftercare
from .chimneyctl import GuestCtl
from .puppet import End, GuestPuppet, PeerPuppet, Puppet

PORT = 7000
HANDOVER_SECONDS = 10
# Each of these counts something that must never happen.
NEVER = ("gate_xmits", "leaks", "bad_entries", "lost_connections")
Prepare = Callable[[End], None]


@dataclass
class Conn:
    """A connection, of which both ends are ours."""

    guest: End
    peer: End
    guest_host: str
    guest_port: int
    peer_host: str
    peer_port: int

    @property
    def words(self) -> tuple[str, str]:
        """Its two ends as chimneyctl takes them."""
        return (endpoint(self.guest_host, self.guest_port),
                endpoint(self.peer_host, self.peer_port))

    def both_ways(self, count: int = 20 << 10) -> None:
        """So many bytes in each direction, all of them compared."""
        self.guest.send(count)
        self.peer.recv(count)
        self.peer.send(count)
        self.guest.recv(count)


def endpoint(host: str, port: int) -> str:
    """ADDRESS:PORT, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Station:
    """A running VM with its baseline; for many tests, until one of them breaks it."""

    def __init__(self, config: VmConfig, allowed: Collection[str] = ()) -> None:
        self.run_dir = new_run_dir()
        self.vm = Vm(config, self.run_dir)
        self.vm.start()
        # What the wire of one test did to its connections is nothing that those of the next know,
        # at either end.
        self.vm.run(["sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"])
        for wire in self.vm.wires:
            if wire.room is not None:
                wire.room.sysctl("net/ipv4/tcp_no_metrics_save", 1)
        self.ctl = GuestCtl(self.vm)
        self.aftercare = Aftercare(self.vm, allowed)
        self._never = self._counters()
        self._counted: list[str] = []

    def _counters(self) -> dict[str, int]:
        driver, _ = self.ctl.stats()
        return {name: driver.get(name, 0) for name in NEVER}

    def _grown(self) -> list[str]:
        return [f"the driver counts {count - self._never[name]} {name}"
                for name, count in self._counters().items() if count != self._never[name]]

    def card_object_goes(self) -> None:
        """The driver is about to forget the card, and the counters with it: what they say now
        counts as found, and the new ones begin at 0.
        """
        self._counted += self._grown()
        self._never = dict.fromkeys(NEVER, 0)

    def card_loses(self, count: int) -> None:
        """The test has had the card fail with so many connections: they count as found."""
        self._never["lost_connections"] += count

    def findings(self, last: bool = False) -> list[str]:
        """What the last test has left over or broken; `last`: no other test follows."""
        found = self.aftercare.findings(last) + self._counted + self._grown()
        self.vm.console.poll()
        return found

    def close(self) -> None:
        """End the VM."""
        self.vm.close()


class Visit:
    """One test's stay in a station; close() ends its programs."""

    def __init__(self, station: Station, way: str) -> None:
        self.station, self.vm, self.ctl, self.way = station, station.vm, station.ctl, way
        room = self.vm.wire.room
        assert room is not None
        self.room: Room = room
        self.guest = GuestPuppet(self.vm)
        self.peer: Puppet = PeerPuppet(room, self.vm.watch)
        self._listeners: dict[tuple[str, str], tuple[End, int]] = {}

    @property
    def link(self) -> LinkEmulator:
        """The link emulator, in a VM that has one."""
        wire = self.vm.config.wire
        assert isinstance(wire, EmulatedWire)
        return wire.link

    @property
    def offloads(self) -> bool:
        """Whether hand() hands over in this run."""
        return self.way != "native"

    def close(self) -> None:
        """End the programs and with them every connection."""
        try:
            self.guest.close()
        finally:
            self.peer.close()

    # -- connections -----------------------------------------------------------------------------

    def hosts(self, family: int) -> tuple[str, str]:
        """The guest's address and the peer's."""
        subnet = self.vm.wire.subnet
        return (subnet.guest4, subnet.peer4) if family == 4 else (subnet.guest6, subnet.peer6)

    def listener(self, side: str, host: str) -> tuple[End, int]:
        """A listening socket of the guest or of the peer, and its port."""
        if (side, host) not in self._listeners:
            puppet = self.guest if side == "guest" else self.peer
            end = puppet.socket(6 if ":" in host else 4)
            end.do("bind", host, 0)
            self._listeners[side, host] = end, end.do("listen", 128)["port"]
        return self._listeners[side, host]

    def connect(self, family: int = 4, *, opener: str = "guest", guest_host: str = "",
                peer_host: str = "", prepare: Prepare | None = None) -> Conn:
        """A new connection; prepare is called with the opening socket before it connects."""
        hosts = self.hosts(family)
        guest_host, peer_host = guest_host or hosts[0], peer_host or hosts[1]
        at_guest = opener == "guest"
        here, there = (guest_host, peer_host) if at_guest else (peer_host, guest_host)
        listener, port = self.listener("peer" if at_guest else "guest", there)
        end = (self.guest if at_guest else self.peer).socket(6 if ":" in here else 4)
        if prepare is not None:
            prepare(end)
        end.do("bind", here, 0)
        own = end.do("connect", there, port)["port"]
        other = listener.accept()
        if at_guest:
            return Conn(end, other, guest_host, own, peer_host, port)
        return Conn(other, end, guest_host, port, peer_host, own)

    def configure(self, inside: Sequence[str] = ()) -> None:
        """Give eth0 the addresses that it had after the boot; it may have been made anew, or have
        gone where the command `inside` runs another.
        """
        subnet = self.vm.wire.subnet
        script = (f"ip link set eth0 up; ip address replace {subnet.guest4}/24 dev eth0; "
                  f"ip -6 address replace {subnet.guest6}/64 dev eth0 nodad; "
                  f"ip route replace default via {subnet.peer4}; "
                  f"ip -6 route replace default via {subnet.peer6}")
        self.vm.run([*inside, "sh", "-ec", script], seconds=paced(60))

    # -- hand-over -------------------------------------------------------------------------------

    def set_failure(self, value: str) -> None:
        """Set the card's x-fail-initiate."""
        fail_initiate.force(self.vm.qmp, value)

    @contextmanager
    def card_fails(self, value: str) -> Iterator[None]:
        """The card refuses new objects meanwhile, with the status named in value."""
        self.set_failure(value)
        try:
            yield
        finally:
            self.set_failure("")

    def set_fault(self, value: str) -> None:
        """Set the card's x-fault."""
        self.vm.qmp.command("qom-set", path="/machine/peripheral/nic0", property="x-fault",
                            value=value)

    @contextmanager
    def card_breaks(self, value: str) -> Iterator[None]:
        """The card breaks the rules named in value meanwhile."""
        self.set_fault(value)
        try:
            yield
        finally:
            self.set_fault("")

    def reset_card(self) -> None:
        """The guest's kernel resets the card's PCI function."""
        device = "/sys/class/net/eth0/device"
        self.vm.run(["sh", "-ec", f"echo 1 >$(readlink -f {device})/reset"], seconds=paced(30))

    @contextmanager
    def automatic(self) -> Iterator[None]:
        """The automatic policy meanwhile."""
        self.ctl.policy("auto")
        try:
            yield
        finally:
            self.ctl.policy("none")

    def netstat(self, name: str) -> int:
        """What the guest's Linux has counted under a name of TcpExt; 0 if it does not know it."""
        text = self.vm.run(["cat", "/proc/net/netstat"]).text
        names, values = (line.split() for line in text.splitlines() if line.startswith("TcpExt:"))
        return int(dict(zip(names, values, strict=True)).get(name, 0))

    @contextmanager
    def sysctl(self, name: str, value: int) -> Iterator[None]:
        """The guest has another value of a sysctl meanwhile."""
        before = self.vm.run(["sysctl", "-n", name]).text.strip()
        self.vm.run(["sysctl", "-qw", f"{name}={value}"])
        try:
            yield
        finally:
            self.vm.run(["sysctl", "-qw", f"{name}={before}"])

    def hand(self, *conns: Conn) -> None:
        """Hand connections to the card, and see that it has them; nothing in a native run."""
        for conn in conns if self.offloads else ():
            if self.state(conn) != "offloaded":
                self.ctl.offload_soon(*conn.words, seconds=HANDOVER_SECONDS)
            self.expect("offloaded", conn)

    def back(self, *conns: Conn) -> None:
        """Take connections back, and see that Linux has them; nothing in a native run."""
        for conn in conns if self.offloads else ():
            self.ctl.upload(*conn.words)
            self.expect("host", conn)

    def acknowledged(self, *conns: Conn) -> None:
        """Wait until the peer has acknowledged all that the programs have sent: a connection whose
        frames are still on their way may be refused, or have a list of its own.
        """
        wait_until(lambda: not any(conn.guest.queues()["out"] for conn in conns), "all ACKs", 10)

    def state(self, conn: Conn) -> str:
        """Who has a connection: the state that the driver shows, or "host"."""
        for entry in self.ctl.connections():
            if (entry["local"], entry["remote"]) == conn.words:
                return str(entry["state"])
        return "host"

    def expect(self, state: str, *conns: Conn, seconds: float = HANDOVER_SECONDS) -> None:
        """Wait until connections are where they belong; nothing in a native run."""
        for conn in conns if self.offloads else ():
            wait_until(lambda conn=conn: self.state(conn) == state,  # type: ignore[misc]
                       f"{conn.words[0]} to {conn.words[1]} to be {state}", seconds, 0.05)


class Pool:
    """Keeps the VM of the last test for the next one that wants the same."""

    def __init__(self) -> None:
        self._station: Station | None = None
        self._key: object = None

    def get(self, key: object, make: Callable[[], VmConfig]) -> Station:
        """The station of that key; another one is ended first."""
        if self._station is not None and (self._key != key or not self._station.vm.running):
            self.discard()
        if self._station is None:
            self._station, self._key = Station(make()), key
        return self._station

    def discard(self, keep_files: bool = False) -> None:
        """End the VM that is kept."""
        station, self._station = self._station, None
        if station is not None:
            station.close()
            if not keep_files:
                remove(station.run_dir)


@contextmanager
def station_of(kernel: str, allowed: Collection[str] = (), **more: object) -> Iterator[Station]:
    """A VM for one test, looked at when the test has passed, and forgotten then."""
    station = Station(config(kernel, 2, **more), allowed)
    try:
        yield station
        findings = station.findings(last=True)
        assert not findings, "after the test, in the guest: " + "; ".join(findings)
    finally:
        station.close()
    remove(station.run_dir)


def config(kernel: str, cpus: int, **more: object) -> VmConfig:
    """The VM of most tests."""
    bins = [str(programs.puppet()), str(programs.xfer())]
    values: dict[str, object] = {"kernel": kernel, "cpus": cpus, "bins": bins,
                                 "load": ["8021q", "tls"], **more}
    made = VmConfig()
    for name, value in values.items():
        if not hasattr(made, name):
            raise HarnessError(f"a VM has no property {name}.")
        setattr(made, name, value)
    return made
