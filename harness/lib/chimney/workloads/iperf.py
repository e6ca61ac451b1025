# SPDX-License-Identifier: GPL-2.0-or-later
"""iperf3: streams side by side, either way, for an exact number of bytes."""

from __future__ import annotations

import json

from .scene import GUEST, PEER, Results, Scene
from .workload import Workload

PORT = 5201
STREAMS = 4
BYTES = 16 << 20


def outcome(said: str) -> str:
    """iperf3's error, if any, or that it has sent all that it should."""
    report = json.loads(said)
    sent = report["end"].get("sum_sent", {}).get("bytes", 0)
    return str(report.get("error", "all" if sent >= BYTES else f"{sent} bytes"))


def words(host: str, *more: str) -> list[str]:
    """A client that sends so many bytes in all."""
    return ["iperf3", "-J", "-c", host, "-n", str(BYTES), "-P", str(STREAMS), *more]


def iperf(scene: Scene) -> Results:
    """The guest as client, then as server; a server for each, because for a moment after a client
    has gone iperf3 refuses the next one.
    """
    found: Results = {}
    for way in ((), ("-R",)):
        with scene.peer_serves(PORT, "iperf3", "-s"):
            found[f"client {way}"] = outcome(scene.guest(*words(PEER, *way)))
        with scene.guest_serves(PORT, "iperf3", "-s"):
            found[f"server {way}"] = outcome(scene.peer(*words(GUEST, *way)))
    assert set(found.values()) == {"all"}, found
    return found


WORKLOADS = (Workload("iperf3", iperf, ["iperf3"]),)
