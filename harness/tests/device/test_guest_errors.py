# SPDX-License-Identifier: GPL-2.0-or-later
"""What the card says of a driver's mistake with QEMU's `-d guest_errors`: one line each, as
spec/refusals.md says.
"""
from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chimney import abi
from chimney.qdev.blocklist import BlockList, asking
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ring_id, with_sges
from chimney.qdev.peer import Peer


def bad_access(card: Card) -> None:
    card.qtest.access("w", card.regs + abi.CHIM_REG_MAGIC)


def latched(card: Card) -> None:
    card.write(abi.CHIM_REG_ADMIN_SIZE, 0x0505)


def features(card: Card) -> None:
    card.write(abi.CHIM_REG_DRV_FEATURES_LO, 0)


def no_vector(card: Card) -> None:
    card.write(abi.CHIM_REG_TEST_IRQ, 17)


def no_ring(card: Card) -> None:
    card.doorbell(7, 1)


def admin(card: Card) -> None:
    card.admin(abi.CHIM_OP_SET_MTU, value=1)


def operation(card: Card) -> None:
    made = BlockList(card, [asking(abi.CHIM_TCP_ALL, 1)])
    made.poke_head("revision", 2)
    made.run(abi.CHIM_OP_QUERY)


def command(card: Card) -> None:
    Connection(card).initiate().send(b"")


def verdict(card: Card) -> None:
    conn = Connection(card).initiate()
    Peer(conn).data(b"taken")
    conn.entry(abi.CHIM_CQ_INDICATE)
    conn.verdict(9, abi.CHIM_ST_DATA_NOT_ACCEPTED)


def frame(card: Card) -> None:
    card.send_frame(bytes(13))


def header(card: Card) -> None:
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FRAME)
    entry.u.frame.vnet.gso_type = 9
    card.pairs[0].tx.publish(with_sges(entry, [(card.memory.put(bytes(60)), 60)]))


def fatal(card: Card) -> None:
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, 0x7000)


def node(card: Card) -> None:
    Connection(card, ttl=0).initiate(expect=abi.CHIM_ST_INVALID_FIELD)


SQ, TX = ring_id(0, abi.CHIM_RING_SQ), ring_id(0, abi.CHIM_RING_TX)
SAID = [
    (bad_access, "REG-H1/size: access that is not of 4 aligned bytes, read at 0x0, found 0x2, "
     "allowed 4 aligned bytes"),
    (latched, "REG-H2/latched: the admin pair's registers are fixed while CTRL.ENABLE is set, "
     "ADMIN_SIZE at 0x120, found 0x505, allowed a write before ENABLE"),
    (features, "REG-D3/features: features are fixed while CTRL.ENABLE is set, DRV_FEATURES_LO at "
     "0x10, found 0x0, allowed a write before ENABLE"),
    (no_vector, "2.3/vector: there is no such vector, TEST_IRQ at 0x204, found 17, allowed 0..16"),
    (no_ring, "REG-H3/doorbell: doorbell of a ring that does not exist, ring 7 entry 1, doorbell "
     "at 0x101c"),
    (admin, "5.6/value: value that the command cannot have, ring 0 entry {next}, "
     "chim_sqe.u.value at 0x10, found 1, allowed 68..9000, status 33"),
    (operation, "OBJ-D1/head: block list whose head makes no sense, ring 0 entry {next}, "
     "chim_block_list.revision at 0xc, found 2, allowed 1, status 35"),
    (command, f"OP-D19/length: request of impossible length, ring {SQ} entry 0, "
     "chim_sqe.u.io.len at 0x10, found 0, allowed 1..1048576, status 33"),
    (verdict, f"RING-H8/verdict: verdict on what is no open indication, ring {SQ} entry 0, "
     "chim_sqe.u.verdict.indication at 0x10, found 0x9, allowed an indication that is not "
     "settled"),
    (frame, f"3.4/length: frame of impossible length, ring {TX} entry 0, length at 0x20, "
     "found 13, allowed 14..67584"),
    (header, f"3.4/gso: virtio_net_hdr whose GSO fields make no sense, ring {TX} entry 0, "
     "chim_sqe.u.frame.vnet.gso_type at 0x11, found 0x9, allowed a known type, with a checksum, "
     "a gso_size of 8 or more, and a hdr_len within the frame"),
    (fatal, "RING-H1/doorbell: doorbell too far ahead of the consumer index, or behind it, ring 0 "
     "entry 28672, doorbell at 0x1000, found 28672, allowed {next}..{end}, fatal cause 2"),
    (node, "4.3/value: value that the field cannot have, ring 0 entry {next}, node 2, "
     "chim_tcp_cached.ttl at 0x16b, found 0, allowed 1..255, status 33"),
]


@pytest.mark.parametrize("breaks,line", SAID, ids=[breaks.__name__ for breaks, _ in SAID])
def test_what_the_card_says(
    make_card: MakeCard, breaks: Callable[[Card], None], line: str
) -> None:
    """spec/driver-rules.md: "each code is one line of QEMU's log, behind `chimney: `"."""
    card = make_card(qemu_args=("-d", "guest_errors")).start()
    card.post_buffers(0, abi.CHIM_RING_IB, 4, 4096)
    card.settle()
    before, index = len(card.qtest.stderr()), card.admin_sq.index
    breaks(card)
    card.settle()
    said = re.findall(r"^chimney: (.*)", card.qtest.stderr()[before:], re.M)
    assert said == [line.format(next=index, end=index + 32)]


def test_nothing_is_said_of_an_early_fence(make_card: MakeCard) -> None:
    """Chapter 5.1: "These may come before or after the command"."""
    card = make_card(qemu_args=("-d", "guest_errors")).start()
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FENCE)
    card.pairs[0].sq.publish(with_sges(entry, []))
    card.settle()
    assert "chimney: " not in card.qtest.stderr()
