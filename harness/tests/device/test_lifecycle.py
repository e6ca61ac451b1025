# SPDX-License-Identifier: GPL-2.0-or-later
"""The card's life (spec chapter 9) and rules that need the world around it: monitor, link, stop,
reset, absent features.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chimney import abi
from chimney.qdev import pci
from chimney.qdev.blocklist import BlockList, asking, new_tcp, tree
from chimney.qdev.connection import Connection, next_fence
from chimney.qdev.device import Card, MakeCard, ethernet, ring_id, with_sges
from chimney.qdev.memory import NO_RAM
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import ACK, PSH
from chimney.qdev.state import RCV, UNA
from chimney.vm.qmp import Qmp, QmpError

OK = abi.CHIM_ST_SUCCESS


@pytest.fixture
def watched(make_card: MakeCard, tmp_path: Path) -> Iterator[tuple[Card, Qmp]]:
    """A card, and QEMU's monitor beside it."""
    path = tmp_path / "qmp"
    card = make_card(qemu_args=("-qmp", f"unix:{path},server=on,wait=off")).start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 8)
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    qmp = Qmp(path)
    yield card, qmp
    qmp.close()


def test_loss_of_link(watched: tuple[Card, Qmp]) -> None:
    """LIFE-D5, TRM-5: it is reported both ways, and connections stay."""
    card, qmp = watched
    conn = Connection(card).initiate()
    for up in (False, True):
        qmp.human(f"set_link n0 {'on' if up else 'off'}")
        entry = card.wait("the link's event", card.admin_cq.take)
        assert (entry.ctl & abi.CHIM_CTL_OP_MASK, entry.info) == (abi.CHIM_CQ_LINK, int(up))
        assert bool(card.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_LINK_UP) == up
        assert conn.query()[2].state == abi.CHIM_TCP_ESTABLISHED
    conn.send(b"still here")
    assert stream(Peer(conn).frames(), UNA) == b"still here"


def test_migration_is_refused(watched: tuple[Card, Qmp], tmp_path: Path) -> None:
    """LIFE-D4: with a sentence, and nothing has happened."""
    card, qmp = watched
    conn = Connection(card).initiate()
    with pytest.raises(QmpError):
        qmp.command("migrate", uri=f"file:{tmp_path}/state")
    conn.send(b"alive")
    assert card.wire_frame()


def test_stopped_vm(watched: tuple[Card, Qmp]) -> None:
    """LIFE-D3: nothing is written to guest memory while the VM is stopped; afterwards everything
    is.
    """
    card, qmp = watched
    conn = Connection(card).initiate()
    qmp.command("stop")
    before = card.qtest.read(0x200000, 0x100000)
    Peer(conn).data(b"while stopped")
    card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    card.qtest.clock_step(2_000_000_000)
    card.settle()
    assert card.qtest.read(0x200000, 0x100000) == before
    qmp.command("cont")
    assert conn.indicated(conn.entry(abi.CHIM_CQ_INDICATE)) == b"while stopped"


def test_loss_of_link_while_stopped(watched: tuple[Card, Qmp]) -> None:
    """LIFE-D3, LIFE-D5: a stopped VM hears of it when it goes on."""
    card, qmp = watched
    qmp.command("stop")
    before = card.qtest.read(0x200000, 0x100000)
    qmp.human("set_link n0 off")
    card.settle()
    assert card.qtest.read(0x200000, 0x100000) == before
    qmp.command("cont")
    entry = card.wait("the link's event", card.admin_cq.take)
    assert (entry.ctl & abi.CHIM_CTL_OP_MASK, entry.info) == (abi.CHIM_CQ_LINK, 0)


def enabled(card: Card) -> bool:
    """Enable a card that has been reset: whether it becomes ready. It has no complaint."""
    card.make_admin()
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    assert card.read(abi.CHIM_REG_CTRL) == abi.CHIM_CTRL_ENABLE and card.fatal() is None
    return bool(card.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_READY)


def test_fault_of_a_start(make_card: MakeCard, tmp_path: Path) -> None:
    """x-fault=READY: enabled, the card does not become ready, each time or the N-th; it takes no
    command, and after a reset the next attempt counts.
    """
    path = tmp_path / "qmp"
    card = make_card(options="id=nic0,x-fault=READY:2",
                     qemu_args=("-qmp", f"unix:{path},server=on,wait=off"))
    qmp = Qmp(path)
    assert enabled(card)
    card.reset()
    assert not enabled(card)
    card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)
    card.settle()
    assert card.admin_sq.dev_index == 0 and card.admin_cq.take() is None
    card.reset()
    assert enabled(card)
    for value, ready in (("READY", (False, False)), ("READY:1", (False, True)), ("", (True, True))):
        qmp.command("qom-set", path="/machine/peripheral/nic0", property="x-fault", value=value)
        for one in ready:
            card.reset()
            assert enabled(card) == one
    card.reset()
    card.start()
    qmp.close()


