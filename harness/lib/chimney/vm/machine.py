# SPDX-License-Identifier: GPL-2.0-or-later
"""The QEMU command line: turns a description of a machine into an argument list.

Pure: it looks at nothing and starts nothing, so that --dry-run prints exactly what a run uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..paths import in_option
from ..wire.net import Netdev

DEVICES = ("chimney", "virtio-net-pci", "e1000e", "igb", "vmxnet3")
# Cards whose QEMU model and Linux driver use one queue pair per processor.
MULTI_QUEUE = ("chimney", "virtio-net-pci", "igb")
MAX_QUEUES = 8
AGENT_PORT = "org.chimney.agent"


@dataclass(frozen=True)
class Card:
    """One network card: its model, what it is plugged into, and its further properties."""

    model: str
    netdev: Netdev
    mac: str
    options: tuple[str, ...] = ()

    def arguments(self, index: int) -> list[str]:
        """The -netdev and -device options of the card with that index."""
        # No boot ROM: nothing boots from the network, and a ROM costs BIOS time.
        words = [self.model, f"netdev=n{index}", f"id=nic{index}", f"mac={self.mac}", "romfile="]
        if self.model == "virtio-net-pci" and self.netdev.queues > 1:
            words += ["mq=on", f"vectors={2 * self.netdev.queues + 2}"]
        return ["-netdev", self.netdev.argument(f"n{index}"),
                "-device", ",".join([*words, *self.options])]


@dataclass
class Machine:
    """Everything that decides QEMU's command line."""

    qemu: Path
    kernel: Path | None
    initrd: Path | None
    append: str
    run_dir: Path
    sockets: Path
    cards: Sequence[Card] = ()
    accel: str = "tcg"
    cpus: int = 1
    memory: int = 512
    disk: Path | None = None
    disk_format: str = "raw"
    machine_options: str = ""
    ports: Sequence[str] = ()       # devices that must be there before the cards
    devices: Sequence[str] = ()
    extra: Sequence[str] = ()
    trace: Path | None = None
    objects: Sequence[str] = ()

    @property
    def console(self) -> Path:
        """The file that takes the guest's serial console."""
        return self.run_dir / "console.log"

    @property
    def agent_socket(self) -> Path:
        """The host end of the guest agent's virtio-serial port."""
        return self.sockets / "agent"

    @property
    def qmp_socket(self) -> Path:
        """QEMU's monitor."""
        return self.sockets / "qmp"

    def command(self) -> list[str]:
        """The whole command line."""
        argv = [str(self.qemu), "-name", "chimney", "-no-user-config", "-nodefaults",
                "-M", "q35" + self.machine_options, "-display", "none", "-no-reboot",
                *self._processor(), "-m", str(self.memory)]
        for folder in paths.FIRMWARE:
            argv += ["-L", str(folder)]
        argv += self._boot() + self._ports()
        for port in self.ports:
            argv += ["-device", port]
        for index, card in enumerate(self.cards):
            argv += card.arguments(index)
        for device in self.devices:
            argv += ["-device", device]
        for item in self.objects:
            argv += ["-object", item]
        if self.trace is not None:
            # Events have a time stamp where messages have one.
            argv += ["-msg", "timestamp=on",
                     "-trace", f"enable=chimdev_*,file={in_option(self.trace)}"]
        return argv + list(self.extra)

    def _processor(self) -> list[str]:
        # With ERMS the guest copies with `rep movsb`, which TCG runs byte by byte.
        model = "host" if self.accel == "kvm" else "max,-erms,-fsrm"
        accel = "kvm" if self.accel == "kvm" else "tcg,thread=multi"
        return ["-accel", accel, "-cpu", model, "-smp", str(self.cpus)]

    def _boot(self) -> list[str]:
        argv: list[str] = []
        if self.kernel is not None:
            argv += ["-kernel", str(self.kernel), "-append", self.append]
        if self.initrd is not None:
            argv += ["-initrd", str(self.initrd)]
        if self.disk is not None:
            # The user's image stays as it is: everything written goes to a temporary overlay.
            file = in_option(self.disk.absolute())
            argv += ["-drive", f"file={file},format={self.disk_format},if=none,id=disk0,"
                     "snapshot=on",
                     "-device", "virtio-blk-pci,drive=disk0,bootindex=0"]
        return argv

    def _ports(self) -> list[str]:
        qmp, agent = in_option(self.qmp_socket), in_option(self.agent_socket)
        return ["-chardev", f"file,id=console,path={in_option(self.console)}",
                "-serial", "chardev:console",
                "-chardev", f"socket,id=qmp,path={qmp},server=on,wait=off",
                "-mon", "chardev=qmp,mode=control",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
                "-device", f"virtserialport,chardev=agent,name={AGENT_PORT}"]


def queues_for(model: str, cpus: int) -> int:
    """How many queue pairs a card of that model gets in a machine of that many processors."""
    return min(cpus, MAX_QUEUES) if model in MULTI_QUEUE else 1
