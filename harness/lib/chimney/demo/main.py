# SPDX-License-Identifier: GPL-2.0-or-later
"""harness/demo: its options, and how it ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..cli.parser import WHICH_QEMU, Parser, number
from ..errors import HarnessError, WrongUse
from ..vm import kernel
from . import cases
from .handover import Goal
from .parts import Demo

PARTS = ("handover", "segmented", *(group.name for group in cases.GROUPS))
CASES = tuple(scenario.__name__ for group in cases.GROUPS for scenario in group.scenarios)


def make_parser() -> Parser:
    """The parser of the command."""
    parser = Parser("harness/demo",
                    "Move live connections of ordinary programs between Linux TCP and the card, "
                    "compare every byte, check the captures, and count each founding case.",
                    epilog=WHICH_QEMU)
    add = parser.add_argument
    add("--kernel", default="6.1", metavar="VERSION|PATH", help="guest kernel (default: 6.1)")
    add("--seed", type=number(0, 10**9 - 1), default=1, metavar="N",
        help="seed of all random choices (default: 1)")
    add("--cycles", type=number(1, 10**6), default=200, metavar="N",
        help="hand-overs per address family (default: 200)")
    add("--mib", type=number(1, 4095), default=256, metavar="N",
        help="MiB each way per address family (default: 256)")
    add("--only", action="append", default=[], metavar="PART",
        help=f"run only this part or case (repeatable): {', '.join(PARTS + CASES)}")
    add("--family", type=int, choices=(4, 6), help="run only IPv4 or only IPv6")
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, checked; raises HarnessError with the sentence."""
    options = make_parser().parse_args(arguments)
    unknown = [name for name in options.only if name not in PARTS + CASES]
    if unknown:
        raise WrongUse(f"--only: there is no part {', '.join(unknown)}; parts are "
                       f"{', '.join(PARTS + CASES)}.")
    kernel.find(options.kernel)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    try:
        options = parse(arguments)
    except HarnessError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.status
    goal = Goal(bytes=options.mib << 20, cycles=options.cycles,
                uploads_each=min(100, options.cycles // 2))
    families = (options.family,) if options.family else (4, 6)
    demo = Demo(options.kernel, options.seed, goal, families, tuple(options.only))
    try:
        return demo.run()
    except HarnessError as error:
        demo.progress.clear()
        print(f"demo: {error}", file=sys.stderr)
        print(f"files: {demo.folder}")
        print("demo: FAIL it could not be run to its end")
        return error.status
