# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs do with a socket besides reading and writing, while the card has its connection:
urgent data, stalls, options, queries, splice. Everything as with Linux alone (spec chapter 10).
"""

from __future__ import annotations

import re
import socket
import sys

import pytest

from chimney.guest.puppet import CallFailed, End
from chimney.guest.station import Conn, Visit
from chimney.vm.kernel import is_debug
from chimney.wait import stays, wait_until

KIB = 1024
MORE = 512 * KIB  # than a small buffer holds, however often
POLLIN, POLLPRI = 1, 2
TCP_CONGESTION, TCP_REPAIR, TCP_ULP = 13, 19, 31
SO_RCVLOWAT, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_ACK = 18, 37, 1 << 9
IP_MINTTL, IPV6_MINHOPCOUNT = 21, 73
ESTABLISHED = 1
STALL = 5.0


def wait_urgent(end: End) -> None:
    """Wait for the urgent byte, which comes after its announcement; the reader is at the mark."""
    assert end.do("poll", 10000, POLLPRI)["events"] & POLLPRI
    assert end.queues()["mark"] == 1


def test_urgent_data_in(visit: Visit) -> None:
    """A segment with URG is Linux's business: mark, urgent byte and stream are right."""
    conn = visit.connect()
    visit.hand(conn)
    conn.peer.send(1000)
    conn.peer.send(1, "oob")
    conn.peer.send(1000)
    wait_until(lambda: conn.guest.queues()["in"] >= 1000, "the data to arrive", 10, 0.05)
    visit.expect("host", conn)
    conn.guest.recv(1000)
    wait_urgent(conn.guest)
    conn.guest.recv(1, "oob")
    conn.guest.recv(1000)
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize(
    ("family", "level", "name", "value"),
    [
        (4, socket.SOL_IP, IP_MINTTL, 1),
        (6, socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, 1),
        (4, socket.SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_ACK),
    ],
)
def test_options_that_the_card_does_not_know(
    visit: Visit, family: int, level: int, name: int, value: int
) -> None:
    """What the target cannot keep an eye on takes the connection back, and keeps it."""
    conn = visit.connect(family)
    visit.hand(conn)
    conn.both_ways()
    conn.guest.set(level, name, value)
    visit.expect("host", conn)
    if visit.offloads:
        assert not visit.ctl.offload(*conn.words, check=False)
    conn.both_ways()
    conn.guest.set(level, name, 0)
    visit.hand(conn)
    conn.both_ways()


def test_urgent_data_out(visit: Visit) -> None:
    """MSG_OOB takes the connection back, and the peer sees the mark where it belongs."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.send(1000)
    conn.guest.send(1, "oob")
    conn.guest.send(1000)
    wait_until(lambda: conn.peer.queues()["in"] >= 1000, "the data to arrive", 10, 0.05)
    conn.peer.recv(1000)
    wait_urgent(conn.peer)
    conn.peer.recv(1, "oob")
    conn.peer.recv(1000)
    visit.expect("host", conn)
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(debug=False)
def test_peer_does_not_read(visit: Visit) -> None:
    """A closed window for five seconds, with the connection taken back and handed over inside."""
    conn = visit.connect()
    visit.hand(conn)
    count = conn.guest.do("fill", 500)["done"]
    visit.back(conn)
    stays(lambda: conn.guest.queues()["out"] > 0, "data waits for the window", STALL / 2)
    visit.hand(conn)
    stays(lambda: conn.guest.queues()["out"] > 0, "data waits for the window", STALL / 2)
    conn.peer.recv(count)
    conn.both_ways()
    visit.expect("offloaded", conn)


def test_program_does_not_read(visit: Visit) -> None:
    """The other way round: the guest's window closes, unread data travels to the card and back."""
    conn = visit.connect()
    visit.hand(conn)
    count = conn.peer.do("fill", 400)["done"]
    visit.back(conn)
    count += conn.peer.do("fill", 300)["done"]
    visit.hand(conn)
    count += conn.peer.do("fill", 300)["done"]
    conn.guest.recv(count)
    conn.both_ways()
    visit.expect("offloaded", conn)


@pytest.mark.where(cpus=(1,))
def test_new_data_follows_unread_data_at_once(visit: Visit) -> None:
    """BRD-2, BRD-8: requests for BufferedData hold just that: what comes later is behind it, and
    not kept in them.
    """
    conn = visit.connect()
    conn.peer.send(30 * KIB + 100)
    wait_until(lambda: conn.guest.queues()["in"] == 30 * KIB + 100, "unread bytes", 10)
    visit.hand(conn)
    conn.peer.send(1 * KIB)
    wait_until(lambda: conn.guest.queues()["in"] == 31 * KIB + 100, "new bytes behind them", 10)
    conn.guest.recv(31 * KIB + 100)
    conn.both_ways()


