# SPDX-License-Identifier: GPL-2.0-or-later
"""Child processes that cannot outlive the harness.

A plain child is started through setpriv with a parent-death signal and in a session of its own;
children inside a namespace (nest.py) die with that namespace. Callers start children from a
thread that lives as long as the child should, because the parent-death signal follows the thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..errors import HarnessError, ProgramMissing, WaitTimeout

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = {
    "ip": "iproute2", "nsenter": "util-linux", "setpriv": "util-linux", "iperf3": "iperf3",
    "socat": "socat", "nginx": "nginx", "tshark": "tshark", "ethtool": "ethtool",
}


def find_program(name: str) -> str:
    """The absolute path of a host program, or ProgramMissing with the package that has it."""
    # What the distribution installed comes first: a version manager in PATH may shadow it.
    found = shutil.which(name, path=SYSTEM_PATH) or shutil.which(name)
    if found is None:
        raise ProgramMissing(name, PACKAGES.get(Path(name).name))
    return found


class Child:
    """A running child and the way to end it; wrapper tells that Popen is only an nsenter."""

    def __init__(self, popen: subprocess.Popen[bytes], name: str, wrapped: bool) -> None:
        self.popen = popen
        self.name = name
        self._wrapped = wrapped

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.popen.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status as a shell gives it (128 + signal), None while it runs."""
        code = self.popen.poll()
        return code if code is None or code >= 0 else 128 - code

    def wait(self, seconds: float) -> int:
        """Wait for the end and return the exit status."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise WaitTimeout(f"{self.name} to end", seconds) from None
        status = self.status
        assert status is not None
        return status

    def pids(self) -> list[int]:
        """The processes that a signal must reach: the real program, not its wrapper."""
        if not self.running:
            return []
        pid = self.popen.pid
        if not self._wrapped:
            return [pid]
        try:
            text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            return [pid]
        return [int(word) for word in text.split()] or [pid]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the real program."""
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop(self, grace: float = 2.0) -> None:
        """End it: politely first, by force after the grace, and reap it."""
        if self.running:
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(grace)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.popen.wait(30)
        self.close()

    def kill(self) -> None:
        """End it at once and reap it."""
        if self.running:
            self.signal(signal.SIGKILL)
            self.popen.wait(30)
        self.close()

    def close(self) -> None:
        """Close the pipes to it that are still open."""
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()


def spawn(argv: Sequence[str], *, name: str | None = None, prefix: Sequence[str] = (),
          stdin: int | IO[bytes] | None = subprocess.DEVNULL,
          stdout: int | IO[bytes] | None = subprocess.DEVNULL,
          stderr: int | IO[bytes] | None = subprocess.STDOUT,
          env: Mapping[str, str] | None = None, cwd: Path | None = None,
          pass_fds: Sequence[int] = ()) -> Child:
    """Start a program; prefix is an nsenter command when it is to run inside a namespace."""
    program = find_program(argv[0])
    lead = list(prefix) or [find_program("setpriv"), "--pdeathsig", "KILL", "--"]
    popen = subprocess.Popen([*lead, program, *argv[1:]], stdin=stdin, stdout=stdout,
                             stderr=stderr, env=env, cwd=cwd, pass_fds=tuple(pass_fds),
                             start_new_session=True)
    return Child(popen, name or Path(argv[0]).name, bool(prefix))


def run(argv: Sequence[str], *, seconds: float = 20, prefix: Sequence[str] = (),
        what: str | None = None, check: bool = True,
        input_bytes: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end; a failure becomes one sentence with its last line."""
    child = spawn(argv, prefix=prefix, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                  stdin=subprocess.PIPE if input_bytes is not None else subprocess.DEVNULL)
    try:
        out, err = child.popen.communicate(input_bytes, timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        raise WaitTimeout(what or f"'{' '.join(argv)}' to end", seconds) from None
    status = child.status
    assert status is not None
    result = subprocess.CompletedProcess(list(argv), status, out.decode(errors="replace"),
                                         err.decode(errors="replace"))
    if check and status != 0:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["no message"]
        raise HarnessError(f"'{' '.join(argv)}' failed with status {status}: {last[0]}")
    return result
