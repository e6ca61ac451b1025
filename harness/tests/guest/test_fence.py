# SPDX-License-Identifier: GPL-2.0-or-later
"""The negative control of the RCU fence: without it a segment that was past the driver's hook
reaches the kernel's TCP after the card has the connection, and that is seen (spec chapter 10.3).
"""

from __future__ import annotations

import pytest

from chimney.errors import HarnessError
from chimney.guest.load import MIB, Exchange, Handovers
from chimney.guest.station import Station, Visit, config
from chimney.host import programs
from chimney.host.rundir import remove
from chimney.vm.console import find_splats
from chimney.wait import wait_until

PARAMETER = "/sys/module/chimney/parameters/unsafe_no_fence"
CYCLES = 20
SECONDS = 300
# Every one of these says that the kernel's TCP worked on a connection that it did not have: the
# counters, and what the driver says when the socket has bytes that the card has not.
SIGNS = ("leaks", "gate_xmits")
MISFIT = "final state does not fit"


def leaks(station: Station) -> list[str]:
    """The signs that the kernel's TCP has worked on a connection of the card's."""
    driver, _ = station.ctl.stats()
    log = station.vm.run(["dmesg"]).text.splitlines()
    return [f"{name} {driver[name]}" for name in SIGNS if driver[name]] + [
        line for line in log if MISFIT in line]


def run_with_slow_segments(kernel: str, seed: int, fence: bool) -> tuple[list[str], list[str]]:
    """Hand-overs under data while some segments are slow: so many with the fence, and without it
    until one leaks. Returns the signs of leaks, and what else was seen: complaints of the kernel,
    wrong data, and with the fence whatever is left over.
    """
    station = Station(config(kernel, 2, copies=[f"{programs.slowrx(kernel)}:/lib/slowrx.ko"]))
    seen: list[str] = []
    try:
        visit = Visit(station, "offload")
        visit.vm.run(["sh", "-c", f"echo {'N' if fence else 'Y'} >{PARAMETER}"])
        visit.vm.run(["insmod", "/lib/slowrx.ko", "every=8", "ms=8"])
        exchange = Exchange(visit, seed, size=4 * MIB)
        handovers = Handovers(visit, seed)
        try:
            wait_until(lambda: handovers.done() >= CYCLES if fence else bool(leaks(station)),
                       "hand-overs" if fence else "a segment that slips through a hand-over",
                       SECONDS, 0.3)
            handovers.stop()
            if fence:  # else the stream may be broken, and its end would be waited for in vain
                exchange.finish()
        except (AssertionError, HarnessError) as error:
            seen.append(str(error))  # without the fence anything may happen to the data
        finally:
            exchange.end()
        driver, _ = station.ctl.stats()
        signs = leaks(station)
        seen += [splat.line for splat in find_splats(visit.vm.run(["dmesg"]).text)]
        assert driver["initiates"] >= (CYCLES if fence else 1) or seen
        if fence:
            visit.vm.run(["rmmod", "slowrx"])
            visit.close()
            seen += station.findings()
        return signs, seen
    finally:
        station.close()
        remove(station.run_dir)


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_fence_is_needed(kernel: str, seed: int) -> None:
    """Without the fence segments leak into the kernel's TCP: the suite would see it missing."""
    signs, seen = run_with_slow_segments(kernel, seed, fence=False)
    assert signs, f"nothing leaked, so this proves nothing; else seen: {seen}"


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_fence_suffices(kernel: str, seed: int) -> None:
    """With the fence and the same slow segments nothing leaks, and nobody complains."""
    signs, seen = run_with_slow_segments(kernel, seed, fence=True)
    assert not signs and not seen, f"{signs} {seen}"
