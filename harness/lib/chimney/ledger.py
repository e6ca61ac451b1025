# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger of a run: which connections the card carried, and why it did not carry the rest.

Reads `chimneyctl stats --json`, which has the counters of driver and device side by side, and the
guest's own count of TCP connections. Says it in one or two lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .agent.client import Agent
from .agent.exchange import AgentError

REFUSED, UPLOADED = "refused", "why"


def count_connections(agent: Agent) -> int:
    """How many TCP connections the guest has opened or accepted since it booted."""
    lines = [line.split() for line in agent.get("/proc/net/snmp").decode().splitlines()
             if line.startswith("Tcp:")]
    counts = dict(zip(lines[0][1:], lines[1][1:], strict=False))
    return int(counts["ActiveOpens"]) + int(counts["PassiveOpens"])


def read_counters(agent: Agent) -> dict[str, Any] | None:
    """The counters of driver and device; None when the guest has no chimneyctl or no card."""
    try:
        result = agent.run(["chimneyctl", "stats", "--json"], check=False)
        counters = json.loads(result.text) if result.ok else None
    except (AgentError, json.JSONDecodeError):
        return None
    return counters if isinstance(counters, dict) else None


@dataclass
class Ledger:
    """The figures of one run."""

    seen: int = 0
    offloaded: int = 0
    uploaded: int = 0
    card_bytes: int = 0
    wire_bytes: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    uploads: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The card's part of the bytes on the wire; headers are on the wire only."""
        return min(1.0, self.card_bytes / self.wire_bytes) if self.wire_bytes else 0.0

    @classmethod
    def of(cls, counters: Mapping[str, Any], seen: int) -> Ledger:
        """Make a ledger of the counters of driver and device."""
        driver: Mapping[str, Any] = counters.get("driver", {})
        device: Mapping[str, Any] = counters.get("device", {})
        return cls(
            seen=seen, offloaded=int(driver.get("initiates", 0)),
            uploaded=int(driver.get("terminates", 0)),
            card_bytes=_sum(device, "rx_offloaded_bytes", "tx_offloaded_bytes"),
            wire_bytes=_sum(device, "rx_bytes", "tx_bytes"),
            refusals=_reasons(driver, REFUSED), uploads=_reasons(driver, UPLOADED))

    def lines(self) -> list[str]:
        """The ledger as a person reads it."""
        first = (f"{self.seen} connections, {self.offloaded} offloads, {self.uploaded} uploads; "
                 f"the card carried {self.card_bytes} of {self.wire_bytes} bytes "
                 f"({self.share:.0%})")
        why = [f"{name}: " + ", ".join(f"{reason} {count}" for reason, count in reasons.items())
               for name, reasons in (("refused", self.refusals), ("uploaded", self.uploads))
               if reasons]
        return [first] + (["; ".join(why)] if why else [])


def _sum(counters: Mapping[str, Any], *names: str) -> int:
    return sum(int(counters.get(name, 0)) for name in names)


def _reasons(counters: Mapping[str, Any], name: str) -> dict[str, int]:
    """The counts by reason that are not zero, the most frequent first."""
    found = counters.get(name, {})
    found = found if isinstance(found, dict) else {}
    pairs = [(reason, int(count)) for reason, count in found.items() if count and reason != "none"]
    return dict(sorted(pairs, key=lambda pair: -pair[1]))
