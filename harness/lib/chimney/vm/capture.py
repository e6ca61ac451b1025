# SPDX-License-Identifier: GPL-2.0-or-later
"""How a run's frames get into one pcapng file.

The chimney device writes the file itself, because only it knows which frames came from the host's
ring and which its target made. For every other card QEMU's filter-dump catches the two directions
at the netdev, and they are merged into the same form when the run ends.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..host.proc import run
from ..paths import in_option
from ..wire import pcapng
from .config import VmConfig

PROPERTY = "x-pcapng"


@cache
def writes_pcapng(qemu: Path, model: str) -> bool:
    """Whether a device model of this QEMU captures by itself."""
    result: subprocess.CompletedProcess[str] = run(
        [str(qemu), "-device", f"{model},help"], seconds=10, check=False)
    return any(line.strip().startswith(PROPERTY + "=") for line in result.stdout.splitlines())


@dataclass
class Capture:
    """The plan for one run's capture: what QEMU is told, and what is done at the end."""

    target: Path | None = None
    card_options: tuple[str, ...] = ()
    objects: list[str] = field(default_factory=list)
    dumps: list[tuple[str, Path]] = field(default_factory=list)

    @classmethod
    def plan(cls, config: VmConfig, folder: Path, netdevs: Sequence[str]) -> Capture:
        """Decide how the capture of a VM is made; nothing is asked of QEMU without --pcap."""
        if config.pcap is None:
            return cls()
        if writes_pcapng(config.qemu, config.device):
            return cls(config.pcap, (f"{PROPERTY}={in_option(config.pcap)}",))
        plan = cls(config.pcap)
        # filter-dump's queues are named from the netdev's point of view.
        for queue, origin in (("rx", pcapng.HOST), ("tx", pcapng.RECEIVED)):
            file = folder / f"{origin}.pcap"
            plan.objects.append(f"filter-dump,id=dump-{queue},netdev={netdevs[0]},queue={queue},"
                                f"file={in_option(file)},maxlen=262144")
            plan.dumps.append((origin, file))
        return plan

    def finish(self) -> None:
        """Merge what filter-dump wrote; QEMU has ended."""
        if self.target is None or not self.dumps:
            return
        sources = [pcapng.read_pcap(file, origin) for origin, file in self.dumps
                   if file.exists() and file.stat().st_size]
        pcapng.merge(self.target, sources, [pcapng.HOST, pcapng.RECEIVED])
        self.dumps = []
