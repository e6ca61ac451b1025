# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the books of a guest agree: ledger, report, chimneyctl, ethtool -S, ip -s link and the
capture, to the byte.

    ledger = check_books(vm)                  # a VM that runs, with the chimney card
    ledger = check_books(vm, capture)         # and the file that its config names as pcap
    check_report(json.loads(report), capture) # what `harness/chimney run --report` has written

Each raises BooksDiffer, whose sentence names the two books and the figures that differ. A guest
is not still while it is asked: chimneyctl is read before and after the others, and what has moved
meanwhile must lie between the two; what has not must be the same in all. What is checked:

- chimneyctl and ethtool -S: every counter of driver and card, every reason of a refusal and of an
  upload (`drv_X`, `t_X`, `nic_X`, `refused_R`, `uploaded_R`);
- driver and card: offloads and uploads, and each case of the founding rules when the card has no
  connection now;
- reasons: those of uploads add up to the uploads; every offload has ended in an upload or with a
  card that failed, when the card has no connection now;
- connections: what `chimneyctl list` says of each is part of the totals, and the list is as long
  as `chimneyctl status` says;
- ip -s link and the card: packets and bytes each way are the frames of the raw path and those of
  the target; the raw path's are those of all queues of ethtool -S together
  (neither this nor the capture, nor driver against card, when the card has been reset: it begins at
  zero then, and the ledger says so);
- the ledger, made of the same counters, with a part that is no larger than the whole; in a report,
  the ledger that was printed;
- the capture: the first frames of each origin, as many as the card has counted, are as many bytes
  as it has counted, and no frame that passed before it was asked is missing from its count.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..agent.client import Agent
from ..errors import HarnessError
from ..vm.boot import Vm
from ..wire import pcapng
from . import ledger
from .ledger import REFUSED, UPLOADED, BooksDiffer, Ledger

DEVICE = "eth0"
PREFIXES = ("t_", "nic_", "")
HAND_OVERS = {"initiates", "initiate_failures", "terminates"}
DROPPED = ("rx_filtered", "rx_too_long", "rx_no_buffer")
# In ledger.py's and chimneyctl's words, and as ethtool -S begins their names.
REASONS = {REFUSED: "refused_", UPLOADED: "uploaded_"}


@dataclass
class Books:
    """What every book of a guest says. `at` is the host's clock, in nanoseconds since the epoch,
    before chimneyctl was asked the second time.
    """

    before: dict[str, Any]
    ethtool: dict[str, int]
    link: dict[str, dict[str, int]]
    status: list[dict[str, Any]]
    connections: list[dict[str, Any]]
    at: int
    after: dict[str, Any]

    def both(self, side: str, name: str) -> tuple[int, int]:
        """A counter of chimneyctl, before and after, the smaller first."""
        low, high = sorted(int(stats[side].get(name, 0)) for stats in (self.before, self.after))
        return low, high

    def reason(self, group: str, name: str) -> tuple[int, int]:
        """The count of a reason, before and after, the smaller first."""
        low, high = sorted(int(stats["driver"].get(group, {}).get(name, 0))
                           for stats in (self.before, self.after))
        return low, high


def read_ethtool(agent: Agent) -> dict[str, int]:
    """What `ethtool -S` shows of the card."""
    counters = {}
    for line in agent.run(["ethtool", "-S", DEVICE], check=False).text.splitlines():
        name, _, value = line.strip().rpartition(": ")
        if value.isdigit():
            counters[name] = int(value)
    return counters


def take(agent: Agent) -> Books | None:
    """Ask a guest for all its books; None when it has no chimneyctl, or no card that answers."""
    before = ledger.read_counters(agent)
    if before is None:
        return None
    ethtool = read_ethtool(agent)
    link = _json(agent, "ip", "-s", "-j", "link", "show", DEVICE)[0]["stats64"]
    status = _json(agent, "chimneyctl", "status", "--json")
    connections = _json(agent, "chimneyctl", "list", "--json")
    at = time.time_ns()
    after = ledger.read_counters(agent)
    if after is None:
        return None
    return Books(before, ethtool, link, status, connections, at, after)


def _json(agent: Agent, *argv: str) -> Any:
    text = agent.run(list(argv)).text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise HarnessError(f"in the guest, {' '.join(argv)} printed no JSON: {text[:200]}"
                           ) from None


