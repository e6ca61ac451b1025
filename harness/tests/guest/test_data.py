# SPDX-License-Identifier: GPL-2.0-or-later
"""Data while connections change hands: every byte compared by its position in the stream, over both
families, over a wire that loses frames, on many connections at once, and without being asked for.
"""

from __future__ import annotations

import pytest

from chimney.guest.load import MIB, Exchange, Handovers, exchange_with_handovers
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until

KIB = 1024
MANY = 64
LOSS = 0.005


@pytest.mark.slow
@pytest.mark.parametrize(("family", "mode"), [(4, "plain"), (6, "mixed")])
def test_data_both_ways_at_once(visit: Visit, seed: int, family: int, mode: str) -> None:
    """20 MiB each way and 20 hand-overs and back at random moments; mixed: peek, epoll, WAITALL,
    MORE, splice.
    """
    exchange_with_handovers(visit, seed, family=family, mode=mode, size=20 * MIB, cycles=20)


@pytest.mark.slow
@pytest.mark.where(cpus=(2,), vm="emulated")
@pytest.mark.parametrize("family", [4, 6])
def test_data_over_a_lossy_wire(visit: Visit, seed: int, family: int) -> None:
    """The same on a wire without segmentation offload that loses one frame in 200 both ways."""
    visit.link.set(loss=LOSS)
    before = visit.link.stats()
    try:
        exchange_with_handovers(visit, seed, family=family, mode="mixed", size=5 * MIB, cycles=10)
    finally:
        visit.link.set(loss=0)
    after = visit.link.stats()
    for way in ("ab", "ba"):
        assert after[way]["lost"] > before[way]["lost"]


@pytest.mark.slow
@pytest.mark.where(cpus=(4,))
def test_several_programs_at_once(visit: Visit, seed: int) -> None:
    """Six connections of both families, all of them handed over and back together."""
    exchanges = [Exchange(visit, seed + i, family=6 if i % 3 == 0 else 4, size=3 * MIB, pause=300,
                          mode="mixed" if i % 2 else "plain") for i in range(6)]
    handovers = Handovers(visit, seed)
    try:
        handovers.wait(30, 60, *exchanges)
        handovers.stop()
        for exchange in exchanges:
            exchange.finish()
    finally:
        handovers.stop()
        for exchange in exchanges:
            exchange.end()


@pytest.mark.where(native=False)
def test_64_connections_at_once(visit: Visit) -> None:
    """64 connections over in one list with one INITIATE, on all pairs, with unread and unsent data
    on each; back in one list (INI-1, TRE-2, TRE-3, TRE-6, M-24).
    """
    conns = [visit.connect(opener="peer") for _ in range(MANY)]
    for conn in conns:
        conn.peer.send(8 * KIB)
        conn.guest.send(8 * KIB)
    visit.acknowledged(*conns)
    before, _ = visit.ctl.stats()
    visit.ctl.offload("--port", str(conns[0].guest_port))
    taken = {conn.words: conn for conn in conns}
    wait_until(lambda: len(offloaded(visit, taken)) == MANY, "64 connections to be offloaded", 10,
               0.1)
    after, _ = visit.ctl.stats()
    assert after["initiates"] - before["initiates"] == MANY
    assert after["bulk_lists"] - before["bulk_lists"] == 1
    pairs = {entry["pair"] for entry in offloaded(visit, taken)}
    assert pairs == set(range(visit.vm.config.cpus))
    for conn in conns:
        conn.peer.send(8 * KIB)
        conn.guest.recv(16 * KIB)
        conn.guest.send(8 * KIB)
    visit.ctl.upload("all")
    assert not offloaded(visit, taken)
    for conn in conns:
        conn.peer.recv(16 * KIB)
        conn.guest.send(1 * KIB)
        conn.peer.recv(1 * KIB)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.where(native=False, debug=False, cpus=(2,), kernels=("6.12",))
