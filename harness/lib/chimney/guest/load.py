# SPDX-License-Identifier: GPL-2.0-or-later
"""Data that flows both ways, every byte compared by its position, while its connection changes
hands at random moments: xfer at both ends, and a helper in the guest that hands over and back.
"""

from __future__ import annotations

import json
import random
import re
import signal
from collections import Counter
from typing import Any

from ..agent.command import Command
from ..host import programs
from ..host.proc import Child
from ..wait import paced, wait_until
from . import offload
from .station import Visit

FIRST_PORT = 5100
END_SECONDS = paced(300)
QUIET_SECONDS = int(paced(30))
MIB = 1 << 20
# Moves all connections, after each of the given pauses in microseconds, until a signal, which may
# reach chimneyctl first (143); one that cannot move now (1) may move next time.
MOVES = """
trap 'exit 0' TERM
way=offload
while :; do
    for pause; do
        usleep "$pause"
        chimneyctl $way all >/dev/null
        case $? in 0|1|143) ;; *) exit 3 ;; esac
        [ $way = offload ] && way=upload || way=offload
    done
done
"""
PAUSES = 1000


class Exchange:
    """A pair of xfer programs over one connection; both run until finish()."""

    _serial = 0

    def __init__(self, visit: Visit, seed: int, *, family: int = 4, size: int = 4 * MIB,
                 mode: str = "plain", host: str = "", pause: int = 0) -> None:
        Exchange._serial += 1
        self.visit, self.vm, self.size = visit, visit.vm, size
        self.port = FIRST_PORT + Exchange._serial % 400
        self._stop = f"/tmp/xfer{self.port}.stop"
        self._peer_stop = visit.vm.run_dir / f"xfer{self.port}.stop"
        self._peer_stop.unlink(missing_ok=True)
        self.vm.run(["rm", "-f", self._stop])
        host = host or visit.hosts(family)[1]
        words = [host, str(self.port), "--bytes", str(size), "--seed", str(seed & 0xffff),
                 "--mode", mode, "--timeout", str(QUIET_SECONDS), "--pause", str(pause)]
        self._peer: Child = self.vm.peer([str(programs.xfer()), "--listen", *words, "--until",
                                          str(self._peer_stop)])
        visit.room.wait_listens(self.port)
        self._guest: Command = self.vm.background(["xfer", "--connect", *words, "--until",
                                                   self._stop])

    @property
    def words(self) -> tuple[str, str]:
        """Its two ends as chimneyctl takes them; waits until the programs have connected."""
        def socket() -> list[str]:
            text = self.vm.run(["ss", "-Htn", "state", "established", "dport", "=",
                                f":{self.port}"]).text
            return text.split()

        words = wait_until(socket, f"a connection to port {self.port}", 10, 0.05)
        return words[2], words[3]

    @property
    def running(self) -> bool:
        """Whether both ends are still at it; one that ended early has failed."""
        return self._guest.running and self._peer.running

    def moved(self) -> int:
        """Bytes in both directions so far, as the peer's kernel counts them."""
        text = self.visit.room.run(["ss", "-Htni", "sport", "=", f":{self.port}"]).stdout
        return sum(map(int, re.findall(r"bytes_(?:acked|received):(\d+)", text)))

    def wait_moved(self, count: int, seconds: float = 30) -> None:
        """Wait until so many more bytes have been moved."""
        goal = self.moved() + count
        wait_until(lambda: self.moved() >= goal or not self.running,
                   f"{count} bytes to be moved", seconds, 0.05)

    def let_close(self, *sides: str) -> None:
        """The guest or the peer may end its stream as soon as it has sent enough."""
        if "peer" in sides:
            self._peer_stop.touch()
        if "guest" in sides:
            self.vm.agent.put(self._stop, b"")

    def finish(self) -> tuple[int, int]:
        """Let both ends come to their end; returns the bytes that the guest sent and received."""
        self.let_close("peer", "guest")
        result = self._guest.wait(END_SECONDS)
        self._peer.wait(END_SECONDS)
        self._peer_stop.unlink(missing_ok=True)
        here = self._report("guest", result.text)
        there = self._report("peer", self.vm.peer_log(self.vm.peers.index(self._peer)))
        assert here["ok"] and there["ok"], f"guest {here}, peer {there}"
        assert (here["sent"], here["received"]) == (there["received"], there["sent"])
        assert min(here["sent"], here["received"]) >= self.size
        return here["sent"], here["received"]

    def end(self) -> None:
        """End both at once, in whatever state they are."""
        if self._guest.running:
            self._guest.kill()
            self._guest.wait(END_SECONDS)
        self._peer.kill()

    @staticmethod
    def _report(who: str, text: str) -> dict[str, Any]:
        lines = text.strip().splitlines()
        assert lines, f"xfer of the {who} printed nothing"
        report: dict[str, Any] = json.loads(lines[-1])
        return report


