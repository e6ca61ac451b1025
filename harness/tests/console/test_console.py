# SPDX-License-Identifier: GPL-2.0-or-later
"""What the harness takes for trouble on a console, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimney.errors import HarnessError
from chimney.guest import kmemleak
from chimney.guest.aftercare import DRIVER_SLABS, EXACT_SLABS, Snapshot, check_slabs, compare
from chimney.vm.console import Console, find_splats, look

TROUBLE = [
    ("panic", "[    2.5] Kernel panic - not syncing: sysrq triggered crash"),
    ("oops", "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008"),
    ("oops", "[   12.345678] Oops: 0002 [#1] PREEMPT SMP NOPTI"),
    ("oops", "[    9.1] general protection fault, probably for non-canonical address 0xdead"),
    ("oops", "kernel BUG at net/ipv4/tcp.c:123!"),
    ("kasan", "[   33.1] BUG: KASAN: slab-use-after-free in tcp_ack+0x10/0x20"),
    ("lockdep", "WARNING: possible circular locking dependency detected"),
    ("lockdep", "WARNING: possible recursive locking detected"),
    ("lockdep", "WARNING: inconsistent lock state"),
    ("lockdep", "WARNING: suspicious RCU usage"),
    ("lockdep", "[ BUG: Invalid wait context ]"),
    ("stall", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"),
    ("stall", "rcu: INFO: rcu_sched self-detected stall on CPU"),
    ("stall", "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [iperf3:99]"),
    ("stall", "INFO: task sh:12 blocked for more than 120 seconds."),
    ("atomic", "BUG: sleeping function called from invalid context at mm/slab.h:1"),
    ("atomic", "BUG: scheduling while atomic: swapper/0/0/0x00000100"),
    ("ubsan", "UBSAN: shift-out-of-bounds in net/core/dev.c:1:2"),
    ("dma", "DMA-API: chimney 0000:00:02.0: device driver frees DMA memory with wrong function"),
    ("dma-unchecked", "DMA-API: debugging out of memory - disabling"),
    ("card", "chimney 0000:00:02.0: card failed: fatal status: cause 5 (bad-ring), ring none"),
    ("card", "chimney 0000:00:02.0: card failed: card was reset behind the driver's back"),
    ("leak", "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"),
    ("refcount", "refcount_t: underflow; use-after-free."),
    ("warning", "WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:2 tcp_close+0x1/0x2"),
    ("bug", "BUG: Bad page state in process swapper  pfn:1"),
]
HARMLESS = [
    "[    0.0] Linux version 6.1.0 (debian-kernel@lists.debian.org)",
    "[    0.5] DMA-API: preallocated 65536 debug entries",
    "[    0.5] DMA-API: debugging enabled by kernel config",
    "[    0.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
    "[    0.1] MDS: Vulnerable: Clear CPU buffers attempted, no microcode",
    "[    0.2] x86/bugs: x87 FPU will use FXSAVE",
    "init: ready after 2.619 s",
    "rcu: Hierarchical RCU implementation.",
]


@pytest.mark.parametrize(("kind", "line"), TROUBLE, ids=[line[:40] for _, line in TROUBLE])
def test_trouble_is_recognised(kind: str, line: str) -> None:
    splat = look(line)
    assert splat is not None and splat.kind == kind
    assert splat.fatal == (kind == "panic")


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_lines_are_left_alone(line: str) -> None:
    assert look(line) is None


def test_lines_are_found_however_the_file_grows(tmp_path: Path) -> None:
    console = Console(tmp_path / "console.log")
    assert console.poll() == [] and console.tail() == []
    text = "one\r\n" + TROUBLE[0][1] + "\r\ntwo\r\n"
    with console.file.open("ab", buffering=0) as file:
        for byte in text.encode():
            file.write(bytes([byte]))
            console.poll()
    assert [splat.kind for splat in console.splats] == ["panic"]
    assert console.panic is not None
    assert console.panic.line == "Kernel panic - not syncing: sysrq triggered crash"
    assert console.tail(2) == [TROUBLE[0][1], "two"]


def test_every_splat_of_a_log_is_listed() -> None:
    log = "\n".join([HARMLESS[0], TROUBLE[1][1], HARMLESS[1], TROUBLE[-1][1]])
    assert [splat.kind for splat in find_splats(log)] == ["oops", "bug"]


def test_leftovers_are_told_and_slack_is_not() -> None:
    before = Snapshot({"TCP inuse": 1, "TCP mem": 3}, {"TCP": 2, "skbuff_head_cache": 100},
                      {"chimney": 0})
    assert compare(before, before, 1) == []
    slack = Snapshot({"TCP inuse": 0, "TCP mem": 3 + 256, "TCP tw": 9},
                     {"TCP": 2, "skbuff_head_cache": 228}, {"chimney": 0})
    assert compare(before, slack, 1) == []
    bad = Snapshot({"TCP inuse": 2, "TCP orphan": 1, "TCP mem": 4 + 256},
                   {"TCP": 3, "skbuff_head_cache": 229, "chimney_conn": 1}, {"chimney": 1})
    assert len(compare(before, bad, 1)) == 7


def test_missing_caches_are_told() -> None:
    """A count without a cache is no proof that nothing of it is left over."""
    check_slabs(EXACT_SLABS, driver=False)
    check_slabs(EXACT_SLABS + DRIVER_SLABS, driver=True)
    with pytest.raises(HarnessError, match="does not show TCP, TCPv6"):
        check_slabs((), driver=False)
    with pytest.raises(HarnessError, match="does not show chimney_send"):
        check_slabs([*EXACT_SLABS, *(s for s in DRIVER_SLABS if s != "chimney_send")], driver=True)


REPORT = """\
unreferenced object 0xffff888007aa1400 (size 1176):
  comm "puppet", pid 219, jiffies 4294947104
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 55 55 55 55 55 55 55 55  ........UUUUUUUU
  backtrace (crc a17e5c94):
    [<ffffffff8140ccd5>] kmem_cache_alloc_noprof+0x2a5/0x330
    [<ffffffffc0207a4b>] chimdrv_conn_create+0x1b/0x140 [chimney]
unreferenced object 0xffff888007aa1800 (size 64):
  comm "sh", pid 220, jiffies 4294947105
  backtrace (crc 1):
    kmalloc_trace+0x25/0x90
    [<0000000012345678>] do_one+0x1/0x2
"""


def test_memory_that_nobody_knows_of_is_told() -> None:
    assert kmemleak.parse("") == []
    assert kmemleak.parse(REPORT) == [
        "unreferenced memory: 1176 bytes at 0xffff888007aa1400, asked for by "
        "kmem_cache_alloc_noprof < chimdrv_conn_create",
        "unreferenced memory: 64 bytes at 0xffff888007aa1800, asked for by "
        "kmalloc_trace < do_one"]
