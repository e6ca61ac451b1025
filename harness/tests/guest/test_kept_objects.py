# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths and neighbors that the card refuses to let go (spec chapter 10.7)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Conn, Visit, station_of
from chimney.wait import wait_until
from chimney.wire.vlan import INSIDE, VLAN, VlanWire

DRIVER = {"driver": Path(os.environ["CHIMNEY_DRIVER"])} if "CHIMNEY_DRIVER" in os.environ else {}
LATE_SECONDS = 20  # the driver waits 8 s for what the card owes


def objects(visit: Visit) -> dict[str, int]:
    """How many objects of the card the driver has."""
    text = visit.vm.run(["sh", "-c", "cat /sys/kernel/debug/chimney/*/objects"]).text
    return {name: int(count) for name, count in map(str.split, text.splitlines())}


@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_card_keeps_a_path(kernel: str) -> None:
    """TRM-3, OP-D5: a path that the card refuses to let go is still there, so the driver asks again
    until it is gone: a card with room for one path takes another peer's connection then, also
    if the interface was down meanwhile. After a reset the card has none of it, nor has the driver.
    """
    with station_of(kernel, ["card"], device_options=["x-max-paths=1", "x-max-neighbors=1"],
                    **DRIVER) as station:
        visit = Visit(station, "offload")
        conns = [visit.connect(family) for family in (4, 6)]
        visit.hand(conns[0])
        # the first TERMINATE is that of the connection
        with visit.card_breaks("TERMINATE/RESOURCES:2+TERMINATE/RESOURCES:3"):
            before = visit.ctl.stats()[0]["terminate_completions"]
            visit.back(conns[0])
            wait_until(lambda: visit.ctl.stats()[0]["terminate_completions"] >= before + 3,
                       "the refusals", 20, 0.1)
            visit.hand(conns[1])
        refused = "+".join(f"TERMINATE/RESOURCES:{nth}" for nth in range(2, 20))
        with visit.card_breaks(refused):
            visit.back(conns[1])
            visit.vm.run(["ip", "link", "set", "eth0", "down"])
            visit.configure()
        wait_until(lambda: visit.ctl.offload_answer(*conns[0].words)["done"], "room for the path",
                   10, 0.5)
        conns[0].both_ways()
        assert visit.ctl.stats()[0]["card_resets"] == 0
        with visit.card_breaks(refused):
            visit.back(conns[0])
            assert objects(visit)["path"] == 1
            visit.reset_card()
            assert objects(visit) == {"conn": 0, "neigh": 0, "path": 0}
        visit.configure()
        visit.hand(conns[1])
        conns[1].both_ways()
        visit.close()


def vlan_conn(visit: Visit) -> Conn:
    """A connection over a VLAN device v77, which the card has."""
    visit.vm.run(["sh", "-ec", f"ip link add link eth0 name v77 type vlan id {VLAN}; "
                  f"ip address add {INSIDE.guest4}/24 dev v77; ip link set v77 up"])
    conn = visit.connect(guest_host=INSIDE.guest4, peer_host=INSIDE.peer4)
    visit.hand(conn)
    conn.both_ways()
    return conn


def kept(visit: Visit) -> None:
    """The card lets the connection go, but not its path and neighbor, at 198 tries."""
    conn = vlan_conn(visit)
    visit.set_fault("+".join(f"TERMINATE/RESOURCES:{nth}" for nth in range(2, 200)))
    before = visit.ctl.stats()[0]["terminate_completions"]
    visit.back(conn)
    ended(visit, conn)
    wait_until(lambda: visit.ctl.stats()[0]["terminate_completions"] > before + 1, "a refusal", 20,
               0.1)


def late(visit: Visit) -> None:
    """The card says too late that it has let the connection go."""
    conn = vlan_conn(visit)
    visit.set_fault("LAST:1")
    visit.ctl.upload(*conn.words, check=False)
    visit.expect("host", conn, seconds=LATE_SECONDS)
    ended(visit, conn)


def abandoned(visit: Visit) -> None:
    """The card does not let the connection go: it ends, and the card has it until its reset."""
    conn = vlan_conn(visit)
    visit.set_fault("TERMINATE/INVALID_FIELD")
    conn.guest.do("shutdown", "wr", seconds=60)
    with pytest.raises(CallFailed) as caught:
        conn.guest.recv(1)
    assert caught.value.errno == "ECONNABORTED"
    conn.guest.close()


def ended(visit: Visit, conn: Conn) -> None:
    """The connection ends while its VLAN is there for the last ACK."""
    conn.guest.close()
    assert conn.peer.drain() == 0
    conn.peer.close()
    words = ["ss", "-Htn", "state", "connected", "exclude", "time-wait"]
    wait_until(lambda: not visit.vm.run(words).text, "the connection to end", 10, 0.1)


@pytest.mark.drawn(3)
@pytest.mark.parametrize("why", [kept, late, abandoned])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_vlan_device_goes(kernel: str, why: Callable[[Visit], None]) -> None:
    """The removal of a VLAN device waits for nothing that the card owes."""
    with station_of(kernel, ["card"], wire=VlanWire(), **DRIVER) as station:
        visit = Visit(station, "offload")
        why(visit)
        visit.vm.run(["ip", "link", "delete", "v77"])
        visit.set_fault("")
        plain = visit.connect(4)
        visit.hand(plain)
        plain.both_ways()
        visit.close()
        visit.vm.run(["sh", "-c", "ip link set eth0 down; ip link set eth0 up"])