def test_masks_and_reset(card: Card) -> None:
    """LIFE-D2: MSI-X masks survive CTRL_RESET and are the power-on ones after FLR."""
    card.pci.mask_vector(1, True)
    card.reset()
    table = card.pci._table + 16 * 1 + 12
    assert card.qtest.readl(table) & 1
    assert not card.qtest.readl(card.pci._table + 12) & 1
    cap = card.pci.capability(pci.CAP_PCIE)
    card.pci.config_write(cap + 8, card.pci.config_read(cap + 8, 2) | 1 << 15, 2)
    card.settle()
    card.pci.assign_bars()
    card.pci.enable()
    assert card.qtest.readl(card.pci._table + 12) & 1


def test_leaving_d0_is_a_reset(card: Card) -> None:
    """LIFE-D1: back in D0 the card is as after power-on."""
    cap = card.pci.capability(pci.CAP_PM)
    card.pci.config_write(cap + 4, 3, 2)
    card.settle()
    card.pci.config_write(cap + 4, 0, 2)
    card.pci.assign_bars()
    card.pci.enable()
    assert card.read(abi.CHIM_REG_CTRL) == 0 and card.read(abi.CHIM_REG_ADMIN_SIZE) == 0
    card.pairs.clear()
    card.start()


def test_leaving_d0_forgets_connections(card: Card) -> None:
    """LIFE-D1, M-23: like a reset; no frame is sent for them."""
    conn = Connection(card).initiate()
    conn.send(b"x")
    card.wire_frames()
    cap = card.pci.capability(pci.CAP_PM)
    card.pci.config_write(cap + 4, 3, 2)
    card.advance(ms=1000)
    card.pci.config_write(cap + 4, 0, 2)
    card.advance(ms=1000)
    assert card.no_wire_frame()


@pytest.mark.parametrize("fatal", [False, True])
def test_bus_reset(watched: tuple[Card, Qmp], fatal: bool) -> None:
    """LIFE-D1: a reset of the bus forgets rings, objects, filter and counters, and clears FATAL and
    ISR; no frame is sent for the connections, and guest memory is left alone.
    """
    card, qmp = watched
    conn = Connection(card).initiate()
    conn.send(b"in flight")
    card.wire_frames()
    card.pci.disable_msix()
    card.write(abi.CHIM_REG_TEST_IRQ, 2)
    if fatal:
        card.doorbell(abi.CHIM_RING_ADMIN_SQ, 0x7000)
        card.wait_fatal()
    card.admin_sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SET_MTU)], bell=False)
    conn.pair.sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=conn.handle)], bell=False)
    qmp.command("system_reset")
    qmp.wait_event("RESET", 10)
    card.pci.assign_bars()
    card.pci.enable()
    assert card.no_wire_frame() and card.fatal() is None
    blank = (abi.CHIM_REG_CTRL, abi.CHIM_REG_ISR, abi.CHIM_REG_ADMIN_SIZE, abi.CHIM_REG_FATAL_CAUSE)
    assert [card.read(reg) for reg in blank] == [0] * 4
    before = card.qtest.read(0x200000, 0x100000)
    card.admin_sq.ring()
    conn.pair.sq.ring()
    Peer(conn).data(b"unheard")
    card.advance(ms=3000)
    assert card.no_wire_frame() and card.qtest.read(0x200000, 0x100000) == before
    card.pairs.clear()
    card.start(receive=False)
    card.post_buffers(0, abi.CHIM_RING_RXB, 2)
    card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, conn.handle)])
    assert asked.run(abi.CHIM_OP_QUERY).status == OK
    assert asked.statuses() == [abi.CHIM_ST_INVALID_HANDLE]
    stats = card.stats()
    assert (stats.tcp4.currently_established, stats.nic.rx_frames, stats.nic.tx_frames) == (0, 0, 0)


# before enable, after reset, after a fatal cause


