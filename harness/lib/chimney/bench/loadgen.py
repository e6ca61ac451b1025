# SPDX-License-Identifier: GPL-2.0-or-later
"""The load program, both ends of one connection: started, given orders, ended."""

from __future__ import annotations

import json
import os
import select
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import paths
from ..agent.command import Command
from ..errors import HarnessError, WaitTimeout
from ..host import programs
from ..vm.boot import Vm
from ..wait import Deadline

SOURCE = paths.TOP / "harness/programs/load/load.c"
# Longer than the program's own patience, so that its reason is heard.
ORDER_SECONDS = 30.0
START_SECONDS = 10.0
# How often a wait looks whether the guest is still alive.
WATCH_SECONDS = 0.5


def build() -> Path:
    """The load program."""
    return programs.build(SOURCE)


class Load:
    """One connection between guest and peer with the load program at both ends."""

    def __init__(self, vm: Vm, program: Path, port: int) -> None:
        room = vm.wire.room
        if room is None:
            raise HarnessError("this wire has no end at which a peer could run.")
        self._vm = vm
        self._buffer = b""
        self._guest: Command | None = None
        self._log = (vm.run_dir / "load.log").open("ab")
        self._peer = room.spawn([str(program), "peer", str(port)], name="the load's peer",
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        try:
            self._expect("listening", START_SECONDS)
            self._guest = vm.background([str(program), "guest", vm.wire.subnet.peer4, str(port)])
            self._expect("connected", START_SECONDS)
            self._guest.wait_output(b"connected", START_SECONDS)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Load:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self.close()

    def order(self, text: str) -> dict[str, Any]:
        """Have one order done and return what the peer measured."""
        assert self._peer.popen.stdin is not None
        try:
            self._peer.popen.stdin.write(text.encode() + b"\n")
            self._peer.popen.stdin.flush()
        except OSError:
            raise HarnessError(f"the load's peer has ended before '{text}'.") from None
        answer: dict[str, Any] = json.loads(self._line(f"the load to do '{text}'", ORDER_SECONDS))
        return answer

    def close(self) -> None:
        """End both ends."""
        self._peer.stop(1.0)
        self._log.close()
        if self._guest is None:
            return
        try:
            self._guest.wait(START_SECONDS)
        except WaitTimeout:
            self._guest.kill()
            raise HarnessError("the load in the guest did not notice its end.") from None

    def _expect(self, word: str, seconds: float) -> None:
        line = self._line(f"the load's peer to say '{word}'", seconds)
        if line != word:
            raise HarnessError(f"the load's peer said '{line}' instead of '{word}'.")

    def _line(self, what: str, seconds: float) -> str:
        assert self._peer.popen.stdout is not None
        fd = self._peer.popen.stdout.fileno()
        deadline = Deadline(seconds)
        while b"\n" not in self._buffer:
            if not select.select([fd], [], [], min(WATCH_SECONDS, deadline.left))[0]:
                self._vm.watch()
                deadline.check(what)
                continue
            data = os.read(fd, 4096)
            if not data:
                raise HarnessError(f"the load's peer ended while one waited for {what}; "
                                   f"{self._last_words()}.")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def _last_words(self) -> str:
        lines = Path(str(self._log.name)).read_text(errors="replace").strip().splitlines()
        return f"it said: {lines[-1]}" if lines else "it said nothing"
