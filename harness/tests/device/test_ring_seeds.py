# SPDX-License-Identifier: GPL-2.0-or-later
"""200 seeded ring runs: any sizes from 2 to the maximum, any interleaving of publishing, doorbells,
consuming, sleeping and masking.

Each seed brings the card up anew on one process of QEMU and moves frames both ways, admin commands,
and a connection's commands and bytes through rings that run full, wrap their phase three times
where they are small, are rung twice or not at all (when the event index says so). Most consumers
sleep: they look again only after an interrupt, which may be masked for a while, or come by the ISR.
What goes in comes out, once and in order. One seed of a batch fills rings of the largest size. A
seed tells which cases it has shown, and every batch must show all of them.
"""
from __future__ import annotations

import ctypes
import random
from collections import Counter
from collections.abc import Callable

import pytest

from chimney import abi
from chimney.qdev import fill
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet, with_sges
from chimney.qdev.memory import START
from chimney.qdev.peer import Peer
from chimney.qdev.rings import Producer, Ring
from chimney.qdev.seg import parse, tcp_bytes
from chimney.qdev.sleeper import Line, Sleeper

SEEDS, BATCH = 200, 20
FILLS = 7  # which seed of a batch fills rings of the largest size
MOST = 48  # commands of a seed
BUFFER, CHUNK = 64, 80  # of an indication: its buffers, and the most that the peer sends at once
NAMES = {
    abi.CHIM_RING_SQ: "SQ",
    abi.CHIM_RING_CQ: "CQ",
    abi.CHIM_RING_TX: "TX",
    abi.CHIM_RING_RXB: "RXB",
    abi.CHIM_RING_RXC: "RXC",
    abi.CHIM_RING_IB: "IB",
}
KINDS = ["admin SQ", "admin CQ", *NAMES.values()]
# Which rings of the largest size a batch fills, batch after batch.
LARGEST = [("admin SQ", "admin CQ"), ("TX",), ("RXB", "RXC"), ("SQ", "CQ"), ("IB",)]
CASES = {
    *(f"{kind} of size 2" for kind in KINDS),
    *(f"three wraps of {kind}" for kind in KINDS),
    *(f"{kind} full" for kind in ("SQ", "CQ", "RXC")),
    *(f"{kind} consumer slept" for kind in ("admin CQ", "RXC", "CQ")),
    *(f"{kind} masked with entries pending" for kind in ("RXC", "CQ")),
    *(f"{kind} re-armed after a new entry" for kind in ("RXC", "CQ")),
    *(f"{kind} re-armed before a new entry" for kind in ("RXC", "CQ")),
    *(f"{kind} without MSI-X" for kind in ("admin CQ", "RXC", "CQ")),
    "doorbell twice",
}


