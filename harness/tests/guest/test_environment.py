# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand-overs where memory reaches the card in another way, or not at all when it is asked for:
bounce buffers, an IOMMU, 32-bit DMA, allocations that fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chimney.guest.load import MIB, Exchange, Handovers, exchange_with_handovers
from chimney.guest.shortage import failing, module_text
from chimney.guest.station import Station, Visit, station_of
from chimney.wait import wait_until

GIB = 1 << 30
BIG, SMALL = 6144, 3072
CYCLES = 10
DEBUGFS = "/sys/kernel/debug"


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


def hand_over(station: Station, seed: int) -> None:
    """A connection that is handed over and back while data flows; IPv6 on the newer kernels."""
    visit = Visit(station, "offload")
    family = 4 if station.vm.config.kernel == "6.1" else 6
    exchange_with_handovers(visit, seed, family=family, mode="mixed", size=4 * MIB, cycles=CYCLES)
    visit.close()


# Both kernels, and in check-debug the debug kernel.
ALL_KERNELS = ["6.1", "6.12",
               pytest.param("debug", marks=[pytest.mark.debug, pytest.mark.timeout(900)])]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_bounce_buffers(kernel: str, seed: int) -> None:
    """swiotlb=force: every mapping is a copy, so a missing or wrong sync shows as wrong bytes."""
    with station_of(kernel, append="swiotlb=force", memory=1024) as station:
        assert bounce_slots(station) > 0, "not even the rings' buffers are bounced"
        visit = Visit(station, "offload")
        before = bounce_slots(station)
        with under_traffic(visit, seed):
            wait_until(lambda: bounce_slots(station) > before, "requests to be bounced", 20, 0.05)
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


def memory_for_dma32() -> int:
    """6 GiB for the guest where the machine has them to spare, else 3 GiB, still with some above
    4 GiB.
    """
    free = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    assert free is not None
    return BIG if int(free[1]) * 1024 > 9 * GIB else SMALL


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_32_bit_dma(kernel: str, seed: int) -> None:
    """A card that reaches only the first 4 GiB, and fails at every address beyond, in a guest whose
    memory goes further.
    """
    with station_of(kernel, memory=memory_for_dma32(), append="chimney.dma_bits=32",
                    device_options=["x-dma-bits=32"]) as station:
        zones = station.vm.run(["cat", "/proc/zoneinfo"]).text
        assert pages_present(zones, "Normal") > 0, "no memory above 4 GiB"
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
    with station_of("debug", ["dma-unchecked"], memory=1024) as station:
        visit = Visit(station, "offload")
        settings: dict[str, object] = {"probability": 1, "ignore_gfp_wait": "Y"}
        if fault == "fail_page_alloc":
            settings["min_order"] = 0
        with failing(visit, fault, **settings):
            exchange_with_handovers(visit, seed, size=4 * MIB, cycles=CYCLES, seconds=120)
        visit.close()


@pytest.mark.slow
@pytest.mark.debug
@pytest.mark.timeout(900)
def test_allocations_of_the_driver_fail(seed: int) -> None:
    """The same for all allocations that the driver itself asks for, those that may sleep too:
    hand-overs are refused or put off, connections are not harmed.
    """
    with station_of("debug", ["dma-unchecked"], memory=1024) as station:
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
