# SPDX-License-Identifier: GPL-2.0-or-later
"""A nest: private user, network, mount and PID namespaces in which one run lives.

It needs no root. QEMU, the wire peers and the link emulator all run inside; when the nest closes,
or the harness dies in any way, the kernel kills every process in it. What devices stand in its
network is the business of wire/net.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..errors import HarnessError
from ..wait import wait_until
from .proc import Child, find_program, run, spawn

INIT = Path(__file__).with_name("nest_init.py")


class NestRefused(HarnessError):
    """This machine does not let us make a private network."""


def listens_in(table: str, port: int) -> bool:
    """Whether a table of sockets, as /proc/net/tcp is one, has a listener at a port."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
            return True
    return False


class Room:
    """One network namespace of a nest: a place in which programs can be started."""

    def __init__(self, prefix: Sequence[str], pid: int) -> None:
        self._prefix = list(prefix)
        self.pid = pid

    def spawn(self, argv: Sequence[str], *, name: str | None = None,
              stdin: int | IO[bytes] | None = subprocess.DEVNULL,
              stdout: int | IO[bytes] | None = subprocess.DEVNULL,
              stderr: int | IO[bytes] | None = subprocess.STDOUT,
              env: Mapping[str, str] | None = None, cwd: Path | None = None,
              pass_fds: Sequence[int] = ()) -> Child:
        """Start a program in this room."""
        return spawn(argv, name=name, prefix=self.prefix(cwd), stdin=stdin, stdout=stdout,
                     stderr=stderr, env=env, pass_fds=pass_fds)

    def run(self, argv: Sequence[str], *, seconds: float = 20, check: bool = True,
            what: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a short command in this room to its end."""
        return run(argv, prefix=self.prefix(), seconds=seconds, check=check, what=what)

    def ip(self, *words: str) -> str:
        """Run the ip command in this room and return what it prints."""
        return self.run(["ip", *words]).stdout

    def listens(self, port: int) -> bool:
        """Whether some program of this room listens at a TCP port."""
        return any(listens_in(Path(f"/proc/{self.pid}/net/{name}").read_text(), port)
                   for name in ("tcp", "tcp6"))

    def wait_listens(self, port: int, seconds: float = 30) -> None:
        """Wait until some program of this room listens at a TCP port."""
        wait_until(lambda: self.listens(port), f"a peer to listen at port {port}", seconds)

    def sysctl(self, name: str, value: str | int) -> None:
        """Set one network sysctl of this room, named as a path below /proc/sys."""
        run(["tee", f"/proc/sys/{name}"], prefix=self.prefix(), input_bytes=f"{value}\n".encode())

    def prefix(self, cwd: Path | None = None) -> list[str]:
        """The command that, put before another, runs it in this room."""
        return [*self._prefix, f"--wdns={cwd or _working_directory()}", "--"]


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"  # ours has been deleted


class Nest(Room):
    """The namespaces of one run; a context manager. Its own room is the wire peer's."""

    def __init__(self) -> None:
        self._init = subprocess.Popen([sys.executable, "-I", "-S", str(INIT)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            pid = self._open()
        except HarnessError:
            self.close()
            raise
        super().__init__([find_program("nsenter"), "--preserve-credentials", "-t", str(pid),
                          "-U", "-m", "-n", "-p"], pid)
        self._rooms: list[Child] = []
        self.ip("link", "set", "lo", "up")

    def _open(self) -> int:
        self._expect("unshared")
        self._say("mapped" if self._map_everyone() else "map")
        pid = self._expect("ready")
        return int(pid)

    def _expect(self, word: str) -> str:
        assert self._init.stdout is not None
        line = self._init.stdout.readline().decode().strip()
        if line.startswith(word):
            return line[len(word):].strip()
        reason = line.removeprefix("failed ") or "its first process died"
        raise NestRefused(f"this machine refuses a private network namespace ({reason}).")

    def _say(self, word: str) -> None:
        assert self._init.stdin is not None
        self._init.stdin.write(word.encode() + b"\n")
        self._init.stdin.flush()

    def _map_everyone(self) -> bool:
        """As root map all users, so that servers can drop to their own; else tell the child."""
        if os.geteuid() != 0:
            return False
        try:
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{self._init.pid}/{name}").write_text("0 0 4294967295")
        except OSError:
            return False
        return True

    def room(self) -> InnerRoom:
        """A further network namespace inside the nest, for a host behind the tap."""
        holder = self.spawn(["unshare", "--net", "sleep", "infinity"], name="room")
        self._rooms.append(holder)
        own = os.readlink(f"/proc/{self.pid}/ns/net")

        def entered() -> int:
            for pid in holder.pids():
                try:
                    if pid != holder.popen.pid and os.readlink(f"/proc/{pid}/ns/net") != own:
                        return pid
                except OSError:
                    pass
            return 0

        pid = wait_until(entered, "a second network namespace", 5)
        room = InnerRoom(self, pid)
        room.ip("link", "set", "lo", "up")
        return room

    def close(self) -> None:
        """End everything that runs inside, and the namespaces with it."""
        if self._init.stdin is not None:
            self._init.stdin.close()
        try:
            self._init.wait(30)
        except subprocess.TimeoutExpired:
            self._init.kill()
            self._init.wait(30)
        if self._init.stdout is not None:
            self._init.stdout.close()
        for holder in getattr(self, "_rooms", []):
            holder.popen.wait(30)

    def __enter__(self) -> Nest:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class InnerRoom(Room):
    """A second host on the wire, reached through the nest."""

    def __init__(self, nest: Nest, pid: int) -> None:
        super().__init__([find_program("nsenter"), "--preserve-credentials", "-t", str(nest.pid),
                          "-U", "-m", "-p", f"--net=/proc/{pid}/ns/net"], pid)
        # What a program inside calls the same process, as `ip link set ... netns` wants it.
        status = Path(f"/proc/{pid}/status").read_text()
        self.inner_pid = next(int(line.split()[-1]) for line in status.splitlines()
                              if line.startswith("NSpid:"))
