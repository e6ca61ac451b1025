# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer that runs the guest's own kernel: behind a second card, in a network namespace of the
guest, with the wire's own host as the router between. For what the host's kernel may not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..wait import wait_until
from .puppet import GuestPuppet
from .station import Conn, Prepare, Visit

NAME = "mirror"
INSIDE = ("ip", "netns", "exec", NAME)
CARD = "eth1"
FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")


class Mirror:
    """The namespace with the second card; use mirrored(). Needs a VM with two cards."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def host(self, family: int) -> str:
        """The address of the peer in there."""
        subnet = self._visit.vm.wires[1].subnet
        return subnet.guest4 if family == 4 else subnet.guest6

    def connect(self, family: int = 4, *, opener: str = "guest",
                prepare: Prepare | None = None) -> Conn:
        """A connection between the guest's first card and the peer in there."""
        return self._visit.connect(family, opener=opener, peer_host=self.host(family),
                                   prepare=prepare)

    def run(self, *words: str) -> str:
        """A command in there."""
        return self._visit.vm.run([*INSIDE, *words]).text

    def open(self) -> None:
        """Move the card there and give it addresses and routes."""
        vm = self._visit.vm
        subnet = vm.wires[1].subnet
        for name in FORWARDING:
            self._visit.room.sysctl(name, 1)
        vm.run(["ip", "netns", "add", NAME])
        vm.run(["ip", "link", "set", CARD, "netns", NAME])
        script = (f"ip link set lo up; ip link set {CARD} up; "
                  f"ip address replace {subnet.guest4}/24 dev {CARD}; "
                  f"ip -6 address replace {subnet.guest6}/64 dev {CARD} nodad; "
                  f"ip route replace default via {subnet.peer4}; "
                  f"ip -6 route replace default via {subnet.peer6}")
        self.run("sh", "-ec", script)

    def close(self) -> None:
        """End the namespace; the card comes back."""
        vm = self._visit.vm
        vm.run(["ip", "netns", "delete", NAME])
        wait_until(lambda: vm.run(["test", "-e", f"/sys/class/net/{CARD}"], check=False).ok,
                   "the second card to come back with the end of its namespace", 20, 0.1)
        for name in FORWARDING:
            self._visit.room.sysctl(name, 0)


@contextmanager
def mirrored(visit: Visit) -> Iterator[Mirror]:
    """The visit's peer is in there meanwhile."""
    mirror, outer = Mirror(visit), visit.peer
    mirror.open()
    try:
        visit.peer = GuestPuppet(visit.vm, INSIDE)
        try:
            yield mirror
        finally:
            visit.guest.close()
            visit.peer.close()
    finally:
        visit.guest, visit.peer = GuestPuppet(visit.vm), outer
        mirror.close()
