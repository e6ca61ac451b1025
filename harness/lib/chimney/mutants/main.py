# SPDX-License-Identifier: GPL-2.0-or-later
"""mutants/run: break rules in turn, each founding one among them, and see their tests fail."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..cli.parser import Parser, number
from ..errors import WrongUse
from .patches import HALVES, Broken, Mutant, wanted
from .trial import attempt, passes_unbroken


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(
        "mutants/run",
        "Break one rule after the other, and check that the test of each rule fails.",
        epilog="device/ID.patch beside this program breaks requirement ID in the device or the "
               "engine, driver/ID.patch in the guest driver. Each patch names the test that must "
               "fail. ID-WORD.patch is a further patch for the same requirement.",
    )
    parser.add_argument("id", nargs="*", metavar="ID",
                        help="requirement or patch, such as BRD-6, driver/BRD-1 or INI-7-backoff "
                             "(default: all)")
    parser.add_argument("--jobs", type=number(1, 64), default=os.cpu_count() or 1, metavar="N",
                        help="device mutants to try at a time; driver mutants run one by one")
    parser.add_argument("--keep", action="store_true",
                        help="keep build/mutants/device/ID for inspection")
    return parser.parse_args(words)


def try_half(half: str, mutants: list[Mutant], jobs: int, keep: bool) -> int:
    """Try the mutants of one half, one line each; returns how many were killed."""
    if not mutants:
        return 0
    passes_unbroken(half, mutants)
    killed = 0
    with ThreadPoolExecutor(jobs if half == "device" else 1) as pool:
        for noticed, line in pool.map(lambda mutant: attempt(mutant, keep), mutants):
            killed += noticed
            print(line, flush=True)
    return killed


def main(words: Sequence[str] | None = None) -> int:
    """Returns 0 when all are killed, 1 when one lives, 2 when it could not be tried."""
    killed = 0
    try:
        args = arguments(words)
        mutants = wanted(args.id)
        for half in HALVES:
            of_half = [mutant for mutant in mutants if mutant.half == half]
            killed += try_half(half, of_half, args.jobs, args.keep)
    except (Broken, WrongUse) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    print(f"mutants: {killed} of {len(mutants)} killed")
    return 0 if killed == len(mutants) else 1