@pytest.mark.where(cpus=(2,))
def test_hand_overs_offer_no_more_than_fits(visit: Visit) -> None:
    """However often a connection moves, a peer that fills every window finds no more room in a
    program that does not read.
    """
    conn = visit.connect()
    count = conn.peer.do("fill", 300)["done"]
    held = []
    for _ in range(8):
        visit.hand(conn)
        count += conn.peer.do("fill", 150)["done"]
        visit.back(conn)
        count += conn.peer.do("fill", 150)["done"]
        held.append(conn.guest.queues()["in"])
    assert held[-1] - held[1] < 32 * KIB, held
    conn.guest.recv(count)
    conn.both_ways()


def test_blocked_calls_survive_hand_overs(visit: Visit) -> None:
    """A writer blocked in send() and a reader blocked in recv() while the connection moves."""
    conn = visit.connect()
    sending = conn.guest.begin("send", 12 * KIB * KIB)
    wait_until(lambda: conn.peer.queues()["in"] > 0, "the first bytes", 10)
    for _ in range(3):
        visit.hand(conn)
        conn.peer.recv(1 * KIB * KIB)
        visit.back(conn)
        conn.peer.recv(1 * KIB * KIB)
    visit.hand(conn)
    conn.peer.recv(6 * KIB * KIB)
    sending.wait()
    reading = conn.guest.begin("recv", 64 * KIB)
    visit.back(conn)
    conn.peer.send(32 * KIB)
    visit.hand(conn)
    conn.peer.send(32 * KIB)
    assert reading.wait()["done"] == 64 * KIB


def test_keepalive_while_idle(visit: Visit) -> None:
    """Keepalive every second keeps an idle connection; the kernel's own timer stands still."""
    conn = visit.connect()
    conn.guest.set(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    conn.guest.set(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    conn.guest.set(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    conn.guest.set(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    conn.both_ways()
    visit.hand(conn)
    words = ["ss", "-Htno", "sport", "=", f":{conn.guest_port}"]
    timer = "keepalive" in visit.vm.run(words).text
    assert timer != visit.offloads
    before = received_segments(visit)
    wait_until(lambda: received_segments(visit) - before >= 2, "two keepalive probes", 10, 0.1)
    assert conn.guest.do("poll", 0, POLLIN)["events"] == 0
    conn.both_ways()
    visit.back(conn)
    assert "keepalive" in visit.vm.run(words).text
    conn.both_ways()


def received_segments(visit: Visit) -> int:
    """TCP segments that the peer's host has received."""
    text = visit.room.run(["cat", "/proc/net/snmp"]).stdout
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("InSegs")])


def test_repair_mode(visit: Visit) -> None:
    """TCP_REPAIR takes the connection back before it is switched on; later it goes over again."""
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    try:
        conn.guest.set(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except CallFailed as failed:
        # the debug kernel has no CONFIG_CHECKPOINT_RESTORE
        assert failed.errno == "EPERM" and is_debug(visit.vm.config.kernel)
    else:
        conn.guest.set(socket.IPPROTO_TCP, TCP_REPAIR, 0)
    visit.expect("host", conn)
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()


def test_kernel_tls_attaches(visit: Visit) -> None:
    """The slot for upper-layer protocols is free again: kTLS can have it after the card had it."""
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "tls")
    visit.expect("host", conn)
    shown = visit.vm.run(["ss", "-Htni", "sport", "=", f":{conn.guest_port}"]).text
    assert "tcp-ulp-tls" in shown
    conn.both_ways()
    if visit.offloads:
        assert not visit.ctl.offload(*conn.words, check=False)
    conn.both_ways()


@pytest.mark.parametrize("family", [4, 6])
def test_ulp_is_hidden_from_a_program_that_did_not_ask(visit: Visit, family: int) -> None:
    """getsockopt(TCP_ULP) is what the program has set itself: nothing when the connection went over
    by another's word, its own kTLS, and the card if it asked for that. `ss` shows who has it.
    """
    conn = visit.connect(family)
    visit.hand(conn)
    assert conn.guest.do("get", socket.IPPROTO_TCP, TCP_ULP)["size"] == 0
    shown = visit.vm.run(["ss", "-Htni", "sport", "=", f":{conn.guest_port}"]).text
    assert ("tcp-ulp-chimney" in shown) == visit.offloads
    conn.both_ways()
    if visit.offloads:
        conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
        visit.expect("offloaded", conn)
        shown_word = int.from_bytes(b"chim", sys.byteorder)
        assert conn.guest.do("get", socket.IPPROTO_TCP, TCP_ULP) == {"value": shown_word, "size": 4}
    conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "tls")
    tls = int.from_bytes(b"tls\0", sys.byteorder)
    assert conn.guest.do("get", socket.IPPROTO_TCP, TCP_ULP) == {"value": tls, "size": 4}
    conn.both_ways()


def test_congestion_control_changes(visit: Visit) -> None:
    """TCP_CONGESTION takes the connection back; reno may go over again."""
    conn = visit.connect()
    visit.hand(conn)
    conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_CONGESTION, "reno")
    visit.expect("host", conn)
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.where(native=False)
def test_program_asks_for_the_card(visit: Visit) -> None:
    """setsockopt(TCP_ULP, "chimney"), the way for a program that knows; ss shows who has it."""
    conn = visit.connect()
    conn.both_ways()
    conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
    visit.expect("offloaded", conn)
    shown = visit.vm.run(["ss", "-Htni", "sport", "=", f":{conn.guest_port}"]).text
    assert "tcp-ulp-chimney" in shown
    conn.both_ways()
    visit.back(conn)
    conn.both_ways()


