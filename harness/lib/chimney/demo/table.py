# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's table: each founding case with how often driver and device saw it.

The two sides count by themselves; where they do not agree, the case has not been shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One line: what happened, the counter that both sides keep of it, and whether they agree."""

    text: str
    counter: str
    driver: str | None = None  # the driver's counter, if only the driver can know

    def counts(self, driver: Mapping[str, int], device: Mapping[str, int]) -> tuple[int, int]:
        """How often each side saw it."""
        if self.driver is not None:
            return driver.get(self.driver, 0), driver.get(self.driver, 0)
        return driver.get(self.counter, 0), device.get(self.counter, 0)


FOUNDING = (
    Case("offload: unread bytes handed to the card", "buffered_in_bytes"),
    Case("  of them, placed into posted receive requests", "buffered_to_recv_bytes"),
    Case("  of them, indicated, before newer data", "buffered_indicated_bytes"),
    Case("offload: bytes sent and not acknowledged handed in", "send_in_unacked_bytes"),
    Case("offload: bytes to be retransmitted handed in", "send_in_rexmit_bytes"),
    Case("offload: bytes not sent yet handed in", "send_in_unsent_bytes"),
    Case("sends completed, of several calls in one batch", "send_batches"),
    Case("upload: send requests handed back in order", "send_back_requests"),
    Case("upload: send requests completed", "send_back_completed"),
    Case("upload: unread bytes handed back", "buffered_out_bytes"),
    Case("receive requests in push mode completed", "recv_push"),
    Case("receive requests in nonpush mode completed", "recv_nonpush"),
    Case("receive requests of no bytes completed", "recv_zero"),
    Case("indications taken whole", "verdict_accepted"),
    Case("indications refused", "verdict_refused"),
    Case("indications taken in part", "verdict_partial"),
    Case("connections handed over in bulk", "bulk_lists"),
)

OPERATIONS = (
    Case("initiate", "initiates"),
    Case("terminate", "terminates"),
    Case("update", "updates"),
    Case("query", "queries"),
    Case("invalidate", "invalidates"),
    Case("send", "sends"),
    Case("receive request", "recvs"),
    Case("receive verdict", "verdicts"),
    Case("forward", "forwards"),
    Case("disconnect", "disconnects"),
    Case("initiate completions", "initiate_completions"),
    Case("terminate completions", "terminate_completions"),
    Case("update completions", "update_completions"),
    Case("query completions", "query_completions"),
    Case("invalidate completions", "invalidate_completions"),
    Case("send completions", "send_completions"),
    Case("receive completions", "recv_completions"),
    Case("forward completions", "forward_completions"),
    Case("disconnect completions", "disconnect_completions"),
    Case("receive indications", "indications"),
    Case("event indications", "events"),
)


@dataclass
class Line:
    """A line of the table as it came out."""

    text: str
    driver: int
    device: int

    @property
    def shown(self) -> bool:
        """It happened, and both sides say so alike."""
        return self.driver == self.device and self.driver > 0

    def as_dict(self) -> dict[str, object]:
        """For build/demo.json."""
        return {
            "case": self.text.strip(),
            "driver": self.driver,
            "device": self.device,
            "shown": self.shown,
        }


def add_up(sums: dict[str, int], more: Mapping[str, int]) -> None:
    """Add the counters of one more VM."""
    for key, value in more.items():
        if isinstance(value, int):
            sums[key] = sums.get(key, 0) + value


def lines(
    cases: tuple[Case, ...], driver: Mapping[str, int], device: Mapping[str, int]
) -> list[Line]:
    """The lines of one part of the table."""
    return [Line(case.text, *case.counts(driver, device)) for case in cases]


def render(title: str, found: list[Line]) -> str:
    """The part as text."""
    width = max(len(line.text) for line in found)
    out = [f"{title:<{width}}  {'driver':>14}  {'device':>14}"]
    for line in found:
        mark = "" if line.shown else "   <-- not shown" if line.driver == 0 else "   <-- differ"
        out.append(f"{line.text:<{width}}  {line.driver:>14}  {line.device:>14}{mark}")
    return "\n".join(out)
