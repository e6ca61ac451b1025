# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU itself: the map of memory changes while a guest with two processors uses devices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chimney.host import programs
from chimney.vm.boot import Vm

pytestmark = pytest.mark.vm
SLOTS = (0x10, 0x11)
# Two changes each. QEMU 10.0 as it comes answers one read in some 70 changes wrong.
TIMES = 2000


def test_each_access_reaches_its_device(make_vm: Callable[..., Vm]) -> None:
    """A processor that has not seen the new map yet goes by the old one, as a whole: its access
    reaches no other device, and QEMU does not end.
    """
    vm = make_vm(device="virtio-net-pci", wire="user", accel="tcg", cpus=2,
                 bins=[str(programs.decode())], devices=[f"edu,addr={slot:#x}" for slot in SLOTS])
    names = [f"0000:00:{slot:02x}.0" for slot in SLOTS]
    starts = [int(vm.run(["cut", "-d ", "-f1", f"/sys/bus/pci/devices/{name}/resource"])
                  .text.split()[0], 16) for name in names]
    lower, higher = (name for _, name in sorted(zip(starts, names, strict=True)))
    done = vm.run(["decode", lower, higher, str(TIMES)], seconds=60, check=False)
    assert done.status == 0, done.text
