# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire whose other end reads nothing for a while, as when the peer's VM is stopped: frames wait,
and nothing else of the card, or of another card, does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Conn, Visit
from chimney.wait import paced, wait_until

KIB = 1024
COUNT = 32
UPLOADS = 6
# For chimneyctl to say that a connection is back: the driver's deadline, and what a busy host adds.
UPLOAD_SECONDS = 8 + paced(4)
ANSWER_SECONDS = 5 + paced(5)  # a card's answer, and another connection's
RTO_MAX = 120
HEARD_SECONDS = 8  # shorter than any neighbor's patience with the guest
PROBES_SECONDS = 3
FILL_MS = 30
HOUR_MS = 3600 * 1000


@pytest.fixture(autouse=True)
def peer_knows_the_guest(visit: Visit) -> Iterator[None]:
    """The peer's kernel does not ask whether the guest is still there, and sends what it has."""
    device = visit.vm.wire.device
    mac = visit.vm.run(["cat", "/sys/class/net/eth0/address"]).text.strip()
    guests = [visit.hosts(family)[0] for family in (4, 6)]
    for guest in guests:
        visit.room.ip("neighbour", "replace", guest, "lladdr", mac, "dev", device, "nud",
                      "permanent")
    yield
    for guest in guests:
        visit.room.ip("neighbour", "delete", guest, "dev", device)


@pytest.fixture
def known_neighbor(visit: Visit) -> Iterator[None]:
    """The guest's kernel does not ask whether the peer is still there. On a wire that takes nothing
    its question would have no answer, and connections of a neighbor that is gone leave the card
    (NCE-10).
    """
    names = [f"net.ipv{version}.neigh.eth0.base_reachable_time_ms" for version in (4, 6)]
    before = [visit.vm.run(["sysctl", "-n", name]).text.strip() for name in names]
    visit.vm.run(["sysctl", "-qw", *(f"{name}={HOUR_MS}" for name in names)])
    yield
    restored = [f"{name}={old}" for name, old in zip(names, before, strict=True)]
    visit.vm.run(["sysctl", "-qw", *restored])


def in_time(what: str, seconds: float, act: Callable[[], object]) -> None:
    """Do something that must not wait for the wire."""
    begin = time.monotonic()
    act()
    passed = time.monotonic() - begin
    assert passed < seconds, f"{passed:.1f} s for {what}"


def uploaded(visit: Visit, conns: list[Conn]) -> None:
    """Take connections back one by one, each within the deadline."""
    for conn in conns:
        in_time("an upload", UPLOAD_SECONDS, lambda conn=conn: visit.back(conn))


def refused_at_once(visit: Visit, *conns: Conn) -> None:
    """The card, which could not say yes before its fences have passed, is not even asked."""
    before, _ = visit.ctl.stats()
    for conn in conns:
        visit.ctl.offload(*conn.words, check=False)
        assert visit.state(conn) == "host"
    after, _ = visit.ctl.stats()
    assert after["initiate_failures"] == before["initiate_failures"]


def stall(visit: Visit, seconds: float, look: Callable[[int], None] | None = None,
          then: Callable[[], None] | None = None) -> None:
    """32 connections on the card and two that are not, one of which has nothing to send. The wire
    takes nothing of what the others have; what comes arrives, but they cannot acknowledge anything,
    and some go back. Then nothing comes either. After the stall every byte arrives, and the kernel
    has not complained about the card's queues, nor the driver of a late card; who has not been
    asked for is with the card still, unless the kernel has given up the neighbor. `look` is called
    again and again meanwhile, and `then` once, when nothing comes either.
    """
    conns = [visit.connect(6 if number % 2 else 4) for number in range(COUNT)]
    other, silent = visit.connect(), visit.connect(6)
    visit.hand(*conns)
    begin, late, given_up = time.monotonic(), late_answers(visit), neighbor_uploads(visit)
    with visit.link.paused("ab"):
        sent = [conn.guest.do("fill", FILL_MS)["done"] for conn in [*conns, other]]
        hears(*conns[:UPLOADS])
        uploaded(visit, conns[:UPLOADS])
        if visit.offloads:
            refused_at_once(visit, other, silent)
        unheard = conns[UPLOADS:]

        def look_and_hear(number: int) -> None:
            hears(*unheard[:1])
            del unheard[:1]
            if look is not None:
                look(number)
        pass_time(begin + min(HEARD_SECONDS, seconds / 2), look_and_hear)
        hears(*unheard)
        with visit.link.paused("ba"):
            uploaded(visit, conns[UPLOADS : UPLOADS + 2])
            if then is not None:
                then()
            pass_time(begin + seconds, look)
    assert "WATCHDOG" not in visit.vm.run(["dmesg"]).text
    for conn, count in zip([*conns, other], sent, strict=True):
        conn.peer.recv(count, seconds=RTO_MAX)
        conn.both_ways(20 * KIB)
    assert late_answers(visit) == late
    if neighbor_uploads(visit) == given_up:
        visit.expect("offloaded", *conns[UPLOADS + 2 :])
    visit.hand(*conns, other, silent)
    for conn in [*conns, other, silent]:
        conn.both_ways(20 * KIB)


def hears(*conns: Conn) -> None:
    """Bytes arrive, of which the peer hears nothing."""
    for conn in conns:
        conn.peer.send(KIB)
        conn.guest.recv(KIB)


def pass_time(end: float, look: Callable[[int], None] | None) -> None:
    """Until a point in time, which may be over."""
    looks = 0

    def over() -> bool:
        nonlocal looks
        if look is not None:
            look(looks)
        looks += 1
        return time.monotonic() >= end
    wait_until(over, "the stall to end", max(0.0, end - time.monotonic()), 0.5)


