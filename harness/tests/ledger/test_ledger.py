# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger's arithmetic and its words."""

from __future__ import annotations

from chimney.ledger import Ledger

COUNTERS = {
    "driver": {"initiates": 7, "terminates": 5, "refused": {"none": 9, "has-ulp": 1, "urgent": 0,
                                                            "pacing": 3},
               "why": {"none": 0, "requested": 4, "close": 1}},
    "device": {"rx_bytes": 600, "tx_bytes": 400, "rx_offloaded_bytes": 500,
               "tx_offloaded_bytes": 250},
}


def test_ledger_says_what_was_carried_and_why_not() -> None:
    ledger = Ledger.of(COUNTERS, 12)
    assert (ledger.offloaded, ledger.uploaded, ledger.share) == (7, 5, 0.75)
    assert ledger.lines() == [
        "12 connections, 7 offloads, 5 uploads; the card carried 750 of 1000 bytes (75%)",
        "refused: pacing 3, has-ulp 1; uploaded: requested 4, close 1"]


def test_ledger_without_reasons_is_one_line() -> None:
    assert Ledger.of({}, 0).lines() == [
        "0 connections, 0 offloads, 0 uploads; the card carried 0 of 0 bytes (0%)"]