class Handovers:
    """Hands every connection of the guest over and back at random moments; none in a native run."""

    def __init__(self, visit: Visit, seed: int, pauses: tuple[int, int] | None = None) -> None:
        """`pauses`: between two moves lie so many ms at least, and at most; by default it is as
        chimneyctl has it.
        """
        self._visit = visit
        self._before = self.counts()
        self._helper: Command | None = None
        if visit.offloads:
            self._helper = (offload.apply(visit.vm.agent, "random", seed & 0xffffff)
                            if pauses is None else self._moves(random.Random(seed), *pauses))

    def _moves(self, chance: random.Random, least: int, most: int) -> Command:
        pauses = [str(chance.randint(1000 * least, 1000 * most)) for _ in range(PAUSES)]
        return self._visit.vm.agent.start(["sh", "-c", MOVES, "moves", *pauses], merge=True)

    def counts(self) -> tuple[int, int]:
        """Connections that the driver has handed over, and taken back."""
        driver, _ = self._visit.ctl.stats()
        return driver["initiates"], driver["terminates"]

    def done(self) -> int:
        """Whole cycles since the beginning, over all connections."""
        now = self.counts()
        return min(now[0] - self._before[0], now[1] - self._before[1])

    def wait(self, cycles: int, seconds: float, *exchanges: Exchange) -> None:
        """Wait for so many cycles, as long as the data flows."""
        if not self._visit.offloads:
            return

        def enough() -> bool:
            return self.done() >= cycles or not all(e.running for e in exchanges)

        wait_until(enough, f"{cycles} hand-overs and back", seconds, 0.1)

    def stop(self) -> str:
        """No more hand-overs, everything back; returns the helper's own count."""
        text = offload.stop(self._helper)
        if self._helper is not None:
            self._visit.ctl.upload("all", check=False)
        return text


class Watch:
    """Counts the hand-overs of each connection, as the driver tells them."""

    def __init__(self, visit: Visit) -> None:
        self._over: Counter[str] = Counter()
        self._carried: Counter[str] = Counter()
        self._rest = b""
        self._command = visit.vm.agent.start(["chimneyctl", "watch", "--json"],
                                             on_output=self._heard)

    def _heard(self, stream: str, data: bytes) -> None:
        if stream != "stdout":
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for event in map(json.loads, lines):
            port = event["remote"].rpartition(":")[2]
            self._over[port] += event["event"] == "offloaded"
            self._carried[port] += event["event"] == "uploaded" and bool(
                event["bytes_in"] and event["bytes_out"])

    def over(self, exchange: Exchange) -> int:
        """How often an exchange's connection has been handed to the card."""
        return self._over[str(exchange.port)]

    def carried(self, exchange: Exchange) -> int:
        """How often it has come back after the card had carried data both ways."""
        return self._carried[str(exchange.port)]

    def stop(self) -> None:
        """No more counting."""
        self._command.kill(signal=signal.SIGTERM)
        self._command.wait(10)


def exchange_with_handovers(visit: Visit, seed: int, *, cycles: int, seconds: float = 300,
                            **options: Any) -> int:
    """One connection, both ways at once, handed over at least `cycles` times; returns how often."""
    exchange = Exchange(visit, seed, **options)
    handovers = Handovers(visit, seed)
    try:
        handovers.wait(cycles, seconds, exchange)
        handovers.stop()
        exchange.finish()
        done = handovers.done()
    finally:
        handovers.stop()
        exchange.end()
    assert done >= cycles or not visit.offloads
    return done
