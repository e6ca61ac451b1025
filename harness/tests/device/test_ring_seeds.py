# SPDX-License-Identifier: GPL-2.0-or-later
"""200 seeded ring runs: any sizes from 2 to the maximum, any interleaving of publishing, doorbells
and consuming.

Each seed brings the card up anew on one process of QEMU and moves frames both ways, admin commands
and commands of a connection through rings that run full, wrap their phase at least three times
where they are small, are rung twice or not at all (when the event index says so), with vectors
masked at times and without MSI-X at times. What goes in comes out, once and in order.
"""
from __future__ import annotations

import ctypes
import random
import select

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet, with_sges
from chimney.qdev.peer import Peer
from chimney.qdev.seg import parse, tcp_bytes

SEEDS, BATCH = 200, 20


def bell_if_asked(ring: object, old: int, rng: random.Random) -> None:
    """Ring as RING-H10 says; now and then once more, which is allowed."""
    if ((ring.dev_event - old) & 0xFFFFFFFF) < ((ring.index - old) & 0xFFFFFFFF):
        ring.ring()
    if rng.random() < 0.1:
        ring.ring()
        ring.ring()


def polled(card: Card) -> list[bytes]:
    """The frames that have come out by now; no time is spent on waiting for more."""
    card.settle(2)
    frames = []
    while select.select([card.wire], [], [], 0)[0]:
        frames.append(card.wire.recv(1 << 17))
    return frames


def bring_up(card: Card, rng: random.Random) -> None:
    biggest = card.read(abi.CHIM_REG_MAX_RING_LOG2)
    if rng.random() < 0.8:
        card.pci.enable_msix(card.memory, abi.CHIM_BAR_MSIX)
    card.make_admin(rng.choice([1, 2, 5]), rng.choice([1, 2, 5]))
    card.write(abi.CHIM_REG_DRV_FEATURES_LO, card.read(abi.CHIM_REG_FEATURES_LO))
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    sizes = {
        kind: rng.choice([1, 1, 2, 3, biggest if rng.random() < 0.2 else 4])
        for kind in range(abi.CHIM_RING_KINDS)
    }
    card.create_pair(0, 4, sizes)
    card.rx_mode(abi.CHIM_RX_ENABLE | abi.CHIM_RX_PROMISC)


def one_seed(card: Card, seed: int) -> None:
    rng = random.Random(seed)
    bring_up(card, rng)
    pair, frames = card.pairs[0], rng.randrange(8, 28)
    sent, received, to_send, to_inject = 0, 0, list(range(frames)), list(range(frames))
    in_flight = 0
    area = [card.memory.alloc(256) for _ in range(32)]
    slot = 0
    for _ in range(40 * frames):
        if sent == frames and received == frames:
            break
        action = rng.randrange(6)
        if action == 0 and to_send and pair.tx.room() >= 1:
            old = pair.tx.index
            payload = ethernet(b"T%03d" % to_send.pop(0) + bytes(56))
            card.send_frame(payload, bell=False)
            bell_if_asked(pair.tx, old, rng)
        elif action == 1 and pair.rxb.room() >= 1:
            old = pair.rxb.index
            addr, slot = area[slot % 32], slot + 1
            index = pair.rxb.publish([abi.chim_buf(ctl=0, len=256, addr=addr)], bell=False)
            pair.buffers[abi.CHIM_RING_RXB, index] = (addr, 256)
            bell_if_asked(pair.rxb, old, rng)
        elif action == 2 and to_inject and in_flight < len(pair.buffers):
            card.inject(ethernet(b"R%03d" % to_inject.pop(0) + bytes(56)))
            in_flight += 1
        elif action == 3 and (entry := pair.rxc.take()) is not None:
            data = card.buffer(0, abi.CHIM_RING_RXB, entry.buf, entry.len)
            assert data[14:18] == b"R%03d" % received, f"seed {seed}"
            received, in_flight = received + 1, in_flight - 1
        elif action == 4:
            for frame in polled(card) if sent < frames - len(to_send) else []:
                assert frame[14:18] == b"T%03d" % sent, f"seed {seed}"
                sent += 1
        elif action == 5 and rng.random() < 0.3:
            if card.pci.vectors:
                card.pci.mask_vector(1, rng.random() < 0.5)
            assert card.admin(abi.CHIM_OP_SET_MTU, value=1500).status == abi.CHIM_ST_SUCCESS
    assert card.fatal() is None, f"seed {seed}: {card.fatal()}"
    assert (sent, received) == (
        frames,
        frames,
    ), f"seed {seed}: {sent} sent, {received} received of {frames}"


