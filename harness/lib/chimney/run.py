# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run`: one command in one fresh VM, from checked options to exit status."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shlex
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from . import ledger, offload
from .agent.command import Command, Result
from .agent.exchange import AgentError
from .errors import CommandTimeout, HarnessError, WaitTimeout
from .options import RunOptions
from .progress import Progress
from .rundir import forget_old, new_run_dir, remove
from .shell import interactive_shell
from .vm import Vm, VmConfig

CONSOLE_LINES = 12
STATUS_NOT_FOUND = 127
STATUS_NOT_RUNNABLE = 126


class Interrupted(HarnessError):
    """A signal asked the harness itself to stop."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name}.")


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let the signals that end a program raise instead, so that everything is cleaned up."""
    def act(number: int, _frame: FrameType | None) -> None:
        # A second signal must not cut the clean-up short.
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = {number: signal.signal(number, act) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def config_of(options: RunOptions) -> VmConfig:
    """The VM that the options describe."""
    return VmConfig(
        device=options.device, kernel=options.kernel, driver=options.driver, bins=options.bins,
        copies=options.copies, disk=options.disk, cpus=options.cpus, memory=options.memory,
        accel=options.accel, wire=options.net, peers=options.peers,
        device_options=options.device_options, qemu_args=options.qemu_args,
        pcap=options.pcap.absolute() if options.pcap else None,
        trace=options.trace.absolute() if options.trace else None,
        interactive=not options.command and not options.dry_run)


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

    def execute(self) -> int:
        """Do it; the exit status for the shell."""
        status, keep = 0, True
        try:
            with signals_raise():
                status = self._inside()
            keep = status != 0
        except HarnessError as error:
            status = error.status
            self._tell(error)
        finally:
            self.progress.clear()
            self._finish(status)
        if keep and not self.options.dry_run:
            self.say(f"the files of this run are kept in {self.folder}")
            forget_old()
        else:
            remove(self.folder)
        return status

    def say(self, text: str) -> None:
        """One line for a person, on standard error."""
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
            if not options.command:
                return interactive_shell(self.vm, self.progress)
            self.vm.start()
            return self._command()
        finally:
            self.vm.close()
            self._look_at_console()

    def _command(self) -> int:
        options, vm = self.options, self.vm
        if not vm.link_up:
            self.say("the guest has no eth0 whose link is up; going on without a network")
        self.report["boot_seconds"] = round(vm.boot_seconds, 3)
        vm.check_peers()
        helper = None
        if options.device == "chimney":
            helper = offload.apply(vm.agent, options.offload, options.seed)
        seen = ledger.count_connections(vm.agent)
        self.progress.say("running " + shlex.join(options.command))
        try:
            result = self._run_command()
        except AgentError as error:
            return self._not_started(error)
        self.report["command_seconds"] = round(result.seconds, 3)
        if helper is not None:
            self.report["handover"] = offload.stop(helper)
        vm.console.poll()
        self.report["card_counters"] = self._card_counters()
        if options.device == "chimney":
            self._tell_ledger(seen)
        with suppress(HarnessError):
            vm.shutdown(10)
        return result.returncode

    def _tell_ledger(self, seen_before: int) -> None:
        """Print and report which connections the card carried."""
        agent = self.vm.agent
        counters = ledger.read_counters(agent)
        if counters is None:
            return
        book = ledger.Ledger.of(counters, ledger.count_connections(agent) - seen_before)
        self.report["offload_counters"] = counters
        self.report["ledger"] = dataclasses.asdict(book) | {"share": book.share}
        for line in book.lines():
            self.say("ledger: " + line)

    def _card_counters(self) -> dict[str, int]:
        """What the card's driver counts, as `ethtool -S` shows it."""
        result = self.vm.agent.run(["ethtool", "-S", "eth0"], check=False)
        counters = {}
        for line in result.text.splitlines():
            name, _, value = line.strip().rpartition(": ")
            if value.isdigit():
                counters[name] = int(value)
        return counters

    def _run_command(self) -> Result:
        argv, timeout = self.options.command, self.options.timeout
        feed = _stdin_to_feed()
        outputs: dict[str, BinaryIO] = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}

        def show(stream: str, data: bytes) -> None:
            self.progress.clear()
            with suppress(BrokenPipeError):
                outputs[stream].write(data)
                outputs[stream].flush()

        command = self.vm.agent.start(argv, on_output=show, stdin=feed is not None)
        if feed is not None:
            threading.Thread(target=_feed, args=(command, feed), daemon=True).start()
        try:
            return command.wait(timeout)
        except WaitTimeout:
            command.kill()
            raise CommandTimeout(f"'{shlex.join(argv)}' to end in the guest", timeout) from None

    def _not_started(self, error: AgentError) -> int:
        name = self.options.command[0]
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
            print("last lines of the guest's console:", file=sys.stderr)
            for line in lines:
                print(f"  | {line}", file=sys.stderr)

    def _look_at_console(self) -> None:
        splats = [splat for splat in self.vm.console.splats if not splat.fatal]
        self.report["splats"] = [splat.line for splat in self.vm.console.splats]
        for splat in splats[:3]:
            self.say(f"the guest kernel complained: {splat.line}")
        if len(splats) > 3:
            self.say(f"... and {len(splats) - 3} more times")

    def _finish(self, status: int) -> None:
        if self.options.report is None:
            return
        machine = self.vm.machine
        self.report |= {
            "status": status, "seconds": round(time.monotonic() - self._begin, 3),
            "accel": {"name": self.vm.accel.name, "reason": self.vm.accel.reason},
            "qemu": machine.command() if machine is not None else None,
            "peers": [{"command": child.name, "status": child.status} for child in self.vm.peers],
        }
        self.options.report.write_text(json.dumps(self.report, indent=1) + "\n")


def _stdin_to_feed() -> int | None:
    """Our standard input when someone feeds us through it, None for terminals and the like."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return None
    return 0 if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else None


def _feed(command: Command, fd: int) -> None:
    """Pass our standard input on until it or the command ends."""
    with suppress(HarnessError, OSError):
        while command.running:
            data = os.read(fd, 65536)
            if not data:
                command.close_stdin()
                return
            command.send(data, seconds=1e6)


def run(options: RunOptions) -> int:
    """Run the command of the options in a fresh VM."""
    return Run(options).execute()
