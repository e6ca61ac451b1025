# SPDX-License-Identifier: GPL-2.0-or-later
"""A card that does not come back at the first attempt, or never: after a reset it does not start
(`x-fault`), the bus reports an error and its recovery fails, or it is taken out (LIFE-H1, LIFE-H2).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chimney.guest.puppet import CallFailed
from chimney.guest.station import Visit, station_of
from chimney.qdev import pci
from chimney.wait import paced, wait_until

DRIVER = {"driver": Path(os.environ["CHIMNEY_DRIVER"])} if "CHIMNEY_DRIVER" in os.environ else {}
COMEBACK = re.compile(r"^\[ *([\d.]+)\].*card works again", re.M)
PORT: dict[str, Any] = {
    # at this speed Linux does not look at the link, which QEMU's reset of the slot leaves down
    "ports": ["pcie-root-port,id=port0,chassis=1,slot=1,x-speed=2_5"],
    "device_options": ["bus=port0", "addr=0.0", "multifunction=on"]}
PULLED: dict[str, Any] = {"ports": ["pcie-root-port,id=port0,chassis=1,slot=1"],
                          "device_options": ["bus=port0"]}
# Its driver in Linux knows nothing of bus errors, which then end for all functions of the slot.
NEIGHBOR: dict[str, Any] = {"second": "vmxnet3", "second_options": ["bus=port0", "addr=0.1"]}


def works_again(visit: Visit, after: float) -> None:
    """The driver says that the card works again, later than that."""
    wait_until(lambda: comeback(visit) > after, "the card to work again", 30, 0.2)


def comeback(visit: Visit) -> float:
    """When the driver has last said that the card works again, in seconds since the boot; 0 if it
    has not. How often it has, the kernel's log does not tell: of what is old it forgets some.
    """
    return max(map(float, COMEBACK.findall(visit.vm.run(["dmesg"]).text)), default=0)


@pytest.mark.slow
@pytest.mark.where(native=False, cpus=(2,), vm="faulty")
def test_card_does_not_start_at_first(visit: Visit) -> None:
    """After a reset the card does not become ready: the driver resets and starts it once more, and
    it takes connections as before.
    """
    conn = visit.connect()
    conn.both_ways()
    visit.hand(conn)
    before = comeback(visit)
    with visit.card_breaks("READY:1"):
        visit.reset_card()
        works_again(visit, before)
    visit.configure()
    conn.both_ways()
    visit.hand(conn)
    conn.both_ways()


@pytest.mark.slow
@pytest.mark.drawn(6)
@pytest.mark.parametrize("end", ["recovered", "failed"])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_error_on_the_bus(kernel: str, end: str) -> None:
    """A fatal error on the PCI bus ends the connections that the card has, with an error for their
    programs, whether or not the kernel can recover the bus; close() returns.
    """
    more = PORT | (NEIGHBOR if end == "failed" else {})
    with station_of(kernel, ["card"], **more, **DRIVER) as station:
        visit = Visit(station, "offload")
        conn = visit.connect()
        conn.both_ways()
        visit.hand(conn)
        station.card_loses(1)
        assert "OK" in visit.vm.qmp.human("pcie_aer_inject_error nic0 MALF_TLP")
        wait_until(lambda: f"device recovery {'successful' if end == 'recovered' else end}"
                   in visit.vm.run(["dmesg"]).text, f"the recovery: {end}", 30, 0.2)
        with pytest.raises(CallFailed):
            conn.guest.recv(1)
        conn.guest.close()
        if end == "recovered":
            works_again(visit, 0)
            visit.configure()
            conn = visit.connect()
            conn.both_ways()
            visit.hand(conn)
            conn.both_ways()
        visit.close()


@contextmanager
def soon() -> Iterator[None]:
    """What is done in it does not wait for a state operation of the card, which takes 14 s."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < paced(12)


def switch_slot_off(visit: Visit, port: str) -> None:
    """Cut the power of the card's slot, by Slot Control: the card is gone, and nobody is told."""
    config = bytes.fromhex(visit.vm.run(["od", "-An", "-v", "-tx1", f"{port}/config"]).text)
    at = config[0x34]
    while config[at] != pci.CAP_PCIE:
        at = config[at + 1]
    visit.vm.run(["sh", "-ec", f"printf '\\300\\007' | dd of={port}/config bs=1 seek={at + 24}"])


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_card_is_pulled(kernel: str) -> None:
    """LIFE-H2: registers that read as 0 are those of a card that is gone (REG-H5). The driver finds
    out by itself: calls end with an error, a sleeping one too, and nothing waits for the card.
    """
    with station_of(kernel, ["card"], **PULLED, **DRIVER) as station:
        visit = Visit(station, "offload")
        conns = [visit.connect(family) for family in (4, 6)]
        visit.hand(*conns)
        station.card_loses(len(conns))
        card = visit.vm.run(["readlink", "-f", "/sys/class/net/eth0/device"]).text.strip()
        reading = conns[0].guest.begin("recv", 1)
        switch_slot_off(visit, os.path.dirname(card))
        with soon(), pytest.raises(CallFailed):
            reading.wait()
        with soon(), pytest.raises(CallFailed):
            conns[1].guest.recv(1)
        with soon():
            for conn in conns:
                conn.guest.close()
        assert "the card is gone" in visit.vm.run(["dmesg"]).text
        visit.close()
        station.card_object_goes()
        with soon():
            visit.vm.run(["sh", "-ec", f"ip link set eth0 down; echo 1 >{card}/remove"])


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_card_is_unplugged_and_plugged(kernel: str) -> None:
    """The guest is asked to let the card go (device_del): connections go back to Linux first, and
    go on, and over, when a card is there again.
    """
    with station_of(kernel, (), **PULLED, **DRIVER) as station:
        visit = Visit(station, "offload")
        conn = visit.connect()
        conn.both_ways()
        visit.hand(conn)
        station.card_object_goes()
        visit.vm.qmp.command("device_del", id="nic0")
        visit.vm.qmp.wait_event("DEVICE_DELETED", paced(30))
        conn.guest.send(10 << 10)
        machine = visit.vm.machine
        assert machine is not None
        visit.vm.qmp.command("device_add", driver="chimney", id="nic0", netdev="n0", bus="port0",
                             mac=machine.cards[0].mac)
        wait_until(lambda: visit.vm.run(["test", "-e", "/sys/class/net/eth0"], check=False).ok,
                   "the new card", 30, 0.2)
        visit.configure()
        conn.peer.recv(10 << 10)
        visit.hand(conn)
        conn.both_ways()
        visit.close()
