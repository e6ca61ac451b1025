# SPDX-License-Identifier: GPL-2.0-or-later
"""The chimney card with the test as its driver: registers, admin commands, pairs, frames.

A Card owns a QEMU under qtest and the wire: a datagram socket of which QEMU holds the other end,
one datagram a frame. Waits are for the device's bottom halves, which run in real time although the
virtual clock stands still.
"""
from __future__ import annotations

import ctypes
import os
import re
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from .. import abi
from ..errors import WaitTimeout
from ..paths import QEMU
from . import pci
from .memory import Memory
from .qtest import Qtest
from .rings import Consumer, Producer

T = TypeVar("T")
WAIT_SECONDS = float(
    os.environ.get("CHIMNEY_WAIT_SECONDS", "10")
)  # the mutants wait for what never comes
KINDS = (
    abi.CHIM_RING_SQ,
    abi.CHIM_RING_CQ,
    abi.CHIM_RING_TX,
    abi.CHIM_RING_RXB,
    abi.CHIM_RING_RXC,
    abi.CHIM_RING_IB,
)
ENTRY: dict[int, type[ctypes.Structure]] = {
    abi.CHIM_RING_SQ: abi.chim_sqe,
    abi.CHIM_RING_CQ: abi.chim_cqe,
    abi.CHIM_RING_TX: abi.chim_sqe,
    abi.CHIM_RING_RXB: abi.chim_buf,
    abi.CHIM_RING_RXC: abi.chim_rxe,
    abi.CHIM_RING_IB: abi.chim_buf,
}
TO_DRIVER = (abi.CHIM_RING_CQ, abi.CHIM_RING_RXC)
MAC = bytes.fromhex("525400123456")
PORT_SLOT = 6
PORT = (
    *("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"),
    *("-device", f"pcie-root-port,id=port0,addr={PORT_SLOT:02x}.0,chassis=1,slot=1"),
)
WIRES = {
    "dgram": (socket.SOCK_DGRAM, "dgram,id=n0,local.type=fd,local.str="),
    "stream": (socket.SOCK_STREAM, "stream,id=n0,server=off,addr.type=fd,addr.str="),
}


def ring_id(pair: int, kind: int) -> int:
    """Ring id of a pair's ring."""
    return abi.CHIM_RING_PAIR0 + pair * abi.CHIM_RINGS_PER_PAIR + kind


@dataclass
class Pair:
    """The six rings of an I/O pair, and the memory behind its buffer rings by ring index."""

    number: int
    sq: Producer
    cq: Consumer
    tx: Producer
    rxb: Producer
    rxc: Consumer
    ib: Producer
    buffers: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def by_kind(self, kind: int) -> Producer | Consumer:
        return (self.sq, self.cq, self.tx, self.rxb, self.rxc, self.ib)[kind]


