# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures that all tests share: seeds, VMs that are looked at when a test ends, rerun lines.

What is too much for make check is drawn: of the tests marked drawn(N), one in N runs there, chosen
by the number of --draw, which is another one in each run and printed; make check-long runs the
rest. They are drawn from those of the same function, or, with drawn(N, over=WORD), from those whose
names differ in WORD only.

A test asks for make_vm and starts as many VMs as it needs; each is ended, looked at and, when the
test has passed, forgotten. A failing test keeps the folders of its VMs and names them.
"""

from __future__ import annotations

import os
import random
import shlex
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chimney.guest.aftercare import Aftercare
from chimney.host.rundir import forget_old, new_run_dir, remove
from chimney.vm.boot import Vm
from chimney.vm.config import VmConfig

DEFAULT_SEED = 1
failed_key = pytest.StashKey[bool]()
folders_key = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--seed: every random choice of every test follows from it."""
    parser.addoption("--seed", type=int, default=DEFAULT_SEED, help="base of all random choices")
    parser.addoption("--guest-kernel", default="6.1", help="kernel of VM tests that do not care")
    parser.addoption("--draw", type=int, help="chooses the tests that make check draws "
                                              "(default: another number in each run, printed)")


def pytest_configure(config: pytest.Config) -> None:
    """Settle what is drawn by; a worker of xdist has the number of the main process."""
    number = getattr(config, "workerinput", {}).get("draw", config.option.draw)
    config.option.draw = random.SystemRandom().randrange(10**6) if number is None else number


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker the number."""
    node.workerinput["draw"] = node.config.option.draw


def pytest_report_header(config: pytest.Config) -> str:
    """What this run can be repeated with."""
    return f"drawn: --draw {config.option.draw} --seed {config.option.seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as long what is not drawn: one in N stays, of each group and at least one."""
    groups: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("drawn")
        if mark is not None:
            word = mark.kwargs.get("over")
            name = item.nodeid.replace(word, "*") if word else item.nodeid.partition("[")[0]
            groups[name, mark.args[0]].append(item)
    for (name, one_in), group in sorted(groups.items(), key=lambda pair: pair[0]):
        chance = random.Random(f"{config.option.draw} {name}")
        for item in chance.sample(group, len(group) - max(1, len(group) // one_in)):
            item.add_marker(pytest.mark.long)


def rerun_line(item: pytest.Item) -> str:
    """What a shell at the top of the repository runs this test with, as it was run now."""
    settings = [f"{name}={shlex.quote(value)} " for name, value in sorted(os.environ.items())
                if name.startswith("CHIMNEY_")]
    seed = item.config.getoption("--seed")
    kernel = item.config.getoption("--guest-kernel")
    drawn = "draw" in getattr(item, "fixturenames", ())
    return (f"cd harness && {''.join(settings)}/usr/bin/python3 -m pytest "
            f"{shlex.quote(item.nodeid)} --seed {seed} --guest-kernel {shlex.quote(kernel)}"
            + (f" --draw {item.config.option.draw}" if drawn else ""))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """Add the line that reruns a failed test, once, and where its files are."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed:
        return
    lines = [] if item.stash.get(failed_key, False) else [rerun_line(item)]
    item.stash[failed_key] = True
    lines += [f"files: {folder}" for folder in item.stash.get(folders_key, [])]
    if lines:
        report.sections.append(("rerun", "\n".join(lines)))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test: its own, but the same in every run with the same --seed."""
    base: int = request.config.getoption("--seed")
    return zlib.crc32(f"{base} {request.node.nodeid}".encode())


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> int:
    """What a test that draws by itself chooses by: another number in each run."""
    number: int = request.config.option.draw
    return number


class VmFactory:
    """Starts VMs for one test and ends them with it."""

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel
        self.folders: list[Path] = []
        self._vms: list[tuple[Vm, Aftercare | None]] = []

    def __call__(self, *, look: bool = True, **config: Any) -> Vm:
        """Start a VM; look=False for a guest that is meant to break."""
        config.setdefault("kernel", self.kernel)
        folder = new_run_dir()
        self.folders.append(folder)
        vm = Vm(VmConfig(**config), folder)
        self._vms.append((vm, None))
        vm.start()
        if look:
            self._vms[-1] = (vm, Aftercare(vm))
        return vm

    def end(self, look: bool) -> list[str]:
        """End all VMs; returns what the look at those that are still running found."""
        findings: list[str] = []
        try:
            for vm, aftercare in self._vms:
                if look and aftercare is not None and vm.running:
                    findings += aftercare.findings(last=True)
        finally:
            for vm, _ in self._vms:
                vm.close()
        return findings


@pytest.fixture
def make_vm(request: pytest.FixtureRequest) -> Iterator[Callable[..., Vm]]:
    """A factory of VMs; keyword arguments are those of VmConfig."""
    factory = VmFactory(request.config.getoption("--guest-kernel"))
    request.node.stash[folders_key] = factory.folders
    yield factory
    failed = request.node.stash.get(failed_key, False)
    findings = factory.end(look=not failed)
    if findings:
        pytest.fail("after the test, in the guest: " + "; ".join(findings), pytrace=False)
    if not failed:
        for folder in factory.folders:
            remove(folder)
    forget_old()
