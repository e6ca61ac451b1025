# SPDX-License-Identifier: GPL-2.0-or-later
"""`--junit`: the test results that the command prints, and what the run itself has come to, as a
file for automated suites.

A reader of the file alone has to see everything, so the run is a case too: a failure if its status
is not 0, an error if the harness or the guest has failed. Standard error is not read.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import STATUS_TEST_FAILED
from ..tap.cases import Case, Outcome, Suite
from ..tap.junit import Figures, render
from ..tap.stream import Stream

SUITE = "chimney.run"
NO_TAP = "the command has printed no TAP"


class Results:
    """The results of one run, until they are written."""

    def __init__(self, file: Path, argv: Sequence[str], properties: Mapping[str, str]) -> None:
        """Empty the file: the results of an earlier run are not those of this one, however this one
        ends.
        """
        self.cut = ""  # why the output has ended before its time, if it has
        self._file = file
        self._command = shlex.join(argv)
        self._properties = {"command": self._command, **properties}
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._stream: Stream | None = Stream(Path(argv[0]).name or argv[0])
        if file.is_file() and not file.is_symlink():
            file.write_bytes(b"")

    def take(self, stream: str, data: bytes) -> None:
        """What the command has written; called by the thread that reads the port."""
        with self._lock:
            if stream == "stdout" and self._stream is not None:
                self._stream.feed(data)

    def write(self, status: int, error: str = "") -> tuple[int, Figures]:
        """Write the file; the exit status that follows from the results too, and the figures.
        `error` says what of harness or guest has failed.
        """
        with self._lock:
            assert self._stream is not None
            suites = self._stream.end(error or self.cut)
            self._stream = None
        run = Case(self._command)
        if error:
            run.outcome, run.why = Outcome.ERROR, error
        elif status:
            run.outcome, run.why = Outcome.FAILED, f"the run has ended with status {status}"
        own = Suite(SUITE, [run])
        if not suites and not error:
            own.items.append(Case("TAP", Outcome.ERROR, NO_TAP))
        suites = [own, *suites]
        self._file.write_bytes(render(suites, self._properties, time.monotonic() - self._begin))
        bad = any(suite.bad for suite in suites)
        return status or (STATUS_TEST_FAILED if bad else 0), Figures.of(suites)
