# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire: what stands between the guest's card and its peer.

Builds the devices inside a nest and says which -netdev reaches them. The wires: a plain tap; a
tap with a host behind it whose link has no segmentation offload; further taps for further cards;
a link emulator between a netdev socket and a tap; and wires that need no nest at all (user,
stream, dgram).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import HarnessError, WrongUse
from ..host.nest import InnerRoom, Nest, Room
from ..paths import in_option
from ..wait import wait_until

TUN = Path("/dev/net/tun")
CAPTURE_MIB = "64"
# An Ethernet frame from nobody to nobody, of the type for local experiments.
SEND_MARK = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
    wire.bind((sys.argv[1], 0))
    wire.send(bytes.fromhex("020000000001" "020000000002" "88b5" + sys.argv[2]))
"""
SOCKET_PATH_MAX = 107
NO_OFFLOAD = ("tso", "gso", "gro", "tx", "rx", "sg")


@dataclass(frozen=True)
class Subnet:
    """The addresses of one wire: the guest is 2, the peer is 1."""

    ipv4: str = "10.77.0"
    ipv6: str = "fd77:"

    @property
    def guest4(self) -> str:
        """The guest's IPv4 address."""
        return f"{self.ipv4}.2"

    @property
    def guest6(self) -> str:
        """The guest's IPv6 address."""
        return f"{self.ipv6}:2"

    @property
    def peer4(self) -> str:
        """The peer's IPv4 address."""
        return f"{self.ipv4}.1"

    @property
    def peer6(self) -> str:
        """The peer's IPv6 address."""
        return f"{self.ipv6}:1"


FIRST = Subnet()
SECOND = Subnet("10.78.0", "fd78:")


@dataclass(frozen=True)
class Netdev:
    """One -netdev of QEMU, without its id; queues is what the card in front may use."""

    spec: str
    queues: int = 1

    def argument(self, name: str) -> str:
        """The value of the -netdev option under the given id."""
        kind, _, rest = self.spec.partition(",")
        return f"{kind},id={name}" + (f",{rest}" if rest else "")


@dataclass
class Wire:
    """A finished wire: the netdev for QEMU, and the room in which the peer's programs run."""

    netdev: Netdev
    room: Room | None = None
    device: str = ""
    subnet: Subnet = FIRST

    @property
    def has_peer(self) -> bool:
        """Whether programs can be started at the other end."""
        return self.room is not None


@dataclass(frozen=True)
class Site:
    """Where a VM has its wire built: its nest, the folder of its sockets, and `on_close`, which
    takes what shall be done when the VM ends, the last first.
    """

    nest: Nest
    sockets: Path
    on_close: Callable[[Callable[[], object]], object]


WireMaker = Callable[[Site], Wire]


def check_tap_permission() -> None:
    """Refuse early, with a sentence, when this user may not open the tap device."""
    if not TUN.exists():
        raise HarnessError(f"{TUN} does not exist, so there can be no tap: load the module tun, "
                           "as root by `modprobe tun`.")
    if not os.access(TUN, os.R_OK | os.W_OK):
        raise HarnessError(f"no permission to open {TUN}: it is open to all on Debian, as root by "
                           f"`chmod 666 {TUN}`.")


def check_tap_possible() -> None:
    """Refuse early when there can be no tap in a private network for this user."""
    check_tap_permission()
    Nest().close()


def give_addresses(room: Room, device: str, subnet: Subnet, mtu: int = 1500) -> None:
    """Give a device the peer's addresses and bring it up."""
    # Duplicate address detection would keep the IPv6 address unusable for its first second.
    room.ip("address", "add", f"{subnet.peer4}/24", "dev", device)
    room.ip("-6", "address", "add", f"{subnet.peer6}/64", "dev", device, "nodad")
    room.ip("link", "set", device, "mtu", str(mtu), "up")


def make_tap(nest: Nest, device: str, *, queues: int = 1) -> Netdev:
    """Make a bare tap device in the nest, without addresses."""
    mode = ["multi_queue"] if queues > 1 else []
    nest.ip("tuntap", "add", "dev", device, "mode", "tap", "vnet_hdr", *mode)
    spec = f"tap,ifname={device},script=no,downscript=no,vhost=off"
    return Netdev(spec + (f",queues={queues}" if queues > 1 else ""), queues)


