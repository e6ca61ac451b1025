# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said while a run goes on: a changing line on a terminal, nothing in a log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO


class Progress:
    """One line that is overwritten by the next, only when the stream is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._on = self._stream.isatty()
        self._begin = time.monotonic()
        self._shown = False

    def say(self, text: str) -> None:
        """Show what is being done now."""
        if not self._on:
            return
        line = f"chimney: {time.monotonic() - self._begin:5.1f} s  {text}"
        width = shutil.get_terminal_size().columns
        self._stream.write("\r\033[K" + line[:width - 1])
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away, before anything else is printed."""
        if self._shown:
            self._stream.write("\r\033[K")
            self._stream.flush()
            self._shown = False