def test_commands_before_enable(make_card: MakeCard) -> None:
    """REG-H2, LIFE-D1: entries and doorbells have no effect before ENABLE, and are found when it
    comes.
    """
    card = make_card()
    card.make_admin()
    cookie = card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)
    card.settle()
    assert card.admin_cq.peek() is None and card.fatal() is None
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    assert card.admin_wait(cookie).status == OK


def test_commands_after_reset(card: Card) -> None:
    """LIFE-D1: rings, objects and connections are forgotten; nothing is sent for them, doorbells do
    nothing.
    """
    conn = Connection(card).initiate()
    conn.send(b"in flight")
    card.wire_frames()
    sq, pair_sq = card.admin_sq, conn.pair.sq
    card.reset()
    sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SET_MTU)])
    pair_sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=conn.handle)])
    card.advance(ms=3000)
    assert card.no_wire_frame() and card.fatal() is None
    assert card.admin_cq.peek() is None
    card.start(msix=False)
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, conn.handle)])
    asked.run(abi.CHIM_OP_QUERY)
    assert asked.statuses() == [abi.CHIM_ST_INVALID_HANDLE]
    assert card.stats().tcp4.currently_established == 0


def test_fatal_stops_connections(card: Card) -> None:
    """LIFE-D1, EVT-D1: after a fatal cause no frame leaves, no timer acts, nothing is written."""
    conn = Connection(card).initiate()
    conn.send(b"in flight")
    card.wire_frames()
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, 0x7000)
    card.wait_fatal()
    Peer(conn).data(b"unheard")
    card.advance(ms=3000)
    assert card.no_wire_frame() and conn.pair.cq.peek() is None


# features


@pytest.mark.parametrize(
    "feature,changes,status",
    [
        (abi.CHIM_F_SACK, {"conn_flags": abi.CHIM_TCP_SACK}, abi.CHIM_ST_INVALID_FIELD),
        (
            abi.CHIM_F_EXT_TS_US,
            {"conn_flags": abi.CHIM_TCP_TIMESTAMPS | abi.CHIM_TCP_TS_USEC},
            abi.CHIM_ST_INVALID_FIELD,
        ),
        (abi.CHIM_F_BUFFERED, {"buffered": b"x"}, abi.CHIM_ST_TCP_RCV_BUFFER),
    ],
)
def test_features_that_were_not_accepted(
    make_card: MakeCard, feature: int, changes: dict[str, object], status: int
) -> None:
    """REG-D7, CAP-6, CAP-12: they are not used, and what needs them is refused."""
    card = make_card()
    card.start(features=card.read(abi.CHIM_REG_FEATURES_LO) & ~(1 << feature))
    Connection(card, **changes).initiate(expect=status)  # type: ignore[arg-type]


def test_microsecond_timestamps(card: Card) -> None:
    """REG-D7: with the feature the connection's clock ticks in microseconds."""
    flags = abi.CHIM_TCP_TIMESTAMPS | abi.CHIM_TCP_TS_USEC
    conn = Connection(card, conn_flags=flags, ts_time=1000).initiate()
    card.advance(ms=3)
    conn.send(b"x")
    assert (Peer(conn).frame().ts or (0,))[0] == 4000


# rings, seen from the side


def test_entry_that_is_not_published(card: Card) -> None:
    """RING-D2: without its phase an entry does not exist, whatever stands in it and whatever the
    doorbell says.
    """
    tx = card.pairs[0].tx
    entry = with_sges(abi.chim_sqe(ctl=abi.CHIM_OP_FRAME), [(NO_RAM, 64)])[0]
    card.qtest.write(tx.addr(0), bytes(entry))
    card.doorbell(tx.id, 1)
    card.settle()
    assert card.fatal() is None and card.no_wire_frame() and tx.dev_index == 0


