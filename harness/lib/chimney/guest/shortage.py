# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that fails in the guest: the debug kernel's fault injection, by its files in debugfs; and
memory that is nearly used up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .station import Visit

FAULTS = "/sys/kernel/debug"
# So many may fail at most: more than a test ever sees, so that what is left tells how many have.
FAILURES = 1_000_000


def begins_last(setting: tuple[str, object]) -> bool:
    """The probability is what lets it begin; before it everything else must be set."""
    return setting[0] == "probability"


@contextmanager
def failing(visit: Visit, fault: str, *, least: int = 1, **settings: object) -> Iterator[None]:
    """Let allocations fail, and see that some have, unless `least` is 0; the settings are files of
    the fault's folder in debugfs.
    """
    folder = f"{FAULTS}/{fault}"
    start, end = function(visit, "add_dma_entry")
    # The kernel's own check of DMA gives up for good when an allocation of its own fails.
    values: dict[str, object] = {"verbose": 0, "interval": 1, "times": FAILURES,
                                 "stacktrace_depth": 32, "reject_start": start, "reject_end": end,
                                 **settings}
    script = "; ".join(f"echo {value} >{folder}/{name.replace('_', '-')}"
                       for name, value in sorted(values.items(), key=begins_last))
    visit.vm.run(["sh", "-ec", script])
    try:
        yield
    finally:
        visit.vm.run(["sh", "-c", f"echo 0 >{folder}/probability; echo N >{folder}/task-filter"])
    left = int(visit.vm.run(["cat", f"{folder}/times"]).text)
    assert 0 < left <= FAILURES - least, f"{FAILURES - left} allocations have failed"


def function(visit: Visit, name: str, module: str = "") -> tuple[str, str]:
    """Where a function of the kernel, or of a module, begins, and where the next one does; kallsyms
    has the kernel's own symbols in the order of their addresses.
    """
    found = [f"\\[{module}\\]$"] if module else ["-A8", f" {name}$"]
    rows = [line.split() for line in
            visit.vm.run(["grep", *found, "/proc/kallsyms"]).text.splitlines()]
    begin = next(row[0] for row in rows if row[2] == name)
    return f"0x{begin}", f"0x{min(row[0] for row in rows if row[0] > begin)}"


def module_text(visit: Visit) -> tuple[int, int]:
    """Where the driver's code lies."""
    row = next(line.split() for line in visit.vm.run(["cat", "/proc/modules"]).text.splitlines()
               if line.startswith("chimney "))
    start = int(row[5], 16)
    return start, start + int(row[1])


def leave_free(visit: Visit, mib: int) -> None:
    """Fill the guest's memory with what it cannot give back, up to so much that is available. Some
    becomes available meanwhile, so it takes more than one go.
    """
    available = "sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"
    script = (f"mkdir /eaten; mount -t tmpfs -o size=100% none /eaten; for n in 1 2 3; do "
              f"more=$(($({available}) - {mib} * 1024)); [ $more -gt 0 ] || break; "
              f"dd if=/dev/zero bs=1024 count=$more 2>/dev/null >>/eaten/file; done; {available}")
    left = int(visit.vm.run(["sh", "-ec", script]).text)
    assert left < 1.2 * mib * 1024, f"{left} KiB are left"
