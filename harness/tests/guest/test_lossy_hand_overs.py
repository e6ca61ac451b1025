# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand-overs on a link that loses and reorders: whoever has a connection repairs what was lost
when it was due, however often the connection has changed hands since it was sent.
"""
from __future__ import annotations

import random
import re
import socket
import statistics
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chimney.guest.load import MIB, Exchange, Handovers, Watch
from chimney.guest.segments import captured
from chimney.guest.station import Visit
from chimney.wait import wait_until
from chimney.wire import pcapng
from chimney.wirecheck import rules
from chimney.wirecheck.rows import Row

CONNECTIONS = 8
SIZE = 4 * MIB
LOSSY = {"loss": 0.01, "reorder": 0.01, "reorder_ms": 2, "delay_ms": 1}
CLEAN = dict.fromkeys(LOSSY, 0.0)
PAUSES = (5, 200)  # ms between two moves of all connections
OFTEN = 3  # hand-overs of each connection in each round, at least
LATER = MIB // 4  # what the other side still sends on a connection that is closed by halves
ROUND_SECONDS = 300
SLOWER = 3  # times the median of rounds that stay with the kernel
HAND_OVERS = 2000
UNHURRIED = 150_000  # us between two calls at most, so that moves do not wait for the processor
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
HEADERS = 128  # bytes of a frame that hold all of them


@contextmanager
def losses(visit: Visit) -> Iterator[None]:
    """The link loses and reorders meanwhile, both ways."""
    before = visit.link.stats()
    visit.link.set("both", **LOSSY)
    try:
        yield
    finally:
        visit.link.set("both", **CLEAN)
    after = visit.link.stats()
    for way in ("ab", "ba"):
        for what in ("lost", "reordered"):
            assert after[way][what] > before[way][what]


@dataclass
class Round:
    """Eight connections at once, IPv4 and IPv6 in turn. Of each the guest or the peer closes first,
    and the other at once or, by halves, later: as the seed has it.
    """

    visit: Visit
    seed: int
    watch: Watch | None = None  # with it, none is closed before it has been handed over often
    exchanges: list[Exchange] = field(default_factory=list)
    peer: dict[int, str] = field(default_factory=dict)  # what its kernel last said of each port
    seconds: float = 0
    again: float = 0  # seconds of the same round without hand-overs, if that was needed
    fewest: int = 0  # hand-overs of a connection

    def run(self) -> Round:
        """All bytes of all connections right, and every connection ended."""
        chance = random.Random(self.seed)
        began = time.monotonic()
        try:
            for i in range(CONNECTIONS):
                self.exchanges.append(Exchange(self.visit, self.seed + i, size=SIZE,
                                               family=6 if i % 2 else 4))
            ways = [self._close(exchange, chance.choice(("guest", "peer")), chance.random() < 0.5)
                    for exchange in self.exchanges]
            wait_until(lambda: self._step(ways), "every connection to be closed", ROUND_SECONDS,
                       0.1)
            for exchange in self.exchanges:
                exchange.finish()
        finally:
            for exchange in self.exchanges:
                exchange.end()
        self.seconds = time.monotonic() - began
        if self.watch is not None:
            self.fewest = min(map(self.watch.over, self.exchanges))
            assert self.fewest >= OFTEN
        return self

    def _step(self, ways: list[Iterator[None]]) -> bool:
        """One more look at each connection; whether all have been closed, or one has failed."""
        lines = self.visit.room.run(["ss", "-HOtni"]).stdout.splitlines()
        self.peer = {int(line.split()[3].rpartition(":")[2]): line for line in lines}
        left = [exchange for exchange, way in zip(self.exchanges, ways, strict=True)
                if next(way, self) is not self]
        return not left or any(not exchange.running for exchange in left)

    def _close(self, exchange: Exchange, first: str, by_halves: bool) -> Iterator[None]:
        """The other side closes when it knows that the first has; by the peer's view of it."""
        while self.watch is not None and self.watch.over(exchange) < OFTEN:
            yield
        exchange.let_close(first)
        while not self._said(exchange).startswith("CLOSE-WAIT" if first == "guest"
                                                  else "FIN-WAIT-2"):
            yield
        goal = self._moved(exchange) + LATER
        while by_halves and self._moved(exchange) < goal:
            yield
        exchange.let_close("peer" if first == "guest" else "guest")

    def _said(self, exchange: Exchange) -> str:
        return self.peer.get(exchange.port, "")

    def _moved(self, exchange: Exchange) -> int:
        return sum(map(int, re.findall(r"bytes_(?:acked|received):(\d+)", self._said(exchange))))


def moving(visit: Visit, seeds: list[int]) -> list[Round]:
    """Rounds in which all connections are handed over and back all the time."""
    watch = Watch(visit) if visit.offloads else None
    handovers = Handovers(visit, seeds[0], PAUSES)
    try:
        return [Round(visit, seed, watch).run() for seed in seeds]
    finally:
        handovers.stop()
        if watch is not None:
            watch.stop()


