# SPDX-License-Identifier: GPL-2.0-or-later
"""A card that breaks a rule for one connection (`x-fault`), or has no memory for a list: that
connection goes back to Linux by its state, or ends, and the card with all others goes on
(spec chapter 10.7).
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.shortage import failing, module_text
from chimney.guest.station import Conn, Visit, station_of
from chimney.wait import wait_until

KIB = 1024
UNREAD = 12 * KIB
# The driver waits 8 s for what the card owes.
LATE_SECONDS = 20
DRIVER = {"driver": Path(os.environ["CHIMNEY_DRIVER"])} if "CHIMNEY_DRIVER" in os.environ else {}


def laden(visit: Visit, count: int) -> list[Conn]:
    """Connections of one port, each with bytes that have not been read at either end."""
    conns = [visit.connect(opener="peer") for _ in range(count)]
    for conn in conns:
        conn.peer.send(UNREAD)
        conn.guest.send(8 * KIB)
    return conns


def unload(conn: Conn) -> None:
    """Every byte of laden() arrives, and is the right one; the connection goes on."""
    conn.guest.recv(UNREAD)
    conn.peer.recv(8 * KIB)
    conn.both_ways()


def states(visit: Visit, conns: list[Conn]) -> list[str]:
    """Who has which."""
    return sorted(visit.state(conn) for conn in conns)


def offload(visit: Visit, conns: list[Conn]) -> dict[str, object]:
    """All connections of the port, in one list."""
    return visit.ctl.offload_answer("--port", str(conns[0].guest_port))


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
@pytest.mark.parametrize("marker", ["OPENED", "CUTOVER"])
def test_marker_of_an_offload_is_missing(visit: Visit, marker: str) -> None:
    """OP-D6: of three connections in one list the card does not announce one. That one goes back to
    Linux with all its bytes, and can go over later; the others are with the card.
    """
    conns = laden(visit, 3)
    with visit.card_breaks(f"{marker}:2"):
        answer = offload(visit, conns)
    assert (answer["done"], answer["refused"], answer["reason"]) == (2, 1, "card-late")
    wait_until(lambda: states(visit, conns) == ["host", "offloaded", "offloaded"],
               "the connection to be taken back", LATE_SECONDS, 0.1)
    for conn in conns:
        unload(conn)
        visit.hand(conn)
        conn.both_ways()


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
def test_last_is_missing(visit: Visit) -> None:
    """OP-D11: the card hands connections back, and LAST of one never comes. Its state says that no
    byte is missing, so that it goes on like the others.
    """
    conns = laden(visit, 3)
    visit.hand(*conns)
    with visit.card_breaks("LAST:2"):
        visit.ctl.upload("all", check=False)
        wait_until(lambda: states(visit, conns) == ["host"] * 3, "all to be with Linux",
                   LATE_SECONDS, 0.1)
    for conn in conns:
        unload(conn)
        visit.hand(conn)
        conn.both_ways()


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
@pytest.mark.parametrize("marker", ["CUTOVER", "LAST"])
def test_late_marker_holds_up_nobody_else(visit: Visit, marker: str) -> None:
    """OP-D6, OP-D11: while the card owes a marker of one connection, another is told of a changed
    option, goes back, goes over and is closed as ever.
    """
    late, other, third = laden(visit, 3)
    visit.hand(other, *([late] if marker == "LAST" else []))
    verb = "upload" if marker == "LAST" else "offload"
    with visit.card_breaks(f"{marker}:1"):
        visit.vm.run(["sh", "-c", f"chimneyctl {verb} {' '.join(late.words)} >/dev/null 2>&1 &"])
        # the command is with the card
        wait_until(lambda: visit.state(late) == ("terminating" if marker == "LAST" else
                                                 "initiating"), "the marker to be owed", 20, 0.05)
        updates = visit.ctl.stats()[0]["update_completions"]
        other.guest.set(socket.SOL_IP, socket.IP_TOS, 8)
        wait_until(lambda: visit.ctl.stats()[0]["update_completions"] > updates, "an UPDATE",
                   20, 0.05)
        unload(other)
        visit.back(other)
        visit.hand(third)
        unload(third)
        third.guest.do("shutdown", "wr")
        assert visit.state(late) != "host", "the marker is no longer owed"
    wait_until(lambda: visit.state(late) == "host", "the late one to be back", LATE_SECONDS, 0.1)
    unload(late)
    visit.hand(late)
    late.both_ways()


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
@pytest.mark.parametrize("fault", ["INITIATE/RESOURCES:1", "INITIATE/FAILURE:1",
                                   "INITIATE/RESOURCES:1+INITIATE/RESOURCES:2"])
def test_list_of_an_offload_is_refused(visit: Visit, fault: str) -> None:
    """OP-D5: a list that the card refuses as a whole says nothing of its connections: they go over
    in shorter ones.
    """
    conns = laden(visit, 4)
    with visit.card_breaks(fault):
        answer = offload(visit, conns)
    assert (answer["done"], answer["refused"]) == (4, 0)
    for conn in conns:
        unload(conn)


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
@pytest.mark.parametrize("fault", ["TERMINATE/RESOURCES:1", "TERMINATE/FAILURE:1",
                                   "TERMINATE/INVALID_LIST:1", "TERMINATE/FENCE_TIMEOUT:1",
                                   "ROOM/4294967295:1", "ROOM/2000000:2"])
def test_list_of_an_upload_is_refused(visit: Visit, fault: str) -> None:
    """OP-D5, OP-D9: a TERMINATE that the card refuses as a whole, or for which it wants more room
    than there can be, is run again in shorter lists, and every connection comes back.
    """
    conns = laden(visit, 4)
    visit.hand(*conns)
    with visit.card_breaks(fault):
        visit.ctl.upload("all")
        wait_until(lambda: states(visit, conns) == ["host"] * 4, "all to be with Linux", 10, 0.1)
    for conn in conns:
        unload(conn)
        visit.hand(conn)
        conn.both_ways()


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
def test_card_has_no_memory_for_an_upload_now(visit: Visit) -> None:
    """OP-D5: RESOURCES is asked again until the card has memory; meanwhile the connection goes on
    with the card, as do the others, and the card is told what changes.
    """
    conn, other = laden(visit, 2)
    visit.hand(conn, other)
    with visit.card_breaks("TERMINATE/RESOURCES"):
        before = visit.ctl.stats()[0]["terminate_completions"]
        visit.vm.run(["sh", "-c", f"chimneyctl upload {' '.join(conn.words)} >/dev/null 2>&1 &"])
        wait_until(lambda: visit.ctl.stats()[0]["terminate_completions"] > before + 2,
                   "the second and third TERMINATE", 10, 0.1)
        unload(conn)
        unload(other)
        updates = visit.ctl.stats()[0]["updates"]
        conn.guest.set(socket.SOL_IP, socket.IP_TOS, 8)
        wait_until(lambda: visit.ctl.stats()[0]["updates"] > updates, "an UPDATE", 10, 0.1)
        assert visit.state(conn) == "offloaded"
    visit.expect("host", conn)
    conn.both_ways()
    assert visit.state(other) == "offloaded"


@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
def test_card_has_no_memory_for_an_update_now(visit: Visit) -> None:
    """OP-D5: an UPDATE for which the card has no memory is run again, and the connection stays."""
    conn, other = laden(visit, 2)
    visit.hand(conn, other)
    with visit.card_breaks("UPDATE/RESOURCES:1"):
        before = visit.ctl.stats()[0]["updates"]
        conn.guest.set(socket.SOL_IP, socket.IP_TOS, 8)
        wait_until(lambda: visit.ctl.stats()[0]["updates"] > before + 1, "the second UPDATE",
                   10, 0.1)
    for each in (conn, other):
        unload(each)
        assert visit.state(each) == "offloaded"


@pytest.mark.where(native=False, cpus=(2,), vm="emulated")
def test_forward_is_never_answered(visit: Visit) -> None:
    """The card does not say what has become of a segment that was forwarded to it: after a
    while the connection goes back to Linux, and no byte is missing; the others stay.
    """
    conn, other = laden(visit, 2)
    unload(conn)
    unload(other)
    visit.hand(conn, other)
    late = visit.ctl.reasons()[1].get("card-late", 0)
    visit.link.set("ba", fragment=1.0)
    try:
        with visit.card_breaks("FORWARD:1"):
            conn.peer.send(64 * KIB)
            conn.guest.recv(64 * KIB)
            wait_until(lambda: visit.state(conn) == "host", "the connection to go back",
                       LATE_SECONDS, 0.2)
    finally:
        visit.link.set("ba", fragment=0.0)
    assert visit.ctl.reasons()[1].get("card-late", 0) == late + 1
    assert visit.state(other) == "offloaded"
    conn.both_ways()
    other.both_ways()


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "fault"), [("6.1", "TERMINATE/INVALID_FIELD"),
                                               ("6.12", "ROOM/4294967295"),
                                               ("6.12", "TERMINATE/RESOURCES")])
def test_connection_is_never_given_back(kernel: str, fault: str) -> None:
    """OP-D5, OP-D9: a connection that the card keeps ends for its program, with an error; close()
    and exit do not hang. The others go on, and the next reset of the card frees the memory.
    """
    with station_of(kernel, ["card"], **DRIVER) as station:
        visit = Visit(station, "offload")
        conn, other = laden(visit, 2)
        visit.hand(conn, other)
        with visit.card_breaks(fault):
            conn.guest.do("shutdown", "wr", seconds=60)
            conn.guest.recv(UNREAD)
            with pytest.raises(CallFailed) as caught:
                conn.guest.recv(1)
            assert caught.value.errno == "ECONNABORTED"
            conn.guest.close()
        assert "card failed" not in visit.vm.run(["dmesg"]).text
        assert visit.ctl.stats()[0]["abandoned_connections"] == 1
        unload(other)
        visit.back(other)
        other.both_ways()
        visit.close()
        visit.vm.run(["sh", "-c", "ip link set eth0 down; ip link set eth0 up"])
        wait_until(lambda: "card works again" in visit.vm.run(["dmesg"]).text, "the card's reset",
                   10, 0.2)


@pytest.mark.parametrize("limit", ["SEND_LEN", "NODES", "SENDS"])
def test_card_that_cannot_take_connections(limit: str) -> None:
    """A card with offload features and a limit of 0 that makes them useless stays a NIC,
    and says why.
    """
    with station_of("6.1", device_options=[f"x-fault=LIMIT/{limit}"], **DRIVER) as station:
        visit = Visit(station, "native")
        conn = visit.connect()
        conn.both_ways()
        assert visit.ctl.offload_answer(*conn.words)["reason"] == "family"
        conn.both_ways()
        visit.close()
        assert "no connections go to this card: limit of" in station.vm.run(["dmesg"]).text


def leave_free(visit: Visit, mib: int) -> None:
    """Fill the guest's memory with what it cannot give back, up to so much that is available."""
    available = "sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"
    script = (f"mkdir /eaten; mount -t tmpfs -o size=100% none /eaten; a=$({available}); "
              f"dd if=/dev/zero of=/eaten/file bs=1024 count=$((a - {mib} * 1024)) 2>/dev/null; "
              f"{available}")
    left = int(visit.vm.run(["sh", "-ec", script]).text)
    assert left < 1.2 * mib * KIB, f"{left} KiB are left"


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_many_receivers_in_little_memory(kernel: str) -> None:
    """OP-D9: 64 receivers with windows of megabytes go back at once in a guest that has 24 MiB
    left: room is had for what the card holds, and not for all that it might.
    """
    with station_of(kernel, memory=256, **DRIVER) as station:
        visit = Visit(station, "offload")
        rmem = "/proc/sys/net/ipv4/tcp_rmem"
        visit.vm.run(["sh", "-ec", f"echo 4096 3145728 6291456 >{rmem}"])
        conns = laden(visit, 64)
        assert offload(visit, conns)["done"] == 64
        leave_free(visit, 24)
        visit.ctl.upload("all")
        assert visit.ctl.connections() == []
        visit.vm.run(["umount", "/eaten"])
        for conn in conns:
            unload(conn)
        visit.close()


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
@pytest.mark.parametrize("order", range(4))
def test_uploads_without_pages(order: int) -> None:
    """OP-D9: the driver gets no pages of an order or larger that it asks for, not one. Connections
    of which the card holds bytes go back all the same when the interface goes down, one after the
    other if need be; the card stays, and takes them again.
    """
    with station_of("debug", ["dma-unchecked"], memory=1024, **DRIVER) as station:
        visit = Visit(station, "offload")
        conns = laden(visit, 16)
        assert offload(visit, conns)["done"] == len(conns)
        start, end = module_text(visit)
        with failing(visit, "fail_page_alloc", ignore_gfp_wait="N", min_order=order,
                     probability=100, require_start=hex(start), require_end=hex(end)):
            for conn in conns:
                conn.peer.send(UNREAD)
            visit.vm.run(["ip", "link", "set", "eth0", "down"])
        visit.vm.run(["ip", "link", "set", "eth0", "up"])
        assert visit.ctl.connections() == []
        for conn in conns:
            conn.guest.recv(UNREAD)
            unload(conn)
        assert offload(visit, conns)["done"] == len(conns)
        for conn in conns:
            conn.both_ways()
        visit.close()
