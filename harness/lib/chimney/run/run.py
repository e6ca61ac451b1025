# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run`: one command in one fresh VM, from checked options to exit status."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..agent.command import Command
from ..agent.exchange import AgentError
from ..cli.progress import Progress
from ..cli.signals import signals_raise
from ..errors import (STATUS_BROKEN_PIPE, STATUS_HARNESS, CommandTimeout, GuestFailure, GuestPanic,
                      HarnessError, OutputGone, WaitTimeout)
from ..guest import books, ledger, offload
from ..host.rundir import forget_old, new_run_dir, remove
from ..vm.boot import Vm
from ..vm.config import VmConfig
from ..wait import wait_until
from . import refusal
from .latepeers import LAST_SECONDS, LatePeers
from .options import COMMAND_SECONDS, RunOptions
from .results import Results
from .shell import run_shell
from .streams import Outputs, feed, feeds

CONSOLE_LINES = 12
# How often it is looked whether the guest listens, and how long a server may take to end.
TICK = 0.1
SERVER_SECONDS = 5.0
STATUS_NOT_FOUND = 127
STATUS_NOT_RUNNABLE = 126


def config_of(options: RunOptions) -> VmConfig:
    """The VM that the options describe."""
    return VmConfig(
        device=options.device, kernel=options.kernel, qemu=options.qemu, driver=options.driver,
        bins=options.bins,
        copies=options.copies, disk=options.disk, cpus=options.cpus, memory=options.memory,
        accel=options.accel, wire=options.net, peers=options.peers,
        device_options=options.device_options, qemu_args=options.qemu_args,
        pcap=options.pcap.absolute() if options.pcap else None,
        trace=options.trace.absolute() if options.trace else None)


