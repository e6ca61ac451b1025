# SPDX-License-Identifier: GPL-2.0-or-later
"""Host memory that a driver makes the card hold has a bound, whatever the limits per connection add
up to.
"""
from __future__ import annotations

from chimney import abi
from chimney.qdev.blocklist import BlockList, new_neighbor, new_path, new_tcp, tree
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard, with_sges

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
