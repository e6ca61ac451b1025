# SPDX-License-Identifier: GPL-2.0-or-later
"""Block lists and connections: what a host stack would hand to the card, built field by field.

ListBuilder lays a block list out in guest memory; Connection keeps one offloaded connection: its
handle, its cookie, and helpers for the data operations. Nothing is checked here that a test might
want to break.
"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any, cast

from .. import abi
from .device import MAC, WAIT_SECONDS, Card, Pair, with_sges

GUEST_IP, PEER_IP = bytes([10, 77, 0, 2]), bytes([10, 77, 0, 1])
GUEST_IP6 = bytes.fromhex("fd770000000000000000000000000002")
PEER_IP6 = bytes.fromhex("fd770000000000000000000000000001")
PEER_MAC = bytes.fromhex("020000000001")
NONE = int(abi.CHIM_NODE_NONE)

STATE: dict[int, tuple[type[ctypes.Structure], ...]] = {
    abi.CHIM_NEIGHBOR_CONST: (abi.chim_neighbor_const,),
    abi.CHIM_NEIGHBOR_CACHED: (abi.chim_neighbor_cached,),
    abi.CHIM_NEIGHBOR_DELEGATED: (abi.chim_neighbor_delegated,),
    abi.CHIM_NEIGHBOR_ALL: (
        abi.chim_neighbor_const,
        abi.chim_neighbor_cached,
        abi.chim_neighbor_delegated,
    ),
    abi.CHIM_PATH4_CONST: (abi.chim_path_const,),
    abi.CHIM_PATH4_CACHED: (abi.chim_path_cached,),
    abi.CHIM_PATH4_DELEGATED: (abi.chim_path_delegated,),
    abi.CHIM_PATH4_ALL: (abi.chim_path_const, abi.chim_path_cached, abi.chim_path_delegated),
    abi.CHIM_PATH6_CONST: (abi.chim_path_const,),
    abi.CHIM_PATH6_CACHED: (abi.chim_path_cached,),
    abi.CHIM_PATH6_DELEGATED: (abi.chim_path_delegated,),
    abi.CHIM_PATH6_ALL: (abi.chim_path_const, abi.chim_path_cached, abi.chim_path_delegated),
    abi.CHIM_TCP_CONST: (abi.chim_tcp_const,),
    abi.CHIM_TCP_CACHED: (abi.chim_tcp_cached,),
    abi.CHIM_TCP_DELEGATED: (abi.chim_tcp_delegated,),
    abi.CHIM_TCP_ALL: (abi.chim_tcp_const, abi.chim_tcp_cached, abi.chim_tcp_delegated),
}


def with_header(state: ctypes.Structure) -> ctypes.Structure:
    state.hdr.length = ctypes.sizeof(state)
    return state


def set_bytes(target: Any, data: bytes) -> None:
    ctypes.memmove(ctypes.addressof(target), data, len(data))


def neighbor_state(
    *, mac: bytes = PEER_MAC, vlan: int = 0, src: bytes = bytes(6)
) -> list[ctypes.Structure]:
    const, cached = with_header(abi.chim_neighbor_const(vlan_id=vlan)), with_header(
        abi.chim_neighbor_cached()
    )
    set_bytes(const.src_mac, src)
    set_bytes(cached.dst_mac, mac)
    return [const, cached, with_header(abi.chim_neighbor_delegated())]


def path_state(
    *, src: bytes = GUEST_IP, dst: bytes = PEER_IP, mtu: int = 1500
) -> list[ctypes.Structure]:
    const = with_header(abi.chim_path_const())
    set_bytes(const.src, src)
    set_bytes(const.dst, dst)
    return [
        const,
        with_header(abi.chim_path_cached(path_mtu=mtu)),
        with_header(abi.chim_path_delegated()),
    ]


def tcp_state(**changes: int) -> list[ctypes.Structure]:
    """An idle connection in ESTABLISHED with timestamps, SACK and window scaling; change any field
    by name.
    """
    const = abi.chim_tcp_const(
        flags=abi.CHIM_TCP_TIMESTAMPS | abi.CHIM_TCP_SACK | abi.CHIM_TCP_WSCALE,
        snd_wscale=7,
        rcv_wscale=7,
        remote_mss=1460,
        hash=0,
    )
    const.remote_port.value, const.local_port.value = 5001, 40000
    cached = abi.chim_tcp_cached(
        flags=0,
        ttl=64,
        initial_rcv_wnd=256 << 10,
        ka_probe_count=9,
        ka_timeout=7200000,
        ka_interval=75000,
    )
    delegated = abi.chim_tcp_delegated(
        state=abi.CHIM_TCP_ESTABLISHED,
        rcv_nxt=0x10000,
        rcv_wnd=256 << 10,
        snd_una=0x20000,
        snd_nxt=0x20000,
        snd_max=0x20000,
        snd_wnd=64 << 10,
        max_snd_wnd=64 << 10,
        snd_wl1=0x10000,
        cwnd=14600,
        ssthresh=0xFFFFFFFF,
        srtt=8 * 10,
        rttvar=4 * 5,
        ts_recent=1000,
        ts_time=5000,
        ka_timeout_delta=abi.CHIM_TIMER_IDLE,
        rexmit_timeout_delta=abi.CHIM_TIMER_IDLE,
        srtt_us=8 * 10000,
        rttvar_us=4 * 5000,
    )
    for name, value in changes.items():
        for state in (const, cached, delegated):
            if name == "conn_flags" and state is const:
                const.flags = value
            elif name in ("remote_port", "local_port") and state is const:
                getattr(const, name).value = value
            elif name not in ("conn_flags", "remote_port", "local_port") and name in dict(
                f[:2] for f in state._fields_
            ):
                if name == "flags" and state is not cached:
                    continue
                setattr(state, name, value)
    return [with_header(const), with_header(cached), with_header(delegated)]


@dataclass
class Node:
    """One node to be: state structures given, or types to be filled."""

    role: int
    type: int = 0
    states: list[ctypes.Structure] = field(default_factory=list)
    cookie: int = 0
    handle: int = 0
    pair: int = 0
    next: int = NONE
    dependent: int = NONE
    sends: list[tuple[int, int, list[tuple[int, int]], int]] = field(default_factory=list)
    buffered: list[tuple[int, int]] = field(default_factory=list)
    send_room: int = 0
    send_range: tuple[
        int, int
    ] | None = None  # SendDataHead and SendDataTail, if not first and last
    # filled by ListBuilder
    state_off: int = 0
    send_off: int = 0
    buffered_off: int = 0


class BlockList:
    """A block list in guest memory, and what the device has written into it."""

    def __init__(self, card: Card, nodes: list[Node], root: int = 0) -> None:
        self.card, self.nodes = card, nodes
        self.raw = bytearray(self._build(root))
        self.addr = card.memory.put(bytes(self.raw))

    def _build(self, root: int) -> bytes:
        node_size = ctypes.sizeof(abi.chim_node)
        offset = ctypes.sizeof(abi.chim_block_list) + node_size * len(self.nodes)
        tail = bytearray()

        def append(data: bytes) -> int:
            nonlocal tail
            tail += bytes(-len(tail) % 8)
            at = offset + len(tail)
            tail += data
            return at

        for node in self.nodes:
            if not node.states:
                continue
            last = node.states[-1]
            if isinstance(last, abi.chim_tcp_delegated):
                self._chains(node, last, append)
            node.state_off = append(b"".join(bytes(state) for state in node.states))
        head = abi.chim_block_list(
            length=offset + len(tail), node_count=len(self.nodes), root=root, revision=1
        )
        return bytes(head) + b"".join(bytes(self._node(node)) for node in self.nodes) + bytes(tail)

    def _chains(self, node: Node, last: abi.chim_tcp_delegated, append: object) -> None:
        refs = b""
        for cookie, length, sges, flags in node.sends:
            at = append(b"".join(bytes(abi.chim_sge(addr=a, len=n)) for a, n in sges))  # type: ignore[operator]
            refs += bytes(
                abi.chim_send_ref(
                    cookie=cookie, len=length, sge_off=at, sge_count=len(sges), flags=flags
                )
            )
        room = max(len(node.sends), node.send_room)
        refs += bytes(ctypes.sizeof(abi.chim_send_ref) * (room - len(node.sends)))
        node.send_off = append(refs) if refs else 0  # type: ignore[operator]
        pieces = b"".join(bytes(abi.chim_sge(addr=a, len=n)) for a, n in node.buffered)
        node.buffered_off = append(pieces) if pieces else 0  # type: ignore[operator]
        last.send_off, last.send_count = node.send_off, room
        last.send_tail = max(0, len(node.sends) - 1)
        if node.send_range is not None:
            last.send_head, last.send_tail = node.send_range
        last.buffered_off, last.buffered_sges = node.buffered_off, len(node.buffered)
        last.buffered_len = sum(n for _, n in node.buffered)

    @staticmethod
    def _node(node: Node) -> abi.chim_node:
        return abi.chim_node(
            role=node.role,
            type=node.type,
            pair=node.pair,
            next=node.next,
            dependent=node.dependent,
            handle=node.handle,
            cookie=node.cookie,
            state_off=node.state_off,
            state_len=sum(ctypes.sizeof(state) for state in node.states),
        )

    def poke(self, offset: int, data: bytes) -> None:
        """Change bytes of the list in guest memory, as a driver with a bug would."""
        self.card.qtest.write(self.addr + offset, data)

    def poke_head(self, name: str, value: int) -> None:
        """Change a field of the list's header."""
        self.poke(abi.OFFSETS["chim_block_list", name], value.to_bytes(4, "little"))

    def poke_node(self, index: int, name: str, value: int) -> None:
        """Change a field of a node."""
        size = getattr(abi.chim_node, name).size
        at = ctypes.sizeof(abi.chim_block_list) + ctypes.sizeof(abi.chim_node) * index
        self.poke(at + abi.OFFSETS["chim_node", name], value.to_bytes(size, "little"))

    @property
    def length(self) -> int:
        return len(self.raw)

    def node(self, index: int) -> abi.chim_node:
        """The node as the device left it."""
        size = ctypes.sizeof(abi.chim_node)
        at = self.addr + ctypes.sizeof(abi.chim_block_list) + size * index
        return abi.chim_node.from_buffer_copy(self.card.qtest.read(at, size))

    def statuses(self) -> list[int]:
        return [self.node(index).status for index in range(len(self.nodes))]

    def states(self, index: int) -> list[ctypes.Structure]:
        """The state structures behind a node as the device left them."""
        at, found = self.addr + self.nodes[index].state_off, []
        for state in self.nodes[index].states:
            kind = type(state)
            found.append(kind.from_buffer_copy(self.card.qtest.read(at, ctypes.sizeof(kind))))
            at += ctypes.sizeof(kind)
        return found

    def sends_back(self, index: int) -> list[abi.chim_send_ref]:
        """The requests handed back behind a TCP node."""
        delegated, size = self.states(index)[-1], ctypes.sizeof(abi.chim_send_ref)
        raw = self.card.qtest.read(
            self.addr + self.nodes[index].send_off, size * delegated.send_count
        )
        return [
            abi.chim_send_ref.from_buffer_copy(raw, size * i) for i in range(delegated.send_count)
        ]

    def post(self, opcode: int, fence_id: int = 0, fence_count: int = 0) -> int:
        return self.card.admin_post(
            opcode,
            data=(self.addr, self.length),
            admin__len=self.length,
            admin__fence_id=fence_id,
            admin__fence_count=fence_count,
        )

    def run(self, opcode: int, fence_id: int = 0, fence_count: int = 0) -> abi.chim_cqe:
        return self.card.admin_wait(self.post(opcode, fence_id, fence_count))


