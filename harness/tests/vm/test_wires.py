# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness's own VMs and wires, with a card that Linux and QEMU have known for years."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney.vm.boot import Vm
from chimney.wire import net, pcapng
from chimney.wire.linkemu import EmulatedWire

pytestmark = [pytest.mark.vm, pytest.mark.tap]
CARD = "virtio-net-pci"
MakeVm = Callable[..., Vm]


def iperf(vm: Vm, target: str, *options: str) -> float:
    """Run iperf3 in the guest against the peer; returns bits per second received."""
    result = vm.run(["iperf3", "-J", "-c", target, "-t", "1", *options], seconds=30)
    return float(json.loads(result.text)["end"]["sum_received"]["bits_per_second"])


def serve(vm: Vm) -> None:
    """Start iperf3's server at the peer and wait until it listens."""
    vm.peer(["iperf3", "-s"])
    assert vm.wire.room is not None
    vm.wire.room.wait_listens(5201)


def send(vm: Vm, size: int, file: Path) -> None:
    """Send so many bytes from the guest, until the peer has them all and has seen the end."""
    sink = vm.peer(["socat", "-u", "TCP-LISTEN:9000", f"CREATE:{file}"])
    assert vm.wire.room is not None
    vm.wire.room.wait_listens(9000)
    vm.run(["sh", "-c", f"head -c {size} /dev/zero | socat -u - TCP:10.77.0.1:9000"], seconds=30)
    assert sink.wait(30) == 0
    assert file.stat().st_size == size


@pytest.mark.parametrize("target", ["10.77.0.1", "fd77::1"])
def test_plain_tap_carries_both_ways(make_vm: MakeVm, target: str) -> None:
    vm = make_vm(device=CARD, bins=["iperf3"])
    serve(vm)
    assert iperf(vm, target) > 1e6
    assert iperf(vm, target, "-R") > 1e6


def test_two_processors_get_two_queues(make_vm: MakeVm) -> None:
    vm = make_vm(device=CARD, cpus=2, bins=["iperf3"])
    assert "Combined:\t2" in vm.run(["ethtool", "-l", "eth0"]).text.replace(" ", "")
    serve(vm)
    assert iperf(vm, "10.77.0.1", "-P", "2") > 1e6


def test_segmented_wire_shows_every_segment(make_vm: MakeVm, tmp_path: Path) -> None:
    vm = make_vm(device=CARD, wire="segmented", bins=["socat"])
    room = vm.wire.room
    assert room is not None
    with net.captured(room, vm.wire.device, tmp_path / "behind.pcapng") as file:
        send(vm, 4 << 20, tmp_path / "sent")
    sent = [packet for packet in pcapng.read(file)
            if packet.data[26:30] == bytes((10, 77, 0, 2)) and packet.length > 1000]
    assert len(sent) >= (4 << 20) // 1448
    assert max(packet.length for packet in sent) <= 1514


def test_emulated_wire_loses_and_tcp_repairs(make_vm: MakeVm, seed: int, tmp_path: Path) -> None:
    wire = EmulatedWire(seed, both={"loss": 0.01, "delay_ms": 1.0})
    vm = make_vm(device=CARD, wire=wire, bins=["socat"])
    send(vm, 2_000_000, tmp_path / "sent")
    stats = wire.link.stats()
    assert stats["ab"]["lost"] > 3
    assert stats["ab"]["bytes_in"] > 2_000_000, stats
    assert stats["ab"]["bytes_in"] / stats["ab"]["frames_in"] <= 1514, stats


def test_second_card_has_a_wire_of_its_own(make_vm: MakeVm) -> None:
    vm = make_vm(device=CARD, second="vmxnet3")
    drivers = vm.run(["sh", "-c", "for i in eth0 eth1; do basename $(readlink -f "
                      "/sys/class/net/$i/device/driver); done"]).text.split()
    assert drivers == ["virtio_net", "vmxnet3"]
    vm.run(["ip", "address", "add", f"{net.SECOND.guest4}/24", "dev", "eth1"])
    vm.run(["ip", "link", "set", "eth1", "up"])
    vm.run(["ping", "-c", "1", "-W", "5", net.SECOND.peer4])
    vm.run(["ping", "-c", "1", "-W", "5", net.FIRST.peer4])
    # Down again: its receive buffers would count as left over.
    vm.run(["ip", "link", "set", "eth1", "down"])
    assert "tap1" in vm.peer_run(["ip", "route", "get", net.SECOND.guest4])


def test_capture_of_any_card_tells_the_origins(make_vm: MakeVm, tmp_path: Path) -> None:
    file = tmp_path / "run.pcapng"
    vm = make_vm(device=CARD, pcap=file)
    vm.run(["ping", "-c", "3", "-i", "0.2", "-W", "5", "10.77.0.1"])
    vm.shutdown()
    vm.close()
    packets = pcapng.read(file)
    requests = [packet for packet in packets if packet.data[23:24] == b"\x01"
                and packet.data[34:35] == b"\x08"]
    replies = [packet for packet in packets if packet.data[23:24] == b"\x01"
               and packet.data[34:35] == b"\x00"]
    assert [packet.interface for packet in requests] == [pcapng.HOST] * 3
    assert [packet.interface for packet in replies] == [pcapng.RECEIVED] * 3
    times = [packet.ns for packet in packets]
    assert times == sorted(times)