def tap_wire(nest: Nest, *, device: str = "tap0", queues: int = 1, mtu: int = 1500,
             subnet: Subnet = FIRST) -> Wire:
    """A tap whose other end is the nest's own network: the default, with all its offloads."""
    netdev = make_tap(nest, device, queues=queues)
    give_addresses(nest, device, subnet, mtu)
    return Wire(netdev, nest, device, subnet)


def segmented_wire(nest: Nest, *, queues: int = 1, mtu: int = 1500,
                   subnet: Subnet = FIRST) -> Wire:
    """A tap bridged to a veth without offloads, whose far end is the peer, in a room of its own.

    What the guest sends in large frames is cut by Linux on its way to the peer, so a capture on
    the peer's device shows every segment with the IP ID that Linux gave it.
    """
    netdev = make_tap(nest, "tap0", queues=queues)
    room: InnerRoom = nest.room()
    nest.ip("link", "add", "veth0", "type", "veth", "peer", "name", "peer0")
    nest.ip("link", "set", "peer0", "netns", str(room.inner_pid))
    for place, device in ((nest, "veth0"), (room, "peer0")):
        words = [word for name in NO_OFFLOAD for word in (name, "off")]
        place.run(["ethtool", "-K", device, *words])
    nest.ip("link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
    for device in ("tap0", "veth0"):
        nest.ip("link", "set", device, "mtu", str(mtu), "master", "br0", "up")
    nest.ip("link", "set", "br0", "up")
    give_addresses(room, "peer0", subnet, mtu)
    return Wire(netdev, room, "peer0", subnet)


def user_wire(subnet: Subnet = FIRST) -> Wire:
    """QEMU's own user network, on our addresses; TCP ends inside QEMU."""
    return Wire(Netdev(f"user,net={subnet.ipv4}.0/24,host={subnet.peer4},dns={subnet.ipv4}.3,"
                       f"dhcpstart={subnet.ipv4}.15,ipv6-net={subnet.ipv6}:/64,"
                       f"ipv6-host={subnet.peer6}"))


def stream_wire(path: Path) -> Wire:
    """A stream socket that someone else listens on, passt for one."""
    return Wire(Netdev(f"stream,server=off,addr.type=unix,addr.path={in_option(path)}"))


def dgram_wire(local: Path, remote: Path) -> Wire:
    """A datagram socket of ours and one of someone else's."""
    return Wire(Netdev(f"dgram,local.type=unix,local.path={in_option(local)},"
                       f"remote.type=unix,remote.path={in_option(remote)}"))


def check_socket_path(text: str, path: Path) -> None:
    """Refuse what no Unix socket can be bound or connected to."""
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise WrongUse(f"--net {text}: the path of a socket has at most {SOCKET_PATH_MAX} bytes.")


def parse_outside_wire(text: str) -> Wire:
    """The wires named on the command line that need no nest."""
    kind, _, rest = text.partition(":")
    if kind == "user" and not rest:
        return user_wire()
    if kind == "stream" and rest:
        path = Path(rest)
        if not path.is_socket():
            raise WrongUse(f"--net {text}: nobody listens at {path}, it is not a socket.")
        check_socket_path(text, path)
        return stream_wire(path)
    if kind == "dgram" and rest.count(",") == 1:
        local, remote = rest.split(",")
        if local and remote:
            check_socket_path(text, Path(local))
            check_socket_path(text, Path(remote))
            return dgram_wire(Path(local), Path(remote))
    raise WrongUse(f"--net {text} is not a wire; use tap, user, stream:PATH or "
                   "dgram:LOCAL,REMOTE.")


@contextmanager
def captured(room: Room, device: str, file: Path, length: int = 0) -> Iterator[Path]:
    """Capture a device of a room into a pcapng file meanwhile; of each frame at most `length`
    bytes, if given.

    The file holds every frame from the beginning of the block to its end, however busy the host is:
    the buffer is large, and the end is a frame of our own that must have reached the file.
    """
    catcher = room.spawn(["dumpcap", "-q", "-B", CAPTURE_MIB, "-s", str(length), "-i", device,
                          "-w", str(file)], name="dumpcap")
    try:
        wait_until(lambda: file.exists() and file.stat().st_size > 0, "the capture to begin", 30)
        yield file
        token = os.urandom(16)
        room.run(["/usr/bin/python3", "-c", SEND_MARK, device, token.hex()])
        wait_until(lambda: token in file.read_bytes(), "the end of the capture", 60, 0.1)
    finally:
        catcher.stop()