def largest(first: int) -> tuple[str, ...]:
    """The rings that the batch from seed `first` on fills at the largest size."""
    return LARGEST[first // BATCH % len(LARGEST)]


class Run:
    """One seed on one card: its rings, its random numbers, and the cases it has shown."""

    def __init__(self, card: Card, seed: int, biggest: tuple[str, ...]) -> None:
        self.card, self.seed, self.rng = card, seed, random.Random(seed)
        self.cases: Counter[str] = Counter()
        self.limit = card.read(abi.CHIM_REG_MAX_RING_LOG2)
        if seed % 4:
            card.pci.enable_msix(card.memory, abi.CHIM_BAR_MSIX)
        admin = [self.size(kind, [1, 2, 5], biggest) for kind in ("admin SQ", "admin CQ")]
        card.make_admin(*admin)
        card.write(abi.CHIM_REG_DRV_FEATURES_LO, card.read(abi.CHIM_REG_FEATURES_LO))
        card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
        some = [1, 1, 2, 3, 4]
        self.pair = card.create_pair(
            0, 4, {kind: self.size(name, some, biggest) for kind, name in NAMES.items()}
        )
        card.rx_mode(abi.CHIM_RX_ENABLE | abi.CHIM_RX_PROMISC)
        self.admin_line, self.line = Line(card, 0), Line(card, 1)
        self.sleeps = seed % 5 > 0

    def size(self, name: str, some: list[int], biggest: tuple[str, ...]) -> int:
        """log2 of the entries of a ring."""
        if name in biggest or (not biggest and self.rng.random() < 0.04):
            return self.limit
        return self.rng.choice(some)

    def rings(self) -> dict[str, Ring]:
        own: list[Ring] = [self.pair.by_kind(kind) for kind in NAMES]
        return dict(zip(KINDS, [self.card.admin_sq, self.card.admin_cq, *own], strict=True))

    def bell(self, ring: Producer, old: int) -> None:
        """Ring as RING-H10 says; now and then twice more, which is allowed."""
        if ((ring.dev_event - old) & 0xFFFFFFFF) < ((ring.index - old) & 0xFFFFFFFF):
            ring.ring()
        if self.rng.random() < 0.1:
            ring.ring()
            ring.ring()
            self.cases["doorbell twice"] += 1

    def sleeper(self, kind: int) -> Sleeper:
        ring = self.pair.by_kind(kind)
        assert not isinstance(ring, Producer)
        return Sleeper(ring, self.line)

    def admin(self) -> None:
        """An admin command, whose completion is looked at when the interrupt has come."""
        ring = self.card.admin_cq
        if not self.sleeps:
            done = self.card.admin(abi.CHIM_OP_SET_MTU, value=1500)
            assert done.status == abi.CHIM_ST_SUCCESS
            return
        ring.set_event(ring.index)
        assert ring.peek() is None
        self.admin_line.fired()
        cookie = self.card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)
        self.card.wait("the interrupt of the admin pair", self.admin_line.fired)
        done = ring.take()
        assert (done.cookie, done.status) == (cookie, abi.CHIM_ST_SUCCESS)
        self.slept("admin CQ")

    def slept(self, name: str) -> None:
        """A consumer has been woken by its interrupt."""
        self.cases[f"{name} consumer slept"] += 1
        if not self.line.msix:
            self.cases[f"{name} without MSI-X"] += 1

    def awake(self, sleeper: Sleeper, name: str) -> bool:
        """Whether the consumer may look; a sleeper needs an interrupt for that."""
        slept = sleeper.asleep
        if sleeper.awake() and slept and sleeper.ring.peek() is not None:
            self.slept(name)
        return not sleeper.asleep

    def nap(self, sleeper: Sleeper, name: str, publish: Callable[[], None] | None) -> None:
        """The ring was empty: sleep, or have an entry come in the middle of it."""
        if not self.sleeps:
            return
        late = self.rng.random() < 0.5
        racing = publish if self.rng.random() < 0.4 else None
        if sleeper.doze(racing, late=late):
            self.cases[f"{name} re-armed {'before' if late else 'after'} a new entry"] += 1

    def mask(self, sleeper: Sleeper, name: str) -> None:
        """Mask the pair's vector, or unmask it, which wakes a consumer that has entries."""
        if not self.line.msix:
            return
        if not self.line.masked:
            self.line.mask()
            return
        due = not self.awake(sleeper, name) and sleeper.ring.peek() is not None
        held = self.line.unmask()
        if due:
            assert held, "entries for a sleeper, and its masked vector is not pending"
            assert self.awake(sleeper, name)
            self.cases[f"{name} masked with entries pending"] += 1

    def end(self) -> Counter[str]:
        """What has been shown, when everything has come out."""
        assert self.card.fatal() is None, self.card.fatal()
        for name, ring in self.rings().items():
            if ring.size == 2 and ring.index >= ring.size:
                self.cases[f"{name} of size 2"] += 1
            if ring.index > 3 * ring.size:
                self.cases[f"three wraps of {name}"] += 1
            if ring.log2_size == self.limit and ring.index > ring.size:
                self.cases[f"{name} filled at its largest"] += 1
        return self.cases


