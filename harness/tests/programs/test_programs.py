# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs as Debian ships them, with the options that people use, under the policies of a run:
what comes of them is what comes of them with Linux alone, and afterwards the books agree: ledger,
report, chimneyctl, ethtool and the capture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chimney.guest import offload
from chimney.guest.books import check_books
from chimney.guest.chimneyctl import GuestCtl
from chimney.guest.station import NEVER
from chimney.vm.boot import Vm
from chimney.wait import wait_until
from chimney.workloads.catalogue import everything
from chimney.workloads.scene import Scene
from chimney.workloads.workload import Workload

pytestmark = [pytest.mark.vm, pytest.mark.tap, pytest.mark.slow, pytest.mark.timeout(600)]
MakeVm = Callable[..., Vm]
EVERYTHING = everything()


@pytest.mark.drawn(30)
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
@pytest.mark.parametrize("policy", ["auto", "random"])
@pytest.mark.parametrize("workload", EVERYTHING, ids=lambda workload: str(workload.name))
def test_same_as_with_linux_alone(workload: Workload, policy: str, kernel: str, cpus: int,
                                  make_vm: MakeVm, seed: int, tmp_path: Path) -> None:
    """The same results, no counter of what must never be, and the card did carry connections."""
    vm = make_vm(kernel=kernel, cpus=cpus, bins=workload.bins, copies=workload.copies,
                 memory=workload.memory, pcap=tmp_path / "run.pcapng")
    scene, ctl = Scene(vm, tmp_path), GuestCtl(vm)
    plain = workload.run(scene)
    before = ctl.stats()[0]
    assert not before["initiates"]
    helper = offload.apply(vm.agent, policy, seed % 10**6)
    try:
        offloaded = workload.run(scene)
    finally:
        offload.stop(helper)
        ctl.policy("none")
    after = ctl.stats()[0]
    assert offloaded == plain
    assert {name: after[name] - before[name] for name in NEVER} == dict.fromkeys(NEVER, 0)
    assert after["initiates"] > 0
    wait_until(lambda: not ctl.connections(), "the last connections to come back", 10)
    check_books(vm, tmp_path / "run.pcapng")
