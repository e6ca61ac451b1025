# SPDX-License-Identifier: GPL-2.0-or-later
"""The look at a guest before and after a test: nothing may be broken, and nothing left over.

Takes a baseline when the guest has booted and compares with it at the end: kernel log, sockets,
slabs, the driver's own objects, module references; at the end of the VM also memory that nothing
points to. What a dying connection still holds is waited for, within a deadline.

Processors keep frames that nobody needs any more, some hundreds of them. Before the count each of
them is made to give back what it can (GIVE_BACK); for the rest kept_frames() knows the bound.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from ..errors import HarnessError, WaitTimeout
from ..vm.boot import Vm
from ..vm.console import find_splats
from ..wait import wait_until
from . import kmemleak

SETTLE_SECONDS = 30.0
# Each processor may keep so many pages of TCP memory in hand without an owner.
RESERVE_PAGES_PER_CPU = 256
EXACT_SLABS = ("TCP", "TCPv6", "request_sock_TCP", "request_sock_TCPv6")
# One cache for each kind of object that the driver makes for connections.
DRIVER_SLABS = tuple(f"chimney_{kind}" for kind in
                     ("conn", "send", "recv", "fwd", "neigh", "path", "candidate"))
# Of these the driver keeps some for the next connection; it tells how many it knows of.
LISTED_SLABS = ("chimney_neigh", "chimney_path")
LOOSE_SLABS = {"skbuff_head_cache": 16, "skbuff_fclone_cache": 16}
KEPT_SLAB = "skbuff_head_cache"
# A frame that one processor has freed for another waits until that one runs its receive softirq
# (skb_attempt_defer_free() in net/core/skbuff.c), which each ping makes it do. Most of them it then
# keeps for its cards, up to NAPI_SKB_CACHE_SIZE (128); since 6.19 alloc_skb() takes from these, at
# least twice in a ping.
PINGS = 100
GIVE_BACK = (f"for n in $(seq 0 $(({{cpus}} - 1))); do busybox taskset -c $n "
             f"busybox ping -A -q -w 20 -c {PINGS} 127.0.0.1 >/dev/null || exit 1; done; ")
SOCKET_STATES = ("inuse", "orphan", "alloc")


@dataclass
class Snapshot:
    """What can be counted in a guest at one moment."""

    sockets: dict[str, int] = field(default_factory=dict)
    slabs: dict[str, int] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)
    log: str = ""
    release: tuple[int, int] = (0, 0)


def take(vm: Vm, give_back: bool = True) -> Snapshot:
    """Count now; before that slabs are shrunk and processors give frames back, or what nobody uses
    would count as used. Giving back takes some tenths of a second, and may be left out.
    """
    script = (GIVE_BACK.format(cpus=vm.config.cpus) if give_back else "") + (
        "for s in TCP TCPv6 request_sock_TCP request_sock_TCPv6 skbuff_head_cache "
        "skbuff_fclone_cache /sys/kernel/slab/chim*; do "
        "f=/sys/kernel/slab/${s##*/}/shrink; [ -w $f ] && echo 1 >$f; done 2>/dev/null; "
        "cat /proc/net/sockstat /proc/net/sockstat6; echo @@; cat /proc/slabinfo; echo @@; "
        "cat /sys/kernel/debug/chimney/*/objects 2>/dev/null; echo @@; "
        "cat /proc/modules; echo @@; uname -r; echo @@; dmesg"
    )
    parts = vm.run(["sh", "-c", script]).text.split("@@\n", 5)
    sockstat, slabinfo, objects, modules, release, log = parts
    references = _references(modules)
    slabs = _slabs(slabinfo)
    check_slabs(slabs, "chimney" in references)
    for name, count in re.findall(r"^(\w+) (\d+)$", objects, re.MULTILINE):
        if f"chimney_{name}" in LISTED_SLABS:
            slabs[f"chimney_{name}"] -= int(count)
    return Snapshot(_sockets(sockstat), slabs, references, log, _series(release))


def check_slabs(slabs: Collection[str], driver: bool) -> None:
    """Refuse a count in which a cache is missing: nothing in it would ever be left over."""
    wanted = EXACT_SLABS + (DRIVER_SLABS if driver else ())
    missing = [name for name in wanted if name not in slabs]
    if missing:
        raise HarnessError(f"the guest's /proc/slabinfo does not show {', '.join(missing)}.")


def _sockets(text: str) -> dict[str, int]:
    counts = {}
    for family, rest in re.findall(r"^(TCP6?): (.*)$", text, re.MULTILINE):
        words = rest.split()
        for name, value in zip(words[::2], words[1::2], strict=False):
            counts[f"{family} {name}"] = int(value)
    return counts


def _slabs(text: str) -> dict[str, int]:
    return {name: int(active) for name, active
            in re.findall(r"^(\S+) +(\d+) +\d+ +\d+ ", text, re.MULTILINE)
            if name in EXACT_SLABS or name in LOOSE_SLABS or name.startswith("chim")}


def _references(text: str) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[2]) for line in text.splitlines()
            if line.startswith("chimney")}


def _series(release: str) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", release)[:2]
    return int(major), int(minor)


def kept_frames(release: tuple[int, int]) -> int:
    """How many frames a processor may still keep for its cards after GIVE_BACK: since 6.19 those
    that a frame meanwhile has filled it with (NAPI_SKB_CACHE_BULK), before that fewer than it gives
    some back at (NAPI_SKB_CACHE_SIZE).
    """
    return 32 if release >= (6, 19) else 63


def compare(before: Snapshot, after: Snapshot, cpus: int) -> list[str]:
    """What is left over, one sentence each; empty when the guest is as it was."""
    found = []
    for name, count in after.sockets.items():
        was = before.sockets.get(name, 0)
        if name.split()[1] in SOCKET_STATES and count > was:
            found.append(f"sockets left over: {name} was {was} and is {count}")
        if name == "TCP mem" and count > was + RESERVE_PAGES_PER_CPU * cpus:
            found.append(f"TCP memory left over: it was {was} pages and is {count}")
    for name, count in after.slabs.items():
        was = before.slabs.get(name, 0)
        kept = kept_frames(after.release) * cpus if name == KEPT_SLAB else 0
        if count > was + LOOSE_SLABS.get(name, 0) + kept:
            found.append(f"objects left over: slab {name} had {was} and has {count}")
    for name, count in after.references.items():
        was = before.references.get(name, 0)
        if count > was:
            found.append(f"references left over: module {name} had {was} and has {count}")
    return found


class Aftercare:
    """The baseline of one guest and the look at its end."""

    def __init__(self, vm: Vm, allowed: Collection[str] = ()) -> None:
        self._vm = vm
        self._allowed = allowed
        self.before = take(vm)

    def findings(self, last: bool = False, seconds: float = SETTLE_SECONDS) -> list[str]:
        """Everything that is wrong or left over; leftovers may take some time to go away. Of the
        kinds of splats those are no findings that were allowed. `last`: the VM will be ended.
        """
        left: list[str] = []
        log = ""
        looks = 0

        def settled() -> bool:
            nonlocal left, log, looks
            after = take(self._vm, give_back=looks > 0)
            log, looks = after.log, looks + 1
            left = compare(self.before, after, self._vm.config.cpus)
            return not left

        try:
            wait_until(settled, "the guest to give everything back", seconds, 0.3)
        except WaitTimeout:
            pass
        splats = [f"the kernel complained ({splat.kind}): {splat.line}"
                  for splat in find_splats(log) if splat.kind not in self._allowed]
        return splats + left + (kmemleak.unreferenced(self._vm) if last else [])
