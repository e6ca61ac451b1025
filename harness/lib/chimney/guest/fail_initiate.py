# SPDX-License-Identifier: GPL-2.0-or-later
"""The failures of an INITIATE that the card's property x-fail-initiate can force: the names of the
statuses, as the specification and chimneyctl write them, and the layer of the object that fails.
"""
from __future__ import annotations

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
