# SPDX-License-Identifier: GPL-2.0-or-later
"""The parser of every command: wrong use is answered with one sentence, not with a usage text."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from .. import paths
from ..errors import WrongUse

# For the help of commands that run QEMU and have no option for it.
WHICH_QEMU = ("CHIMNEY_QEMU in the environment says which QEMU runs: "
              f"{' or '.join(paths.QEMU_VERSIONS)}, as `make qemu QEMU=VERSION` has built it, or "
              f"the path of one (default: {paths.USUAL_QEMU}).")


class Parser(argparse.ArgumentParser):
    """argparse that raises WrongUse; abbreviations of options are not understood."""

    def __init__(self, prog: str, description: str, **more: object) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False,
                         **more)  # type: ignore[arg-type]

    def options(self) -> list[str]:
        """The long name of every option, --help included."""
        return [action.option_strings[-1] for action in self._actions if action.option_strings]

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """In words of our own, because argparse's change from one Python to the next."""
        if action.choices is not None and value not in action.choices:
            known = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(action, f"'{value}' is not one of {known}")

    def error(self, message: str) -> NoReturn:
        text = message.removeprefix("argument ").replace("unrecognized arguments:",
                                                         "unknown option:")
        raise WrongUse(f"{text[0].lower()}{text[1:].rstrip('.')}. See {self.prog} --help.")


def number(least: int, most: int) -> type[int]:
    """The type of an option that takes a whole number from least to most, both included."""
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {least} to {most}")
        return int(text)
    return parse  # type: ignore[return-value]
