# SPDX-License-Identifier: GPL-2.0-or-later
"""An interactive guest: joins the user's terminal with the serial console of a VM."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty

from .progress import Progress
from .vm import Vm
from .wait import wait_until

ESCAPE = b"\x1d"  # Ctrl-]


def interactive_shell(vm: Vm, progress: Progress) -> int:
    """Boot a VM whose shell is on this terminal; returns when the guest or the user ends it."""
    machine = vm.prepare()
    vm.start_peers()
    vm.launch(machine.command())
    progress.clear()
    print(f"chimney: guest 10.77.0.2 fd77::2, peer 10.77.0.1 fd77::1, {vm.accel.name}; "
          "`poweroff -f` or Ctrl-] ends it", file=sys.stderr)
    console = socket.socket(socket.AF_UNIX)

    def connect() -> bool:
        vm.watch()
        try:
            console.connect(str(machine.console_socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    wait_until(connect, "QEMU's console", 10)
    with console:
        _relay(console, sys.stdin.fileno(), sys.stdout.fileno())
    return 0


def _relay(console: socket.socket, stdin: int, stdout: int) -> None:
    before = termios.tcgetattr(stdin)
    tty.setraw(stdin)
    try:
        while True:
            ready, _, _ = select.select([console, stdin], [], [])
            if console in ready:
                data = console.recv(65536)
                if not data:
                    return
                os.write(stdout, data)
            if stdin in ready:
                data = os.read(stdin, 4096)
                if not data or ESCAPE in data:
                    return
                console.sendall(data)
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