def command(conn: Connection, peer: Peer, kind: int, cookie: int) -> list[ctypes.Structure]:
    """A send of eight bytes, or the forward of a bare ACK, which is answered at once."""
    entry = abi.chim_sqe(ctl=kind, handle=conn.handle, cookie=cookie)
    data = b"8 bytes." if kind == abi.CHIM_OP_SEND else tcp_bytes(peer.seg())
    entry.u.io.len = len(data)
    return with_sges(entry, [(conn.card.memory.put(data), len(data))])


def one_connection(card: Card, seed: int) -> set[str]:
    """Commands and completions through an SQ and a CQ that may run full: what is not consumed holds
    the device up, and nothing gets lost. Returns which of them was seen full.
    """
    rng = random.Random(f"commands {seed}")
    conn = Connection(card, cookie=seed).initiate()
    peer = Peer(conn)
    sq, cq = conn.pair.sq, conn.pair.cq
    total, posted, done = rng.randrange(16, 40), 0, 0
    full: set[str] = set()
    due: dict[int, list[int]] = {abi.CHIM_OP_SEND: [], abi.CHIM_OP_FORWARD: []}
    for _ in range(60 * total):
        if done == total:
            break
        action = rng.randrange(6)
        if action < 3 and posted < total:
            full |= {"SQ"} if sq.room() == 0 else set()
            full |= {"CQ"} if cq.dev_index - cq.index == cq.size else set()
            if sq.room() >= 1:
                kind, old, posted = rng.choice(list(due)), sq.index, posted + 1
                sq.publish(command(conn, peer, kind, posted), bell=False)
                bell_if_asked(sq, old, rng)
                due[kind].append(posted)
        elif action < 5 and (rng.random() < 0.5 or posted == total):
            entry = cq.take()
            if entry is not None:
                kind = entry.ctl & abi.CHIM_CTL_OP_MASK
                assert (entry.cookie, entry.status) == (due[kind].pop(0), 0), f"seed {seed}"
                done += 1
        elif action == 5:
            ends = [seg.seq + len(seg.data) for seg in map(parse, polled(card))]
            if ends and max(ends) > peer.acked:
                peer.ack(max(ends))
    assert card.fatal() is None, f"seed {seed}: {card.fatal()}"
    assert done == total, f"seed {seed}: {done} of {total} commands completed, {posted} posted"
    assert conn.no_entry(), f"seed {seed}: more completions than commands"
    return full


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[pytest.mark.slow] if first else [])
        for first in range(0, SEEDS, BATCH)
    ],
)
def test_ring_seeds(make_card: MakeCard, first: int) -> None:
    card = make_card(memory="256M")
    full: set[str] = set()
    for seed in range(first, first + BATCH):
        card.memory._next = 0x200000
        card.memory._end = 0xE000000
        card.qtest.command(f"memset 0x200000 {0x2000000:#x} 0")
        one_seed(card, seed)
        full |= one_connection(card, seed)
        card.pci.config_write(card.pci.msix_cap + 2, 0, 2) if card.pci.vectors else None
        card.pci._vector_words.clear()
        card.reset()
    assert full == {"SQ", "CQ"}, "among so many seeds each ring must have run full once"
