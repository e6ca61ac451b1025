# SPDX-License-Identifier: GPL-2.0-or-later
"""How every command of the harness begins and ends, whatever its standard descriptors are.

Daemons and agents start programs with descriptors closed, and `| head -1` goes away in the middle.
Neither is a reason for a traceback.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from ..errors import STATUS_BROKEN_PIPE, STATUS_HARNESS


def enter(name: str, main: Callable[[], int]) -> int:
    """Run the command of that name; returns its exit status."""
    open_closed()
    try:
        status = status_of(main)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has no reader either; Python would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return STATUS_BROKEN_PIPE
    except OSError as error:
        # A folder that cannot be written, a disk that is full: no place for a traceback.
        with suppress(OSError):
            print(f"{name}: {sentence(error)}", file=sys.stderr)
        return STATUS_HARNESS
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def status_of(main: Callable[[], int]) -> int:
    """The exit status, also where argparse ends a program that has printed its help."""
    try:
        return main()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        return end.code


def sentence(error: OSError) -> str:
    """What a person is told of a failed system call."""
    where = os.fsdecode(error.filename) if error.filename else ""
    if not where and isinstance(error, FileNotFoundError):
        where = "the working directory"
    return f"{where}{': ' if where else ''}{error.strerror or error}."


def open_closed() -> None:
    """Give each standard descriptor that is closed /dev/null, so that no file gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            errors = "backslashreplace" if number == 2 else "surrogateescape"
            stream = open(number, mode, errors=errors, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name of a file need not be text in this locale.
        sys.stdout.reconfigure(errors="surrogateescape")
