# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand-overs where memory reaches the card in another way, or not at all when it is asked for:
bounce buffers, an IOMMU, 32-bit DMA, allocations that fail.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chimney.guest.load import MIB, Exchange, Handovers, exchange_with_handovers
from chimney.guest.puppet import CallFailed
from chimney.guest.shortage import failing, function, module_text
from chimney.guest.station import Conn, Station, Visit, station_of
from chimney.vm.kernel import DEBUG
from chimney.wait import wait_until
from chimney.wire.linkemu import EmulatedWire

PAGE = 4096
CYCLES = 10
# Bytes, for which the pages of a request are more than twice as much.
MESSAGES = (9000, 10_000, 12_000, 14_000, 16_000) * 4
BULK = 1 << 20
DEBUGFS = "/sys/kernel/debug"
# More than the requests that the driver posts for it: the card indicates the rest.
UNREAD = 256 << 10
# How long the card may hold an interrupt back, at most.
MODERATION_US = 1_000_000
# How often a connection may be back later than that.
ATTEMPTS = 5
DRIVER = {"driver": Path(os.environ["CHIMNEY_DRIVER"])} if "CHIMNEY_DRIVER" in os.environ else {}


@contextmanager
def under_traffic(visit: Visit, seed: int) -> Iterator[None]:
    """A connection of the card's that carries data both ways meanwhile."""
    exchange = Exchange(visit, seed, size=1 * MIB)
    try:
        visit.ctl.offload_soon(*exchange.words)
        yield
        assert exchange.running and visit.ctl.connections()
        exchange.finish()
    finally:
        exchange.end()


def bounce_slots(station: Station) -> int:
    """How many slots of the bounce buffers are in use."""
    return int(station.vm.run(["cat", f"{DEBUGFS}/swiotlb/io_tlb_used"]).text)


def requests_are_bounced(station: Station, seed: int) -> None:
    """The requests of a connection take slots, besides what the rings have."""
    visit = Visit(station, "offload")
    before = bounce_slots(station)
    with under_traffic(visit, seed):
        wait_until(lambda: bounce_slots(station) > before, "requests to be bounced", 20, 0.05)
    visit.close()


def hand_over(station: Station, seed: int) -> None:
    """A connection that is handed over and back while data flows; IPv6 on the newer kernels."""
    visit = Visit(station, "offload")
    family = 4 if station.vm.config.kernel == "6.1" else 6
    exchange_with_handovers(visit, seed, family=family, mode="mixed", size=4 * MIB, cycles=CYCLES)
    visit.close()


