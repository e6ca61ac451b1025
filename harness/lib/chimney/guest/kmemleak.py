# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own search for memory that nothing points to, in guests whose kernel has it: the
debug kernel. Two scans take half a minute there, so it is for the end of a VM, not of each test.
"""

from __future__ import annotations

import re

from ..vm.boot import Vm

FILE = "/sys/kernel/debug/kmemleak"
# Memory younger than five seconds is not reported, nor any that changes from one scan to the next.
AGE = 6
SCAN_SECONDS = 60
SCRIPT = (f"[ -e {FILE} ] || exit 0; echo scan >{FILE}; sleep {AGE}; echo scan >{FILE}; "
          f"cat {FILE}")
HEAD = re.compile(r"^unreferenced object (0x\w+) \(size (\d+)\)")
CALL = re.compile(r"^ {4}(?:\[<\w*>\] )?(\w+)\+0x")
CALLS = 6


def unreferenced(vm: Vm) -> list[str]:
    """Each piece of memory that nobody knows of, and who asked for it; empty on other kernels."""
    return parse(vm.run(["sh", "-ec", SCRIPT], seconds=2 * SCAN_SECONDS + AGE).text)


def parse(text: str) -> list[str]:
    """One sentence for each object of the kernel's report."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        head, call = HEAD.match(line), CALL.match(line)
        if head:
            found.append((f"{head[2]} bytes at {head[1]}", []))
        elif call and found:
            found[-1][1].append(call[1])
    return [f"unreferenced memory: {what}, asked for by {' < '.join(calls[:CALLS])}"
            for what, calls in found]
