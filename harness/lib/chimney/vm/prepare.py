# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands before a VM boots: its nest, wires, image and accelerator, and QEMU's command line.

--dry-run needs no more than this; what is booted is boot.py's.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from .. import paths
from ..errors import HarnessError
from ..host.nest import Nest
from ..host.rundir import SOCKET_FOLDER_MAX, short_parent
from ..wire import net
from . import accel, image, kernel
from .capture import Capture
from .config import VmConfig
from .machine import Card, Machine, queues_for

# The self-tests of a kernel's ciphers are up to a third of a boot. Those of the second are all that
# its function does.
UNTESTED_CIPHERS = ("cryptomgr.notests", "initcall_blacklist=crypto_kdf108_init")
MACS = ("52:54:00:77:00:02", "52:54:00:78:00:02")


def disk_format(disk: Path | None) -> str:
    """What QEMU shall take the user's image for; it must not guess, a guest could fool it."""
    if disk is None:
        return "raw"
    with disk.open("rb") as file:
        return "qcow2" if file.read(4) == b"QFI\xfb" else "raw"


def missing_qemu(program: Path) -> str:
    """What to say when a QEMU is not there."""
    command = paths.make_qemu(program)
    if not command:
        return f"there is no QEMU {program}."
    return f"QEMU is not built ({program} is missing); run `{command}`."


class PreparedVm:
    """A VM before its boot; what has been built is undone when `_stack` is closed."""

    def __init__(self, config: VmConfig, run_dir: Path, say: Callable[[str], None]) -> None:
        self.config = config
        self.run_dir = run_dir
        self._say = say
        self._stack = ExitStack()
        self.nest: Nest | None = None
        self.wires: list[net.Wire] = []
        self.accel = accel.Accel("tcg", "not started")
        self.sockets = self._socket_folder()
        self.kernel: kernel.Kernel | None = None
        self.machine: Machine | None = None
        self.capture: Capture | None = None

    @property
    def wire(self) -> net.Wire:
        """The wire of the first card."""
        return self.wires[0]

    def prepare(self) -> Machine:
        """Build wire and image, and settle the command line, without starting anything in QEMU."""
        config = self.config
        if not config.qemu.exists():
            raise HarnessError(missing_qemu(config.qemu))
        if config.disk is None:
            self.kernel = kernel.find(config.kernel)
            for model in (config.device, config.second):
                if model is not None:
                    kernel.refuse_missing_card(self.kernel, model)
                if model == "chimney" and config.driver is None:
                    kernel.refuse_missing_driver(config.kernel)
        self._say("probing the accelerator")
        self.accel = accel.choose(config.accel, config.qemu,
                                  self.kernel.image if self.kernel else None)
        self._say("building the wire")
        self._build_wires()
        self._say("building the image")
        self.machine = self._describe()
        return self.machine

    def _socket_folder(self) -> Path:
        """Where the sockets go: a Unix socket's path must be short."""
        folder = self.run_dir.absolute()
        if len(os.fsencode(folder)) <= SOCKET_FOLDER_MAX:
            return folder
        folder = Path(tempfile.mkdtemp(prefix="chimney-", dir=short_parent()))
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _build_wires(self) -> None:
        config = self.config
        if callable(config.wire) or config.wire in ("tap", "segmented"):
            net.check_tap_permission()
            self.nest = self._stack.enter_context(Nest())
        queues = queues_for(config.device, config.cpus)
        if callable(config.wire):
            assert self.nest is not None
            self.wires.append(config.wire(net.Site(self.nest, self.sockets, self._stack.callback)))
        elif config.wire == "tap":
            assert self.nest is not None
            self.wires.append(net.tap_wire(self.nest, queues=queues, mtu=config.mtu))
        elif config.wire == "segmented":
            assert self.nest is not None
            self.wires.append(net.segmented_wire(self.nest, queues=queues, mtu=config.mtu))
        else:
            self.wires.append(net.parse_outside_wire(config.wire))
        if config.second is not None:
            if self.nest is None:
                raise HarnessError("a second card needs a wire in a private network.")
            self.wires.append(net.tap_wire(self.nest, device="tap1", subnet=net.SECOND,
                                           queues=queues_for(config.second, config.cpus)))

    def _describe(self) -> Machine:
        config = self.config
        options = list(config.device_options)
        self.capture = Capture.plan(config, self.run_dir, [f"n{i}" for i in range(len(self.wires))])
        cards = [Card(config.device, self.wires[0].netdev, MACS[0],
                      (*options, *self.capture.card_options))]
        if config.second is not None:
            cards.append(Card(config.second, self.wires[1].netdev, MACS[1],
                              tuple(config.second_options)))
        return Machine(
            qemu=config.qemu, kernel=self.kernel.image if self.kernel else None,
            initrd=self._image(), append=self._append(), run_dir=self.run_dir,
            sockets=self.sockets, cards=cards, accel=self.accel.name,
            cpus=config.cpus, memory=config.memory, disk=config.disk,
            disk_format=disk_format(config.disk), machine_options=config.machine_options,
            ports=config.ports, devices=config.devices, extra=config.qemu_args, trace=config.trace,
            objects=self.capture.objects)

    def _append(self) -> str:
        # A panic ends the machine: QEMU runs with -no-reboot. Every slab cache shows by its name.
        # Linux tests its first timer against the TSC, which goes on when the host does not run
        # QEMU: on a busy host it may panic. Under KVM it leaves the test out by itself.
        words = ["console=ttyS0", "panic=-1", "slab_nomerge", "no_timer_check"]
        if self.kernel is not None and self.kernel.name in kernel.NAMES:
            words += UNTESTED_CIPHERS
        return " ".join([*words, self.config.append]).strip()

    def _image(self) -> Path | None:
        config = self.config
        if config.disk is not None:
            return None
        ours = config.device == "chimney" or config.second == "chimney"
        return image.build(self.run_dir / "initrd", kernel=config.kernel, driver=config.driver,
                           no_driver=not ours, bins=config.bins, copies=config.copies,
                           load=config.load)
