# SPDX-License-Identifier: GPL-2.0-or-later
"""The load program by itself, both ends on the host."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from chimney.bench import loadgen


class Pair:
    """Both ends over the loopback device."""

    def __init__(self) -> None:
        program = loadgen.build()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.peer = subprocess.Popen([program, "peer", port], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.line() == "listening\n"
        self.guest = subprocess.Popen([program, "guest", "127.0.0.1", port],
                                      stdout=subprocess.PIPE, text=True)
        assert self.line() == "connected\n"

    def line(self) -> str:
        """One line of the peer's."""
        assert self.peer.stdout is not None
        return self.peer.stdout.readline()

    def order(self, text: str) -> Any:
        """Have one order done."""
        assert self.peer.stdin is not None
        self.peer.stdin.write(text + "\n")
        self.peer.stdin.flush()
        return json.loads(self.line())

    def end(self) -> tuple[int, int]:
        """Close the peer's standard input and wait for both."""
        assert self.peer.stdin is not None
        self.peer.stdin.close()
        return self.peer.wait(10), self.guest.wait(10)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connected pair, ended after the test."""
    made = Pair()
    yield made
    for end in (made.peer, made.guest):
        end.kill()
        end.wait(5)
        for pipe in (end.stdin, end.stdout, end.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


def test_orders_are_done_one_after_the_other(pair: Pair) -> None:
    sent = pair.order("send 10000001")
    assert sent["bytes"] == 10000001 and sent["ns"] > 0 and sent["order"] == "send"
    received = pair.order("recv 5000003")
    assert received["bytes"] == 5000003 and received["order"] == "recv"
    trips = pair.order("rr 100 64")
    assert trips["count"] == 100 and trips["bytes"] == 12800
    assert 0 < trips["p50_us"] <= trips["p90_us"] <= trips["p99_us"] <= trips["ns"] / 1000
    assert pair.end() == (0, 0)


def test_percentiles_of_one_round_trip(pair: Pair) -> None:
    trip = pair.order("rr 1 16384")
    assert trip["p50_us"] == trip["p99_us"] == pytest.approx(trip["ns"] / 1000, abs=0.001)


@pytest.mark.parametrize("order", ["fly 7", "rr 0 64", "rr 10 0", "rr 10 99999", "rr 5"])
def test_peer_refuses_what_is_no_order(pair: Pair, order: str) -> None:
    assert pair.peer.stdin is not None and pair.peer.stderr is not None
    pair.peer.stdin.write(order + "\n")
    pair.peer.stdin.flush()
    assert pair.peer.wait(10) == 2
    assert "no order" in pair.peer.stderr.read()


def test_peer_says_when_the_guest_is_gone(pair: Pair) -> None:
    pair.guest.kill()
    assert pair.peer.stdin is not None and pair.peer.stderr is not None
    pair.peer.stdin.write("send 1000\n")
    pair.peer.stdin.flush()
    assert pair.peer.wait(10) == 1
    assert pair.peer.stderr.read().startswith("load: ")