def test_entry_is_read_once(card: Card) -> None:
    """RING-D3, RING-D4: what happens to a consumed entry changes nothing."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    sq = conn.pair.sq
    at = sq.index
    conn.send(b"read once")
    peer.frame(data=b"read once")
    card.wait("the slot", lambda: sq.dev_index == sq.index)
    card.qtest.write(sq.addr(at) + 4, b"\xee" * 60)
    card.advance(ms=250)
    peer.frame(data=b"read once")
    assert card.fatal() is None


@pytest.mark.parametrize("kind", [abi.CHIM_RING_SQ, abi.CHIM_RING_TX])
def test_rule_of_a_ring_that_is_no_memory(make_card: MakeCard, kind: int) -> None:
    """RING-H5: the fatal cause names the ring, the rule and the address."""
    card = make_card().start()
    assert card.admin(abi.CHIM_OP_DESTROY_RING, ring__ring=ring_id(0, kind)).status == OK
    ring = card.make_ring(0, kind, 4)
    ring.base = NO_RAM
    assert card.create_ring(ring) == OK
    fatal = card.wait_fatal()
    assert (fatal["cause"], fatal["rule"], fatal["ring"]) == (
        abi.CHIM_FATAL_DMA,
        abi.CHIM_RULE_RING_H5,
        ring.id,
    )
    assert fatal["addr"] == NO_RAM


def test_nothing_before_opened(make_card: MakeCard) -> None:
    """OP-D7, M-24, EVO-2, EVO-3, EVO-5: a CQ without room holds OPENED up; bytes that come
    meanwhile wait behind it.
    """
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    card.post_buffers(0, abi.CHIM_RING_IB, 4, 2048)
    card.rx_mode(abi.CHIM_RX_ENABLE, [bytes.fromhex("525400123456")])
    nodes = [new_tcp(cookie=0x100 + n, local_port=41000 + n) for n in range(3)]
    bulk = BlockList(card, tree(nodes))
    cookie = bulk.post(abi.CHIM_OP_INITIATE)
    card.settle()
    third = Connection(card, local_port=41002)
    Peer(third).data(b"early", flags=ACK | PSH)
    card.settle()
    kinds = []
    for _ in range(4):
        entry = card.wait("an entry", card.pairs[0].cq.take)
        kinds.append((entry.ctl & abi.CHIM_CTL_OP_MASK, entry.conn_cookie))
    opened = abi.CHIM_CQ_OPENED
    assert kinds == [
        (opened, 0x100),
        (opened, 0x101),
        (opened, 0x102),
        (abi.CHIM_CQ_INDICATE, 0x102),
    ]
    assert card.admin_wait(cookie).status == OK


def test_list_is_copied_when_the_device_acts(card: Card) -> None:
    """TRE-7, OBJ-H1, OBJ-D1, OP-D1: what is written before the last fence counts, what is
    written after it does not.
    """
    conn = Connection(card).initiate()
    asked = BlockList(card, [asking(abi.CHIM_TCP_ALL, 0xFFFF)])
    fence = next_fence()
    cookie = asked.post(abi.CHIM_OP_QUERY, fence, 1)
    card.settle()
    asked.poke_node(0, "handle", conn.handle)
    conn.post_fence(fence)
    assert card.admin_wait(cookie).status == OK
    assert asked.statuses() == [OK]
    asked.poke_node(0, "handle", 0xFFFF)
    card.advance(ms=10)
    assert asked.states(0)[2].rcv_nxt == RCV  # type: ignore[attr-defined]


def test_last_is_the_last_entry(card: Card) -> None:
    """OP-D10, OP-D11, OP-H6, TRM-14: completions of everything, in either order because OP-D10
    gives none, then LAST, then the admin completion; nothing after.
    """
    conn = Connection(card, snd_wnd=0).initiate()
    peer = Peer(conn)
    close = conn.disconnect(abi.CHIM_DISCONNECT_GRACEFUL, b"bye")
    recv, _ = conn.recv(10)
    conn.terminate()
    assert [(e.ctl & abi.CHIM_CTL_OP_MASK, e.cookie) for e in conn.entries] in (
        [(abi.CHIM_CQ_RECV, recv), (abi.CHIM_CQ_DISCONNECT, close)],
        [(abi.CHIM_CQ_DISCONNECT, close), (abi.CHIM_CQ_RECV, recv)],
    )
    peer.data(b"later")
    card.advance(ms=1000)
    assert conn.no_entry() and card.no_wire_frame()


def test_registers_of_a_card_that_is_gone(qemu: Path) -> None:
    """REG-H5, LIFE-H2: "In QEMU the registers of a card that has been unplugged read as 0, and only
    its configuration space reads as all ones."
    """
    with Card(qemu=qemu, port=True) as card:
        card.start()
        assert card.read(abi.CHIM_REG_MAGIC) == abi.CHIM_MAGIC
        slot_control = card.port.capability(pci.CAP_PCIE) + 24
        card.port.config_write(slot_control, 0x07C0, 2)
        card.settle()
        assert card.pci.config_read(0) == 0xFFFF_FFFF
        assert card.read(abi.CHIM_REG_MAGIC) == card.read(abi.CHIM_REG_STATUS) == 0