class Frames:
    """Frames through TX, RXB and RXC, and admin commands between them."""

    def __init__(self, run: Run) -> None:
        self.run, self.card, self.pair = run, run.card, run.pair
        self.total = run.rng.randrange(8, 28)
        self.posted = self.sent = self.injected = self.received = self.slot = 0
        self.area = [run.card.memory.alloc(256) for _ in range(32)]
        self.sleeper = run.sleeper(abi.CHIM_RING_RXC)

    def transmit(self) -> None:
        if self.posted == self.total:
            return
        if self.pair.tx.room() == 0:
            return
        old = self.pair.tx.index
        self.card.send_frame(ethernet(b"T%03d" % self.posted + bytes(56)), bell=False)
        self.posted += 1
        self.run.bell(self.pair.tx, old)

    def look_at_wire(self) -> None:
        for frame in self.card.wire_now() if self.sent < self.posted else []:
            assert frame[14:18] == b"T%03d" % self.sent
            self.sent += 1

    def post_buffer(self) -> None:
        rxb = self.pair.rxb
        if rxb.room() == 0:
            return
        old, addr, self.slot = rxb.index, self.area[self.slot % 32], self.slot + 1
        index = rxb.publish([abi.chim_buf(ctl=0, len=256, addr=addr)], bell=False)
        self.pair.buffers[abi.CHIM_RING_RXB, index] = (addr, 256)
        self.run.bell(rxb, old)

    def may_inject(self) -> bool:
        """Whether a frame that comes now has a buffer."""
        under_way = self.injected - self.received
        return self.injected < self.total and under_way < len(self.pair.buffers)

    def inject(self) -> None:
        self.card.inject(ethernet(b"R%03d" % self.injected + bytes(56)))
        self.injected += 1

    def inject_now(self) -> None:
        """A frame, until it stands in the ring."""
        self.inject()
        self.card.wait("a received frame", self.pair.rxc.peek)

    def receive(self) -> None:
        if fill.full(self.pair.rxc):
            self.run.cases["RXC full"] += 1
        if not self.run.awake(self.sleeper, "RXC"):
            return
        entry = self.pair.rxc.take()
        if entry is None:
            alone = self.injected == self.received and self.may_inject()
            self.run.nap(self.sleeper, "RXC", self.inject_now if alone else None)
            return
        data = self.card.buffer(0, abi.CHIM_RING_RXB, entry.buf, entry.len)
        assert data[14:18] == b"R%03d" % self.received
        self.received += 1

    def act(self, action: int) -> None:
        if action == 0:
            self.transmit()
        elif action == 1:
            self.post_buffer()
        elif action == 2 and self.may_inject():
            self.inject()
        elif action == 3:
            self.receive()
        elif action == 4:
            self.look_at_wire()
        elif action == 5 and self.run.rng.random() < 0.2:
            self.run.admin()
        elif action == 6 and self.run.rng.random() < 0.5:
            self.run.mask(self.sleeper, "RXC")

    def walk(self) -> None:
        for _ in range(80 * self.total):
            if self.sent == self.received == self.total:
                break
            self.act(self.run.rng.randrange(7))
        assert (self.sent, self.received) == (self.total, self.total)
        if self.run.line.masked:
            self.run.line.unmask()


