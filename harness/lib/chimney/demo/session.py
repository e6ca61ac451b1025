# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of the demo: what was asked for, what has been counted so far, and what has broken.

The parts of the demo and its scenarios work in a session, and add to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import paths
from ..cli.progress import Progress
from ..errors import WaitTimeout
from ..guest.chimneyctl import GuestCtl
from ..host import programs
from ..vm.boot import Vm
from ..vm.config import VmConfig
from ..wait import wait_until
from . import table
from .handover import Counters, Goal, Outcome

# Near the end of the target's half, so that the run makes it wrap early.
ID_START = "x-ip-id-start=0xffe0"
# Headers are all that the rules look at.
SNAPLEN = "x-pcapng-snaplen=160"


def fresh_folder() -> Path:
    """build/demo, empty: captures and consoles of the last demo stay until the next one."""
    folder = paths.BUILD / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@dataclass
class Session:
    """One run of the demo."""

    kernel: str
    seed: int
    goal: Goal
    families: tuple[int, ...]
    only: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Progress)
    outcomes: list[Outcome] = field(default_factory=list)
    driver: dict[str, int] = field(default_factory=dict)
    device: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    folder: Path = field(default_factory=fresh_folder)
    reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    verdicts: list[Future[list[str]]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.progress.say(text)

    def config(self, name: str, **changes: Any) -> VmConfig:
        """A VM with two processors, the programs of the demo, and a capture."""
        base: dict[str, Any] = {
            "kernel": self.kernel,
            "cpus": 2,
            "bins": [str(programs.xfer())],
            "pcap": self.folder / f"{name}.pcapng",
            "device_options": [ID_START],
        }
        changes["device_options"] = [SNAPLEN, *changes.get("device_options", [ID_START])]
        return VmConfig(**{**base, **changes})

    def collect(self, vm: Vm) -> Counters:
        """Add the counters of a VM that is about to end; returns those of driver and card."""
        driver, device = settled(GuestCtl(vm))
        table.add_up(self.driver, driver)
        table.add_up(self.device, device)
        return driver, device

    def judge_later(self, read: Callable[[], list[str]]) -> None:
        """Read captures while the next part runs; what `read` returns is broken."""
        self.verdicts.append(self.reader.submit(read))


def settled(ctl: GuestCtl) -> Counters:
    """The counters when all connections are back and what goes on behind them has ended."""

    def cases(counters: Counters) -> list[int]:
        return [side.get(name, 0) for side in counters for name in table.COUNTERS]

    last = ctl.stats()

    def still() -> bool:
        nonlocal last
        before, last = last, ctl.stats()
        return not ctl.connections() and cases(before) == cases(last)

    with suppress(WaitTimeout):
        wait_until(still, "the counters to stand still", 3, 0.1)
    return last
