# SPDX-License-Identifier: GPL-2.0-or-later
"""Work that cannot go on does not run: while something else must happen first, the card sleeps, and
QEMU with it.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney import abi
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet, with_sges
from chimney.qdev.peer import Peer
from chimney.vm.qmp import Qmp

SECONDS = 0.5
BUSY_SHARE = 0.08  # of a processor: asleep it is next to nothing, awake all that there is
IN_VAIN = abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=0xFFFF)  # completes at once


def cpu_seconds(card: Card) -> float:
    """Processor time that QEMU has used so far."""
    stat = Path(f"/proc/{card.qtest.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def assert_sleeps(card: Card) -> None:
    card.settle()
    before, begin = cpu_seconds(card), time.monotonic()
    time.sleep(SECONDS)
    used, passed = cpu_seconds(card) - before, time.monotonic() - begin
    assert used < BUSY_SHARE * passed, f"{used:.2f} s of processor time in {passed:.2f} s"


def small(make_card: MakeCard, **sizes: int) -> Card:
    """A card whose pair 0 has small rings, by their names."""
    card = make_card().start(pairs=0, promisc=True)
    kinds = {"cq": abi.CHIM_RING_CQ, "rxc": abi.CHIM_RING_RXC, "ib": abi.CHIM_RING_IB}
    card.create_pair(0, 6, {kinds[name]: log2 for name, log2 in sizes.items()})
    card.post_buffers(0, abi.CHIM_RING_RXB, 16)
    card.post_buffers(0, abi.CHIM_RING_IB, min(16, card.pairs[0].ib.size), 4096)
    return card


def commands_without_a_cq(make_card: MakeCard) -> Card:
    """Published on an SQ whose CQ does not exist yet."""
    card = make_card().start(pairs=0)
    sq = card.make_ring(0, abi.CHIM_RING_SQ, 4)
    assert card.create_ring(sq) == abi.CHIM_ST_SUCCESS
    sq.publish([IN_VAIN])  # type: ignore[union-attr]
    return card


def commands_whose_cq_has_gone(make_card: MakeCard) -> Card:
    """The same, after the CQ has been destroyed."""
    card = make_card().start()
    number = card.pairs[0].cq.id
    done = card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=number)
    assert done.status == abi.CHIM_ST_SUCCESS
    card.pairs[0].sq.publish([IN_VAIN])
    return card


def full_cq(make_card: MakeCard) -> Card:
    """Commands behind completions that nobody takes."""
    card = small(make_card, cq=1)
    for _ in range(20):
        card.pairs[0].sq.publish([IN_VAIN])
    return card


def events_for_a_full_cq(make_card: MakeCard) -> Card:
    """A connection's completions and an indication behind them."""
    card = small(make_card, cq=1)
    conn = Connection(card).initiate()
    peer = Peer(conn)
    for _ in range(6):
        conn.recv(10)
    for _ in range(8):
        peer.data(b"0123456789")
    card.pairs[0].sq.publish([IN_VAIN])
    return card


def index_past_an_indication_on_a_full_cq(make_card: MakeCard) -> Card:
    """An indication is passed by the index; the commands that must be read before it is settled
    fill the CQ again.
    """
    card = small(make_card, cq=2)
    conn = Connection(card).initiate()
    peer = Peer(conn)
    peer.data(b"first")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE, release=False)) == b"first"
    peer.data(b"second")
    card.settle()
    sq, cq = card.pairs[0].sq, card.pairs[0].cq
    sq.publish_many([abi.chim_sqe(ctl=IN_VAIN.ctl, handle=0xFFFF) for _ in range(30)], bell=False)
    cq.release()
    sq.ring()
    return card


def full_rxc(make_card: MakeCard) -> Card:
    """Frames, and the marker of a connection behind them."""
    card = small(make_card, rxc=1)
    for _ in range(8):
        card.inject(ethernet(bytes(60)))
    card.settle()
    Connection(card).initiate()
    return card