_fence = 0


def next_fence() -> int:
    global _fence
    _fence += 1
    return _fence


def post_tx_fence(pair: Pair, fence_id: int) -> None:
    entry = abi.chim_sqe()
    entry.ctl, entry.u.fence.id = abi.CHIM_OP_TX_FENCE, fence_id
    pair.tx.publish([entry])


def new_neighbor(**state: Any) -> Node:
    """A new neighbor object."""
    return Node(abi.CHIM_ROLE_NEW, abi.CHIM_NEIGHBOR_ALL, neighbor_state(**state), cookie=0xA1)


def new_path(**state: Any) -> Node:
    """A new IPv4 path object."""
    return Node(abi.CHIM_ROLE_NEW, abi.CHIM_PATH4_ALL, path_state(**state), cookie=0xA2)


def new_tcp(cookie: int = 0xC0FFEE, pair: int = 0, **changes: int) -> Node:
    """A new TCP object."""
    return Node(abi.CHIM_ROLE_NEW, abi.CHIM_TCP_ALL, tcp_state(**changes), cookie=cookie, pair=pair)


def linker(handle: int) -> Node:
    """A node that names what is offloaded already."""
    return Node(abi.CHIM_ROLE_LINKER, handle=handle)


def asking(kind: int, handle: int) -> Node:
    """A node whose state structures the device fills, or updates from: all of them zero but for
    their headers.
    """
    states = [with_header(state()) for state in STATE[kind]]
    return Node(abi.CHIM_ROLE_OBJECT, kind, states, handle=handle)


def tree(tcp: list[Node], *, neighbor: Node | None = None, path: Node | None = None) -> list[Node]:
    """neighbor - path - all of tcp, as a new tree."""
    neighbor = neighbor or Node(
        abi.CHIM_ROLE_NEW, abi.CHIM_NEIGHBOR_ALL, neighbor_state(), cookie=0xA1
    )
    path = path or Node(abi.CHIM_ROLE_NEW, abi.CHIM_PATH4_ALL, path_state(), cookie=0xA2)
    neighbor.dependent, path.dependent = 1, 2 if tcp else NONE
    for index, node in enumerate(tcp):
        node.next = 3 + index if index + 1 < len(tcp) else NONE
    return [neighbor, path, *tcp]


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

    def post_fence(self, fence_id: int) -> None:
        entry = abi.chim_sqe()
        entry.ctl, entry.handle, entry.u.fence.id = abi.CHIM_OP_FENCE, self.handle, fence_id
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


__all__ = ["MAC", "BlockList", "Connection", "Node"]
