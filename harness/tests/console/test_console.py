# SPDX-License-Identifier: GPL-2.0-or-later
"""What the harness takes for trouble on a console, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimney.errors import GuestPanic, HarnessError
from chimney.guest import kmemleak
from chimney.guest.aftercare import DRIVER_SLABS, EXACT_SLABS, Snapshot, check_slabs, compare
from chimney.vm.console import Console, find_splats, look, panic_cause

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


OOPS = """\
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   12.345679] #PF: supervisor write access in kernel mode
[   12.345680] Oops: 0002 [#1] PREEMPT SMP NOPTI
[   12.345681] RIP: 0010:chimdrv_poll+0x12/0x300 [chimney]
[   12.345682] Kernel panic - not syncing: Fatal exception in interrupt
[   12.345683] RIP: 0010:later+0x1/0x2
"""


def test_a_panic_has_its_cause() -> None:
    cause = panic_cause(OOPS)
    assert cause == ("BUG: kernel NULL pointer dereference, address: 0000000000000008, "
                     "RIP: 0010:chimdrv_poll+0x12/0x300")
    assert str(GuestPanic("Kernel panic", cause)).endswith(f": Kernel panic ({cause})")
    assert panic_cause(OOPS.replace("RIP: 0010:chimdrv", "")).endswith(": 0000000000000008")
    assert panic_cause(TROUBLE[0][1]) == ""
    assert str(GuestPanic("Kernel panic")) == "the guest kernel panicked: Kernel panic"


SURVIVED = """\
[    3.1] WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:2 tcp_close+0x1/0x2
[    3.1] RIP: 0010:tcp_close+0x1/0x2
[    3.2] general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP
[    3.2] RIP: 0010:earlier+0x1/0x2
[    3.3] kernel BUG at net/ipv4/tcp.c:123!
[    3.3] invalid opcode: 0000 [#2] PREEMPT SMP
[    3.3] RIP: 0010:also_earlier+0x1/0x2
[    3.4] BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1
"""
BUG = """\
[   12.3] kernel BUG at net/core/skbuff.c:9!
[   12.3] Oops: invalid opcode: 0000 [#3] PREEMPT SMP NOPTI
[   12.3] RIP: 0010:skb_panic+0x1/0x2
[   12.3] note: sh[77] exited with irqs disabled
[   12.4] BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:7
[   12.4] WARNING: CPU: 1 PID: 77 at kernel/exit.c:1 do_exit+0x1/0x2
[   12.5] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b
"""
KASAN = """\
[   33.1] BUG: KASAN: slab-use-after-free in tcp_ack+0x10/0x20
[   33.2] Kernel panic - not syncing: kasan.fault=panic set ...
"""


def test_cause_is_what_came_last() -> None:
    """A guest may have lived on after earlier ones; what comes of one is not the cause."""
    assert panic_cause(SURVIVED + OOPS) == panic_cause(OOPS)
    for double in ("Oops: 0002 [#1]", "Oops: Oops: 0002 [#1]"):
        assert panic_cause(SURVIVED + OOPS.replace("Oops: 0002 [#1]", double)) == panic_cause(OOPS)
    assert panic_cause(SURVIVED + BUG) == \
        "kernel BUG at net/core/skbuff.c:9!, RIP: 0010:skb_panic+0x1/0x2"
    assert panic_cause(SURVIVED + KASAN) == "BUG: KASAN: slab-use-after-free in tcp_ack+0x10/0x20"
    alone = "BUG: Bad page state in process sh  pfn:1"
    assert panic_cause(f"{alone}\n{TROUBLE[0][1]}") == alone


WARNED = """\
[   44.1] WARNING: CPU: 1 PID: 7 at net/ipv4/tcp_input.c:2 tcp_ack+0x3/0x4
[   44.1] RIP: 0010:tcp_ack+0x3/0x4
[   44.2] Kernel panic - not syncing: kernel: panic_on_warn set ...
"""


def test_cause_may_be_a_warning() -> None:
    """Only if the panic says so."""
    assert panic_cause(SURVIVED + WARNED) == (
        "WARNING: CPU: 1 PID: 7 at net/ipv4/tcp_input.c:2 tcp_ack+0x3/0x4, "
        "RIP: 0010:tcp_ack+0x3/0x4")
    assert panic_cause(WARNED.replace("kernel: panic_on_warn set ...", "sysrq")) == ""


def test_leftovers_are_told_and_slack_is_not() -> None:
    before = Snapshot({"TCP inuse": 1, "TCP mem": 3}, {"TCP": 2, "skbuff_head_cache": 100},
                      {"chimney": 0})
    assert compare(before, before, 1) == []
    slack = Snapshot({"TCP inuse": 0, "TCP mem": 3 + 256, "TCP tw": 9},
                     {"TCP": 2, "skbuff_head_cache": 116}, {"chimney": 0})
    assert compare(before, slack, 1) == []
    bad = Snapshot({"TCP inuse": 2, "TCP orphan": 1, "TCP mem": 4 + 256},
                   {"TCP": 3, "skbuff_head_cache": 1000, "chimney_conn": 1}, {"chimney": 1})
    assert len(compare(before, bad, 1)) == 7


@pytest.mark.parametrize(("release", "cpus", "bound"), [
    ((6, 1), 1, 79), ((6, 12), 4, 268), ((6, 18), 2, 142), ((6, 19), 2, 80), ((7, 3), 4, 144)])
def test_frames_are_left_over_above_what_the_kernel_keeps(release: tuple[int, int], cpus: int,
                                                          bound: int) -> None:
    """What a processor keeps depends on the kernel; frames with a clone it does not keep at all."""
    before = Snapshot(slabs={"skbuff_head_cache": 11, "skbuff_fclone_cache": 0})

    def found(frames: int, clones: int) -> list[str]:
        slabs = {"skbuff_head_cache": 11 + frames, "skbuff_fclone_cache": clones}
        return compare(before, Snapshot(slabs=slabs, release=release), cpus)

    assert found(bound, 16) == []
    assert found(bound + 1, 0) == [
        f"objects left over: slab skbuff_head_cache had 11 and has {12 + bound}"]
    assert found(0, 17) == ["objects left over: slab skbuff_fclone_cache had 0 and has 17"]


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