def no_buffers(make_card: MakeCard) -> Card:
    """Frames and bytes for which the driver has posted nothing."""
    card = make_card().start(promisc=True)
    conn = Connection(card).initiate()
    Peer(conn).data(b"bytes")
    for _ in range(4):
        card.inject(ethernet(bytes(60)))
    return card


def full_admin_cq(make_card: MakeCard) -> Card:
    """Commands and operations whose completions nobody takes."""
    card = make_card()
    card.make_admin(cq_log2=1)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    for _ in range(16):
        card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)
    return card


def stalled_wire(make_card: MakeCard) -> Card:
    """Frames of the host and bytes of a connection that the backend does not take."""
    card = small(make_card)
    conn = Connection(card).initiate()
    frame = ethernet(bytes(60000))
    addr = card.memory.put(frame)
    for _ in range(400):
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)
        card.pairs[0].tx.publish(with_sges(entry, [(addr, len(frame))]))
        card.settle(4)
        if card.pairs[0].tx.dev_index != card.pairs[0].tx.index:
            break
    conn.send(b"bytes")
    Peer(conn).data(b"owed")
    card.advance(ms=5000)
    assert card.pairs[0].tx.dev_index != card.pairs[0].tx.index
    return card


def terminate_that_waits(make_card: MakeCard) -> Card:
    """A TERMINATE past its deadline for the wire whose LAST has no room."""
    card = small(make_card, cq=1)
    conn = Connection(card).initiate()
    asked = conn.terminate_list()
    conn.post_fence(77)
    for _ in range(2):
        card.pairs[0].sq.publish([IN_VAIN])
    card.settle()
    asked.post(abi.CHIM_OP_TERMINATE, 77, 1)
    card.advance(ms=1000)
    return card


def operation_without_fences(make_card: MakeCard) -> Card:
    """An INITIATE whose fences do not come."""
    card = make_card().start()
    conn = Connection(card)
    conn.list.post(abi.CHIM_OP_INITIATE, 78, 1)
    return card


def no_bus_master(make_card: MakeCard) -> Card:
    """Commands of a card that may not read them."""
    card = make_card().start()
    card.pci.config_write(4, card.pci.config_read(4, 2) & ~4, 2)
    card.pairs[0].sq.publish([IN_VAIN])
    return card


SITUATIONS: list[Callable[[MakeCard], Card]] = [
    commands_without_a_cq,
    commands_whose_cq_has_gone,
    full_cq,
    events_for_a_full_cq,
    index_past_an_indication_on_a_full_cq,
    full_rxc,
    no_buffers,
    full_admin_cq,
    stalled_wire,
    terminate_that_waits,
    operation_without_fences,
    no_bus_master,
]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda make: str(make.__name__))
def test_sleeps(make_card: MakeCard, situation: Callable[[MakeCard], Card]) -> None:
    """RING-D7, RING-D5: the card sleeps until what it waits for has happened."""
    assert_sleeps(situation(make_card))


def test_cq_that_comes_late(make_card: MakeCard) -> None:
    """RING-D8: commands published before the CQ exists are consumed when it does."""
    card = commands_without_a_cq(make_card)
    cq = card.make_ring(0, abi.CHIM_RING_CQ, 4)
    assert card.create_ring(cq) == abi.CHIM_ST_SUCCESS
    done = card.wait("the command's completion", cq.take)  # type: ignore[union-attr]
    assert done.status == abi.CHIM_ST_INVALID_HANDLE


def test_paused_machine(make_card: MakeCard, tmp_path: Path) -> None:
    """LIFE-D3: what a stopped VM's card cannot do waits without turning round."""
    card = make_card(qemu_args=("-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")).start()
    qmp = Qmp(tmp_path / "qmp")
    qmp.command("stop")
    card.pairs[0].sq.publish([IN_VAIN])
    card.inject(ethernet(bytes(60)))
    assert_sleeps(card)
    assert card.pairs[0].cq.peek() is None
    qmp.command("cont")
    qmp.close()
    card.wait("the command's completion", card.pairs[0].cq.take)
