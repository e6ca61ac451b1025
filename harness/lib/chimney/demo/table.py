# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's table: each founding case with how often driver and device saw it.

The two sides count by themselves; where they do not agree, the case has not been shown. Some rows
rest on the word of one side, which the other counts: the driver says why it forwards a segment, the
device how many segments it has retransmitted and which completions came in one batch. The table
says so, and what the wire has seen is held against them where it can be (cases.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One line: what happened, and the counter that both sides keep of it."""

    text: str
    counter: str
    word: str = ""  # on which side's word it rests, if not on both


FOUNDING = (
    Case("offload: unread bytes handed to the card", "buffered_in_bytes"),
    Case("  of them, placed into posted receive requests", "buffered_to_recv_bytes"),
    Case("  of them, indicated, before newer data", "buffered_indicated_bytes"),
    Case("offload: bytes sent and not acknowledged handed in", "send_in_unacked_bytes"),
    Case("offload: bytes to be retransmitted handed in", "send_in_rexmit_bytes"),
    Case("offload: bytes not sent yet handed in", "send_in_unsent_bytes"),
    Case("sends completed, asynchronously", "send_completions"),
    Case("  batches of several calls on connections", "send_batches", "device"),
    Case("forwards completed, asynchronously", "forward_completions"),
    Case("  batches of several calls on connections", "forward_batches", "device"),
    Case("upload: send requests handed back, in order", "send_back_requests"),
    Case("  their bytes from SndUna to SndNxt", "send_back_unacked_bytes"),
    Case("  their bytes from SndNxt to SndMax, to be sent again", "send_back_rexmit_bytes"),
    Case("  their bytes behind SndMax, not sent yet", "send_back_unsent_bytes"),
    Case("upload: send requests completed", "send_back_completed"),
    Case("upload: connections with some sends of either kind", "send_back_mixed"),
    Case("upload: unread bytes handed back", "buffered_out_bytes"),
    Case("receive requests in push mode completed", "recv_push"),
    Case("receive requests in nonpush mode completed", "recv_nonpush"),
    Case("receive requests of no bytes completed", "recv_zero"),
    Case("indications taken whole", "verdict_accepted"),
    Case("indications refused", "verdict_refused"),
    Case("indications taken in part", "verdict_partial"),
    Case("segments forwarded that came during the initiate", "forward_initiate", "driver"),
    Case("  that came on another card", "forward_interface", "driver"),
    Case("  that were reassembled from fragments", "forward_fragments", "driver"),
    Case("  that had IP options", "forward_options", "driver"),
    Case("losses: segments retransmitted by the target", "rexmit_segments", "device"),
    Case("state operations on several connections at once", "bulk_lists"),
)

OPERATIONS = (
    Case("initiate, connections", "initiates"),
    Case("terminate, connections", "terminates"),
    Case("update", "updates"),
    Case("query", "queries"),
    Case("invalidate", "invalidates"),
    Case("send", "sends"),
    Case("receive request", "recvs"),
    Case("receive verdict", "verdicts"),
    Case("forward", "forwards"),
    Case("disconnect", "disconnects"),
)

ANSWERS = (
    Case("completions of initiate", "initiate_completions"),
    Case("completions of terminate", "terminate_completions"),
    Case("completions of update", "update_completions"),
    Case("completions of query", "query_completions"),
    Case("completions of invalidate", "invalidate_completions"),
    Case("completions of send", "send_completions"),
    Case("completions of receive request", "recv_completions"),
    Case("completions of forward", "forward_completions"),
    Case("completions of disconnect", "disconnect_completions"),
    Case("receive indications", "indications"),
    Case("event indications", "events"),
)

PARTS = (
    ("founding cases", FOUNDING),
    ("operations", OPERATIONS),
    ("completions and indications", ANSWERS),
)
COUNTERS = tuple({case.counter for _, cases in PARTS for case in cases})


@dataclass
class Line:
    """A line of the table as it came out."""

    text: str
    driver: int
    device: int
    word: str = ""

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
            "word": self.word or "both",
        }


# Each of these operations has one completion; a send may be handed back instead.
COMPLETED = {"updates": "update_completions", "queries": "query_completions",
             "invalidates": "invalidate_completions", "recvs": "recv_completions",
             "forwards": "forward_completions", "disconnects": "disconnect_completions"}
BATCHED = {"send_batches": "send_completions", "forward_batches": "forward_completions"}


def contradictions(side: str, counts: Mapping[str, int]) -> list[str]:
    """What cannot be among the counters of one side, when nothing is under way any more."""
    return [
        f"{side}: {counts[operation]} {operation}, {counts[answer]} {answer}"
        for operation, answer in COMPLETED.items()
        if counts[operation] != counts[answer]
    ] + [
        f"{side}: {counts[batches]} {batches}, each of two or more of {counts[answer]} {answer}"
        for batches, answer in BATCHED.items()
        if 2 * counts[batches] > counts[answer]
    ]


def add_up(sums: dict[str, int], more: Mapping[str, int]) -> None:
    """Add the counters of one more VM."""
    for key, value in more.items():
        if isinstance(value, int):
            sums[key] = sums.get(key, 0) + value


def lines(
    cases: Iterable[Case], driver: Mapping[str, int], device: Mapping[str, int]
) -> list[Line]:
    """The lines of one part of the table."""
    return [
        Line(case.text, driver.get(case.counter, 0), device.get(case.counter, 0), case.word)
        for case in cases
    ]


def mark(line: Line) -> str:
    """Whose word a line is, or what is wrong with it."""
    if line.shown:
        return f"   (by the {line.word}'s word)" if line.word else ""
    return "   <-- not shown" if line.driver == line.device else "   <-- differ"


def render(parts: Mapping[str, list[Line]]) -> str:
    """The table as text."""
    width = max(len(line.text) for found in parts.values() for line in found)
    out: list[str] = []
    for title, found in parts.items():
        out += ["", f"{title:<{width}}  {'driver':>14}  {'device':>14}"]
        out += [
            f"{line.text:<{width}}  {line.driver:>14}  {line.device:>14}{mark(line)}"
            for line in found
        ]
    return "\n".join(out[1:])
