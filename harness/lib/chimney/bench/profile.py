# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the instructions of the guest go during one transfer, by function of its kernel."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Mapping

from ..errors import WrongUse
from . import plugin
from .plan import COUNTED, DEVICES, RECV, RR, SEND, TAP, Probe
from .rig import Rig, Setup
from .schedule import COUNTED_BYTES, COUNTED_TRIPS

FUNCTIONS_SHOWN = 40
USER = "(programs)"
KERNEL_HALF = 1 << 63


class Symbols:
    """The functions of a kernel by address."""

    def __init__(self, kallsyms: str) -> None:
        rows = (line.split() for line in kallsyms.splitlines())
        pairs = sorted((int(words[0], 16), words[2]) for words in rows if words[1] in "tTwW")
        self._addresses = [address for address, _ in pairs]
        self._names = [name for _, name in pairs]

    def name(self, address: int) -> str:
        """The function in which an address lies."""
        if address < KERNEL_HALF:
            return USER
        index = bisect.bisect_right(self._addresses, address) - 1
        return self._names[index] if index >= 0 else hex(address)


def by_function(before: Mapping[int, int], after: Mapping[int, int],
                symbols: Symbols) -> Counter[str]:
    """Instructions between two readings of the blocks, by function."""
    counts: Counter[str] = Counter()
    for address, count in after.items():
        more = count - before.get(address, 0)
        if more:
            counts[symbols.name(address)] += more
    return counts


def parse(text: str) -> tuple[str, Probe]:
    """DEVICE:ORDER."""
    device, _, order = text.partition(":")
    if device not in DEVICES or order not in (SEND, RECV, RR):
        raise WrongUse(f"--profile {text} is not DEVICE:ORDER; the devices are "
                       f"{', '.join(DEVICES)}, the orders {SEND}, {RECV} and {RR}.")
    return device, Probe(COUNTED, TAP, order)


def profile(device: str, probe: Probe, setup: Setup) -> Iterator[str]:
    """Run one transfer and yield the lines of its profile."""
    rig = Rig(DEVICES[device], probe.mode, probe.wire, setup, blocks=True)
    rig.start()
    try:
        trips = probe.order == RR
        readings: list[dict[int, int]] = []
        rig.run(probe, COUNTED_TRIPS if trips else COUNTED_BYTES,
                around=lambda: readings.append(plugin.read_blocks(rig.ear)))
        rig.vm.qmp.command("cont")
        symbols = Symbols(rig.vm.run(["cat", "/proc/kallsyms"]).text)
    finally:
        rig.close()
    counts = by_function(readings[0], readings[1], symbols)
    amount = COUNTED_TRIPS if trips else COUNTED_BYTES / 1e6
    total = counts.total()
    yield (f"{device} {probe.order}: {total / amount:.0f} guest instructions per "
           f"{'request' if trips else 'MB'}, the idle ones included")
    for name, count in counts.most_common(FUNCTIONS_SHOWN):
        yield f"{count / amount:12.1f} {count / total:6.1%}  {name}"
