# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest kernels: finds the one asked for, and says which network cards it can drive.

The kernels are unpacked under build/kernels/NAME by the build; a path to a bzImage of the user's
own is taken as it is, and then nothing is known about its modules.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from ..errors import HarnessError, WrongUse

NAMES = ("6.1", "6.12", "7.3", "newest",
         "6.1-generic", "6.12-generic", "7.3-generic", "newest-generic",
         "debug", "debug-7.3")
# The debug kernel that the guest tests run on where they want one.
DEBUG = os.environ.get("CHIMNEY_DEBUG_KERNEL") or "debug"
MODULES = {"virtio-net-pci": "virtio_net", "e1000e": "e1000e", "igb": "igb",
           "vmxnet3": "vmxnet3"}


@dataclass(frozen=True)
class Kernel:
    """A guest kernel: its image, and its modules where they are known."""

    name: str
    image: Path
    release: str | None = None
    modules: Path | None = None
    cards: Mapping[str, bool] = field(default_factory=dict)

    def has_module(self, module: str) -> bool | None:
        """Whether the kernel has a module, built in or loadable; None when it is not known."""
        if self.modules is None:
            return None
        wanted = re.compile(rf"(?:^|/){re.escape(module).replace('_', '[_-]')}\.ko(?:\.\w+)?:?$")
        known = False
        for listing in ("modules.builtin", "modules.dep"):
            file = self.modules / listing
            if file.exists():
                known = True
                for line in file.read_text().splitlines():
                    if wanted.search(line.split(" ")[0]):
                        return True
        return False if known else None


def is_debug(name: str) -> bool:
    """Whether it is one of the debug kernels."""
    return name.split("-")[0] == "debug"


def find(name: str) -> Kernel:
    """The kernel of that name or path, or a sentence saying what there is."""
    if name in NAMES:
        return _built(name)
    image = Path(name)
    if "/" not in name and not image.exists():
        raise WrongUse(f"--kernel {name} is unknown; use {', '.join(NAMES)} or the path of a "
                       "bzImage.")
    if not image.is_file():
        raise WrongUse(f"--kernel {name}: there is no such file.")
    return Kernel(name, image, release_of_image(image))


def _built(name: str) -> Kernel:
    folder = paths.KERNELS / name
    image = folder / "vmlinuz"
    if not image.exists():
        maker = f"images/kernels {name}"
        if is_debug(name):
            maker = " ".join(["images/debug-kernel", *name.split("-")[1:]])
        raise HarnessError(f"the kernel {name} is not there yet ({image} is missing); "
                           f"`{maker}` makes it.")
    release = (folder / "release").read_text().strip()
    modules = folder / "root" / "lib" / "modules" / release
    cards = folder / "nics"
    unpacked = folder / "vmlinux"  # some kernels have it as well, to boot sooner
    if unpacked.exists():
        image = unpacked
    return Kernel(name, image, release, modules,
                  json.loads(cards.read_text()) if cards.exists() else {})


def release_of_image(image: Path) -> str | None:
    """The release text inside a bzImage, at the place that its header names."""
    with image.open("rb") as file:
        header = file.read(0x210)
        if len(header) < 0x210 or header[0x202:0x206] != b"HdrS":
            raise WrongUse(f"--kernel {image} is not a bzImage.")
        file.seek(int.from_bytes(header[0x20e:0x210], "little") + 0x200)
        text = file.read(128)
    return text.split(b"\0")[0].split(b" ")[0].decode(errors="replace") or None


def refuse_missing_card(kernel: Kernel, device: str) -> None:
    """Refuse a card that the kernel has no driver for."""
    module = MODULES.get(device)
    has = kernel.cards.get(device)
    if module is not None and has is None:
        has = kernel.has_module(module)
    if has is False:
        other = f"{kernel.name}-generic"
        hint = f"; use --kernel {other}" if other in NAMES else ""
        raise WrongUse(f"--device {device} cannot work with --kernel {kernel.name}, which has no "
                       f"module {module}{hint}.")


def refuse_missing_driver(name: str) -> None:
    """Refuse the chimney card for a kernel that our driver has not been built for."""
    module = paths.DRIVERS / name / "chimney.ko"
    if name in NAMES and not module.exists():
        maker = f"guest-driver/build {name}" if is_debug(name) else f"make driver KERNELS={name}"
        raise HarnessError(f"the driver is not built for kernel {name} ({module} is missing); run "
                           f"`{maker}`, or bring your own with --driver.")
    if name not in NAMES:
        raise WrongUse(f"--kernel {name} is not ours, so there is no driver for it; bring yours "
                       "with --driver, or use another --device.")
