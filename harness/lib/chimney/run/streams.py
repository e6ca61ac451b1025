# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness's own standard streams, joined with those of a command in the guest.

Any kind of descriptor is good: a file, a pipe, a socket, a terminal. What goes wrong at our end is
kept here as one sentence for the thread that waits for the command.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..agent.command import Command
from ..errors import HarnessError, OutputGone

NAMES = {"stdout": (1, "standard output"), "stderr": (2, "standard error")}
CHUNK = 65536
_NULL = os.makedev(1, 3)
# How long a terminal that belongs to somebody else at the moment, or an ended command, may go
# without being looked at.
_SLICE = 0.5


def write_all(fd: int, data: bytes) -> None:
    """Write everything, also to a descriptor that somebody has made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view):]
        except BlockingIOError:
            select.select([], [fd], [])


class Outputs:
    """Where a command's output goes. After the first failure it is thrown away."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self.failure: HarnessError | None = None

    def show(self, stream: str, data: bytes) -> None:
        """Pass on what the command has written; called by the thread that reads the port."""
        if self.failure is not None:
            return
        fd, name = NAMES[stream]
        try:
            self._before()
            write_all(fd, data)
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.ECONNRESET):
                self.failure = OutputGone(name)
            else:
                self.failure = HarnessError(f"{name}: {error.strerror}.")


def feeds() -> bool:
    """Whether our standard input is one that a command could read something from."""
    try:
        status = os.fstat(0)
    except OSError:
        return False
    return not (stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL)


def feed(command: Command, say: Callable[[str], None]) -> None:
    """Have a thread pass our standard input on, until it or the command ends."""
    threading.Thread(target=_feed, args=(command, say), name="stdin", daemon=True).start()


def _feed(command: Command, say: Callable[[str], None]) -> None:
    with suppress(HarnessError):
        while command.running:
            try:
                data = _read()
            except OSError as error:
                say(f"standard input: {error.strerror}.")
                data = b""
            if data is None:
                continue
            if not data:
                command.close_stdin()
                return
            command.send(data, seconds=1e6)


def _read() -> bytes | None:
    """What there is to read; None for nothing yet."""
    if not select.select([0], [], [], _SLICE)[0]:
        return None
    if not _terminal_is_ours():
        # Reading would stop us, as it stops every job in the background.
        time.sleep(_SLICE)
        return None
    try:
        return os.read(0, CHUNK)
    except BlockingIOError:
        return None


def _terminal_is_ours() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return True  # no terminal, or not the one that controls us
