# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire whose other end is in a VLAN, made by a small switch of ours, so that the peer's kernel
needs no VLAN devices.
"""

from __future__ import annotations

import subprocess

from ..errors import HarnessError
from ..host import programs
from .net import FIRST, Netdev, Site, Subnet, Wire, give_addresses

VLAN, INNER = 77, 5
CUSTOMER, SERVICE = 0x8100, 0x88A8
INSIDE = Subnet("10.79.0", "fd79:")
MTU = 1500


class VlanWire:
    """Makes a VM's wire: frames with these tags, type and VLAN each, reach a peer of their own, all
    others the usual one. Pass an instance as VmConfig.wire.
    """

    def __init__(self, *tags: tuple[int, int]) -> None:
        self.tags = "".join(f"{kind:04x}{vlan:04x}" for kind, vlan in tags or ((CUSTOMER, VLAN),))

    def __call__(self, site: Site) -> Wire:
        """Build the wire in the VM's nest."""
        nest = site.nest
        for tap in ("tap0", "tapv"):
            nest.ip("tuntap", "add", "dev", tap, "mode", "tap")
        local, remote = site.sockets / "card", site.sockets / "switch"
        child = nest.spawn([str(programs.tagger()), str(remote), str(local), self.tags, "tapv",
                            "tap0"], name="tagger", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        site.on_close(child.kill)
        assert child.popen.stdout is not None
        if child.popen.stdout.readline() != b"ready\n":
            raise HarnessError("the VLAN switch did not start.")
        give_addresses(nest, "tap0", FIRST, MTU)
        give_addresses(nest, "tapv", INSIDE, MTU)
        return Wire(Netdev(f"dgram,local.type=unix,local.path={local},"
                           f"remote.type=unix,remote.path={remote}"), nest, "tap0", FIRST)
