# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's netlink family "netdev" in the guest: queues, NAPIs, page pools and what queues have
counted, asked by the program asknl. Kernels before 6.8 have nothing of it that is asked for here.
What an interface has, and `ip` of older distributions cannot set, is set by the same program.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import HarnessError
from ..host import programs
from ..vm.boot import Vm

PROGRAM = "/tmp/asknl"
FAMILY = "netdev"
PAGE_POOL_GET, QUEUE_GET, NAPI_GET, QSTATS_GET = 5, 10, 11, 12
BIND_RX, NAPI_SET, BIND_TX = 13, 14, 15
# Numbers of attributes, in the order of the kernel's specification.
IFINDEX, SCOPE, SCOPE_QUEUE = 1, 4, 1
POOL = {1: "id", 2: "ifindex", 3: "napi-id", 4: "inflight", 6: "detach-time"}
NAPI = {1: "ifindex", 2: "id", 3: "irq", 4: "pid", 5: "defer-hard-irqs", 6: "gro-flush-timeout",
        7: "irq-suspend-timeout", 8: "threaded"}
QUEUE = {1: "id", 2: "ifindex", 3: "type", 4: "napi-id", 5: "dmabuf"}
QSTATS = {1: "ifindex", 2: "queue-type", 3: "queue-id", 8: "rx-packets", 9: "rx-bytes",
          10: "tx-packets", 11: "tx-bytes", 12: "rx-alloc-fail", 13: "rx-hw-drops",
          14: "rx-hw-drop-overruns", 15: "rx-csum-complete", 16: "rx-csum-unnecessary",
          17: "rx-csum-none", 18: "rx-csum-bad", 19: "rx-hw-gro-packets", 20: "rx-hw-gro-bytes",
          21: "rx-hw-gro-wire-packets", 22: "rx-hw-gro-wire-bytes", 23: "rx-hw-drop-ratelimits",
          24: "tx-hw-drops", 25: "tx-hw-drop-errors", 26: "tx-csum-none", 27: "tx-needs-csum",
          28: "tx-hw-gso-packets", 29: "tx-hw-gso-bytes", 30: "tx-hw-gso-wire-packets",
          31: "tx-hw-gso-wire-bytes", 32: "tx-hw-drop-ratelimits", 33: "tx-stop", 34: "tx-wake"}
DMABUF_IFINDEX, DMABUF_QUEUES, DMABUF_FD = 1, 2, 3
DMABUF = 100  # the descriptor of asknl's
QUEUE_ID, QUEUE_TYPE, RX = 1, 3, 0
LINK = {41: "gso_max_size", 58: "gro_max_size", 63: "gso_ipv4_max_size", 64: "gro_ipv4_max_size"}
NESTED = 0x8000
Entry = dict[str, int]


@dataclass
class Refused(Exception):
    """The kernel has refused: with which errno, because of which attribute, in which words."""

    errno: int
    attribute: int
    text: str

    def __str__(self) -> str:
        words = self.text or "no words"
        return f"{os.strerror(self.errno)}, at attribute {self.attribute}: {words}"


