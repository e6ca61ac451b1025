# SPDX-License-Identifier: GPL-2.0-or-later
"""The command harness/bench: options, what must be built first, and where the results go."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import paths
from ..cli.parser import WHICH_QEMU, Parser, number
from ..cli.signals import signals_raise
from ..errors import HarnessError, WrongUse
from ..host import proc
from ..vm import kernel
from ..vm.config import CPUS_MAX
from ..wire import net
from . import figures, loadgen, plan, plugin, profile, report
from .rig import Setup
from .schedule import Bench

# The cloud kernels have no driver for igb and e1000e, and all cards must meet the same kernel.
KERNEL = "6.1-generic"
ROUNDS, QUICK_ROUNDS = 7, 3
SECONDS, QUICK_SECONDS = 1.0, 0.3
BUILD_SECONDS = 600
STATUS_INCOMPLETE = 1
STATUS_GOALS = 3


def make_parser() -> Parser:
    """The parser of the command."""
    parser = Parser("harness/bench", (
        "Compare the chimney card with other cards: same VM, kernel and wire, in alternating "
        "rounds. Print a table and write every figure to a JSON file."), epilog=(
        f"Exit status: {STATUS_INCOMPLETE} if a figure lacks rounds. A run of everything (without "
        "--quick, --devices and --metrics) also checks the goals, and exits with "
        f"{STATUS_GOALS} if one is missed or was not measured. {WHICH_QEMU}"))
    add = parser.add_argument
    add("--rounds", type=number(1, 1000), metavar="N",
        help=f"rounds of each run (default: {ROUNDS})")
    add("--devices", metavar="A,B", help=f"some of {', '.join(plan.DEVICES)}; {plan.BASE} always "
                                         "runs (default: all)")
    add("--metrics", metavar="A,B", help="names, or prefixes followed by a * (default: all); "
                                         "--list prints the names")
    add("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds and shorter runs: for "
                                             "development, not for conclusions")
    add("--json", type=Path, metavar="FILE", default=paths.BUILD / "bench.json",
        help="write the figures here (default: build/bench.json)")
    add("--cpus", type=number(1, CPUS_MAX), default=1, metavar="N",
        help="guest processors (default: 1)")
    add("--kernel", default=KERNEL, metavar="NAME", help=f"guest kernel (default: {KERNEL})")
    add("--profile", metavar="DEVICE:ORDER", help="instead, print where the guest's instructions "
                                                  "go; ORDER is send, recv or rr")
    add("--list", action="store_true", help="print the metrics and exit")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    try:
        options = make_parser().parse_args(arguments)
        if options.list:
            for metric in plan.METRICS.values():
                print(f"{metric.name:<22}{metric.unit}")
            return 0
        with signals_raise():
            return _bench(options)
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.status


def _bench(options: argparse.Namespace) -> int:
    if options.profile is not None:
        return _profile(options)
    devices = plan.pick_devices(options.devices)
    metrics = plan.pick_metrics(options.metrics)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    if not options.json.absolute().parent.is_dir():
        raise WrongUse(f"--json {options.json}: the folder does not exist.")
    if options.kernel not in kernel.NAMES:
        kernel.find(options.kernel)
    begin = time.monotonic()
    net.check_tap_possible()
    _prepare(options.kernel, devices)
    setup = Setup(options.kernel, options.cpus, loadgen.build(), plugin.build())
    bench = Bench(setup, devices, plan.probes_of(metrics), rounds,
                  QUICK_SECONDS if options.quick else SECONDS, _say(begin))
    runs = bench.execute()
    rows = figures.rows(metrics, devices, runs)
    write(options.json, rows)
    head = (f"bench: kernel {options.kernel}, {options.cpus} processor(s), TCG, "
            f"{rounds} rounds, {time.monotonic() - begin:.0f} s")
    print(report.text(rows, head), end="")
    return _status(options, rows, rounds)


def _status(options: argparse.Namespace, rows: Sequence[dict[str, Any]], rounds: int) -> int:
    """What the figures make of the exit status; the goals count in a run of everything only."""
    whole = not (options.quick or options.devices or options.metrics)
    if whole and not report.all_met(rows):
        return STATUS_GOALS
    return 0 if all(_complete(row, rounds) for row in rows) else STATUS_INCOMPLETE


def _profile(options: argparse.Namespace) -> int:
    device, probe = profile.parse(options.profile)
    net.check_tap_possible()
    _prepare(options.kernel, [plan.DEVICES[device]])
    setup = Setup(options.kernel, options.cpus, loadgen.build(), plugin.build())
    for line in profile.profile(device, probe, setup):
        print(line)
    return 0


def _complete(row: dict[str, Any], rounds: int) -> bool:
    """Whether a row has its rounds; one that the device cannot have is complete without."""
    return bool(row["rounds"] >= rounds or (row["rounds"] == 0 and row["failed"] == 0))


def write(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows, one to a line."""
    lines = ",\n ".join(json.dumps(row) for row in rows)
    file.write_text(f"[{lines}]\n")


def _prepare(name: str, devices: Sequence[plan.Device]) -> None:
    """Fetch the kernel and build the driver for it, as far as that has not been done."""
    if name in kernel.NAMES and not (paths.KERNELS / name / "vmlinuz").exists():
        _build([str(paths.TOP / "images/kernels"), name], f"fetch the kernel {name}")
    found = kernel.find(name)
    for device in devices:
        kernel.refuse_missing_card(found, device.model)
    if any(device.model == "chimney" for device in devices) and name in kernel.NAMES:
        _build([str(paths.TOP / "guest-driver/build"), name], f"build the driver for {name}")


def _build(argv: list[str], what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)
    proc.run(argv, seconds=BUILD_SECONDS, what=what)


def _say(begin: float) -> Any:
    """A line of progress on standard error, with the time since the start."""
    def say(text: str) -> None:
        print(f"bench: {time.monotonic() - begin:6.1f} s  {text}", file=sys.stderr, flush=True)
    return say
