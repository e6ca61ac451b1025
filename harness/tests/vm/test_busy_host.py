# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest boots although its host has no time for it now and then."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence

import pytest

from chimney.host.rundir import remove
from chimney.vm.boot import Vm
from chimney.vm.config import VmConfig
from chimney.wait import wait_until

pytestmark = pytest.mark.vm
# Of each 75 ms QEMU has 5, for two seconds.
STANDS, RUNS, SECONDS = 0.07, 0.005, 2.0


class HinderedVm(Vm):
    """A VM that stands still again and again when its kernel is about to test its timer."""

    def launch(self, argv: Sequence[str]) -> None:
        """Start QEMU, and what hinders it."""
        super().launch(argv)
        self.hindrance = threading.Thread(target=self._hinder)
        self.hindrance.start()

    def _hinder(self) -> None:
        assert self._child is not None
        log = self.run_dir / "console.log"
        wait_until(lambda: log.exists() and b"APIC: Switch to symmetric I/O" in log.read_bytes(),
                   "the kernel to set up its interrupts", 60, 0.001)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self._child.signal(signal.SIGSTOP)
            time.sleep(STANDS)
            self._child.signal(signal.SIGCONT)
            time.sleep(RUNS)


@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_the_first_timer_may_be_late(kernel: str) -> None:
    """Without a word on the command line Linux compares its first timer with the TSC, and panics or
    takes a worse one.
    """
    vm = HinderedVm(VmConfig(device="virtio-net-pci", wire="user", kernel=kernel))
    with vm:
        vm.hindrance.join()
        assert "8254 timer not connected" not in vm.run(["dmesg"]).text
    remove(vm.run_dir)
