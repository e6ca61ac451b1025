# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM shall be, in the words of the command line and of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from ..wire.net import WireMaker

DEFAULT_MEMORY = 512
CPUS_MAX = 64


@dataclass
class VmConfig:
    """What a VM shall be; every field has the default of the command line."""

    device: str = "chimney"
    kernel: str = "6.1"
    driver: Path | None = None
    bins: Sequence[str] = ()
    copies: Sequence[str] = ()
    load: Sequence[str] = ()
    disk: Path | None = None
    cpus: int = 1
    memory: int = DEFAULT_MEMORY
    accel: str = "auto"
    wire: str | WireMaker = "tap"
    mtu: int = 1500
    second: str | None = None
    device_options: Sequence[str] = ()
    second_options: Sequence[str] = ()
    ports: Sequence[str] = ()
    devices: Sequence[str] = ()
    machine_options: str = ""
    qemu_args: Sequence[str] = ()
    append: str = ""
    pcap: Path | None = None
    trace: Path | None = None
    qemu: Path = field(default_factory=lambda: paths.QEMU)
    peers: Sequence[Sequence[str]] = ()
