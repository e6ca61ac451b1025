# SPDX-License-Identifier: GPL-2.0-or-later
"""Host memory that a driver makes the card hold has a bound, whatever the limits per connection add
up to.
"""
from __future__ import annotations

from chimney import abi
from chimney.qdev.blocklist import (
    BlockList,
    asking,
    linked,
    new_neighbor,
    new_path,
    new_tcp,
    tree,
)
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, ethernet, with_sges
from chimney.qdev.peer import Peer

OK, RESOURCES = abi.CHIM_ST_SUCCESS, abi.CHIM_ST_RESOURCES
WINDOW = 8 << 20


def test_receive_memory_of_many_connections(make_card: MakeCard) -> None:
    """SEC-4: what is beyond the bound does not go in; the others work, end, and make room."""
    card = make_card(options="x-max-bytes=64M").start()
    nodes = [
        new_tcp(0x100 + n, local_port=41000 + n, initial_rcv_wnd=WINDOW, rcv_wnd=WINDOW)
        for n in range(16)
    ]
    many = BlockList(card, tree(nodes))
    assert many.run(abi.CHIM_OP_INITIATE).status == OK
    statuses = many.statuses()[2:]
    went_in = statuses.count(OK)
    assert 6 <= went_in <= 8
    assert statuses == [OK] * went_in + [RESOURCES] * (16 - went_in)
    card.reset()
    card.start()
    conn = Connection(card, initial_rcv_wnd=WINDOW, rcv_wnd=WINDOW).initiate()
    conn.terminate()


def test_memory_of_requests(make_card: MakeCard) -> None:
    """OP-D19: a command for which there is no memory completes with RESOURCES; one that is over
    makes room.
    """
    card = make_card(options="x-max-bytes=2M,max-conns=64").start(log2_size=8)
    conn = Connection(card, snd_wnd=0, initial_rcv_wnd=4096, rcv_wnd=4096).initiate()
    addr = card.memory.alloc(64)
    refused = 0
    for _ in range(400):
        entry = abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=conn.handle)
        entry.u.io.len = 90
        conn.pair.sq.publish(with_sges(entry, [(addr, 1)] * 90))
        card.settle(1)
        while (done := conn.pair.cq.take()) is not None:
            assert (done.ctl & abi.CHIM_CTL_OP_MASK, done.status) == (abi.CHIM_CQ_SEND, RESOURCES)
            refused += 1
    assert 0 < refused < 200
    _, back, _ = conn.terminate(sends=512)
    assert len(back) == 400 - refused
    again = Connection(card, local_port=41000, snd_wnd=0).initiate()
    again.send(b"held")
    assert again.no_entry()


def long_initiate(card: Card, port: int, padding: int) -> int:
    """INITIATE of one connection with a list of the greatest length; returns its cookie."""
    neighbor = new_neighbor(mac=bytes([2, 0, 0, 0, 1, port & 0xFF]))
    path = new_path(dst=bytes([10, 77, 1, port & 0xFF]))
    nodes = tree([new_tcp(0x100 + port, local_port=port)], neighbor=neighbor, path=path)
    made = BlockList(card, nodes)
    length = card.read(abi.CHIM_REG_MAX_BLOCK_LEN)
    made.poke_head("length", length)
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_INITIATE, cookie=card.next_cookie())
    entry.u.admin.len = length
    sges = [(made.addr, made.length), (padding, length - made.length)]
    cookie = int(entry.cookie)
    card.admin_sq.publish(with_sges(entry, sges))
    return cookie


def test_memory_of_lists(make_card: MakeCard) -> None:
    """OP-D5: operations that wait hold their lists; one more is answered with RESOURCES."""
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    padding = card.memory.alloc(1 << 20)
    cookies = [long_initiate(card, 41000 + n, padding) for n in range(3)]
    assert card.admin_wait(cookies[0]).status == card.admin_wait(cookies[1]).status == OK
    for n in range(3, 80):
        cookies.append(long_initiate(card, 41000 + n, padding))
        card.settle(4)
        done = card.admin_cq.take()
        if done is not None:
            break
    assert (done.cookie, done.status) == (cookies[-1], RESOURCES)
    assert 60 < len(cookies) < 70
    for n in range(len(cookies) - 1):
        entry: abi.chim_cqe = card.wait("OPENED", card.pairs[0].cq.take)
        assert entry.conn_cookie == 0x100 + 41000 + n
    assert card.admin_wait(cookies[2]).status == OK


MARKERS = 1024  # CUTOVERs that wait for room on one pair