def test_low_water_mark(visit: Visit) -> None:
    """SO_RCVLOWAT: a reader sleeps until so much is there, and does not sleep when it is."""
    conn = visit.connect()
    conn.guest.set(socket.SOL_SOCKET, SO_RCVLOWAT, 200 * KIB)
    visit.hand(conn)
    conn.peer.send(100 * KIB)
    wait_until(lambda: conn.guest.queues()["in"] == 100 * KIB, "the first half", 10, 0.05)
    assert conn.guest.do("poll", 200, POLLIN)["events"] == 0
    waiting = conn.guest.begin("poll", 10000, POLLIN)
    conn.peer.send(110 * KIB)
    assert waiting.wait()["events"] == POLLIN
    conn.guest.recv(210 * KIB)


def read_behind_a_mark(conn: Conn) -> None:
    """More comes than the buffer holds, to a reader who waits for more still: it is woken when no
    more can come, and then reads all.
    """
    conn.guest.set(socket.SOL_SOCKET, SO_RCVLOWAT, 1 << 30)
    waiting = conn.guest.begin("poll", 15000, POLLIN)
    sending = conn.peer.begin("send", MORE)
    assert waiting.wait()["events"] == POLLIN
    conn.guest.set(socket.SOL_SOCKET, SO_RCVLOWAT, 1)
    conn.guest.recv(MORE)
    assert sending.wait() == {"done": MORE}


def test_low_water_mark_beyond_the_window(visit: Visit) -> None:
    """A mark that the window never reaches, set before the hand-over."""
    conn = visit.connect(prepare=small_buffer)
    conn.guest.set(socket.SOL_SOCKET, SO_RCVLOWAT, 1 << 30)
    visit.hand(conn)
    read_behind_a_mark(conn)


def test_window_opens_again_for_a_reader_that_was_quick(visit: Visit) -> None:
    """A buffer fills, the window is made smaller for a reader that may wait for more, and it reads
    all while the card is still being told so: the rest comes all the same, round after round.
    """
    conn = visit.connect(prepare=small_buffer)
    visit.hand(conn)
    for _ in range(200):
        read_behind_a_mark(conn)


def small_buffer(end: End) -> None:
    """A receive buffer that fills soon and does not grow."""
    end.set(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)


def test_queues_and_info_are_true(visit: Visit) -> None:
    """SIOCINQ, SIOCOUTQ, TCP_INFO and ss: the numbers that monitoring programs live on."""
    conn = visit.connect()
    conn.both_ways(100 * KIB)
    visit.hand(conn)
    conn.peer.send(30 * KIB)
    wait_until(lambda: conn.guest.queues()["in"] == 30 * KIB, "30 KiB unread", 10, 0.05)
    filled = conn.guest.do("fill", 500)["done"]
    queued = conn.guest.queues()["out"]
    unread = conn.peer.queues()["in"]
    assert queued > 0 and unread + queued >= filled
    conn.peer.recv(filled)
    wait_until(lambda: conn.guest.queues()["out"] == 0, "every byte to be acknowledged", 10, 0.05)
    info = conn.guest.info()
    assert info["state"] == ESTABLISHED
    # bytes_acked counts the SYN too
    assert info["acked"] - 1 == 100 * KIB + filled
    assert info["received"] == 130 * KIB
    assert info["cwnd"] >= 2 and 500 <= info["mss"] <= 1460
    assert 0 < info["rtt"] < 5_000_000 and info["rto"] >= 200_000
    shown = visit.vm.run(["ss", "-Htni", "sport", "=", f":{conn.guest_port}"]).text
    row = re.match(r"ESTAB +(\d+) +(\d+) ", shown)
    assert row is not None, shown
    assert (int(row[1]), int(row[2])) == (30 * KIB, 0)
    conn.guest.recv(30 * KIB)


def test_splice_from_the_socket(visit: Visit) -> None:
    """splice() takes received pages out of the socket, across a hand-over."""
    conn = visit.connect()
    visit.hand(conn)
    conn.peer.send(100 * KIB)
    assert conn.guest.do("splice", 60 * KIB)["done"] == 60 * KIB
    visit.back(conn)
    conn.peer.send(100 * KIB)
    visit.hand(conn)
    assert conn.guest.do("splice", 140 * KIB)["done"] == 140 * KIB


@pytest.mark.parametrize("family", [4, 6])
def test_zero_copy_send(visit: Visit, family: int) -> None:
    """MSG_ZEROCOPY: a page is given back when nobody reads it any more, whoever has the
    connection; the program overwrites it at once (SND-8).
    """
    conn = visit.connect(family)
    for way in (visit.hand, visit.back, visit.hand):
        sending = conn.guest.begin("zerocopy", 3 * KIB * KIB)
        conn.peer.recv(1 * KIB * KIB)
        way(conn)
        conn.peer.recv(2 * KIB * KIB)
        assert sending.wait()["done"] == 3 * KIB * KIB
    conn.both_ways()