def judge(visit: Visit, seed: int, blocks: int, each: int) -> None:
    """No round with hand-overs takes much longer than the median of rounds without, or, where the
    machine has just become busier, than the same round without right behind it.
    """
    base: list[Round] = []
    taken: list[Round] = []
    with losses(visit):
        for block in range(blocks):
            seeds = [seed + 100 * (each * block + i) for i in range(each)]
            base.append(Round(visit, seeds[0]).run())
            more = moving(visit, seeds)
            for one in more:
                if one.seconds > SLOWER * middle(base):
                    one.again = Round(visit, one.seed).run().seconds
            taken += more
    print("seconds without hand-overs:", *(f"{one.seconds:.1f}" for one in base))
    print("with them, and the fewest:", *(f"{one.seconds:.1f}/{one.fewest}" for one in taken))
    limit = middle(base)
    late = [(one.seed, one.seconds, one.again) for one in taken
            if one.seconds > SLOWER * max(limit, one.again)]
    assert not late, f"the median of rounds without hand-overs is {limit:.1f} s"


def middle(base: list[Round]) -> float:
    """The median of their seconds."""
    return statistics.median(one.seconds for one in base)


@pytest.mark.timeout(1800)
@pytest.mark.where(cpus=(2,), vm="emulated")
def test_lost_segments_are_repaired(visit: Visit, seed: int) -> None:
    """TMR-8: eight connections, 4 MiB each way at once and then closed by either side, all handed
    over at pauses of 5 to 200 ms: no round takes three times as long as without hand-overs.
    """
    judge(visit, seed, 3, 1)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.where(cpus=(2,), vm="emulated", native=False)
def test_lost_segments_are_repaired_at_length(visit: Visit, seed: int) -> None:
    """TMR-8: the same for fifty rounds."""
    judge(visit, seed, 10, 5)


def segment(number: int, packet: pcapng.Packet, guest: tuple[str, str]) -> Row | None:
    """A frame of either family as wirecheck's rules take it; None if it is not TCP."""
    kind, ip = packet.data[12:14], packet.data[14:]
    if kind == IPV4 and ip[9] == socket.IPPROTO_TCP:
        head, family, at, size = 4 * (ip[0] & 15), socket.AF_INET, 12, 4
        length = int.from_bytes(ip[2:4], "big") - head
    elif kind == IPV6 and ip[6] == socket.IPPROTO_TCP:
        head, family, at, size = 40, socket.AF_INET6, 8, 16
        length = int.from_bytes(ip[4:6], "big")
    else:
        return None
    src, dst = (socket.inet_ntop(family, ip[at + i:at + i + size]) for i in (0, size))
    sport, dport, seq, ack, data, flags, window = struct.unpack_from(">HHIIBBH", ip, head)
    return Row(number, packet.ns / 1e9, "host" if src in guest else "received", src, dst, sport,
               dport, seq, ack, flags, window, length=length - 4 * (data >> 4))


def endings(file: Path, visit: Visit) -> dict[tuple[str, int, str, int], list[Row]]:
    """Of each connection of a capture the SYNs, and all from the first FIN or RST on."""
    guest = visit.hosts(4)[0], visit.hosts(6)[0]
    found: dict[tuple[str, int, str, int], list[Row]] = defaultdict(list)
    ending = set()
    for number, packet in enumerate(pcapng.Reader(file), 1):
        row = segment(number, packet, guest)
        if row is None:
            continue
        if row.fin or row.rst:
            ending.add(row.connection)
        if row.syn or row.connection in ending:
            found[row.connection].append(row)
    return found


def hand_over(visit: Visit, seed: int, exchanges: list[Exchange]) -> None:
    """So often for each family, counted only where the card has carried data both ways."""
    families = exchanges[::2], exchanges[1::2]
    watch, handovers = Watch(visit), Handovers(visit, seed, PAUSES)

    def enough() -> bool:
        return (min(sum(map(watch.carried, family)) for family in families) >= HAND_OVERS
                or not all(exchange.running for exchange in exchanges))

    try:
        wait_until(enough, f"{HAND_OVERS} hand-overs of each family", 1200, 0.5)
    finally:
        handovers.stop()
        watch.stop()
    for exchange in exchanges:
        exchange.finish()
    assert handovers.done() >= 2 * HAND_OVERS


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.where(cpus=(2,), vm="emulated", native=False, debug=False)
def test_two_thousand_hand_overs_of_each_family(visit: Visit, seed: int, tmp_path: Path) -> None:
    """DIS-9: with data both ways on a link that loses every byte is right, and no RST is on the
    wire before a connection is over.
    """
    exchanges: list[Exchange] = []
    with losses(visit), captured(visit, tmp_path / "wire.pcapng", HEADERS) as file:
        try:
            for i in range(2 * CONNECTIONS):
                exchanges.append(Exchange(visit, seed + i, family=6 if i % 2 else 4,
                                          pause=UNHURRIED))
            hand_over(visit, seed, exchanges)
        finally:
            for exchange in exchanges:
                exchange.end()
    found = endings(file, visit)
    assert len(found) == len(exchanges)
    for rows in found.values():
        for what in ("syn", "fin"):
            assert {row.outgoing for row in rows if getattr(row, what)} == {False, True}
        assert not rules.no_reset(rows)
    file.unlink()
