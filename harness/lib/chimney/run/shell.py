# SPDX-License-Identifier: GPL-2.0-or-later
"""A shell of the guest on the user's terminal: keys there, output back, and the terminal's size."""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from ..agent.client import Agent
from ..agent.command import Command, Result
from ..agent.exchange import AgentError
from ..errors import CommandTimeout, HarnessError
from .streams import Outputs

ESCAPE = b"\x1d"  # Ctrl-]
SHELLS = (("bash", "-l"), ("sh", "-l"))
# What the guest knows about terminals (images/mkinitramfs); any of them can do this one.
TERMINALS = Path("/lib/terminfo")
SIMPLE = "vt102"
DEFAULT_SIZE = (24, 80)  # of a terminal that does not know its own
_SLICE = 0.25
_FOREVER = 1e9


def run_shell(agent: Agent, outputs: Outputs, timeout: float | None) -> Result | None:
    """Run a shell until it, its user (None) or the time ends."""
    command = _start(agent, outputs)
    left, resized = threading.Event(), threading.Event()
    resized.set()  # it may have been while the command started
    deadline = time.monotonic() + (timeout or _FOREVER)
    with _raw(), _resizing(resized):
        keys = threading.Thread(target=_keys, args=(command, left), name="keys", daemon=True)
        keys.start()
        try:
            while not command.wait_or(
                    lambda: (left.is_set() or resized.is_set() or outputs.failure is not None
                             or time.monotonic() > deadline), _FOREVER):
                if outputs.failure is not None:
                    raise outputs.failure
                if left.is_set():
                    return None
                if time.monotonic() > deadline:
                    raise CommandTimeout("the shell to end", timeout or _FOREVER)
                resized.clear()
                command.resize(*_size())
        finally:
            left.set()
            keys.join(2 * _SLICE)
    return command.wait()


def _start(agent: Agent, outputs: Outputs) -> Command:
    name = os.environ.get("TERM", SIMPLE)
    known = (TERMINALS / name[:1] / name).is_file()
    for argv in SHELLS:
        try:
            return agent.start(argv, env={"TERM": name if known else SIMPLE}, terminal=_size(),
                               on_output=outputs.show)
        except AgentError as error:
            refused = error
    raise refused


def _size() -> tuple[int, int]:
    """Rows and columns of the user's terminal. What the environment says of them may be old, or of
    another one.
    """
    columns, rows = os.get_terminal_size(0)
    return rows or DEFAULT_SIZE[0], columns or DEFAULT_SIZE[1]


@contextmanager
def _raw() -> Iterator[None]:
    """Every key goes to the guest, Ctrl-C too."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _resizing(resized: threading.Event) -> Iterator[None]:
    def act(_number: int, _frame: FrameType | None) -> None:
        resized.set()

    before = signal.signal(signal.SIGWINCH, act)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _keys(command: Command, left: threading.Event) -> None:
    """Pass on what is typed, until the user leaves or the terminal has gone."""
    with suppress(HarnessError):
        while not left.is_set() and command.running:
            if not select.select([0], [], [], _SLICE)[0]:
                continue
            try:
                data = os.read(0, 4096)
            except OSError:
                data = b""
            if not data or ESCAPE in data:
                left.set()
                return
            command.send(data)