def offload_and_upload(card: Card, count: int, port: int) -> int:
    """One list with so many connections, and those that go in taken back; returns how many."""
    nodes = [new_tcp(0x100 + n, local_port=port + n) for n in range(count)]
    made = BlockList(card, tree(nodes))
    assert made.run(abi.CHIM_OP_INITIATE).status == OK
    statuses = made.statuses()[2:]
    went_in = statuses.count(OK)
    assert statuses == [OK] * went_in + [RESOURCES] * (count - went_in)
    if not went_in:
        return 0
    back = [asking(abi.CHIM_TCP_DELEGATED, made.node(2 + n).handle) for n in range(went_in)]
    for node in back:
        node.send_room, node.buffered = 1, [(card.memory.alloc(64), 1 << 20)]
    asked, fence = BlockList(card, linked(back, {n: n + 1 for n in range(went_in - 1)}, {})), port
    entry = abi.chim_sqe(ctl=abi.CHIM_OP_FENCE)
    entry.u.fence.id = fence
    card.pairs[0].sq.publish([entry])
    card.pairs[0].cq.take_many()
    assert asked.run(abi.CHIM_OP_TERMINATE, fence, 1).status == OK
    assert asked.statuses() == [OK] * went_in
    card.pairs[0].cq.take_many()
    return went_in


def test_markers_while_the_receive_ring_is_full(make_card: MakeCard) -> None:
    """SEC-4, OP-D6: connections come and go while nobody reads RXC: so many CUTOVERs wait, and what
    would add one is refused; all of them come in order, and make room.
    """
    card = make_card(memory="256M").start(pairs=0)
    card.create_pair(0, 8, {abi.CHIM_RING_RXC: 1})
    card.post_buffers(0, abi.CHIM_RING_RXB, 4)
    rxc = card.pairs[0].rxc
    for _ in range(rxc.size):
        card.inject(ethernet(bytes(60)))
    card.settle()
    went_in = [offload_and_upload(card, 64, 1024 + 64 * n) for n in range(18)]
    assert went_in == [64] * (MARKERS // 64) + [0, 0]
    kinds = []
    for _ in range(rxc.size + MARKERS):
        entry: abi.chim_rxe = card.wait("an entry of RXC", rxc.take)
        kinds.append(entry.ctl & abi.CHIM_CTL_OP_MASK)
    assert kinds == [abi.CHIM_RX_FRAME] * rxc.size + [abi.CHIM_RX_CUTOVER] * MARKERS
    assert offload_and_upload(card, 4, 5000) == 4


def ask_about_neighbor(card: Card, conn: Connection, peer: Peer) -> None:
    """Let the connection's neighbor raise an event, and go on."""
    card.advance(ms=31000)
    conn.send(b"stale")
    seg = peer.frame(data=b"stale")
    peer.ack(seg.seq + 5)
    conn.entry(abi.CHIM_CQ_SEND)


def test_neighbor_events_while_the_admin_ring_is_full(card: Card) -> None:
    """SEC-4, NCE-6: of each neighbor one event waits, however often it would have been raised."""
    conn = Connection(card).initiate()
    peer = Peer(conn)
    for _ in range(card.admin_cq.size):
        card.admin_post(abi.CHIM_OP_SET_MTU, value=1500)
        card.settle(2)
    for _ in range(12):
        ask_about_neighbor(card, conn, peer)
    kinds = []
    while (entry := card.admin_cq.take()) is not None:
        kinds.append(entry.ctl & abi.CHIM_CTL_OP_MASK)
        card.settle(2)
    assert kinds == [abi.CHIM_CQ_ADMIN] * card.admin_cq.size + [abi.CHIM_CQ_NCE]
    ask_about_neighbor(card, conn, peer)
    again: abi.chim_cqe = card.wait("a neighbor's event", card.admin_cq.take)
    assert again.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_NCE


def test_neighbor_events_while_a_completion_ring_is_full(make_card: MakeCard) -> None:
    """RING-D7: they go to the admin CQ, and wait for no other."""
    card = make_card().start(pairs=0)
    card.create_pair(0, 4, {abi.CHIM_RING_CQ: 1})
    card.create_pair(1, 4)
    for number in (0, 1):
        card.post_buffers(number, abi.CHIM_RING_RXB, 4)
    Connection(card, local_port=41000).initiate()
    conn = Connection(card, pair=1).initiate()
    for _ in range(4):
        card.pairs[0].sq.publish([abi.chim_sqe(ctl=abi.CHIM_OP_SEND, handle=0xFFFF)])
    card.settle()
    ask_about_neighbor(card, conn, Peer(conn))
    entry: abi.chim_cqe = card.wait("a neighbor's event", card.admin_cq.take)
    assert entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_NCE