def late_answers(visit: Visit) -> int:
    """How often the driver has waited for the card in vain, for 8 s."""
    return visit.ctl.stats()[0]["late_markers"]


def neighbor_uploads(visit: Visit) -> int:
    """How many connections have gone back because the kernel has given up their neighbor."""
    return visit.ctl.reasons()[1].get("neighbor", 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.where(cpus=(2,), debug=False, vm="stream")
@pytest.mark.usefixtures("known_neighbor")
def test_stream_that_is_not_read(visit: Visit) -> None:
    """16 s, which is longer than any deadline of driver and kernel (OP-D29)."""
    stall(visit, 16)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.where(cpus=(2,), debug=False, native=False, vm="emulated", kernels=("6.12",))
@pytest.mark.usefixtures("known_neighbor")
def test_datagrams_that_are_not_read(visit: Visit) -> None:
    """The same on a dgram wire."""
    stall(visit, 16)


@pytest.mark.where(native=False, cpus=(2,), vm="stream")
@pytest.mark.usefixtures("known_neighbor")
def test_abort_that_cannot_leave(visit: Visit) -> None:
    """The card answers receive requests of a connection that ends at once, before its RST has left:
    the driver, which keeps requests posted while much arrives, posts no more of them.
    """
    conn = visit.connect()
    others = [visit.connect() for _ in range(COUNT)]
    visit.hand(conn, *others)

    def waiting() -> int:
        stats = visit.ctl.stats()[0]
        return stats["recvs"] - stats["recv_completions"]

    before = waiting()

    def posted() -> bool:
        conn.peer.send(512 * KIB)
        conn.guest.recv(512 * KIB)
        return waiting() > before

    wait_until(posted, "receive requests that wait", 60, 0)
    with visit.link.paused("ab"):
        for each in others:
            each.guest.do("fill", FILL_MS)
        begin = visit.ctl.stats()[0]
        visit.vm.run(["chimneyctl", "disconnect", "--abort", *conn.words])
        time.sleep(1)
        end = visit.ctl.stats()[0]
        assert end["disconnect_completions"] == begin["disconnect_completions"]
        assert end["recvs"] == begin["recvs"]
    with pytest.raises(CallFailed) as caught:
        conn.peer.drain()
    assert caught.value.errno == "ECONNRESET"


class Beside:
    """A second card of the guest, with two connections; and what else must not wait for the wire.
    """

    def __init__(self, visit: Visit) -> None:
        subnet = visit.vm.wires[1].subnet
        visit.vm.run(["sh", "-ec", "ip link set eth1 up; "
                      f"ip address replace {subnet.guest4}/24 dev eth1; "
                      f"ip -6 address replace {subnet.guest6}/64 dev eth1 nodad"])
        self._visit = visit
        self._conns = [visit.connect(guest_host=subnet.guest4, peer_host=subnet.peer4),
                       visit.connect(6, guest_host=subnet.guest6, peer_host=subnet.peer6)]
        visit.hand(*self._conns)

    def look(self, number: int) -> None:
        """A connection of the other card goes on, goes back and over again; the stalled card and
        the driver answer chimneyctl and ethtool.
        """
        visit, conn = self._visit, self._conns[number % 2]
        in_time("the other card's bytes", ANSWER_SECONDS, conn.both_ways)
        in_time("the other card's upload", ANSWER_SECONDS, lambda: visit.back(conn))
        in_time("the other card's offload", ANSWER_SECONDS, lambda: visit.hand(conn))
        for words in (["chimneyctl", "status"], ["chimneyctl", "list"], ["ethtool", "-S", "eth0"]):
            in_time(" ".join(words), ANSWER_SECONDS, lambda words=words: visit.vm.run(words))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.where(cpus=(2,), debug=False, vm="stream-and-card")
def test_stream_that_is_not_read_for_a_minute(visit: Visit) -> None:
    """60 s, with the neighbor timers that the kernel has by default, and another card beside."""
    stall(visit, 60, Beside(visit).look)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.where(cpus=(2,), debug=False, vm="dgram-and-card")
def test_datagrams_that_are_not_read_for_a_minute(visit: Visit) -> None:
    """The same on a dgram wire."""
    stall(visit, 60, Beside(visit).look)


def give_up(visit: Visit) -> None:
    """The kernel doubts that the peer is still there, asks three times, and gives it up: all of its
    connections come back, though the wire takes nothing.
    """
    stalled = visit.hosts(4)[0], visit.hosts(6)[0]
    for host in (visit.hosts(4)[1], visit.hosts(6)[1]):
        visit.vm.run(["ip", "neighbour", "change", host, "dev", "eth0", "nud", "probe"])
    if visit.offloads:
        wait_until(lambda: not any(conn["local"].startswith((stalled[0], f"[{stalled[1]}"))
                                   for conn in visit.ctl.connections()),
                   "all to be back", PROBES_SECONDS + UPLOAD_SECONDS, 0.2)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.where(cpus=(2,), debug=False, vm="stream-and-card", kernels=("6.1", "7.3"))
def test_neighbor_is_given_up_in_a_stall(visit: Visit) -> None:
    """60 s in which the kernel notices that nobody answers: connections go on with it afterwards,
    as those do that have never been with the card, and can go over again.
    """
    before = neighbor_uploads(visit)
    stall(visit, 60, Beside(visit).look, lambda: give_up(visit))
    if visit.offloads:
        assert neighbor_uploads(visit) - before == COUNT - UPLOADS - 2