def test_beyond_half_the_sequence_space(visit: Visit) -> None:
    """Only bytes that were unread at the hand-over count as such, also 2 GiB later."""
    conn = visit.connect()
    conn.peer.send(8 * KIB)
    before, _ = visit.ctl.stats()
    visit.hand(conn)
    conn.guest.recv(8 * KIB)
    for _ in range(5):
        sending = conn.peer.begin("send", 512 * MIB, seconds=100)
        conn.guest.recv(512 * MIB, seconds=100)
        assert sending.wait()["done"] == 512 * MIB
    visit.back(conn)
    after, _ = visit.ctl.stats()
    names = ("buffered_in_bytes", "buffered_indicated_bytes", "buffered_to_recv_bytes")
    handed, indicated, into_requests = (after[name] - before[name] for name in names)
    assert handed == 8 * KIB
    assert indicated + into_requests == handed


@pytest.mark.parametrize("family", [4, 6])
def test_received_pages_that_a_pipe_still_holds(visit: Visit, family: int) -> None:
    """Memory of received bytes is used again only when nobody reads it any more: bytes that were
    spliced into a pipe are right after 4 MiB more, whoever has the connection.
    """
    conn = visit.connect(family)
    for way in (visit.hand, visit.back, visit.hand):
        sending = conn.peer.begin("send", 128 * KIB + 4 * MIB)
        assert conn.guest.do("keep", 64 * KIB, 1 * MIB)["done"] == 64 * KIB + 1 * MIB
        way(conn)
        assert conn.guest.do("keep", 64 * KIB, 3 * MIB)["done"] == 64 * KIB + 3 * MIB
        assert sending.wait()["done"] == 128 * KIB + 4 * MIB


@pytest.mark.where(native=False)
def test_written_pages_are_used_again(visit: Visit) -> None:
    """The memory that programs write in bulk into comes round, each page once all in it has been
    acknowledged; one that a stalled connection holds is left alone, also after its way back.
    """
    conns = [visit.connect() for _ in range(5)]
    stalled = conns.pop()
    visit.hand(stalled, *conns)
    filled = stalled.guest.do("fill", 500)["done"]
    before, _ = visit.ctl.stats()
    for conn in conns:
        bulk(conn, 8 * MIB)
    after, _ = visit.ctl.stats()
    assert after["frag_reuses"] - before["frag_reuses"] > after["frag_pages"] - before["frag_pages"]
    visit.back(stalled)
    for conn in conns:
        bulk(conn)
    stalled.peer.recv(filled)

    def none_left() -> bool:
        before, _ = visit.ctl.stats()
        bulk(conns[0])
        after, _ = visit.ctl.stats()
        return after["frag_pages"] > before["frag_pages"]

    wait_until(none_left, "the pages of idle connections to be freed", 20, 3)


def bulk(conn: Conn, count: int = 256 * KIB) -> None:
    """So much from guest to peer, as fast as it goes."""
    sending = conn.guest.begin("send", count)
    conn.peer.recv(count)
    assert sending.wait()["done"] == count


def offloaded(visit: Visit, ours: dict[tuple[str, str], Conn]) -> list[dict[str, object]]:
    """Those of our connections that the card has."""
    return [entry for entry in visit.ctl.connections()
            if (entry["local"], entry["remote"]) in ours and entry["state"] == "offloaded"]


@pytest.mark.where(native=False)
@pytest.mark.parametrize("family", [4, 6])
def test_automatic_policy(visit: Visit, seed: int, family: int) -> None:
    """With policy auto every connection goes over by itself, with data under way, and stays."""
    visit.ctl.policy("auto")
    try:
        conn = visit.connect(family)
        conn.peer.send(1 * KIB)
        conn.guest.recv(1 * KIB)
        visit.expect("offloaded", conn)
        exchange = Exchange(visit, seed, family=family, size=4 * MIB)
        wait_until(lambda: any(entry["state"] == "offloaded"
                               and str(entry["remote"]).endswith(f":{exchange.port}")
                               for entry in visit.ctl.connections()) or not exchange.running,
                   "the program's connection to be offloaded", 10, 0.05)
        assert exchange.running
        exchange.finish()
        conn.peer.send(100 * KIB)
        conn.guest.recv(100 * KIB)
        visit.expect("offloaded", conn)
    finally:
        visit.ctl.policy("none")
