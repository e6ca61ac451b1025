# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger's arithmetic and its words, and what the books of a guest say when they differ."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from chimney.guest import books
from chimney.guest.books import Books, BooksDiffer
from chimney.guest.ledger import Ledger, percent
from chimney.wire import pcapng

COUNTERS: dict[str, Any] = {
    "driver": {"initiates": 7, "terminates": 5, "lost_connections": 0, "card_resets": 0,
               "bytes_in": 300, "bytes_out": 200, "refused": {"pacing": 3, "has-ulp": 1},
               "refused_no_card": {"not-our-device": 1, "has-ulp": 1},
               "why": {"close": 1, "requested": 4}},
    "device": {"rx_frames": 3, "rx_bytes": 600, "tx_frames": 2, "tx_bytes": 400,
               "rx_offloaded_frames": 3, "tx_offloaded_frames": 1, "rx_offloaded_bytes": 1500,
               "tx_offloaded_bytes": 1200, "target_rx_octets": 1700, "target_tx_octets": 1300,
               "rx_filtered": 1, "rx_too_long": 0, "rx_no_buffer": 0, "rx_dropped_octets": 60,
               "initiates": 7, "terminates": 5},
}


def changed(side: str, **counts: Any) -> dict[str, Any]:
    """COUNTERS with some that are otherwise."""
    counters = copy.deepcopy(COUNTERS)
    counters[side].update(counts)
    return counters


def test_ledger_says_what_was_carried_and_why_not() -> None:
    ledger = Ledger.of(COUNTERS, 12)
    assert (ledger.offloaded, ledger.uploaded, ledger.refused) == (7, 5, 6)
    assert (ledger.card_bytes, ledger.wire_bytes, ledger.share) == (3000, 4000, 0.75)
    assert ledger.lines() == [
        "12 connections, 7 offloads, 5 uploads, 6 refused; the card carried 3000 of 4000 bytes on "
        "the wire (75.0%)",
        "refused: pacing 3, has-ulp 2, not-our-device 1; uploaded: requested 4, close 1"]


def test_ledger_of_nothing_is_one_line() -> None:
    zeros = {name: 0 for name in COUNTERS["device"]}
    none = {name: 0 for name, count in COUNTERS["driver"].items() if isinstance(count, int)}
    assert Ledger.of({"driver": none, "device": zeros}, 0).lines() == [
        "0 connections, 0 offloads, 0 uploads, 0 refused; the card carried 0 of 0 bytes on the "
        "wire (0.0%)"]


def test_card_that_was_reset_has_begun_anew(tmp_path: Path) -> None:
    """The driver goes on where it was, so the two cannot be compared; the ledger says so."""
    reset = make_books()
    for stats in (reset.before, reset.after):
        stats["driver"]["card_resets"] = 1
        stats["device"]["initiates"] = 1
    reset.ethtool["drv_card_resets"], reset.ethtool["t_initiates"] = 1, 1
    reset.link["rx"]["bytes"] += 10**6
    assert books.verify(reset, 12).lines()[1].endswith(
        "resets of the card: 1, bytes are those since the last")
    books.check_capture(reset, capture(tmp_path, tx=401))
    reset.ethtool["t_initiates"] = 2
    with pytest.raises(BooksDiffer, match="initiates: ethtool"):
        books.verify(reset, 12)


def test_connections_lost_with_a_card_are_told() -> None:
    """They have ended with an error, and are no uploads."""
    ledger = Ledger.of(changed("driver", lost_connections=2), 12)
    assert ledger.uploaded == 5
    assert ledger.lines()[1].endswith("; lost with a card that failed: 2")


def test_only_all_is_a_hundred_per_cent() -> None:
    assert [percent(share) for share in (0.0, 0.0004, 0.5, 0.99999, 1.0)] == [
        "0.0%", "0.0%", "50.0%", "99.9%", "100.0%"]


@pytest.mark.parametrize(("counters", "said"), [
    (changed("device", target_tx_octets=1199), "1200 bytes of payload"),
    (changed("device", rx_offloaded_bytes=1701), "1701 bytes of payload"),
    (changed("device", tx_bytes=-1), "tx_bytes -1"),
    (changed("driver", refused={"pacing": (1 << 64) - 1}), "pacing 18446744073709551615"),
    (changed("driver", why={"close": 1}), "5 uploads (terminates) and 1 reasons"),
], ids=["sent", "taken", "negative", "refusals", "reasons"])
def test_figures_that_cannot_be_true_are_an_error(counters: dict[str, Any], said: str) -> None:
    """A part that is larger than the whole is shown as what it is."""
    with pytest.raises(BooksDiffer) as caught:
        Ledger.of(counters, 1)
    assert said in str(caught.value)


def make_books() -> Books:
    """Books that agree."""
    driver, device = COUNTERS["driver"], COUNTERS["device"]
    ethtool = {"drv_" + name: count for name, count in driver.items() if isinstance(count, int)}
    ethtool |= {("t_" if name in ("initiates", "terminates", "target_rx_octets",
                                  "target_tx_octets", "rx_dropped_octets") else "nic_") + name:
                count for name, count in device.items()}
    ethtool |= {"refused_pacing": 3, "refused_has-ulp": 1, "refused_ecn": 0,
                "uploaded_close": 1, "uploaded_requested": 4}
    ethtool |= {"p0_rx_frames": 2, "p1_rx_frames": 1, "p0_rx_bytes": 500, "p1_rx_bytes": 100,
                "p0_tx_frames": 2, "p1_tx_frames": 0, "p0_tx_bytes": 400, "p1_tx_bytes": 0,
                "p0_rx_errors": 0, "p0_rx_no_memory": 0, "p0_tx_dropped": 0}
    link = {"rx": {"packets": 6, "bytes": 2300}, "tx": {"packets": 3, "bytes": 1700}}
    connections = [{"bytes_in": 100, "bytes_out": 150}, {"bytes_in": 200, "bytes_out": 50}]
    return Books(copy.deepcopy(COUNTERS), ethtool, link, [{"connections": 2}], connections,
                 10**9, copy.deepcopy(COUNTERS))


