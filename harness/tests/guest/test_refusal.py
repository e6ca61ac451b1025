# SPDX-License-Identifier: GPL-2.0-or-later
"""Offloads that the card refuses: the program's connection stays with Linux as it was, the user is
told the card's own status, and the same connection can go over later (spec chapter 4.3).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chimney.guest.fail_initiate import FORCED
from chimney.guest.puppet import CallFailed, End
from chimney.guest.station import Conn, Visit
from chimney.vm.qmp import QmpError
from chimney.wait import wait_until

KIB = 1024
UNREAD = 12 * KIB
BUFFER = 16 * KIB
TCP_ULP = 31
# Hosts that nothing has been offloaded to: neighbor and path are new objects for the card.
STRANGERS = {4: ("10.77.0.99", 24), 6: ("fd77::99", 64)}


@contextmanager
def strangers(visit: Visit) -> Iterator[None]:
    """The peer has two more addresses meanwhile."""
    device = visit.vm.wire.device
    for family, (host, bits) in STRANGERS.items():
        nodad = ["nodad"] if family == 6 else []
        visit.room.ip("address", "add", f"{host}/{bits}", "dev", device, *nodad)
    try:
        yield
    finally:
        for host, bits in STRANGERS.values():
            visit.room.ip("address", "delete", f"{host}/{bits}", "dev", device)


def small_send_buffer(end: End) -> None:
    """A send buffer that fills soon."""
    end.set(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)


def connect(visit: Visit, family: int) -> Conn:
    """A connection of which little is under way at a time."""
    host = STRANGERS[family][0]
    listener, _ = visit.listener("peer", host)
    listener.set(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    return visit.connect(family, peer_host=host, prepare=small_send_buffer)


def load(conn: Conn) -> dict[str, int]:
    """Bytes that the guest's program has not read, and bytes that it has written and Linux could
    not send; returns what the guest's kernel says of them.
    """
    conn.peer.send(UNREAD)
    conn.guest.do("fill", 100)
    wait_until(lambda: conn.guest.queues()["in"] == UNREAD, "the unread bytes to arrive", 10, 0.05)
    queues = conn.guest.queues()
    assert queues["out"] >= queues["unsent"] > 0, f"nothing waits to be sent: {queues}"
    return queues


def unload(conn: Conn) -> None:
    """Every byte of load() arrives, and is the right one."""
    queues = conn.guest.queues()
    conn.peer.recv(queues["tx"] - conn.peer.queues()["rx"])
    conn.guest.recv(queues["in"])


def refused(visit: Visit, conn: Conn, status: str) -> None:
    """One attempt, of which nothing remains but what the user is told."""
    before = load(conn)
    with visit.card_fails(status):
        answer = visit.ctl.offload_answer(*conn.words)
    assert answer == {"done": 0, "refused": 1, "reason": "card-refused", "status": status}
    assert visit.state(conn) == "host"
    after = conn.guest.queues()
    assert after["unsent"] > 0
    assert [after[name] for name in ("in", "tx", "rx")] == \
        [before[name] for name in ("in", "tx", "rx")]
    unload(conn)
    conn.both_ways(4 * KIB)


def ends_as_it_should(conn: Conn) -> None:
    """Both streams come to their end at the same byte on both sides."""
    conn.guest.do("shutdown", "wr")
    assert conn.peer.drain() == 0
    conn.peer.do("shutdown", "wr")
    assert conn.guest.drain() == 0
    here, there = conn.guest.queues(), conn.peer.queues()
    assert (here["tx"], here["rx"]) == (there["rx"], there["tx"])
    conn.guest.close()
    conn.peer.close()


def counts(visit: Visit) -> dict[str, int]:
    """What driver and card have counted, and how often the driver says that the card refused."""
    driver, device = visit.ctl.stats()
    refusals, _ = visit.ctl.reasons()
    return {"driver": driver["initiate_failures"], "device": device["initiate_failures"],
            "refused": refusals.get("card-refused", 0), "initiates": driver["initiates"]}


def grown(visit: Visit, before: dict[str, int]) -> dict[str, int]:
    """By how much counts() has grown."""
    return {name: count - before[name] for name, count in counts(visit).items()}


@pytest.mark.slow
@pytest.mark.where(native=False, cpus=(2,))
def test_card_refuses_with_each_status(visit: Visit) -> None:
    """INI-7, BRD-5, INI-12, TRE-17: with unread and unsent data there, each status that the card
    can be made to fail with is shown to the user by its name, the connection goes on with Linux
    and loses nothing: one to its end, and one until it is handed over later, with such data there
    again.
    """
    # a lower layer first: an object that went in is not new any more
    statuses = sorted(FORCED, key=lambda name: FORCED[name])
    before = counts(visit)
    with strangers(visit):
        conns = []
        for number, status in enumerate(statuses):
            stays, goes = (connect(visit, 6 if number % 2 else 4) for _ in range(2))
            for conn in (stays, goes):
                refused(visit, conn, status)
            ends_as_it_should(stays)
            conns.append(goes)
        refusals = 2 * len(statuses)
        assert grown(visit, before) == {"driver": refusals, "device": refusals,
                                        "refused": refusals, "initiates": 0}
        for conn in conns:
            load(conn)
            visit.hand(conn)
            unload(conn)
            conn.both_ways()
            visit.expect("offloaded", conn)
        for conn in conns:
            ends_as_it_should(conn)


@pytest.mark.where(native=False, cpus=(2,))
def test_card_refuses_one_of_several(visit: Visit) -> None:
    """INI-7, INI-13: of three connections in one list the card refuses the second; the others go
    over, and all three lose nothing.
    """
    conns = [visit.connect(opener="peer") for _ in range(3)]
    for conn in conns:
        conn.peer.send(UNREAD)
        conn.guest.send(8 * KIB)
    with visit.card_fails("TCP_RCV_WINDOW:2"):
        answer = visit.ctl.offload_answer("--port", str(conns[0].guest_port))
    assert answer == {"done": 2, "refused": 1, "reason": "card-refused",
                      "status": "TCP_RCV_WINDOW"}
    assert sorted(visit.state(conn) for conn in conns) == ["host", "offloaded", "offloaded"]
    for conn in conns:
        conn.guest.recv(UNREAD)
        conn.peer.recv(8 * KIB)
        conn.both_ways()
        visit.hand(conn)
        ends_as_it_should(conn)


@pytest.mark.where(native=False, cpus=(2,))
def test_program_is_told_that_the_card_refuses(visit: Visit) -> None:
    """INI-7: a program that asks for the card by setsockopt gets ENOSPC, and can ask again."""
    conn = visit.connect()
    conn.both_ways()
    with visit.card_fails("TCP_ENTRIES"), pytest.raises(CallFailed) as caught:
        conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
    assert caught.value.errno == "ENOSPC"
    assert visit.state(conn) == "host"
    conn.both_ways()
    conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
    visit.expect("offloaded", conn)
    conn.both_ways()


@pytest.mark.where(native=False, cpus=(2,), kernels=("6.12",), debug=False)
def test_knob_with_no_meaning_changes_nothing(visit: Visit) -> None:
    """A value that the card does not understand is refused by name, and the old one holds."""
    conn = visit.connect()
    with visit.card_fails("TCP_ENTRIES"):
        with pytest.raises(QmpError, match="NONSENSE"):
            visit.set_failure("PATH_MTU+NONSENSE")
        assert visit.ctl.offload_answer(*conn.words)["status"] == "TCP_ENTRIES"


def busy_for(conns: list[Conn], rounds: int) -> None:
    """Many segments in both directions on each."""
    for _ in range(rounds):
        for conn in conns:
            conn.peer.send(4 * KIB)
            conn.guest.recv(4 * KIB)
            conn.guest.send(4 * KIB)
            conn.peer.recv(4 * KIB)


@pytest.mark.where(native=False, cpus=(2,), vm="four-connections")
def test_full_card_is_left_alone(visit: Visit) -> None:
    """INI-7: eight streams and a card that takes four, under the automatic policy: the card is not
    asked with each segment for what it has said it has not, and takes the next when one ends.
    """
    conns = [visit.connect() for _ in range(8)]
    before = counts(visit)
    with visit.automatic():
        busy_for(conns, 15)
        states = [visit.state(conn) for conn in conns]
        assert (states.count("offloaded"), states.count("host")) == (4, 4)
        assert grown(visit, before)["device"] <= 8
        ended = conns[states.index("offloaded")]
        ended.guest.close()
        ended.peer.close()
        left = [conn for conn in conns if conn is not ended]

        def taken() -> bool:
            busy_for(left, 1)
            return [visit.state(conn) for conn in left].count("offloaded") == 4
        wait_until(taken, "another one to be taken", 20, 0.1)


@pytest.mark.where(native=False, cpus=(2,))
@pytest.mark.parametrize("status", ["RESOURCES", "TCP_RCV_WINDOW"])
def test_refused_connections_wait(visit: Visit, status: str) -> None:
    """INI-7: under the automatic policy a connection that the card has refused is offered again
    later and later, or, where nothing will change, not at all; another policy makes all new.
    """
    conns = [visit.connect() for _ in range(4)]
    before = counts(visit)
    with visit.card_fails(status), visit.automatic():
        busy_for(conns, 30)
        attempts = grown(visit, before)["device"]
        # a segment between the answer and its note makes it a second time
        assert 1 <= attempts <= (40 if status == "RESOURCES" else 2 * len(conns))
    assert [visit.state(conn) for conn in conns] == ["host"] * 4

    def taken() -> bool:
        busy_for(conns, 1)
        return [visit.state(conn) for conn in conns] == ["offloaded"] * 4
    with visit.automatic():
        wait_until(taken, "all to be taken", 10, 0.1)
