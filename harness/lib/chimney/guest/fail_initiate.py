# SPDX-License-Identifier: GPL-2.0-or-later
"""How an INITIATE is made to fail: the card's property x-fail-initiate, in which a test names the
status and which object it shall befall.

STATUS fails every new object of the status's layer, STATUS:N the N-th since the card's reset or
since the property was set; `+` joins several, and neighbor/, path/ or tcp/ before a status names
another layer. A device test gives the property to its card at the start, a guest test sets it while
the machine runs (Visit.card_fails in station.py). FORCED has every status with its layer, by the
names that the specification and chimneyctl write.
"""
from __future__ import annotations

from ..vm.qmp import Qmp

NEIGHBOR, PATH, TCP = 0, 1, 2
FORCED = {
    "FAILURE": TCP,
    "RESOURCES": TCP,
    "TCP_ENTRIES": TCP,
    "PATH_ENTRIES": PATH,
    "NEIGHBOR_ENTRIES": NEIGHBOR,
    "IP_ADDRESS_ENTRIES": PATH,
    "HW_ADDRESS_ENTRIES": NEIGHBOR,
    "VLAN_ENTRIES": NEIGHBOR,
    "TCP_XMIT_BUFFER": TCP,
    "TCP_RCV_BUFFER": TCP,
    "TCP_RCV_WINDOW": TCP,
    "VLAN_MISMATCH": NEIGHBOR,
    "PATH_MTU": PATH,
    "CONNECTION_REJECTED": TCP,
    "INVALID_STATE": TCP,
    "INVALID_SEQUENCE": TCP,
    "DUPLICATE": TCP,
}


def force(qmp: Qmp, value: str) -> None:
    """Have the first card of a running machine fail so from now on; "" lets everything in again."""
    qmp.command("qom-set", path="/machine/peripheral/nic0", property="x-fail-initiate",
                value=value)