def test_books_that_agree_make_a_ledger() -> None:
    found = books.verify(make_books(), 12)
    assert found == Ledger.of(COUNTERS, 12)


def test_what_moves_while_it_is_read_lies_between(tmp_path: Path) -> None:
    moved = make_books()
    for stats, extra in ((moved.before, 0), (moved.after, 9)):
        stats["device"]["rx_frames"] += extra
        stats["device"]["rx_bytes"] += 100 * extra
    for name, extra in (("nic_rx_frames", 4), ("p0_rx_frames", 4), ("nic_rx_bytes", 400),
                        ("p0_rx_bytes", 400)):
        moved.ethtool[name] += extra
    moved.link["rx"] = {"packets": 6 + 5, "bytes": 2300 + 500}
    books.verify(moved, 12)
    moved.link["rx"]["packets"] += 5
    with pytest.raises(BooksDiffer, match="packets rx: ip -s link says 16"):
        books.verify(moved, 12)


@pytest.mark.parametrize(("path", "value", "said"), [
    (("ethtool", "drv_initiates"), 8, "initiates: ethtool -S says 8, chimneyctl stats .driver. 7"),
    (("ethtool", "nic_tx_bytes"), 1, "tx_bytes: ethtool -S says 1"),
    (("ethtool", "refused_pacing"), 0, "refused_pacing: ethtool -S says 0, .*refused. 3"),
    (("ethtool", "refused_ecn"), 2, "refused_ecn: ethtool -S says 2, .*refused. 0"),
    (("ethtool", "uploaded_close"), 2, "uploaded_close"),
    (("ethtool", "p1_tx_bytes"), 5, "tx_bytes of the raw path: .* says 405, the card 400"),
    (("link", "tx", "bytes"), 1699, "bytes tx: ip -s link says 1699, .* 1700"),
    (("link", "rx", "packets"), 3, "packets rx: ip -s link says 3"),
    (("connections", 0, "bytes_in"), 101, "add up to 301, and chimneyctl stats says 300"),
    (("status", 0, "connections"), 3, "status counts 3 connections, chimneyctl list shows 2"),
], ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "")
def test_books_that_differ_are_named(path: tuple[Any, ...], value: int, said: str) -> None:
    wrong = make_books()
    place = getattr(wrong, path[0])
    for key in path[1:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BooksDiffer, match=said):
        books.verify(wrong, 12)


def test_driver_and_card_are_held_against_each_other() -> None:
    wrong = make_books()
    for stats in (wrong.before, wrong.after):
        stats["device"]["initiates"] = 6
    wrong.ethtool["t_initiates"] = 6
    with pytest.raises(BooksDiffer, match="initiates: the driver says 7, the card 6"):
        books.verify(wrong, 12)


def capture(folder: Path, *, tx: int = 400, late_ns: int = 2 * 10**9) -> Path:
    """A capture of what make_books() counts, and one frame more that came later."""
    sizes = {pcapng.HOST: [tx - 100, 100], pcapng.TARGET: [1300],
             pcapng.RECEIVED: [100, 200, 300, 60, 700, 500, 500]}
    file = folder / "wire.pcapng"
    with pcapng.Writer(file) as writer:
        for origin, lengths in sizes.items():
            for length in lengths:
                writer.write(pcapng.Packet(5, bytes(length), origin))
        writer.write(pcapng.Packet(late_ns, bytes(77), pcapng.HOST))
    return file


def test_capture_is_counted_up_to_the_moment_of_the_books(tmp_path: Path) -> None:
    file = capture(tmp_path)
    books.check_capture(make_books(), file)
    with file.open("ab") as stream:
        stream.write(bytes.fromhex("06000000"))  # a block that is being written
    books.check_capture(make_books(), file)


@pytest.mark.parametrize(("more", "said"), [
    ({"tx": 401}, "origin host: the card says 2 with 400 bytes, the capture 2 with 401"),
    ({"late_ns": 9}, "origin host: the card has counted 2, and the capture has 1 more"),
], ids=["bytes", "frames"])
def test_capture_that_differs_is_told(tmp_path: Path, more: dict[str, int], said: str) -> None:
    with pytest.raises(BooksDiffer, match=said):
        books.check_capture(make_books(), capture(tmp_path, **more))


def test_report_is_checked_like_a_guest(tmp_path: Path) -> None:
    """All that a run has written, through JSON and back; and a ledger that says something else."""
    own = make_books()
    report: dict[str, Any] = {}
    assert books.tell(report, own, 12) == Ledger.of(COUNTERS, 12)
    report = json.loads(json.dumps(report))
    assert books.check_report(report, capture(tmp_path)).seen == 12
    report["ledger"]["card_bytes"] += 1
    with pytest.raises(BooksDiffer, match="the report's ledger"):
        books.check_report(report)
