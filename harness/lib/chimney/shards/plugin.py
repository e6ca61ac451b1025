# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of our conftest.py that makes pytest run one shard: --shard k/n.

Marks say what a test shares and what it weighs. `shares(NAME)` is for tests of one VM; a fixture of
a module or class is shared by the tests of a file. All other tests may run apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from ..errors import WrongUse
from . import again
from .deal import Shard, Test, deal, parse

Hook = TypeVar("Hook", bound=Callable[..., Any])
# Said once with types, which pluggy's own decorator has only on Debian 13.
last: Callable[[Hook], Hook] = pytest.hookimpl(trylast=True)
of_xdist: Callable[[Hook], Hook] = pytest.hookimpl(optionalhook=True)
shard_key = pytest.StashKey[Shard]()
# Of the tests of the run, how many are in this shard, and how many there are.
counts_key = pytest.StashKey[tuple[int, int]]()
OF_FILE = ("class", "module", "package")
# Seconds on a machine with two processors, roughly: a test of a shared VM, a test with a VM of its
# own, one that is slow without a VM, and any other.
SHARED_VM, OWN_VM, SLOW, QUICK = 3.0, 15.0, 1.5, 0.3


def pytest_addoption(parser: pytest.Parser) -> None:
    """--shard: k/n."""
    parser.addoption("--shard", metavar="K/N", help="run the Kth of N shards of the tests; all "
                     "shards need the same --draw (default: one that follows from the commit)")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what is no shard, with pytest's status for wrong use."""
    if config.option.shard is None:
        return
    try:
        config.stash[shard_key] = parse(config.option.shard)
    except WrongUse as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which shard this is, and the line that runs it again."""
    shard = config.stash.get(shard_key, None)
    if shard is None:
        return []
    line = again.command(config.invocation_params.args, draw=config.option.draw,
                         seed=config.option.seed)
    return [f"shard: {shard}; the other shards need --draw {config.option.draw} too",
            f"again: {line}"]


def describe(item: pytest.Item) -> Test:
    """What deal() has to know of a test."""
    shares, own = item.get_closest_marker("shares"), item.get_closest_marker("vm")
    vm = str(shares.args[0]) if shares else ""
    weight = (SHARED_VM if vm else OWN_VM if own else
              SLOW if item.get_closest_marker("slow") else QUICK)
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    of_file = any(fixture.scope in OF_FILE for found in known.values() for fixture in found)
    return Test(item.nodeid, item.nodeid.partition("::")[0], vm, of_file, weight)


@last
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of this shard, of those that -m and -k have left."""
    shard = config.stash.get(shard_key, None)
    if shard is None:
        return
    numbers = deal([describe(item) for item in items], shard.of)
    pairs = list(zip(items, numbers, strict=True))
    others = [item for item, number in pairs if number != shard.number]
    config.stash[counts_key] = (len(items) - len(others), len(items))
    items[:] = [item for item, number in pairs if number == shard.number]
    if others:
        config.hook.pytest_deselected(items=others)


@of_xdist
def pytest_testnodedown(node: Any) -> None:
    """Take the figures from a worker of xdist: it has collected the tests, and we have not."""
    counts = getattr(node, "workeroutput", {}).get("shard")
    if counts is not None:
        node.config.stash[counts_key] = tuple(counts)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A shard without a test is no failure, if there are tests in the others."""
    counts = session.config.stash.get(counts_key, None)
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["shard"] = counts
    elif (counts is not None and counts[0] == 0 < counts[1]
          and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How much of the run this shard was."""
    counts = config.stash.get(counts_key, None)
    if counts is None:
        return
    shard, (mine, all_) = config.stash[shard_key], counts
    terminalreporter.write_line(
        f"shard {shard}: {mine} of the {all_} tests of this run" if mine or not all_ else
        f"shard {shard}: none of the {all_} tests of this run is in it, which is no failure")
