# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the guest suite: which kernels and how many processors, VMs kept between tests, and
the look at the guest after each.

A test that asks for `visit` runs natively (nothing is handed over, which proves the test) once,
offloaded on every kernel with every number of processors, and offloaded on the debug kernel in
check-debug (CHIMNEY_DEBUG_KERNEL says which one). make check draws one of the offloaded ones and
one in 24 of all native ones; of the hand-over core it draws one on the oldest kernel and one on the
newest. Tests that ask for the same special VM are drawn on the same machine.
@pytest.mark.where(...) narrows that or asks for another VM.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chimney.guest.station import Pool, Visit, config
from chimney.host import programs
from chimney.host.rundir import forget_old
from chimney.vm.kernel import DEBUG, is_debug
from chimney.wire.linkemu import EmulatedWire
from chimney.wire.vlan import CUSTOMER, INNER, SERVICE, VLAN, VlanWire

HERE = Path(__file__).parent
KERNELS = ("6.1", "6.12", "7.3")
CPUS = (1, 2, 4)
# The hand-over core: these run on the kernels of CORE_KERNELS each time.
CORE, CORE_KERNELS = ("test_data.py",), ("6.1", "7.3")
DEBUG_CPUS = 2
NATIVE_CPUS, NATIVE_KERNEL = 2, "6.1"
DEBUG_MEMORY = 1024
LITTLE_MEMORY = "x-max-bytes=2M"
# `make mutants` gives the module that the guests load.
DRIVER = os.environ.get("CHIMNEY_DRIVER", "")
failed_key = pytest.StashKey[bool]()
folder_key = pytest.StashKey[str]()
last_key = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """The marker of this folder."""
    config.addinivalue_line(
        "markers", "where(cpus, kernels, native, debug, vm): which machines a guest test runs on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One variant per machine and way."""
    if "visit" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("where")
    where: dict[str, Any] = dict(mark.kwargs) if mark else {}
    cpus, kernels = where.get("cpus", CPUS), where.get("kernels", KERNELS)
    native_cpus = NATIVE_CPUS if NATIVE_CPUS in cpus else cpus[0]
    variants = []
    for kernel in kernels:
        for count in cpus:
            if where.get("native", True) and (kernel, count) == (NATIVE_KERNEL, native_cpus):
                variants.append(variant(kernel, count, "native",
                                        pytest.mark.drawn(24, per="folder")))
            core = metafunc.definition.path.name in CORE
            drawn = offload_draw(kernel, count, kernels, cpus, where.get("vm", "plain"), core)
            variants.append(variant(kernel, count, "offload", drawn))
    if where.get("debug", True):
        variants.append(variant(DEBUG, DEBUG_CPUS, "offload", pytest.mark.debug,
                                pytest.mark.timeout(900)))
    metafunc.parametrize(("machine", "way"), variants)


def offload_draw(kernel: str, count: int, kernels: tuple[str, ...], cpus: tuple[int, ...],
                 vm: str, core: bool) -> pytest.MarkDecorator:
    """Which of a test's machines make check draws; what it draws for a special VM goes for all of
    its tests, and for the plain one each test draws by itself.
    """
    alike = {} if vm == "plain" else {"alike": vm}
    if not core:
        return pytest.mark.drawn(len(kernels) * len(cpus), over=f"{kernel}-{count}cpu", **alike)
    if kernel in CORE_KERNELS or len(kernels) == 1:
        return pytest.mark.drawn(len(cpus), over=f"{count}cpu", **alike)
    return pytest.mark.long


def variant(kernel: str, cpus: int, way: str, *marks: pytest.MarkDecorator) -> Any:
    """One set of parameters."""
    return pytest.param((kernel, cpus), way, id=f"{kernel}-{cpus}cpu-{way}", marks=marks)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder boot a VM, and those of the same VM come one after the other, and in
    one shard, so that it boots once. First, because -m looks at the marks.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.vm)
        key = vm_key(item)
        if key is not None:
            item.add_marker(pytest.mark.shares("-".join(map(str, key))))
    places = [place for place, item in enumerate(items) if vm_key(item) is not None]
    ordered = sorted((items[place] for place in places), key=lambda item: str(vm_key(item)))
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def vm_key(item: pytest.Item) -> tuple[Any, ...] | None:
    """What decides a test's VM; None for tests that make their own."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "machine" not in callspec.params:
        return None
    mark = item.get_closest_marker("where")
    return (*callspec.params["machine"], mark.kwargs.get("vm", "plain") if mark else "plain")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Remember for the fixture whether the VM ends with this test."""
    item.stash[last_key] = nextitem is None or vm_key(nextitem) != vm_key(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """Remember a failure for the fixture, and say where the VM's files are."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        item.stash[failed_key] = True
        folder = item.stash.get(folder_key, "")
        if folder:
            report.sections.append(("guest", f"files: {folder}"))


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """The VM that is kept from test to test."""
    pool = Pool()
    yield pool
    pool.discard()
    forget_old()


def special(name: str) -> dict[str, Any]:
    """The VMs that are not plain, by name. A faulty one is, but its card has broken rules: its
    books do not add up, and other tests do not run in it.
    """
    if name == "emulated":
        return {"wire": EmulatedWire(7)}
    if name == "stream":
        return {"wire": EmulatedWire(7, kind="stream")}
    if name in ("stream-and-card", "dgram-and-card"):
        return {"wire": EmulatedWire(7, kind=name.partition("-")[0]), "second": "chimney"}
    if name == "segmented":
        return {"wire": "segmented"}
    if name == "vlan":
        return {"wire": VlanWire()}
    if name == "vlan-on-vlan":
        return {"wire": VlanWire((CUSTOMER, VLAN), (CUSTOMER, INNER))}
    if name == "service-vlan":
        return {"wire": VlanWire((SERVICE, VLAN))}
    if name == "rules":
        return {"bins": [str(programs.puppet()), str(programs.xfer()), "nft"],
                "load": ["8021q", "tls", "nf_nat", "nft_chain_nat", "nft_nat", "nft_redir"]}
    if name == "two-cards":
        return {"second": "vmxnet3"}
    if name == "little-memory":
        return {"device_options": [LITTLE_MEMORY]}
    if name == "tracked":
        return {"load": ["8021q", "tls", "nf_conntrack"], "append": "nf_conntrack.enable_hooks=1"}
    if name == "four-connections":
        return {"device_options": ["max-conns=4"]}
    return {}


@pytest.fixture
def visit(request: pytest.FixtureRequest, pool: Pool, machine: tuple[str, int],
          way: str) -> Iterator[Visit]:
    """This test's stay in a VM; afterwards nothing may be broken, and nothing left over."""
    kernel, cpus = machine
    key = vm_key(request.node)
    assert key is not None
    more = special(key[-1])
    if is_debug(kernel):
        more["memory"] = DEBUG_MEMORY
    if DRIVER:
        more["driver"] = Path(DRIVER)
    station = pool.get(key, lambda: config(kernel, cpus, **more))
    folder = station.run_dir
    request.node.stash[folder_key] = str(folder)
    visit = Visit(station, way)
    broken = True
    try:
        yield visit
        visit.close()
        broken = request.node.stash.get(failed_key, False)
        findings = [] if broken else station.findings(request.node.stash[last_key])
        if findings:
            broken = True
            pytest.fail("after the test, in the guest: " + "; ".join(findings), pytrace=False)
    finally:
        if broken:
            pool.discard(keep_files=True)
