# SPDX-License-Identifier: GPL-2.0-or-later
"""The command harness/setup/tomorrow: try what testing and unstable have, and print the table."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Sequence

from .. import paths
from ..cli.parser import Parser
from ..cli.signals import Interrupted, signals_raise
from ..errors import WrongUse
from .kernel import Headers
from .qemu import Source
from .suite import NAMES, OUT, Suite, Untried
from .table import Row, render

Kind = type[Headers] | type[Source]
KINDS: tuple[Kind, ...] = (Headers, Source)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 also when something breaks, 1 when nothing could be tried."""
    parser = Parser(
        "harness/setup/tomorrow",
        "Build the driver against the newest kernel headers, and the device against the QEMU "
        "source, of Debian testing and unstable, below build/tomorrow; print what breaks and "
        "where. Nothing is installed, and no other build finds what is fetched here.",
        epilog="The status is 0 also when something breaks, and 1 when nothing could be tried. "
        "JOBS in the environment says how many compilers of QEMU's build run at a time.")
    try:
        parser.parse_args(words)
    except WrongUse as error:
        print(f"tomorrow: {error}", file=sys.stderr)
        return error.status
    in_plain_path(words)
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with signals_raise():
                return tell(rows())
        except BlockingIOError:
            print("tomorrow: another one is at work here.", file=sys.stderr)
            return 1
        except Interrupted as error:
            print(f"tomorrow: {error}", file=sys.stderr)
            return error.status


def in_plain_path(words: Sequence[str] | None) -> None:
    """make and ninja cannot write every path: go on where the repository has another one."""
    if re.search(r"[^A-Za-z0-9/._+-]", str(paths.TOP)):
        setup = paths.TOP / "harness" / "setup"
        program = str(setup / "plain-path")
        os.execv(program, [program, str(setup / "tomorrow"), *(words or sys.argv[1:])])


def tell(table: list[Row]) -> int:
    """Print the table, or the reason why there is none."""
    if not any(row.tried for row in table):
        reasons = dict.fromkeys(row.why for row in table)
        print(f"tomorrow: nothing could be tried: {'; '.join(reasons)}", file=sys.stderr)
        return 1
    text = render(table)
    (OUT / "table").write_text(text)
    print(text, end="")
    return 0


def rows() -> list[Row]:
    """One for each suite and package."""
    result: list[Row] = []
    for suite in map(Suite, NAMES):
        print(f"tomorrow: asking for what {suite.name} has", file=sys.stderr)
        try:
            suite.ask("update")
        except Untried as error:
            result += [Row(suite.name, kind.package, "?", why=str(error)) for kind in KINDS]
            continue
        result += [row_of(suite, kind, result) for kind in KINDS]
    return result


def row_of(suite: Suite, kind: Kind, before: Sequence[Row]) -> Row:
    """Try a package, unless an earlier suite has the same version of it."""
    name, version = kind.package, "?"
    try:
        package = kind(suite)
        name, version = package.package, package.version
        for row in before:
            if (row.package, row.newest or row.version) == (name, version) and not row.same_as:
                return Row(suite.name, name, version, same_as=row.suite)
        return package.row()
    except Untried as error:
        return Row(suite.name, name, version, why=str(error))