def check_books(vm: Vm, capture: Path | None = None) -> Ledger:
    """Ask a running VM for all its books, write the report that a run would write of them, and
    raise BooksDiffer where two of them differ. Needs nothing of the VM but its chimney card; may
    come at any moment, and checks most when all connections have ended. The ledger that comes back
    counts connections since the guest booted.
    """
    books = take(vm.agent)
    if books is None:
        raise HarnessError("the guest has no chimneyctl, or no chimney card that answers.")
    report: dict[str, Any] = {}
    tell(report, books, ledger.count_connections(vm.agent))
    return check_report(json.loads(json.dumps(report)), capture)


def tell(report: dict[str, Any], books: Books, seen: int) -> Ledger:
    """Write books into a run's report, and their ledger when they agree; returns the ledger."""
    report["card_counters"] = books.ethtool
    report["offload_counters"] = books.after
    report["books"] = record(books)
    found = verify(books, seen)
    report["ledger"] = found.figures()
    return found


def check_report(report: Mapping[str, Any], capture: Path | None = None) -> Ledger:
    """The same for the report that a run has written."""
    if not report.get("books"):
        raise HarnessError("the report has no books: the run did not come to its end, or had no "
                           "chimney card.")
    books = Books(**report["books"])
    found = verify(books, report["ledger"]["seen"])
    if found.figures() != report["ledger"]:
        raise BooksDiffer(f"the report's ledger says {report['ledger']}, and its counters make "
                          f"{found.figures()}.")
    _same("card_counters of the report", report["card_counters"], "ethtool -S", books.ethtool)
    _same("offload_counters of the report", report["offload_counters"], "chimneyctl stats",
          books.after)
    if capture is not None:
        check_capture(books, capture)
    return found


def _same(name: str, one: Any, other_name: str, other: Any) -> None:
    if one != other:
        raise BooksDiffer(f"{name} and {other_name} differ: {one} and {other}.")


def verify(books: Books, seen: int) -> Ledger:
    """Hold the books of one guest against each other; returns their ledger."""
    for stats in (books.before, books.after):
        ledger.check_counters(stats["driver"], stats["device"])
    _check_ethtool(books)
    _check_sides(books)
    _check_connections(books)
    _check_link(books)
    return Ledger.of(books.after, seen)


def _within(what: str, book: str, count: int, other: str, span: tuple[int, int]) -> None:
    """One book's count against what the other has said before and after."""
    low, high = span
    if not low <= count <= high:
        said = str(low) if low == high else f"{low} before and {high} after"
        raise BooksDiffer(f"{what}: {book} says {count}, {other} {said}.")


def _check_ethtool(books: Books) -> None:
    driver, device = books.after["driver"], books.after["device"]
    for name in (name for name, count in driver.items() if isinstance(count, int)):
        _within(name, "ethtool -S", _named(books, "drv_" + name), "chimneyctl stats (driver)",
                books.both("driver", name))
    for name in device:
        found = [prefix + name for prefix in PREFIXES if prefix + name in books.ethtool]
        _within(name, "ethtool -S", _named(books, found[0] if found else name),
                "chimneyctl stats (card)", books.both("device", name))
    for group, prefix in REASONS.items():
        shown = {name.removeprefix(prefix) for name in books.ethtool if name.startswith(prefix)}
        for name in sorted(shown | set(driver.get(group, {}))):
            _within(f"{prefix}{name}", "ethtool -S", _named(books, prefix + name),
                    f"chimneyctl stats ({group})", books.reason(group, name))


def _named(books: Books, name: str) -> int:
    if name not in books.ethtool:
        raise BooksDiffer(f"chimneyctl stats has a counter that ethtool -S has not: {name}.")
    return books.ethtool[name]


def was_reset(books: Books) -> bool:
    """Whether the card has begun to count anew; the driver has gone on."""
    return books.both("driver", "card_resets")[1] > 0


def _check_sides(books: Books) -> None:
    """What driver and card both count; and offloads, uploads, connections."""
    if was_reset(books):
        return
    both = books.after["device"].keys() & books.after["driver"].keys()
    now = sum(card["connections"] for card in books.status)
    # the rest is the same when all that is under way has come to its end
    for name in sorted(both if not now else both & HAND_OVERS):
        here, there = books.both("driver", name), books.both("device", name)
        if here[1] < there[0] or there[1] < here[0]:
            raise BooksDiffer(f"{name}: the driver says {here[1]}, the card {there[1]}.")
    ended = [books.both("driver", name) for name in ("terminates", "lost_connections")]
    offloads = books.both("driver", "initiates")
    if ended[0][0] > offloads[1]:
        raise BooksDiffer(f"the driver says {offloads[1]} offloads and {ended[0][0]} uploads.")
    if books.before == books.after and not now:
        # one that was lost may not have been over yet, or may have been on its way back
        _within("offloads", "the driver", offloads[0], "uploads, and those with lost connections,",
                (ended[0][0], ended[0][1] + ended[1][1]))