class Card:
    """Use as a context manager. `options` are device properties (x-ip-id-start=..., pairs=...).

    `wire` is the kind of netdev: dgram, or stream, which is bytes to the test as well. With `port`
    the card stands behind a root port, whose slot can be switched off.
    """

    def __init__(
        self,
        *,
        options: str = "",
        qemu: Path = QEMU,
        memory: str = "64M",
        qemu_args: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        wire: str = "dgram",
        port: bool = False,
    ) -> None:
        kind, netdev = WIRES[wire]
        self.wire, theirs = socket.socketpair(socket.AF_UNIX, kind)
        for end in (self.wire, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.wire.setblocking(False)
        fd = theirs.fileno()
        os.set_inheritable(fd, True)
        place = "bus=port0,addr=00.0" if port else "addr=05.0"
        props = f"chimney,netdev=n0,{place},mac={MAC.hex(':')}" + (
            "," + options if options else ""
        )
        self.qtest = Qtest(
            [
                *("-netdev", f"{netdev}{fd}"),
                *(PORT if port else ()),
                *("-device", props, "-trace", "enable=chimdev_fatal"),
                *qemu_args,
            ],
            qemu=qemu,
            memory=memory,
            pass_fds=(fd,),
            env=env,
        )
        theirs.close()
        try:
            self.memory = Memory(self.qtest)
            if port:
                self.port: pci.PciDevice = pci.open_port(self.qtest, PORT_SLOT, 1)
            self.pci = pci.find(
                self.qtest, abi.CHIM_PCI_VENDOR, abi.CHIM_PCI_DEVICE, 1 if port else 0
            )
            self.pci.assign_bars()
            self.pci.enable()
        except BaseException:
            self.close()
            raise
        self.regs = self.pci.bars[abi.CHIM_BAR_REGS]
        self.pairs: dict[int, Pair] = {}
        self.admin_sq: Producer
        self.admin_cq: Consumer
        self.events: list[abi.chim_cqe] = []
        self._cookie = 0x1000

    def __enter__(self) -> "Card":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        try:
            self.qtest.close()
        finally:
            self.wire.close()

    # registers

    def read(self, reg: int) -> int:
        return self.qtest.readl(self.regs + reg)

    def write(self, reg: int, value: int) -> None:
        self.qtest.writel(self.regs + reg, value)

    def doorbell(self, ring: int, value: int) -> None:
        self.write(abi.CHIM_REG_DOORBELL + 4 * ring, value)

    def wait(
        self, what: str, condition: Callable[[], T | None], seconds: float = WAIT_SECONDS
    ) -> T:
        """Until condition() is true: for bottom halves only. The pause is a qtest round trip, not a
        sleep.
        """
        end = time.monotonic() + seconds
        while True:
            passed = time.monotonic() > end
            value = condition()
            if value:
                return value
            if passed:
                raise WaitTimeout(
                    what, seconds, f"fatal {self.fatal()}; {self.qtest.stderr()[-500:]}"
                )

    def settle(self, rounds: int = 20) -> None:
        """Let bottom halves run that a doorbell or a frame has scheduled, when nothing visible may
        come of it.
        """
        for _ in range(rounds):
            self.read(abi.CHIM_REG_MAGIC)

    def advance(self, *, ms: float = 0, ns: int = 0) -> None:
        """Move the virtual clock and let the card act on it."""
        self.qtest.clock_step(int(ms * 1_000_000) + ns)
        self.settle(4)

    def fatal(self) -> dict[str, int] | None:
        """The fatal cause block, or None while the card is well."""
        if not self.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_FATAL:
            return None
        return {
            "cause": self.read(abi.CHIM_REG_FATAL_CAUSE),
            "ring": self.read(abi.CHIM_REG_FATAL_RING),
            "index": self.read(abi.CHIM_REG_FATAL_INDEX),
            "rule": self.read(abi.CHIM_REG_FATAL_RULE),
            "addr": self.read(abi.CHIM_REG_FATAL_ADDR_LO)
            | self.read(abi.CHIM_REG_FATAL_ADDR_HI) << 32,
        }

    def causes(self) -> list[int]:
        """Every fatal cause of the card's life, those included that a reset has cleared."""
        said = re.findall(r"^chimdev_fatal cause (\d+) ", self.qtest.stderr(), re.M)
        return [int(cause) for cause in said]

    def wait_fatal(self) -> dict[str, int]:
        return self.wait("a fatal cause", self.fatal)

    # bring-up

    def write64(self, low: int, value: int) -> None:
        self.write(low, value & 0xFFFFFFFF)
        self.write(low + 4, value >> 32)

    def make_admin(self, sq_log2: int = 5, cq_log2: int = 5) -> None:
        """Lay out the admin pair and tell the registers; does not enable."""
        self.admin_sq = Producer(
            self.qtest, self.memory, abi.CHIM_RING_ADMIN_SQ, sq_log2, abi.chim_sqe, self.doorbell
        )
        self.admin_cq = Consumer(
            self.qtest, self.memory, abi.CHIM_RING_ADMIN_CQ, cq_log2, abi.chim_cqe, self.doorbell
        )
        self.write64(abi.CHIM_REG_ADMIN_SQ_LO, self.admin_sq.base)
        self.write64(abi.CHIM_REG_ADMIN_SQ_CTL_LO, self.admin_sq.ctl)
        self.write64(abi.CHIM_REG_ADMIN_CQ_LO, self.admin_cq.base)
        self.write64(abi.CHIM_REG_ADMIN_CQ_CTL_LO, self.admin_cq.ctl)
        self.write(abi.CHIM_REG_ADMIN_SIZE, sq_log2 | cq_log2 << 8)

    def start(
        self,
        *,
        pairs: int = 1,
        log2_size: int = 6,
        msix: bool = True,
        features: int | None = None,
        receive: bool = True,
        promisc: bool = False,
    ) -> "Card":
        """Bring the card up as a driver does. Returns itself."""
        if msix:
            self.pci.enable_msix(self.memory, abi.CHIM_BAR_MSIX)
        self.make_admin()
        offered = self.read(abi.CHIM_REG_FEATURES_LO)
        self.write(abi.CHIM_REG_DRV_FEATURES_LO, offered if features is None else features)
        self.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
        assert self.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_READY, self.fatal()
        for number in range(pairs):
            self.create_pair(number, log2_size)
        if receive:
            self.rx_mode(
                abi.CHIM_RX_ENABLE
                | abi.CHIM_RX_BROADCAST
                | (abi.CHIM_RX_PROMISC if promisc else 0),
                [MAC],
            )
        return self

    def reset(self) -> None:
        self.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_RESET)
        assert not self.read(abi.CHIM_REG_CTRL) & abi.CHIM_CTRL_RESET
        self.pairs.clear()

    # admin commands

    def next_cookie(self) -> int:
        self._cookie += 1
        return self._cookie

    def admin_post(
        self, opcode: int, *, data: tuple[int, int] | None = None, second: int = 0, **fields: Any
    ) -> int:
        """Post an admin command; data is (address, length) for sge[0]. Fields are 'union_member'
        dotted names.
        """
        entry = abi.chim_sqe()
        entry.ctl, entry.cookie = opcode, self.next_cookie()
        for name, value in fields.items():
            target: Any = entry.u
            *path, last = name.split("__")
            for part in path:
                target = getattr(target, part)
            setattr(target, last, value)
        if data is not None:
            entry.sge[0].addr, entry.sge[0].len = data
        if second:
            entry.sge[1].addr = second
        self.admin_sq.publish([entry])
        return entry.cookie

    def admin_wait(self, cookie: int, seconds: float = WAIT_SECONDS) -> abi.chim_cqe:
        """The completion of that command; events that come first are kept in `events`."""

        def look() -> abi.chim_cqe | None:
            while (entry := self.admin_cq.take()) is not None:
                if entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_ADMIN and entry.cookie == cookie:
                    found: abi.chim_cqe = entry
                    return found
                self.events.append(entry)
            return None

        return self.wait("an admin completion", look, seconds)

    def admin(self, opcode: int, **kwargs: Any) -> abi.chim_cqe:
        return self.admin_wait(self.admin_post(opcode, **kwargs))

    def admin_data(self, opcode: int, data: bytes, **fields: Any) -> abi.chim_cqe:
        """An admin command whose buffer holds data."""
        return self.admin(
            opcode, data=(self.memory.put(data), len(data)), admin__len=len(data), **fields
        )

    def create_ring(self, ring: Producer | Consumer) -> int:
        done = self.admin(
            abi.CHIM_OP_CREATE_RING,
            data=(ring.base, ring.size * ring.entry_size),
            second=ring.ctl,
            ring__ring=ring.id,
            ring__log2_size=ring.log2_size,
        )
        return int(done.status)

    def make_ring(self, pair: int, kind: int, log2_size: int) -> Producer | Consumer:
        shape: type[Consumer] | type[Producer] = Consumer if kind in TO_DRIVER else Producer
        return shape(
            self.qtest, self.memory, ring_id(pair, kind), log2_size, ENTRY[kind], self.doorbell
        )

    def create_pair(
        self, number: int, log2_size: int = 6, sizes: dict[int, int] | None = None
    ) -> Pair:
        rings = [self.make_ring(number, kind, (sizes or {}).get(kind, log2_size)) for kind in KINDS]
        for ring in rings:
            status = self.create_ring(ring)
            assert status == abi.CHIM_ST_SUCCESS, f"ring {ring.id}: {status}"
        self.pairs[number] = Pair(number, *rings)  # type: ignore[arg-type]
        return self.pairs[number]

    def rx_mode(
        self, flags: int, unicast: list[bytes] | None = None, multicast: list[bytes] | None = None
    ) -> int:
        mode = abi.chim_rx_mode()
        mode.flags, mode.uni_count, mode.multi_count = (
            flags,
            len(unicast or []),
            len(multicast or []),
        )
        for slot, mac in enumerate([*(unicast or []), *(multicast or [])]):
            ctypes.memmove(ctypes.addressof(mode.mac[slot]), mac, 6)
        return int(self.admin_data(abi.CHIM_OP_SET_RX_MODE, bytes(mode)).status)

    def stats(self) -> abi.chim_stats:
        size = ctypes.sizeof(abi.chim_stats)
        addr = self.memory.alloc(size)
        done = self.admin(abi.CHIM_OP_GET_STATS, data=(addr, size), admin__len=size)
        assert done.status == abi.CHIM_ST_SUCCESS
        return abi.chim_stats.from_buffer_copy(self.qtest.read(addr, size))

    # frames

    def post_buffers(self, pair: int, kind: int, count: int, size: int = 2048) -> None:
        """Publish buffers on RXB or IB."""
        ring = self.pairs[pair].by_kind(kind)
        assert isinstance(ring, Producer)
        for _ in range(count):
            addr = self.memory.alloc(size)
            index = ring.publish([abi.chim_buf(ctl=0, len=size, addr=addr)], bell=False)
            self.pairs[pair].buffers[kind, index] = (addr, size)
        ring.ring()

    def buffer(self, pair: int, kind: int, index: int, length: int) -> bytes:
        """Content of a used buffer, which is the driver's again."""
        addr, size = self.pairs[pair].buffers.pop((kind, index))
        assert length <= size, "the card wrote past a buffer"
        return self.qtest.read(addr, length)

    def send_frame(
        self,
        frame: bytes,
        *,
        pair: int = 0,
        pieces: int = 1,
        vnet: abi.chim_vnet_hdr | None = None,
        bell: bool = True,
    ) -> int:
        """Post one frame, cut into so many scatter elements; returns its ring index."""
        cut = max(1, -(-len(frame) // pieces))
        parts = [frame[at : at + cut] for at in range(0, len(frame), cut)]
        sges = [(self.memory.put(part, 1), len(part)) for part in parts]
        first = abi.chim_sqe()
        first.ctl = abi.CHIM_OP_FRAME
        if vnet is not None:
            first.u.frame.vnet = vnet
        return self.pairs[pair].tx.publish(with_sges(first, sges), bell=bell)

    def inject(self, frame: bytes) -> None:
        """A frame from the wire."""
        self.wire.send(frame)

    def wire_frame(self, seconds: float = WAIT_SECONDS) -> bytes:
        """The next frame on the wire."""
        deadline = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.wire], [], [], 0.05)
            if ready:
                return self.wire.recv(1 << 17)
            self.settle(2)
            if time.monotonic() > deadline:
                raise WaitTimeout("a frame on the wire", seconds, f"fatal {self.fatal()}")

    def no_wire_frame(self) -> bool:
        """Whether nothing is on the wire once bottom halves have run."""
        self.settle()
        return not select.select([self.wire], [], [], 0.002)[0]

    def wire_frames(self) -> list[bytes]:
        """All frames on the wire once bottom halves have run."""
        frames = []
        while not self.no_wire_frame():
            frames.append(self.wire.recv(1 << 17))
        return frames

    def wire_now(self) -> list[bytes]:
        """The frames that have come out by now; no time is spent on waiting for more."""
        self.settle(2)
        frames = []
        while select.select([self.wire], [], [], 0)[0]:
            frames.append(self.wire.recv(1 << 17))
        return frames

    def received(
        self, *, pair: int = 0, seconds: float = WAIT_SECONDS
    ) -> tuple[abi.chim_rxe, bytes]:
        """The next frame of the raw path, joined from its buffers, with its first entry."""
        entries = self.pairs[pair].rxc
        first: abi.chim_rxe = self.wait("a received frame", entries.take, seconds)
        data = (
            self.buffer(pair, abi.CHIM_RING_RXB, first.buf, first.len)
            if first.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_RX_FRAME
            else b""
        )
        for _ in range(first.u.frame.vnet.num_buffers - 1 if data else 0):
            more: abi.chim_rxe = self.wait("the rest of a received frame", entries.take, seconds)
            assert more.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_RX_MORE
            data += self.buffer(pair, abi.CHIM_RING_RXB, more.buf, more.len)
        return first, data