class Commands:
    """Commands and bytes of one connection through SQ, CQ and IB."""

    def __init__(self, run: Run) -> None:
        self.run, self.card, self.rng = run, run.card, run.rng
        self.conn = Connection(run.card, cookie=run.seed).initiate()
        self.peer = Peer(self.conn)
        self.sq, self.cq = self.conn.pair.sq, self.conn.pair.cq
        self.total = self.rng.randrange(16, 40)
        self.posted = self.done = 0
        self.due: dict[int, list[int]] = {abi.CHIM_OP_SEND: [], abi.CHIM_OP_FORWARD: []}
        self.stream = self.rng.randbytes(self.rng.randrange(400, 1000))
        self.said, self.heard = 0, b""
        self.sleeper = run.sleeper(abi.CHIM_RING_CQ)

    def command(self, kind: int) -> None:
        """A send of eight bytes, or the forward of a bare ACK, which is answered at once."""
        self.posted += 1
        entry = abi.chim_sqe(ctl=kind, handle=self.conn.handle, cookie=self.posted)
        data = b"8 bytes." if kind == abi.CHIM_OP_SEND else tcp_bytes(self.peer.seg())
        entry.u.io.len = len(data)
        old = self.sq.index
        entries: list[ctypes.Structure] = with_sges(
            entry, [(self.card.memory.put(data), len(data))]
        )
        self.sq.publish(entries, bell=False)
        self.due[kind].append(self.posted)
        self.run.bell(self.sq, old)

    def command_now(self) -> None:
        """One more command, whose completion stands in the ring at once."""
        self.total += 1
        self.command(abi.CHIM_OP_FORWARD)
        self.card.wait("a completion", self.cq.peek)

    def post(self) -> None:
        if self.posted == self.total:
            return
        if fill.full(self.cq):
            self.run.cases["CQ full"] += 1
        if self.sq.room() == 0:
            self.run.cases["SQ full"] += 1
            return
        self.command(self.rng.choice(list(self.due)))

    def post_buffer(self) -> None:
        ib = self.conn.pair.ib
        if ib.room() == 0 or self.heard == self.stream:
            return
        old, addr = ib.index, self.card.memory.alloc(BUFFER)
        index = ib.publish([abi.chim_buf(ctl=0, len=BUFFER, addr=addr)], bell=False)
        self.conn.pair.buffers[abi.CHIM_RING_IB, index] = (addr, BUFFER)
        self.run.bell(ib, old)

    def say(self) -> None:
        """The peer sends."""
        part = self.stream[self.said : self.said + self.rng.randrange(1, CHUNK)]
        if part:
            self.peer.data(part)
            self.said += len(part)

    def take(self) -> None:
        if not self.run.awake(self.sleeper, "CQ"):
            return
        entry = self.cq.take()
        if entry is None:
            alone = self.total < MOST and self.sq.room() == self.sq.size
            self.run.nap(self.sleeper, "CQ", self.command_now if alone else None)
        elif entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_INDICATE:
            self.heard += self.conn.indicated(entry)
            assert self.stream.startswith(self.heard)
        else:
            kind = entry.ctl & abi.CHIM_CTL_OP_MASK
            assert (entry.cookie, entry.status) == (self.due[kind].pop(0), 0)
            self.done += 1

    def acknowledge(self) -> None:
        ends = [seg.seq + len(seg.data) for seg in map(parse, self.card.wire_now())]
        if ends and max(ends) > self.peer.acked:
            self.peer.ack(max(ends))

    def act(self, action: int) -> None:
        if action < 3:
            self.post()
        elif action < 5 and (self.rng.random() < 0.5 or self.posted == self.total):
            self.take()
        elif action == 5:
            self.acknowledge()
        elif action == 6:
            self.post_buffer()
        elif action == 7 and self.rng.random() < 0.6:
            self.say()
        elif action == 8 and self.rng.random() < 0.6:
            self.run.mask(self.sleeper, "CQ")

    def walk(self) -> None:
        for _ in range(120 * self.total):
            if self.done == self.total and self.heard == self.stream:
                break
            self.act(self.rng.randrange(9))
        assert (self.done, len(self.heard)) == (self.total, len(self.stream)), self.posted
        assert self.conn.no_entry(), "more completions than commands"
        if self.run.line.masked:
            self.run.line.unmask()


def one_seed(card: Card, seed: int, biggest: tuple[str, ...]) -> Counter[str]:
    """A card brought up, both walks, and the largest rings filled. Returns what has been shown."""
    run = Run(card, seed, biggest)
    Frames(run).walk()
    if "admin SQ" in biggest:
        fill.admin_rings(card)
    if "TX" in biggest:
        fill.transmit_ring(card, run.pair.tx)
    if "RXC" in biggest:
        fill.receive_rings(card, run.pair)
    commands = Commands(run)
    commands.walk()
    if "SQ" in biggest:
        fill.command_rings(commands.conn, commands.peer)
    if "IB" in biggest:
        fill.indication_ring(commands.conn, commands.peer)
    return run.end()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[pytest.mark.slow] if first else [])
        for first in range(0, SEEDS, BATCH)
    ],
)
def test_ring_seeds(make_card: MakeCard, first: int) -> None:
    """RING-H10. Every case comes up among the seeds of a batch."""
    card = make_card(memory="256M")
    cases: Counter[str] = Counter()
    card.memory._end = 0xE000000
    for seed in range(first, first + BATCH):
        try:
            cases += one_seed(card, seed, largest(first) if seed % BATCH == FILLS else ())
        except Exception as error:
            error.add_note(f"seed {seed}; fatal {card.fatal()}")
            raise
        card.pci.disable_msix()
        card.reset()
        card.wire_now()
        card.qtest.command(f"memset {START:#x} {card.memory._next - START:#x} 0")
        card.memory._next = START
    assert set(cases) == CASES | {f"{kind} filled at its largest" for kind in largest(first)}


def test_largest_rings_of_every_kind() -> None:
    """The batches together fill a ring of the largest size of each kind."""
    filled = [kind for first in range(0, SEEDS, BATCH) for kind in largest(first)]
    assert set(filled) == set(KINDS)
