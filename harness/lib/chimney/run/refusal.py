# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest that has booted has refused: its image, or the driver of the card.

The kernel says so on the console only, between a hundred other lines, and everything after it is
confusing: so it is looked for before a command is run, and told in the kernel's words.
"""

from __future__ import annotations

import re

from ..errors import GuestFailure
from ..vm.boot import Vm
from ..vm.console import TIMESTAMP

TAINT = "taint"
UNPACKING = re.compile(r"Initramfs unpacking failed: .*")
PROBE = re.compile(r"\S.*\bprobe (?:of|with driver) .*failed with error -\d+")


def check_image(vm: Vm) -> None:
    """Raise when the kernel could not unpack all of the image."""
    found = UNPACKING.search(vm.console.text())
    if found:
        raise GuestFailure(f"the guest lacks a part of its image: {found[0].strip()}; it has "
                           f"{vm.config.memory} MiB (--memory).")


def check_driver(vm: Vm) -> str | None:
    """Raise when the guest does not take the module of the chimney card; what the kernel says when
    the module does not take the card, and None when all is well.
    """
    config = vm.config
    if config.device != "chimney" or config.disk is not None or vm.has_card():
        return None
    name = re.sub(r"\.ko(\.\w+)?$", "", config.driver.name) if config.driver else "chimney"
    before = len(vm.console.text())
    loaded = vm.agent.run(["modprobe", name], check=False)
    vm.console.poll()
    if not loaded.ok:
        said = [line for line in map(_plain, vm.console.text()[before:].splitlines())
                if line and TAINT not in line]
        words = loaded.stderr.decode(errors="replace").strip().splitlines() or ["no reason"]
        raise GuestFailure(f"the guest refuses the driver: {(said or words)[0]}"
                           + (f" ({words[0]})." if said else "."))
    found = PROBE.search(vm.console.text())
    return _plain(found[0]) if found else f"the driver {name} is loaded and shows no interface"


def _plain(line: str) -> str:
    return TIMESTAMP.sub("", line.strip())
