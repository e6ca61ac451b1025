# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures that all tests share: seeds, VMs that are looked at when a test ends, rerun lines.

A test asks for make_vm and starts as many VMs as it needs; each is ended, looked at and, when the
test has passed, forgotten. A failing test keeps the folders of its VMs and names them.
"""

from __future__ import annotations

import os
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chimney.aftercare import Aftercare
from chimney.rundir import forget_old, new_run_dir, remove
from chimney.vm import Vm, VmConfig

DEFAULT_SEED = 1
failed_key = pytest.StashKey[bool]()
folders_key = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--seed: every random choice of every test follows from it."""
    parser.addoption("--seed", type=int, default=DEFAULT_SEED, help="base of all random choices")
    parser.addoption("--guest-kernel", default="6.1", help="kernel of VM tests that do not care")


def rerun_line(item: pytest.Item) -> str:
    """What a shell at the top of the repository runs this test with, as it was run now."""
    settings = [f"{name}={shlex.quote(value)} " for name, value in sorted(os.environ.items())
                if name.startswith("CHIMNEY_")]
    seed = item.config.getoption("--seed")
    kernel = item.config.getoption("--guest-kernel")
    return (f"cd harness && {''.join(settings)}/usr/bin/python3 -m pytest "
            f"{shlex.quote(item.nodeid)} --seed {seed} --guest-kernel {shlex.quote(kernel)}")


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