def _check_connections(books: Books) -> None:
    for name in ("bytes_in", "bytes_out"):
        part = sum(connection[name] for connection in books.connections)
        whole = books.both("driver", name)[1]
        if part > whole:
            raise BooksDiffer(f"{name}: the connections of chimneyctl list add up to {part}, and "
                              f"chimneyctl stats says {whole} of all that there were.")
    shown = sum(card["connections"] for card in books.status)
    if books.before == books.after and shown != len(books.connections):
        raise BooksDiffer(f"chimneyctl status counts {shown} connections, chimneyctl list shows "
                          f"{len(books.connections)}.")


def _check_link(books: Books) -> None:
    if was_reset(books):
        return
    for way in ("rx", "tx"):
        queues = {unit: sum(count for name, count in books.ethtool.items()
                            if name.startswith("p") and name.endswith(f"_{way}_{unit}"))
                  for unit in ("frames", "bytes")}
        lost = sum(count for name, count in books.ethtool.items() if name.startswith("p")
                   and name.endswith(("rx_errors", "rx_no_memory") if way == "rx" else ("_stops",)))
        for unit, shown, target in (("frames", "packets", f"{way}_offloaded_frames"),
                                    ("bytes", "bytes", f"target_{way}_octets")):
            raw = books.both("device", f"{way}_{unit}")
            if way == "tx" or not lost:
                _within(f"{way}_{unit} of the raw path", "ethtool -S, of all queues together,",
                        queues[unit], "the card", raw)
            carried = books.both("device", target)
            _within(f"{shown} {way}", "ip -s link", books.link[way][shown],
                    f"the queues and the card's target ({target})",
                    (queues[unit] + carried[0], _later(books, way, unit, lost) + carried[1]))


def _later(books: Books, way: str, unit: str, lost: int) -> int:
    """The raw path's count when chimneyctl was asked the second time."""
    return books.both("device", f"{way}_{unit}")[1] if way == "tx" or not lost else 1 << 62


# ----------------------------------------------------------------------------- the capture

@dataclass
class Tally:
    """The frames of one origin."""

    frames: int = 0
    bytes: int = 0
    late: int = 0


def _counted(device: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Frames and bytes of each origin, as the card counts them."""
    received = device["rx_frames"] + device["rx_offloaded_frames"]
    return {
        pcapng.HOST: (device["tx_frames"], device["tx_bytes"]),
        pcapng.TARGET: (device["tx_offloaded_frames"], device["target_tx_octets"]),
        pcapng.RECEIVED: (
            received + sum(device[name] for name in DROPPED),
            device["rx_bytes"] + device["target_rx_octets"] + device["rx_dropped_octets"]),
    }


def _whole(file: Path) -> Iterator[pcapng.Packet]:
    """The packets of a capture that is still being written: what is whole."""
    try:
        yield from pcapng.Reader(file)
    except pcapng.BadCapture:
        return


def check_capture(books: Books, file: Path) -> None:
    """The card's counters against the frames in the capture; its file is whole up to the moment
    when the card was asked.
    """
    if was_reset(books):
        return
    counted = _counted(books.after["device"])
    tallies = {origin: Tally() for origin in counted}
    for packet in _whole(file):
        tally = tallies[packet.interface]
        if tally.frames < counted[packet.interface][0]:
            tally.frames += 1
            tally.bytes += packet.length
        elif packet.ns < books.at:
            tally.late += 1
    for origin, tally in tallies.items():
        frames, size = counted[origin]
        if tally.late:
            raise BooksDiffer(f"frames of origin {origin}: the card has counted {frames}, and the "
                              f"capture has {tally.late} more from before the card was asked.")
        if (tally.frames, tally.bytes) != (frames, size):
            raise BooksDiffer(f"frames of origin {origin}: the card says {frames} with {size} "
                              f"bytes, the capture {tally.frames} with {tally.bytes}.")


def record(books: Books) -> dict[str, Any]:
    """For a report, from which check_report() makes them again."""
    return asdict(books)
