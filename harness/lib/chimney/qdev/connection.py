# SPDX-License-Identifier: GPL-2.0-or-later
"""One offloaded connection: its handle, its cookie, its operations and what they answer.

A Connection is built field by field, as a host stack would hand it over, with the fences that
operations on it wait for. Nothing is checked here that a test might want to break.
"""
from __future__ import annotations

import ctypes
from typing import cast

from .. import abi
from .blocklist import BlockList, Node, tree
from .device import WAIT_SECONDS, Card, Pair, with_sges
from .state import GUEST_IP6, PEER_IP6, STATE, path_state, tcp_state, with_header

_fence = 0


def next_fence() -> int:
    global _fence
    _fence += 1
    return _fence


def post_tx_fence(pair: Pair, fence_id: int) -> None:
    entry = abi.chim_sqe()
    entry.ctl, entry.u.fence.id = abi.CHIM_OP_TX_FENCE, fence_id
    pair.tx.publish([entry])


class Connection:
    """One offloaded connection in a test."""

    def __init__(
        self,
        card: Card,
        *,
        pair: int = 0,
        cookie: int = 0xC0FFEE,
        sends: list[bytes] | None = None,
        send_flags: int = 0,
        buffered: bytes = b"",
        ipv6: bool = False,
        neighbor: Node | None = None,
        path: Node | None = None,
        **changes: int,
    ) -> None:
        self.card, self.pair, self.cookie = card, card.pairs[pair], cookie
        self.send_cookies = [0x5000 + i for i in range(len(sends or []))]
        self.send_addrs = [card.memory.put(data, 1) for data in sends or []]
        chain = [
            (ck, len(data), [(addr, len(data))], send_flags)
            for ck, addr, data in zip(self.send_cookies, self.send_addrs, sends or [], strict=True)
        ]
        self.buffered_in = card.memory.put(buffered, 1) if buffered else 0
        self.ipv6 = ipv6
        tcp = Node(
            abi.CHIM_ROLE_NEW,
            abi.CHIM_TCP_ALL,
            tcp_state(**changes),
            cookie=cookie,
            pair=pair,
            sends=chain,
            buffered=[(self.buffered_in, len(buffered))] if buffered else [],
        )
        path = path or Node(
            abi.CHIM_ROLE_NEW,
            abi.CHIM_PATH6_ALL if ipv6 else abi.CHIM_PATH4_ALL,
            path_state(src=GUEST_IP6, dst=PEER_IP6) if ipv6 else path_state(),
            cookie=0xA2,
        )
        self.list = BlockList(card, tree([tcp], neighbor=neighbor, path=path))
        self.fence = next_fence()
        self.entries: list[abi.chim_cqe] = []
        self.handle = self.path = self.neighbor = 0

    def initiate(self, expect: int = abi.CHIM_ST_SUCCESS) -> "Connection":
        """Offload; waits for the admin completion, OPENED and CUTOVER when it should succeed."""
        post_tx_fence(self.pair, self.fence)
        done = self.list.run(abi.CHIM_OP_INITIATE, self.fence, 1)
        assert done.status == abi.CHIM_ST_SUCCESS, done.status
        assert self.list.statuses()[2] == expect, self.list.statuses()
        if expect == abi.CHIM_ST_SUCCESS:
            self.neighbor, self.path, self.handle = (self.list.node(i).handle for i in range(3))
            opened = self.entry()
            assert opened.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_OPENED
            assert (opened.conn_cookie, opened.handle) == (self.cookie, self.handle)
        return self

    def entry(
        self, kind: int | None = None, seconds: float = WAIT_SECONDS, *, release: bool = True
    ) -> abi.chim_cqe:
        """The next entry on the pair's CQ, of that type if given."""

        def look() -> abi.chim_cqe | None:
            taken: abi.chim_cqe | None = self.pair.cq.take(release=release)
            return taken

        found = self.card.wait("a completion ring entry", look, seconds)
        if kind is not None:
            assert found.ctl & abi.CHIM_CTL_OP_MASK == kind, (
                hex(found.ctl),
                found.status,
                found.info,
            )
        return found

    def event(self) -> tuple[int, int]:
        """The next entry, which must be an event of this connection: its two words."""
        found = self.entry(abi.CHIM_CQ_EVENT)
        assert (found.conn_cookie, found.handle) == (self.cookie, self.handle)
        return found.info, found.info2

    def no_entry(self) -> bool:
        self.card.settle()
        return self.pair.cq.peek() is None

    def _io(
        self, opcode: int, sges: list[tuple[int, int]], length: int, flags: int, prefilled: int = 0
    ) -> int:
        first = abi.chim_sqe()
        first.ctl, first.handle, first.cookie = (
            opcode | flags << abi.CHIM_CTL_FLAGS_SHIFT,
            self.handle,
            self.card.next_cookie(),
        )
        first.u.io.len, first.u.io.prefilled = length, prefilled
        cookie = first.cookie
        self.pair.sq.publish(with_sges(first, sges))
        return cookie

    def send(self, data: bytes, flags: int = abi.CHIM_SEND_PUSH, pieces: int = 1) -> int:
        cut = max(1, -(-len(data) // pieces))
        parts = [data[at : at + cut] for at in range(0, len(data), cut)]
        return self._io(
            abi.CHIM_OP_SEND,
            [(self.card.memory.put(p, 1), len(p)) for p in parts],
            len(data),
            flags,
        )

    def recv(self, length: int, flags: int = 0, prefilled: int = 0) -> tuple[int, int]:
        """Post a receive request; returns (cookie, address of its memory)."""
        addr = self.card.memory.alloc(length, 1) if length else 0
        return (
            self._io(
                abi.CHIM_OP_RECV, [(addr, length)] if length else [], length, flags, prefilled
            ),
            addr,
        )

    def forward(self, segment: bytes, flags: int = 0) -> int:
        return self._io(
            abi.CHIM_OP_FORWARD,
            [(self.card.memory.put(segment, 1), len(segment))],
            len(segment),
            flags,
        )

    def disconnect(self, flags: int, data: bytes = b"") -> int:
        sges = [(self.card.memory.put(data, 1), len(data))] if data else []
        return self._io(abi.CHIM_OP_DISCONNECT, sges, len(data), flags)

    def verdict(self, indication: int, status: int, consumed: int = 0) -> None:
        entry = abi.chim_sqe()
        entry.ctl, entry.handle = abi.CHIM_OP_VERDICT, self.handle
        entry.u.verdict.indication, entry.u.verdict.status, entry.u.verdict.consumed = (
            indication,
            status,
            consumed,
        )
        self.pair.sq.publish([entry])

    def post_fence(self, fence_id: int, handle: int | None = None) -> None:
        """FENCE that names this connection, or @handle: 0 names none."""
        entry = abi.chim_sqe()
        entry.ctl, entry.u.fence.id = abi.CHIM_OP_FENCE, fence_id
        entry.handle = self.handle if handle is None else handle
        self.pair.sq.publish([entry])

    def query(self) -> list[ctypes.Structure]:
        """const, cached, delegated of the moment."""
        blank = [with_header(kind()) for kind in STATE[abi.CHIM_TCP_ALL]]
        asked = BlockList(
            self.card, [Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_ALL, blank, handle=self.handle)]
        )
        done = asked.run(abi.CHIM_OP_QUERY)
        assert (done.status, asked.statuses()) == (abi.CHIM_ST_SUCCESS, [abi.CHIM_ST_SUCCESS])
        return asked.states(0)

    def update(self, node: Node) -> int:
        """UPDATE with one node, which may be of an object below; returns its status."""
        asked = BlockList(self.card, [node])
        assert asked.run(abi.CHIM_OP_UPDATE).status == abi.CHIM_ST_SUCCESS
        return asked.statuses()[0]

    def update_tcp(self, **changes: int) -> int:
        """UPDATE of cached TCP variables; returns the node's status."""
        states = tcp_state(**changes)[1:2]
        return self.update(
            Node(abi.CHIM_ROLE_OBJECT, abi.CHIM_TCP_CACHED, states, handle=self.handle)
        )

    def terminate_list(self, *, sends: int = 64, buffered: int = 512 << 10) -> BlockList:
        """A terminate list with room; self.buffered_addr is where BufferedData will be."""
        self.buffered_addr = self.card.memory.alloc(buffered, 64) if buffered else 0
        node = Node(
            abi.CHIM_ROLE_OBJECT,
            abi.CHIM_TCP_DELEGATED,
            [with_header(abi.chim_tcp_delegated())],
            handle=self.handle,
            cookie=self.cookie,
            send_room=sends,
            buffered=[(self.buffered_addr, buffered)] if buffered else [],
        )
        return BlockList(self.card, [node])

    def terminate(
        self, **room: int
    ) -> tuple[abi.chim_tcp_delegated, list[abi.chim_send_ref], bytes]:
        """Upload: delegated state, requests handed back, BufferedData. Entries before LAST are kept
        in `entries`.
        """
        asked, fence = self.terminate_list(**room), next_fence()
        self.post_fence(fence)
        cookie = asked.post(abi.CHIM_OP_TERMINATE, fence, 1)
        self.entries = []
        while True:
            found = self.entry()
            if found.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_LAST:
                assert (found.conn_cookie, found.info) == (self.cookie, fence)
                break
            self.entries.append(found)
        done = self.card.admin_wait(cookie)
        assert (done.status, asked.statuses()) == (abi.CHIM_ST_SUCCESS, [abi.CHIM_ST_SUCCESS])
        delegated = cast(abi.chim_tcp_delegated, asked.states(0)[0])
        return (
            delegated,
            asked.sends_back(0),
            self.card.qtest.read(self.buffered_addr, delegated.buffered_len),
        )

    def indicated(self, entry: abi.chim_cqe) -> bytes:
        """The bytes of an indication, from its IB buffers."""
        data, left = b"", entry.bytes
        for index in range(entry.ind_first, entry.ind_first + entry.ind_count):
            _, size = self.pair.buffers[abi.CHIM_RING_IB, index & 0xFFFFFFFF]
            part = min(size, left)
            data += self.card.buffer(self.pair.number, abi.CHIM_RING_IB, index & 0xFFFFFFFF, part)
            left -= part
        assert left == 0, "an indication larger than its buffers"
        return data
