# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual machine for one test or one run: nest, wire, image, QEMU, agent and console together.

This is what tests and the command use. Nothing survives it: close() ends the guest, its peers and
its namespaces whatever state they are in.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..agent.client import Agent
from ..agent.command import Command, Result
from ..agent.exchange import AgentError
from ..errors import GuestFailure, GuestPanic, HarnessError, WaitTimeout
from ..host.proc import Child, spawn
from ..host.rundir import new_run_dir
from ..wait import Deadline, wait_until
from .config import VmConfig
from .console import Console, panic_cause
from .prepare import PreparedVm
from .qmp import Qmp

# An oops, its registers and its call trace.
PANIC_LINES = 80
BOOT_SECONDS = 90.0
# The kernel gathers link events for up to a second; until then IPv6 has no route.
LINK_SECONDS = 5.0
OFF_SECONDS = 20.0
MESSAGE_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z ")
T = TypeVar("T")


class Vm(PreparedVm):
    """One VM; a context manager that starts it and ends it."""

    def __init__(self, config: VmConfig, run_dir: Path | None = None,
                 say: Callable[[str], None] | None = None) -> None:
        super().__init__(config, run_dir or new_run_dir(), say or (lambda _text: None))
        self.peers: list[Child] = []
        self.boot_seconds = 0.0
        self.link_up = False
        self._agent: Agent | None = None
        self._qmp: Qmp | None = None
        self._child: Child | None = None
        self.console = Console(self.run_dir / "console.log")

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Vm:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Boot, and return when the guest's agent answers and its link is up."""
        machine = self.prepare()
        self.start_peers()
        begin = time.monotonic()
        self.launch(machine.command())
        self._say(f"booting {self.config.kernel} under {self.accel.name}")
        deadline = Deadline(BOOT_SECONDS)
        self._qmp = self._guarded(lambda: Qmp(machine.qmp_socket, 10))
        self._agent = self._guarded(
            lambda: Agent(machine.agent_socket, deadline.left, self.watch))
        self._wait_link()
        self.boot_seconds = time.monotonic() - begin

    def close(self) -> None:
        """End everything at once, in whatever state it is."""
        try:
            self.console.poll()
            if self._agent is not None:
                self._agent.close()
                self._agent = None
            if self._qmp is not None:
                self._qmp.close()
                self._qmp = None
            if self._child is not None:
                self._child.kill()
            for peer in self.peers:
                peer.stop(1.0)
            if self.capture is not None:
                self.capture.finish()
        finally:
            self._stack.close()
        self.console.poll()

    def kill(self) -> None:
        """Pull the plug."""
        if self._child is not None:
            self._child.kill()

    def shutdown(self, seconds: float = OFF_SECONDS) -> None:
        """Turn the guest off in order, and wait until QEMU has ended."""
        assert self._child is not None
        self.agent.power_off(seconds)
        child = self._child
        wait_until(lambda: not child.running, "QEMU to end after power-off", seconds)
        self.console.poll()

    # -- the guest -------------------------------------------------------------------------------

    @property
    def agent(self) -> Agent:
        """The connection to the guest's agent."""
        if self._agent is None:
            raise HarnessError("the VM is not running.")
        return self._agent

    @property
    def qmp(self) -> Qmp:
        """QEMU's monitor."""
        if self._qmp is None:
            raise HarnessError("the VM is not running.")
        return self._qmp

    @property
    def running(self) -> bool:
        """Whether QEMU is alive."""
        return self._child is not None and self._child.running

    def pids(self) -> list[int]:
        """The processes of QEMU and of all peers that run."""
        children = [self._child, *self.peers]
        return [pid for child in children if child is not None for pid in child.pids()]

    def has_card(self) -> bool:
        """Whether the guest has an eth0."""
        try:
            self.agent.get("/sys/class/net/eth0/operstate")
        except AgentError:
            return False
        return True

    def turned_off(self, seconds: float) -> bool:
        """Whether the guest turns itself off in order within that time."""
        child = self._child
        with suppress(WaitTimeout):
            wait_until(lambda: child is None or not child.running, "QEMU to end", seconds)
        return child is not None and child.status == 0 and self.console.panic is None

    def run(self, argv: Sequence[str], *, seconds: float = 30, check: bool = True,
            input: bytes | None = None) -> Result:
        """Run a command in the guest to its end."""
        return self.agent.run(argv, seconds=seconds, check=check, input=input)

    def background(self, argv: Sequence[str]) -> Command:
        """Start a command in the guest and leave it running."""
        return self.agent.start(argv)

    def watch(self) -> None:
        """Raise when the guest has panicked or QEMU has ended; called during every wait."""
        self.console.poll()
        panic = self._panic()
        if panic is not None:
            raise panic
        if self._child is not None and not self._child.running:
            self.console.poll()
            raise self._panic() or GuestFailure(self._why_ended())

    def _panic(self) -> GuestPanic | None:
        panic = self.console.panic
        if panic is None:
            return None
        return GuestPanic(panic.line, panic_cause(self.console.text()),
                          self.console.tail(PANIC_LINES))

    def _why_ended(self) -> str:
        assert self._child is not None
        if self._child.status == 0:
            last = [line for line in self.console.tail(30) if line.startswith("init: failed")]
            return "the guest turned itself off" + (f" ({last[-1]})." if last else ".")
        text = self._log_text().strip().splitlines()
        # With --trace each message has its time before it.
        why = MESSAGE_TIME.sub("", text[-1]) if text else ""
        return f"QEMU ended with status {self._child.status}" + (f": {why}" if text else ".")

    def _log_text(self) -> str:
        try:
            return (self.run_dir / "qemu.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _guarded(self, action: Callable[[], T]) -> T:
        """Do one step of the boot; when QEMU is the reason why it failed, say so instead."""
        try:
            return action()
        except HarnessError:
            child = self._child
            # Its sockets close a moment before QEMU has ended.
            with suppress(WaitTimeout):
                wait_until(lambda: child is None or not child.running, "QEMU to end", 1.0)
            self.watch()
            raise

    # -- the peers -------------------------------------------------------------------------------

    def peer(self, argv: Sequence[str], wire: int = 0) -> Child:
        """Start a program at the other end of a wire; it lives as long as the VM."""
        room = self.wires[wire].room
        if room is None:
            raise HarnessError("this wire has no end at which a peer could run.")
        with self.peer_file(len(self.peers)).open("wb") as output:
            child = room.spawn(argv, name=f"the peer '{' '.join(argv)}'", stdout=output)
        self.peers.append(child)
        return child

    def start_peers(self) -> None:
        """Start the peers that the configuration names, before the guest boots."""
        for argv in self.config.peers:
            self.peer(argv)

    def check_peers(self) -> None:
        """Raise when a peer has failed already; one that has done its work is no failure."""
        failed = self.failed_peer()
        if failed is not None:
            raise HarnessError(failed[1])

    def failed_peer(self) -> tuple[int, str] | None:
        """The status of the first peer that has failed, and a sentence on it."""
        for index, child in enumerate(self.peers):
            status = child.status
            if status:
                lines = self.peer_log(index).strip().splitlines() or ["it printed nothing"]
                return status, f"{child.name} ended with status {status}: {lines[-1]}"
        return None

    def peer_run(self, argv: Sequence[str], seconds: float = 30, check: bool = True,
                 wire: int = 0) -> str:
        """Run a program at the other end of a wire to its end, and return what it prints."""
        room = self.wires[wire].room
        if room is None:
            raise HarnessError("this wire has no end at which a peer could run.")
        return room.run(argv, seconds=seconds, check=check).stdout

    def peer_log(self, index: int) -> str:
        """What a peer has printed."""
        return self.peer_file(index).read_text(errors="replace")

    def peer_file(self, index: int) -> Path:
        """The file that takes what a peer prints."""
        return self.run_dir / f"peer{index}.log"

    # -- starting --------------------------------------------------------------------------------

    def launch(self, argv: Sequence[str]) -> None:
        """Start QEMU; start() does this and the rest."""
        (self.run_dir / "qemu.cmd").write_bytes(os.fsencode(shlex.join(argv)) + b"\n")
        prefix = self.nest.prefix() if self.nest is not None else ()
        with (self.run_dir / "qemu.log").open("wb") as log:
            self._child = spawn(argv, name="QEMU", prefix=prefix, stdout=log)

    def _wait_link(self) -> None:
        def up() -> bool:
            self.watch()
            try:
                return self.agent.get("/sys/class/net/eth0/operstate").strip() == b"up"
            except AgentError:
                return False

        try:
            wait_until(up, "the guest's link", LINK_SECONDS, 0.05)
            self.link_up = True
        except WaitTimeout:
            # A driver under development may well have no link; the command says what follows.
            self.link_up = False