MakeCard = Callable[..., Card]


def with_sges(first: abi.chim_sqe, sges: list[tuple[int, int]]) -> list[ctypes.Structure]:
    """The entries of a command: the first with two elements, the others in continuations."""
    for slot, (addr, length) in enumerate(sges[: abi.CHIM_SQE_SGES]):
        first.sge[slot].addr, first.sge[slot].len = addr, length
    rest = sges[abi.CHIM_SQE_SGES :]
    entries: list[ctypes.Structure] = [first]
    for at in range(0, len(rest), abi.CHIM_SG_SGES):
        more = abi.chim_sqe_sg()
        more.ctl = abi.CHIM_OP_SG
        for slot, (addr, length) in enumerate(rest[at : at + abi.CHIM_SG_SGES]):
            more.sge[slot].addr, more.sge[slot].len = addr, length
        entries.append(more)
    first.ctl |= len(entries) - 1 << abi.CHIM_CTL_SG_SHIFT
    return entries


def ethernet(
    payload: bytes,
    *,
    dst: bytes = MAC,
    src: bytes = bytes.fromhex("020000000001"),
    ethertype: int = 0x88B5,
) -> bytes:
    """A frame of the local experimental ethertype unless told otherwise."""
    return dst + src + struct.pack(">H", ethertype) + payload
