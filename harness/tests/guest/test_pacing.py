# SPDX-License-Identifier: GPL-2.0-or-later
"""A rate that a program asks for (SO_MAX_PACING_RATE) is kept by kernel TCP or by sch_fq, and by no
card: such a connection is Linux's (spec chapter 10.5).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from chimney.guest.station import Visit

KIB = 1024
SO_MAX_PACING_RATE = 47
RATE = 1 << 20
SIZE = 2 << 20
# Of the time that the rate gives: Linux lets the first packets go at once.
LEAST = 0.8 * SIZE / RATE
ONE = pytest.mark.where(cpus=(2,))


@pytest.fixture(params=["fq", "fq_codel"])
def scheduler(visit: Visit, request: pytest.FixtureRequest) -> Iterator[str]:
    """The card's queueing discipline: one that paces, or one with which TCP does it itself."""
    visit.vm.run(["tc", "qdisc", "replace", "dev", "eth0", "root", request.param])
    yield request.param
    visit.vm.run(["tc", "qdisc", "del", "dev", "eth0", "root"])


@ONE
def test_rate_before_the_offload(visit: Visit, scheduler: str) -> None:
    """The rate is set and kept before the hand-over: refused, and still kept."""
    conn = visit.connect()
    conn.guest.set(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
    conn.both_ways()
    if visit.offloads:
        answer = visit.ctl.offload_answer(*conn.words)
        assert answer == {"done": 0, "refused": 1, "reason": "pacing", "status": ""}
    began = time.monotonic()
    sending = conn.guest.begin("send", SIZE)
    conn.peer.recv(SIZE)
    sending.wait()
    assert time.monotonic() - began > LEAST


@ONE
def test_rate_while_offloaded(visit: Visit, scheduler: str) -> None:
    """ARC-1: the rate is set while the card has the connection, which goes back and keeps it."""
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()
    before = visit.ctl.reasons()[1].get("pacing", 0)
    sends = visit.ctl.stats()[0]["sends"]
    conn.guest.set(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
    conn.guest.send(KIB)
    conn.peer.recv(KIB)
    visit.expect("host", conn)
    if visit.offloads:
        assert visit.ctl.reasons()[1]["pacing"] == before + 1
        assert visit.ctl.stats()[0]["sends"] == sends, "the first write has left by the card"
    began = time.monotonic()
    sending = conn.guest.begin("send", SIZE)
    conn.peer.recv(SIZE)
    sending.wait()
    assert time.monotonic() - began > LEAST
