# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures that all tests share: seeds, VMs that are looked at when a test ends, rerun lines.

What is too much for make check is drawn: of the tests marked drawn(N), one in N runs there, chosen
by the number of --draw, which is another one in each run and printed; make check-long runs the
rest. They are drawn from those of the same function, or, with drawn(N, over=WORD), from those whose
names differ in WORD only, or, with drawn(N, per="file") or per="folder", from all of that. Groups
with the same alike=NAME draw the same: tests that share a VM are drawn on the same machine, so that
it boots once. A shard of a run (--shard, chimney/shards) draws by the commit, so that all shards
agree.

A test asks for make_vm and starts as many VMs as it needs; each is ended, looked at and, when the
test has passed, forgotten. A failing test keeps the folders of its VMs and names them.
"""

from __future__ import annotations

import random
import shlex
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chimney.errors import GuestPanic
from chimney.guest.aftercare import Aftercare
from chimney.host.rundir import forget_old, new_run_dir, remove
from chimney.shards import again
from chimney.vm.boot import Vm
from chimney.vm.config import VmConfig

pytest_plugins = ["chimney.shards.plugin"]
DEFAULT_SEED = 1
failed_key = pytest.StashKey[bool]()
folders_key = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--seed: every random choice of every test follows from it."""
    parser.addoption("--seed", type=int, default=DEFAULT_SEED, help="base of all random choices")
    parser.addoption("--guest-kernel", default="6.1", help="kernel of VM tests that do not care")
    parser.addoption("--draw", type=int, help="chooses the tests that make check draws "
                                              "(default: another number in each run, printed; with "
                                              "--shard one that follows from the commit)")


def pytest_configure(config: pytest.Config) -> None:
    """Settle what is drawn by; a worker of xdist has the number of the main process."""
    number = getattr(config, "workerinput", {}).get("draw", config.option.draw)
    if number is None:
        number = (random.SystemRandom().randrange(again.DRAWS) if config.option.shard is None
                  else again.draw_of_commit())
    config.option.draw = number


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
    groups: dict[tuple[str, int, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("drawn")
        if mark is not None:
            word = mark.kwargs.get("over")
            name = item.nodeid.replace(word, "*") if word else group_name(item, mark)
            groups[name, mark.args[0], mark.kwargs.get("alike", name)].append(item)
    for (_, one_in, alike), group in sorted(groups.items(), key=lambda pair: pair[0]):
        chance = random.Random(f"{config.option.draw} {alike}")
        for item in chance.sample(group, len(group) - max(1, len(group) // one_in)):
            item.add_marker(pytest.mark.long)


def group_name(item: pytest.Item, mark: pytest.Mark) -> str:
    """What the names of the tests that are drawn from have in common."""
    per = mark.kwargs.get("per")
    if per == "folder":
        return item.nodeid.partition("::")[0].rpartition("/")[0]
    return item.nodeid.partition("::" if per == "file" else "[")[0]


def rerun_line(item: pytest.Item) -> str:
    """What a shell at the top of the repository runs this test with, as it was run now."""
    seed = item.config.getoption("--seed")
    kernel = item.config.getoption("--guest-kernel")
    drawn = "draw" in getattr(item, "fixturenames", ())
    return (f"cd harness && {again.settings()}{again.PYTEST} "
            f"{shlex.quote(item.nodeid)} --seed {seed} --guest-kernel {shlex.quote(kernel)}"
            + (f" --draw {item.config.option.draw}" if drawn else ""))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """Add the line that reruns a failed test, once, where its files are, and a panic's log."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed:
        return
    lines = [] if item.stash.get(failed_key, False) else [rerun_line(item)]
    item.stash[failed_key] = True
    lines += [f"files: {folder}" for folder in item.stash.get(folders_key, [])]
    if lines:
        report.sections.append(("rerun", "\n".join(lines)))
    if call.excinfo is not None and isinstance(call.excinfo.value, GuestPanic):
        report.sections.append(("console", "\n".join(call.excinfo.value.log)))


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
