# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which the harness says no.

Each exception carries one sentence for the person at the terminal and the exit status that goes
with it. Nothing here knows about VMs or networks.
"""

from __future__ import annotations

from collections.abc import Sequence

STATUS_WRONG_USE = 2
STATUS_TEST_FAILED = 123  # by the results that the user's command has printed
STATUS_TIMEOUT = 124
STATUS_HARNESS = 125
STATUS_BROKEN_PIPE = 141


class HarnessError(Exception):
    """Something the harness needs is missing or went wrong; str() is one clear sentence."""

    status = STATUS_HARNESS


class WrongUse(HarnessError):
    """The options ask for something unknown or impossible."""

    status = STATUS_WRONG_USE


class WaitTimeout(HarnessError):
    """A wait ran out: names the wait and how long it lasted."""

    def __init__(self, what: str, seconds: float, detail: str = "") -> None:
        self.what = what
        self.seconds = seconds
        tail = f" ({detail})" if detail else ""
        super().__init__(f"waited {seconds:.1f} s for {what} in vain{tail}.")


class CommandTimeout(WaitTimeout):
    """The user's own command did not end within --timeout."""

    status = STATUS_TIMEOUT


class OutputGone(HarnessError):
    """Nobody reads our standard output, or error, any more: what SIGPIPE is to other programs."""

    status = STATUS_BROKEN_PIPE

    def __init__(self, name: str) -> None:
        super().__init__(f"nobody reads {name} any more.")


class GuestFailure(HarnessError):
    """The guest itself died: a panic, an unexpected power-off, QEMU gone."""


class GuestPanic(GuestFailure):
    """The console shows a kernel panic: the line in which the kernel says so, the cause that it had
    named before, if it did, and the last lines of the log.
    """

    def __init__(self, line: str, cause: str = "", log: Sequence[str] = ()) -> None:
        self.line = line
        self.log = log
        super().__init__(f"the guest kernel panicked: {line}" + (f" ({cause})" if cause else ""))


class ProgramMissing(HarnessError):
    """A host program that the harness has to run is not installed."""

    def __init__(self, program: str, package: str | None = None) -> None:
        hint = f"; install the Debian package {package}" if package else ""
        super().__init__(f"the program {program} is not on this machine{hint}.")