class Run:
    """One run and what is to be said about it."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.progress = Progress()
        self.folder = new_run_dir()
        self.vm = Vm(config_of(options), self.folder, self.progress.say)
        self.report: dict[str, Any] = {
            "command": options.command, "device": options.device, "kernel": options.kernel,
            "net": options.net, "offload": options.offload, "cpus": options.cpus,
            "memory_mib": options.memory, "status": None, "error": None,
        }
        self._begin = time.monotonic()
        self.results: Results | None = None
        if options.junit is not None and not options.dry_run:
            self.results = Results(options.junit, options.command, {
                name: str(self.report[name]) for name in ("device", "kernel", "net", "offload",
                                                          "cpus")})

    def execute(self) -> int:
        """Do it; the exit status for the shell."""
        status = 0
        try:
            with signals_raise():
                status = self._inside()
        except OutputGone as error:
            # As quiet as a program that SIGPIPE ends.
            status = error.status
            self.report["error"] = str(error)
        except HarnessError as error:
            status = error.status
            self._tell(error)
        except BaseException as error:
            self.report["error"] = repr(error)  # the files that are read alone say so too
            status = STATUS_HARNESS
            raise
        finally:
            self.progress.clear()
            status = self._finish(status)
        if status not in (0, STATUS_BROKEN_PIPE) and not self.options.dry_run:
            self.say(f"the files of this run are kept in {self.folder}")
            forget_old()
        else:
            remove(self.folder)
        return status

    def say(self, text: str) -> None:
        """One line for a person, on standard error; where nobody can read it, none."""
        with suppress(OSError):
            self.progress.clear()
            print(f"chimney: {text}", file=sys.stderr, flush=True)

    def _inside(self) -> int:
        options = self.options
        for note in options.notes:
            self.say(note)
        try:
            if options.dry_run:
                print(shlex.join(self.vm.prepare().command()))
                return 0
            self.vm.start()
            return self._command()
        finally:
            self.vm.close()
            self._look_at_console()

    def _command(self) -> int:
        options, vm = self.options, self.vm
        self._look_at_guest()
        self.report["boot_seconds"] = round(vm.boot_seconds, 3)
        vm.check_peers()
        helper = None
        if options.device == "chimney":
            helper = offload.apply(vm.agent, options.offload, options.seed)
        seen = ledger.count_connections(vm.agent)
        try:
            status = self._run_command() if options.command else self._run_shell()
        except AgentError as error:
            return self._not_started(error)
        if not vm.running:
            return status
        if helper is not None:
            self.report["handover"] = offload.stop(helper)
        vm.console.poll()
        if options.device == "chimney":
            self._tell_ledger(seen)
        else:
            self.report["card_counters"] = books.read_ethtool(vm.agent)
        with suppress(HarnessError):
            vm.shutdown(10)
        return status

    def _look_at_guest(self) -> None:
        """Say what is wrong with the guest before anything is run in it, or end it."""
        refusal.check_image(self.vm)
        why = refusal.check_driver(self.vm)
        if not self.vm.link_up:
            self.say("the guest has no eth0 whose link is up; going on without a network"
                     + (f" ({why})" if why else ""))

    def _tell_ledger(self, seen_before: int) -> None:
        """Print and report which connections the card carried, when all books agree on it."""
        agent = self.vm.agent
        found = books.take(agent)
        if found is None:
            self.report["card_counters"] = books.read_ethtool(agent)
            return
        try:
            book = books.tell(self.report, found, ledger.count_connections(agent) - seen_before)
        except KeyError as error:
            self.say(f"no ledger: driver or card have no counter {error}")
            return
        for line in book.lines():
            self.say("ledger: " + line)

    def _run_shell(self) -> int:
        """A shell on the user's terminal; to turn the guest off is a good end of it."""
        vm = self.vm
        self.say(f"guest 10.77.0.2 fd77::2, peer 10.77.0.1 fd77::1, {vm.accel.name}, --offload "
                 f"{self.options.offload}; `exit` or Ctrl-] ends it")
        try:
            result = run_shell(vm.agent, Outputs(self.progress.clear), self.options.timeout)
        except GuestPanic:
            raise
        except GuestFailure:
            if vm.turned_off(3.0):
                return 0
            raise
        return 0 if result is None else result.returncode

    def _run_command(self) -> int:
        argv, timeout = self.options.command, self.options.timeout or COMMAND_SECONDS
        self.progress.say("running " + shlex.join(argv))
        outputs, fed = Outputs(self.progress.clear), feeds()
        command = self.vm.agent.start(argv, on_output=self._outputs(outputs), stdin=fed)
        if fed:
            feed(command, self.say)
        late = LatePeers(self.vm, self.options.late_peers,
                         lambda data: outputs.show("stderr", data))
        deadline = time.monotonic() + timeout
        while not self._ended(command, outputs, late, deadline):
            late.step()
            if self.options.late_peers and late.ended:
                return self._end_server(command)
        result = command.wait()
        self.report["command_seconds"] = round(result.seconds, 3)
        if self.results is not None and result.signal:
            self.results.cut = f"signal {result.signal} ended the command"
        return result.returncode or self._rest_of(late) or self._failed_peer()

    def _outputs(self, outputs: Outputs) -> Callable[[str, bytes], None]:
        """Where the command's output goes; its results are read whether or not it can be shown."""
        def take(stream: str, data: bytes) -> None:
            if self.results is not None:
                self.results.take(stream, data)
            outputs.show(stream, data)
        return take

    def _ended(self, command: Command, outputs: Outputs, late: LatePeers, deadline: float) -> bool:
        """Wait for the command, for as long as nobody else has anything to do."""
        tick = time.monotonic() + TICK if self.options.late_peers else deadline
        ended = command.wait_or(
            lambda: outputs.failure is not None or time.monotonic() > min(tick, deadline), 1e9)
        if outputs.failure is not None:
            command.kill(signal.SIGPIPE)
            raise outputs.failure
        if not ended and time.monotonic() > deadline:
            command.kill()
            late.pass_on()
            raise CommandTimeout(f"'{shlex.join(command.argv)}' to end in the guest",
                                 self.options.timeout or COMMAND_SECONDS)
        return ended

    def _end_server(self, command: Command) -> int:
        """The peers have done what they came for: end the command, whose status says nothing."""
        command.kill(signal.SIGTERM)
        if self.results is not None:
            self.results.cut = "the peers had ended, and the command was ended too"
        try:
            command.wait(SERVER_SECONDS)
        except WaitTimeout:
            command.kill()
        return self._failed_peer()

    def _rest_of(self, late: LatePeers) -> int:
        """The command has ended first: let peers that it has served come to their end."""
        if late.awaited is not None:
            self.say(f"the command ended, and had not listened at TCP port {late.awaited}")
            return STATUS_HARNESS
        with suppress(WaitTimeout):
            wait_until(lambda: late.ended, "the peers to end", LAST_SECONDS)
        late.pass_on()
        return 0

    def _failed_peer(self) -> int:
        """Tell of a peer that has failed; its status, or 0."""
        failed = self.vm.failed_peer()
        if failed is None:
            return 0
        self.say(failed[1])
        return failed[0]

    def _not_started(self, error: AgentError) -> int:
        name = (self.options.command or ["sh"])[0]
        if error.errno == errno.ENOENT:
            self.say(f"there is no program {name} in the guest; --bin {Path(name).name} brings it "
                     "from the host.")
            return STATUS_NOT_FOUND
        self.say(f"the guest cannot run {name}: {os.strerror(error.errno)}.")
        return STATUS_NOT_RUNNABLE

    def _tell(self, error: HarnessError) -> None:
        self.report["error"] = str(error)
        self.say(str(error))
        lines = self.vm.console.tail(CONSOLE_LINES)
        if lines:
            with suppress(OSError):
                print("last lines of the guest's console:",
                      *(f"  | {line}" for line in lines), sep="\n", file=sys.stderr, flush=True)

    def _look_at_console(self) -> None:
        splats = [splat for splat in self.vm.console.splats if not splat.fatal]
        self.report["splats"] = [splat.line for splat in self.vm.console.splats]
        for splat in splats[:3]:
            self.say(f"the guest kernel complained: {splat.line}")
        if len(splats) > 3:
            self.say(f"... and {len(splats) - 3} more times")

    def _finish(self, status: int) -> int:
        """Write what is to be written; the exit status that follows from all of it."""
        if self.results is not None:
            status, figures = self.results.write(status, self.report["error"] or "")
            self.report["results"] = dict(vars(figures))
            if status != STATUS_BROKEN_PIPE:
                self.say(f"junit: {figures} ({self.options.junit})")
        if self.options.report is not None:
            self._write_report(self.options.report, status)
        return status

    def _write_report(self, file: Path, status: int) -> None:
        machine = self.vm.machine
        self.report |= {
            "status": status, "seconds": round(time.monotonic() - self._begin, 3),
            "accel": {"name": self.vm.accel.name, "reason": self.vm.accel.reason},
            "qemu": machine.command() if machine is not None else None,
            "peers": [{"command": child.name, "status": child.status} for child in self.vm.peers],
        }
        file.write_text(json.dumps(self.report, indent=1) + "\n")


def run(options: RunOptions) -> int:
    """Run the command of the options in a fresh VM."""
    return Run(options).execute()
