# SPDX-License-Identifier: GPL-2.0-or-later
"""The parser of the image builders: wrong use is one sentence and status 2, with no usage text."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse for the program images/NAME; abbreviations of options are not understood."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(prog=f"images/{name}", description=description, allow_abbrev=False)
        self.name = name

    def error(self, message: str) -> NoReturn:
        text = message.removeprefix("argument ").replace("unrecognized arguments", "unknown option")
        self.exit(2, f"{self.name}: {text.rstrip('.')}. See {self.prog} --help.\n")
