# SPDX-License-Identifier: GPL-2.0-or-later
"""One VM of the bench: a card on a wire; it runs probes in its turns and stands still between."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import HarnessError
from ..guest import ledger
from ..guest.aftercare import Aftercare
from ..guest.chimneyctl import GuestCtl
from ..host.rundir import forget_old, remove
from ..vm.boot import Vm
from ..vm.config import VmConfig
from ..wait import wait_until
from ..wire import net
from . import plugin
from .loadgen import Load
from .plan import COUNTED, MB, NO_TSO, RR, RR_BYTES, Device, Probe, Sample

FIRST_PORT = 7000
PORTS = 2000
IDLE_SECONDS = 1.0
OFFLOAD_SECONDS = 5.0
SHARE = 0.99
# A run begins with an uncounted part of its size, so that windows and buffers have grown.
WARM_PART = 8
LESSONS = ("send 2000000", "recv 2000000", "rr 50 64")


class Invalid(HarnessError):
    """The run ended, and does not count."""


@dataclass(frozen=True)
class Setup:
    """What all VMs of a bench have in common."""

    kernel: str
    cpus: int
    load: Path
    plugin: Path


def plain_wire(site: net.Site) -> net.Wire:
    """A tap that takes no frame larger than the MTU and no unfinished checksum, either way."""
    site.nest.ip("tuntap", "add", "dev", "tap0", "mode", "tap")
    net.give_addresses(site.nest, "tap0", net.FIRST)
    netdev = net.Netdev("tap,ifname=tap0,script=no,downscript=no,vhost=off,vnet_hdr=off")
    return net.Wire(netdev, site.nest, "tap0", net.FIRST)


class BenchVm(Vm):
    """A VM that tells what its threads have used."""

    def thread_ns(self) -> tuple[int, int]:
        """CPU time of the processors of the guest, and of the rest of QEMU."""
        pids = self._child.pids() if self._child is not None else []
        if not pids:
            raise HarnessError("QEMU has ended.")
        vcpu = rest = 0
        for task in Path(f"/proc/{pids[0]}/task").iterdir():
            try:
                used = int((task / "schedstat").read_text().split()[0])
                is_vcpu = (task / "comm").read_text().startswith("CPU ")
            except OSError:
                continue
            vcpu, rest = (vcpu + used, rest) if is_vcpu else (vcpu, rest + used)
        return vcpu, rest


@dataclass
class Reading:
    """All counters at one moment."""

    irqs: int
    vcpu_ns: int
    device_ns: int
    card: dict[str, Any] | None
    counts: plugin.Counts | None
    at: float


class Rig:
    """A device's VM; between its turns it is paused, so that it takes no time from the others."""

    def __init__(self, device: Device, mode: str, wire: str, setup: Setup,
                 blocks: bool = False) -> None:
        self.device, self.setup = device, setup
        self.counted = mode == COUNTED
        config = VmConfig(device=device.model, kernel=setup.kernel, cpus=setup.cpus,
                          bins=[str(setup.load)], accel="tcg",
                          wire=plain_wire if wire == NO_TSO else "tap",
                          qemu_args=["-name", "debug-threads=on"])
        self.vm = BenchVm(config)
        self.ear = self.vm.sockets / "insns"
        if self.counted:
            config.qemu_args = [*config.qemu_args,
                                *plugin.arguments(setup.plugin, self.ear, blocks)]
        self._turn = 0
        self._irq_lines: set[str] = set()
        self._idle = 0.0
        self._aftercare: Aftercare | None = None

    def start(self) -> None:
        """Boot, learn what there is to learn, and pause."""
        try:
            self.vm.start()
            if not self.vm.link_up:
                raise HarnessError(f"the link of {self.device.name} did not come up.")
            if self.device.model == "chimney":
                self._aftercare = Aftercare(self.vm)
            self._irq_lines = self._find_irq_lines()
            if self.counted:
                self._teach()
                self._idle = self._measure_idle()
            self.vm.qmp.command("stop")
        except BaseException:
            self.close(keep=True)
            raise

    def look(self) -> list[str]:
        """What is broken or left over in a guest whose card is ours, when all turns are over."""
        if self._aftercare is None:
            return []
        self.vm.qmp.command("cont")
        return self._aftercare.findings(last=True)

    def close(self, keep: bool = False) -> None:
        """End the VM; its files stay for a look when it failed."""
        self.vm.close()
        if keep:
            forget_old()
        else:
            remove(self.vm.run_dir)

    def run(self, probe: Probe, amount: int,
            around: Callable[[], None] = lambda: None) -> Sample:
        """Run a probe: amount is bytes or round trips; around is called before and after it."""
        self.vm.qmp.command("cont")
        try:
            sample = self._run(probe, amount, around)
        finally:
            if self.vm.running:
                with suppress(HarnessError):
                    self.vm.qmp.command("stop")
        check_share(self.device, sample)
        return sample

    def _run(self, probe: Probe, amount: int, around: Callable[[], None]) -> Sample:
        self._turn += 1
        with Load(self.vm, self.setup.load, FIRST_PORT + self._turn % PORTS) as load:
            if self.device.offload:
                self._hand_over()
            load.order(order_text(probe, max(1, amount // WARM_PART)))
            before = self._read()
            around()
            answer = load.order(order_text(probe, amount))
            around()
            after = self._read(first_counts=True)
        self.vm.watch()
        if self.vm.console.splats:
            raise HarnessError(f"the guest kernel complained: {self.vm.console.splats[0].line}")
        return self._sample(probe, answer, before, after)

    # -- the parts of a run ----------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Give the load's connection, the only one, to the card, and see that it has arrived."""
        control = GuestCtl(self.vm)
        if not control.offload("all", check=False):
            raise Invalid("the card did not take the connection.")
        wait_until(control.connections, "the connection to be listed as offloaded",
                   OFFLOAD_SECONDS, 0.05)

    def _read(self, first_counts: bool = False) -> Reading:
        """Read every counter; what the reading itself costs lies outside of the counted part."""
        counts = self._counts() if first_counts else None
        at = time.monotonic()
        threads = self.vm.thread_ns() if first_counts else (0, 0)
        card = ledger.read_counters(self.vm.agent) if self.device.model == "chimney" else None
        irqs = self._irqs()
        if not first_counts:
            threads, at, counts = self.vm.thread_ns(), time.monotonic(), self._counts()
        return Reading(irqs, *threads, card, counts, at)

    def _sample(self, probe: Probe, answer: dict[str, Any], before: Reading,
                after: Reading) -> Sample:
        amount = answer["count"] if probe.order == RR else answer["bytes"] / MB
        sample = Sample(
            amount=amount, seconds=answer["ns"] / 1e9, irqs=after.irqs - before.irqs,
            vcpu_ns=after.vcpu_ns - before.vcpu_ns, device_ns=after.device_ns - before.device_ns,
            peer_ns=answer["cpu_us"] * 1e3, p50_us=answer.get("p50_us"),
            p99_us=answer.get("p99_us"))
        if before.counts is not None and after.counts is not None:
            idle = self._idle * (after.at - before.at)
            sample.insns = after.counts.insns - before.counts.insns - idle
            sample.accesses = after.counts.accesses - before.counts.accesses
        if before.card is not None and after.card is not None:
            sample.doorbells = device_delta(before.card, after.card, "doorbells")
            carried = (device_delta(before.card, after.card, "rx_offloaded_bytes")
                       + device_delta(before.card, after.card, "tx_offloaded_bytes"))
            sample.share = carried / answer["bytes"]
        return sample

    def _teach(self) -> None:
        """Show the plugin everything that the card's driver does, before it looks at that only."""
        with Load(self.vm, self.setup.load, FIRST_PORT) as load:
            if self.device.offload:
                self._hand_over()
            for order in LESSONS:
                load.order(order)
        plugin.settle(self.ear)

    def _counts(self) -> plugin.Counts | None:
        return plugin.read(self.ear) if self.counted else None

    def _measure_idle(self) -> float:
        """Instructions per second of a guest that has nothing to do."""
        begin, at = plugin.read(self.ear), time.monotonic()
        wait_until(lambda: time.monotonic() - at >= IDLE_SECONDS, "an idle second",
                   IDLE_SECONDS + 1)
        return (plugin.read(self.ear).insns - begin.insns) / (time.monotonic() - at)

    def _find_irq_lines(self) -> set[str]:
        """The interrupts of the card: of its PCI function, which for virtio is one level up."""
        for folder in ("/sys/class/net/eth0/device/msi_irqs",
                       "/sys/class/net/eth0/device/../msi_irqs"):
            result = self.vm.run(["ls", folder], check=False)
            if result.ok and result.text.split():
                return set(result.text.split())
        raise HarnessError(f"{self.device.name} has no message-signalled interrupts.")

    def _irqs(self) -> int:
        return count_irqs(self.vm.agent.get("/proc/interrupts").decode(), self._irq_lines)


def order_text(probe: Probe, amount: int) -> str:
    """The order for the load program."""
    return f"rr {amount} {RR_BYTES}" if probe.order == RR else f"{probe.order} {amount}"


def count_irqs(text: str, lines: set[str]) -> int:
    """The sum over all processors of the given lines of /proc/interrupts."""
    head, *rest = text.splitlines()
    processors = len(head.split())
    total = 0
    for line in rest:
        name, _, counts = line.partition(":")
        if name.strip() in lines:
            total += sum(int(word) for word in counts.split()[:processors])
    return total


def device_delta(before: dict[str, Any], after: dict[str, Any], name: str) -> int:
    """How far one counter of the device has gone."""
    return int(after["device"].get(name, 0)) - int(before["device"].get(name, 0))


def check_share(device: Device, sample: Sample) -> None:
    """Refuse a run whose bytes did not go the way that its row claims."""
    if device.offload and (sample.share is None or sample.share < SHARE):
        carried = "an unknown part" if sample.share is None else f"{sample.share:.1%}"
        raise Invalid(f"the card carried {carried} of the bytes, not {SHARE:.0%}.")
    if not device.offload and sample.share:
        raise Invalid(f"the card carried {sample.share:.1%} of bytes that it should not have.")
