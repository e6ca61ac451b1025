# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger of a run: which connections the card carried, and why it did not carry the rest.

Made of `chimneyctl stats --json`, which has the counters of driver and card side by side, and the
guest's own count of TCP connections. Bytes are those of whole frames on the wire, as the card has
counted them since the guest booted, in both directions and with all that they hold: headers, bare
acknowledgements, retransmissions, ARP. The card's part are frames that its target made or took;
the rest went between wire and host by the raw path. That is the division of a capture, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..agent.client import Agent
from ..agent.exchange import AgentError
from ..errors import HarnessError

REFUSED, NO_CARD, UPLOADED = "refused", "refused_no_card", "why"


class BooksDiffer(HarnessError):
    """Two books that must agree do not: whoever counts is wrong, and no figure can be believed."""


def count_connections(agent: Agent) -> int:
    """How many TCP connections the guest has opened or accepted since it booted."""
    lines = [line.split() for line in agent.get("/proc/net/snmp").decode().splitlines()
             if line.startswith("Tcp:")]
    counts = dict(zip(lines[0][1:], lines[1][1:], strict=False))
    return int(counts["ActiveOpens"]) + int(counts["PassiveOpens"])


def read_counters(agent: Agent) -> dict[str, Any] | None:
    """The counters of driver and card; None when the guest has no chimneyctl or no card of ours
    that answers.
    """
    try:
        result = agent.run(["chimneyctl", "stats", "--json"], check=False)
        counters = json.loads(result.text) if result.ok else None
    except (AgentError, json.JSONDecodeError):
        return None
    return counters if isinstance(counters, dict) and counters.get("device") else None


@dataclass
class Ledger:
    """The figures of one run."""

    seen: int = 0
    offloaded: int = 0
    uploaded: int = 0
    refused: int = 0
    lost: int = 0
    resets: int = 0
    card_rx_bytes: int = 0
    card_tx_bytes: int = 0
    host_rx_bytes: int = 0
    host_tx_bytes: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    uploads: dict[str, int] = field(default_factory=dict)

    @property
    def card_bytes(self) -> int:
        """Of frames that the card's target made or took."""
        return self.card_rx_bytes + self.card_tx_bytes

    @property
    def wire_bytes(self) -> int:
        """Of all frames: those, and those of the raw path."""
        return self.card_bytes + self.host_rx_bytes + self.host_tx_bytes

    @property
    def share(self) -> float:
        """The card's part of the bytes on the wire."""
        return self.card_bytes / self.wire_bytes if self.wire_bytes else 0.0

    @classmethod
    def of(cls, counters: Mapping[str, Any], seen: int) -> Ledger:
        """Make a ledger of the counters of driver and card; raises BooksDiffer when they cannot
        be true.
        """
        driver, device = counters["driver"], counters["device"]
        check_counters(driver, device)
        refusals = _reasons(driver, REFUSED)
        for reason, count in _reasons(driver, NO_CARD).items():
            refusals[reason] = refusals.get(reason, 0) + count
        return cls(
            seen=seen, offloaded=driver["initiates"], uploaded=driver["terminates"],
            refused=sum(refusals.values()), lost=driver["lost_connections"],
            resets=driver["card_resets"],
            card_rx_bytes=device["target_rx_octets"], card_tx_bytes=device["target_tx_octets"],
            host_rx_bytes=device["rx_bytes"], host_tx_bytes=device["tx_bytes"],
            refusals=_by_count(refusals), uploads=_by_count(_reasons(driver, UPLOADED)))

    def figures(self) -> dict[str, Any]:
        """All of it, for a report."""
        return vars(self) | {"card_bytes": self.card_bytes, "wire_bytes": self.wire_bytes,
                             "share": self.share}

    def lines(self) -> list[str]:
        """The ledger as a person reads it."""
        first = (f"{self.seen} connections, {self.offloaded} offloads, {self.uploaded} uploads, "
                 f"{self.refused} refused; the card carried {self.card_bytes} of "
                 f"{self.wire_bytes} bytes on the wire ({percent(self.share)})")
        why = [f"{name}: " + ", ".join(f"{reason} {count}" for reason, count in reasons.items())
               for name, reasons in (("refused", self.refusals), ("uploaded", self.uploads))
               if reasons]
        if self.lost:
            why.append(f"lost with a card that failed: {self.lost}")
        if self.resets:
            why.append(f"resets of the card: {self.resets}, bytes are those since the last")
        return [first] + (["; ".join(why)] if why else [])


def percent(share: float) -> str:
    """Rounded down, so that only all is 100 %."""
    return f"{int(share * 1000) / 10:.1f}%"


def check_counters(driver: Mapping[str, Any], device: Mapping[str, int]) -> None:
    """Raise BooksDiffer when counters of one moment contradict each other."""
    for way, payload, frames in (("took", "rx_offloaded_bytes", "target_rx_octets"),
                                 ("sent", "tx_offloaded_bytes", "target_tx_octets")):
        if device[payload] > device[frames]:
            raise BooksDiffer(f"the card says that its target {way} {device[payload]} bytes of "
                              f"payload ({payload}) in frames of {device[frames]} bytes "
                              f"({frames}).")
    negative = [f"{name} {count}" for name, count in {**driver, **device}.items()
                if isinstance(count, int) and not 0 <= count < 1 << 62]
    negative += [f"{group} {name} {count}" for group in (REFUSED, NO_CARD, UPLOADED)
                 for name, count in _reasons(driver, group).items() if not 0 <= count < 1 << 62]
    if negative:
        raise BooksDiffer(f"counters are below zero: {', '.join(negative)}.")
    why = sum(_reasons(driver, UPLOADED).values())
    if why != driver["terminates"]:
        raise BooksDiffer(f"the driver counts {driver['terminates']} uploads (terminates) and "
                          f"{why} reasons for uploads (why).")


def _reasons(driver: Mapping[str, Any], group: str) -> dict[str, int]:
    return dict(driver.get(group, {}))


def _by_count(reasons: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(reasons.items(), key=lambda pair: -pair[1]))