# One of the three, in check-long all, and in check-debug the debug kernel.
ALL_KERNELS = [*(pytest.param(kernel, marks=pytest.mark.drawn(3, over=kernel))
                 for kernel in ("6.1", "6.12", "7.3")),
               pytest.param(DEBUG, marks=[pytest.mark.debug, pytest.mark.timeout(900)])]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_bounce_buffers(kernel: str, seed: int) -> None:
    """swiotlb=force: every mapping is a copy, so a missing or wrong sync shows as wrong bytes."""
    with station_of(kernel, append="swiotlb=force", memory=1024) as station:
        assert bounce_slots(station) > 0, "not even the rings' buffers are bounced"
        requests_are_bounced(station, seed)
        hand_over(station, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_behind_an_iommu(kernel: str, seed: int) -> None:
    """Behind a strict IOMMU: an access without a mapping, or after its end, is seen as a fault."""
    more: dict[str, Any] = {
        "devices": ["intel-iommu,intremap=on"],
        "append": "intel_iommu=on iommu.strict=1", "memory": 1024}
    with station_of(kernel, **more) as station:
        group = "readlink -f /sys/class/net/eth0/device/iommu_group"
        assert station.vm.run(["sh", "-c", group]).text.strip(), "the card is in no IOMMU group"
        kind = station.vm.run(["sh", "-c", f"cat $({group})/type"]).text.strip()
        assert kind == "DMA", f"the IOMMU is not strict: {kind}"
        hand_over(station, seed)
        log = station.vm.run(["dmesg"]).text
        assert not re.search(r"DMAR: \[(DMA|INTR)", log), "the IOMMU has seen a fault"


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_32_bit_dma(kernel: str, seed: int) -> None:
    """A card that reaches only the first 4 GiB, and fails at every address beyond, in a guest half
    of whose memory is there: it is what Linux takes first, so the connection's data come from it.
    """
    with station_of(kernel, memory=1024, machine_options=",max-ram-below-4g=512M",
                    append="chimney.dma_bits=32", device_options=["x-dma-bits=32"]) as station:
        zones = station.vm.run(["cat", "/proc/zoneinfo"]).text
        assert pages_present(zones, "Normal") == 512 * MIB // PAGE
        requests_are_bounced(station, seed)
        hand_over(station, seed)


def pages_present(zones: str, name: str) -> int:
    """How many pages a zone has, according to /proc/zoneinfo, which shows empty ones too."""
    return sum(int(count) for zone, count in
               re.findall(r"^Node \d+, zone +(\w+)\n(?:(?!Node).*\n)*? +present +(\d+)$", zones,
                          re.MULTILINE) if zone == name)


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", ["failslab", "fail_page_alloc"])
def test_allocations_fail(fault: str, seed: int) -> None:
    """One allocation in a hundred fails, of those that may not sleep: data path and hand-overs find
    another way or try again, and no byte is lost.
    """
    with station_of(DEBUG, ["dma-unchecked"], memory=1024) as station:
        visit = Visit(station, "offload")
        settings: dict[str, object] = {"probability": 1, "ignore_gfp_wait": "Y"}
        if fault == "fail_page_alloc":
            settings["min_order"] = 0
        with failing(visit, fault, **settings):
            exchange_with_handovers(visit, seed, size=4 * MIB, cycles=CYCLES, seconds=120)
        visit.close()


def messages(conn: Conn, size: int) -> int:
    """Messages of that size until nobody takes any more; how many bytes those were."""
    done = 0
    try:
        for _ in range(200):
            done += conn.peer.do("send", size, "dontwait")["done"]
    except CallFailed as failed:
        return done + failed.done
    return done


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
def test_frames_are_collapsed_in_part() -> None:
    """A frame that wastes memory, and for whose copy there is memory only now and then: the next
    attempt goes on where this one has stopped, and the reader meets each byte once.
    """
    with station_of(DEBUG, ["dma-unchecked"], memory=1024) as station:
        visit = Visit(station, "offload")
        begin, end = function(visit, "chimdrv_collapse", module="chimney")
        before = visit.ctl.stats()[0]["collapses"]
        conn = visit.connect()
        conn.peer.set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        visit.hand(conn)
        with failing(visit, "failslab", ignore_gfp_wait="N", require_start=begin, require_end=end,
                     probability=50):
            for size in MESSAGES:
                sending = conn.peer.begin("send", BULK)
                conn.guest.recv(BULK)
                assert sending.wait() == {"done": BULK}
                unread = messages(conn, size)
                visit.back(conn)
                visit.hand(conn)
                conn.guest.recv(unread)
        assert visit.ctl.stats()[0]["collapses"] > before
        visit.close()


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
def test_allocations_of_the_driver_fail(seed: int) -> None:
    """The same for all allocations that the driver itself asks for, those that may sleep too:
    hand-overs are refused or put off, connections are not harmed.
    """
    with station_of(DEBUG, ["dma-unchecked"], memory=1024) as station:
        visit = Visit(station, "offload")
        start, end = module_text(visit)
        exchange = Exchange(visit, seed, size=4 * MIB)
        handovers = Handovers(visit, seed)
        # chimneyctl may fail as well: nothing is asked until memory can be had again
        with failing(visit, "failslab", ignore_gfp_wait="N", require_start=hex(start),
                     require_end=hex(end), probability=1):
            exchange.wait_moved(30 * MIB, 120)
        handovers.wait(CYCLES, 60, exchange)
        handovers.stop()
        exchange.finish()
        assert handovers.done() >= CYCLES
        visit.close()


@contextmanager
def starved(visit: Visit, name: str, least: int = 1) -> Iterator[None]:
    """One function of the driver, and what it calls, gets no memory from the slabs."""
    begin, end = function(visit, name, module="chimney")
    with failing(visit, "failslab", least=least, ignore_gfp_wait="N", require_start=begin,
                 require_end=end, probability=100):
        yield


def moderate(visit: Visit, usecs: int) -> None:
    """The card may hold its interrupts back for so long."""
    visit.vm.run(["ethtool", "-C", "eth0", "rx-usecs", str(usecs)])


def comes_behind_the_fence(visit: Visit, conn: Conn, count: int) -> bool:
    """Take a connection back for which bytes have just come. Where that takes longer than the card
    holds its interrupt back, the driver meets them before its FENCE, and refuses them: False.
    """
    before = visit.ctl.refusals()
    moderate(visit, MODERATION_US)
    conn.peer.send(count)
    wait_until(lambda: not conn.peer.queues()["out"], "the card's ACK", 10, 0.001)
    visit.back(conn)
    moderate(visit, 0)
    return visit.ctl.refusals() == before


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
def test_spare_frame_is_for_the_last_resort() -> None:
    """OP-H5: there is no memory for what the card delivers, first for bytes that it can keep, and
    then for bytes that come behind the FENCE, which are lost if they are not taken: for these the
    driver has a frame.
    """
    with station_of(DEBUG, ["dma-unchecked"], memory=1024, **DRIVER) as station:
        visit = Visit(station, "offload")
        visit.vm.run(["sh", "-c", "echo 4096 3145728 6291456 >/proc/sys/net/ipv4/tcp_rmem"])
        conn = visit.connect()
        conn.peer.send(UNREAD)
        wait_until(lambda: conn.guest.queues()["in"] == UNREAD, "the bytes", 10, 0.05)
        with starved(visit, "chimdrv_indicate_take"):
            before = visit.ctl.stats()[0]["indications"]
            visit.hand(conn)
            wait_until(lambda: visit.ctl.stats()[0]["indications"] > before, "an indication",
                       10, 0.05)
            conn.guest.recv(UNREAD)
            for _ in range(ATTEMPTS):
                if comes_behind_the_fence(visit, conn, 1000):
                    break
                conn.guest.recv(1000)
                visit.hand(conn)
            else:
                pytest.fail("no bytes came behind the FENCE, so nothing needed the spare frame")
        conn.guest.recv(1000)
        conn.both_ways()
        visit.close()


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
def test_own_fin_comes_back_without_memory() -> None:
    """OP-D30: the card has sent a FIN whose ACK is lost, and hands the connection back when there
    is no memory: what the peer says next acknowledges the FIN, and the program hears it.
    """
    with station_of(DEBUG, ["dma-unchecked"], memory=1024, wire=EmulatedWire(7),
                    **DRIVER) as station:
        visit = Visit(station, "offload")
        conn = visit.connect()
        conn.both_ways()
        visit.hand(conn)
        visit.link.set("ba", loss=1)
        words = ["chimneyctl", "disconnect", *conn.words]
        wait_until(lambda: visit.vm.run(words, check=False).ok, "the disconnect", 10, 0.05)
        assert conn.peer.drain() == 0
        with starved(visit, "chimdrv_state_restore", least=0):
            visit.back(conn)
        visit.link.set("ba", loss=0)
        conn.peer.send(1000)
        conn.peer.do("shutdown", "wr")
        assert conn.guest.drain() == 1000
        visit.close()


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
def test_table_that_the_card_has_not() -> None:
    """A receive hash for which there is no memory is not set, and ethtool -x shows the old one."""
    with station_of(DEBUG, ["dma-unchecked"], memory=1024, **DRIVER) as station:
        visit = Visit(station, "offload")
        shown = visit.vm.run(["ethtool", "-x", "eth0"]).text
        key = ":".join(["5a"] * 40)
        changes = [["ethtool", "-X", "eth0", *words] for words in (["equal", "1"], ["hkey", key])]
        with starved(visit, "chimdrv_admin_set_rss"):
            for change in changes:
                assert not visit.vm.run(change, check=False).ok
                assert visit.vm.run(["ethtool", "-x", "eth0"]).text == shown
        for change in changes:
            visit.vm.run(change)
            now = visit.vm.run(["ethtool", "-x", "eth0"]).text
            assert now != shown
            shown = now
        visit.close()