def attribute(number: int, value: int | bytes) -> bytes:
    """One attribute: 32 bits, or what is nested in it."""
    nested = isinstance(value, bytes)
    data = value if isinstance(value, bytes) else struct.pack("<I", value)
    return struct.pack("<HH", 4 + len(data), number | (NESTED if nested else 0)) + data


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of an answer."""
    while len(data) >= 4:
        size, number = struct.unpack_from("<HH", data)
        yield number & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def link_attributes(values: Mapping[str, int]) -> bytes:
    """What an interface has, as `asknl link` takes it."""
    numbers = {name: number for number, name in LINK.items()}
    return b"".join(attribute(numbers[name], value) for name, value in values.items())


def decode(data: bytes, names: dict[int, str]) -> Entry:
    """The numbers of an answer by name; what has no name here is left out."""
    return {names[number]: int.from_bytes(value, "little")
            for number, value in attributes(data) if number in names}


class NetdevFamily:
    """What the family says of one network device."""

    def __init__(self, vm: Vm, device: str = "eth0") -> None:
        self._vm, self._device = vm, device
        vm.agent.put(PROGRAM, programs.asknl(), mode=0o755)

    @property
    def ifindex(self) -> int:
        """The device's number."""
        return int(self._vm.run(["cat", f"/sys/class/net/{self._device}/ifindex"]).text)

    def ask(self, kind: str, command: int, request: bytes = b"") -> list[bytes]:
        """The answers to a request; Refused if the last one is an error."""
        return self._run(request, kind, FAMILY, str(command))

    def _run(self, request: bytes, *words: str) -> list[bytes]:
        replies = []
        for line in self._vm.run([PROGRAM, *words, request.hex()]).text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "reply":
                replies.append(bytes.fromhex(rest))
            elif word == "error":
                number, offset, text = (rest + "  ").split(" ", 2)
                raise Refused(int(number), number_at(request, int(offset)), text.strip())
            else:
                raise HarnessError(f"asknl says '{line}'.")
        return replies

    def set_link(self, **values: int) -> None:
        """Set what the interface has, as `ip link set` of newer distributions does."""
        self._run(link_attributes(values), "link", str(self.ifindex))

    def queues(self) -> dict[tuple[str, int], int]:
        """The NAPI of each queue that is shown, by ("rx" or "tx", number); 0: none."""
        replies = self.ask("dump", QUEUE_GET, attribute(2, self.ifindex))
        entries = [decode(reply, QUEUE) for reply in replies]
        return {(("rx", "tx")[entry["type"]], entry["id"]): entry.get("napi-id", 0)
                for entry in entries}

    def napis(self) -> dict[int, Entry]:
        """The NAPIs that are shown, by number."""
        replies = self.ask("dump", NAPI_GET, attribute(IFINDEX, self.ifindex))
        entries = [decode(reply, NAPI) for reply in replies]
        return {entry["id"]: entry for entry in entries}

    def set_napi(self, number: int, **settings: int) -> None:
        """Set what a NAPI has: defer_hard_irqs, gro_flush_timeout, threaded."""
        numbers = {name: number for number, name in NAPI.items()}
        request = attribute(numbers["id"], number) + b"".join(
            attribute(numbers[name.replace("_", "-")], value) for name, value in settings.items())
        self.ask("do", NAPI_SET, request)

    def pools(self) -> list[Entry]:
        """The page pools of the device."""
        entries = [decode(reply, POOL) for reply in self.ask("dump", PAGE_POOL_GET)]
        return [entry for entry in entries if entry.get("ifindex") == self.ifindex]

    def totals(self) -> Entry:
        """What the whole device has counted."""
        replies = self.ask("dump", QSTATS_GET, attribute(IFINDEX, self.ifindex))
        if len(replies) != 1:
            raise HarnessError(f"{len(replies)} answers about the device as a whole.")
        return decode(replies[0], QSTATS)

    def counts(self) -> dict[tuple[str, int], Entry]:
        """What each queue has counted, by ("rx" or "tx", number)."""
        request = attribute(IFINDEX, self.ifindex) + attribute(SCOPE, SCOPE_QUEUE)
        entries = [decode(reply, QSTATS) for reply in self.ask("dump", QSTATS_GET, request)]
        return {(("rx", "tx")[entry["queue-type"]], entry["queue-id"]): entry for entry in entries}

    def bind_rx(self, queue: int) -> None:
        """Ask that a receive queue fill a dmabuf."""
        one = attribute(QUEUE_ID, queue) + attribute(QUEUE_TYPE, RX)
        self.ask("do", BIND_RX, attribute(DMABUF_IFINDEX, self.ifindex) +
                 attribute(DMABUF_FD, DMABUF) + attribute(DMABUF_QUEUES, one))

    def bind_tx(self) -> None:
        """Ask that the device may send from a dmabuf."""
        self.ask("do", BIND_TX, attribute(DMABUF_IFINDEX, self.ifindex) +
                 attribute(DMABUF_FD, DMABUF))


def number_at(request: bytes, offset: int) -> int:
    """The number of the attribute that begins there, 0 for none."""
    if not 0 <= offset <= len(request) - 4:
        return 0
    return int(struct.unpack_from("<H", request, offset + 2)[0]) & 0x3fff
