# SPDX-License-Identifier: GPL-2.0-or-later
"""The command harness/chimney: picks the verb, and turns every refusal into one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .. import paths
from ..errors import HarnessError, WrongUse
from .options import make_parser, parse
from .run import run

USAGE = """usage: harness/chimney run [options] [-- CMD [ARG...]]

  run        run CMD in a fresh VM with the chimney card, or open a shell of it; see run --help
  --version  print the version
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except HarnessError as error:
        print(f"chimney: {error}", file=sys.stderr)
        return error.status


def _dispatch(words: list[str]) -> int:
    if not words:
        raise WrongUse("there is no verb; try harness/chimney --help.")
    verb, rest = words[0], words[1:]
    if verb in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if verb == "--version":
        print(f"chimney {paths.VERSION}")
        return 0
    if verb != "run":
        raise WrongUse(f"unknown verb: {verb}; try harness/chimney --help.")
    ours = rest[:rest.index("--")] if "--" in rest else rest
    if "-h" in ours or "--help" in ours:
        make_parser().print_help()
        return 0
    return run(parse(rest))
