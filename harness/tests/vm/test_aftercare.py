# SPDX-License-Identifier: GPL-2.0-or-later
"""The look at a guest after a test, in real guests: it finds the frames that somebody holds among
those that Linux keeps in hand.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chimney.guest.aftercare import Aftercare
from chimney.vm.boot import Vm
from chimney.wait import wait_until

pytestmark = [pytest.mark.vm, pytest.mark.tap]
# So many are told on that kernel, whatever the processors have in hand.
HELD = {"6.1": 300, "6.12": 300, "7.3": 150}


def fill(vm: Vm) -> None:
    """Data in both directions, so that both processors have handled frames of the card."""
    vm.peer(["iperf3", "-s"])
    assert vm.wire.room is not None
    vm.wire.room.wait_listens(5201)
    for options in ([], ["-R"]):
        vm.run(["iperf3", "-c", "10.77.0.1", "-P", "4", "-t", "1", *options], seconds=30)


@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", HELD)
def test_held_frames_are_told_and_kept_ones_are_not(make_vm: Callable[..., Vm],
                                                    kernel: str) -> None:
    """A program that has stopped has some hundred datagrams in its socket, each of them a frame;
    nothing else is told. When it has ended, nothing is left over.
    """
    vm = make_vm(device="virtio-net-pci", kernel=kernel, cpus=2, bins=["iperf3", "socat"],
                 look=False)
    aftercare = Aftercare(vm)
    fill(vm)
    assert aftercare.findings() == []
    holder = vm.background(["socat", "-u", "UDP-RECV:9,rcvbuf=212992", "-"])
    send(vm, 1)
    holder.wait_output(b"y", 10)
    holder.kill(19)
    wait_until(lambda: b"\nState:\tT" in vm.agent.get(f"/proc/{holder.pid}/status"),
               "socat to stop", 10)
    send(vm, HELD[kernel])
    found = aftercare.findings(seconds=1)
    assert [words[:43] for words in found] == ["objects left over: slab skbuff_head_cache h"]
    holder.kill(9)
    assert aftercare.findings() == []


def send(vm: Vm, count: int) -> None:
    """Send so many datagrams of two bytes inside the guest."""
    vm.run(["sh", "-c", f"yes | head -n {count} | socat -u -b 2 - UDP-SENDTO:127.0.0.1:9"])
