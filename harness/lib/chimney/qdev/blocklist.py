# SPDX-License-Identifier: GPL-2.0-or-later
"""Block lists: trees of nodes, laid out in guest memory as a driver would, or as none should.

A Node says what is to be in the list; a BlockList lays it out, runs it as an admin command, and
reads what the device has written into it. Nothing is checked here that a test might want to break.
"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

from .. import abi
from .device import Card
from .state import STATE, neighbor_state, path_state, tcp_state, with_header

NONE = int(abi.CHIM_NODE_NONE)
NODES_AT = ctypes.sizeof(abi.chim_block_list)  # offset of the first node
# The operations on what is offloaded already, with the state of a connection that each takes.
ON_OFFLOADED = [
    (abi.CHIM_OP_QUERY, abi.CHIM_TCP_ALL),
    (abi.CHIM_OP_UPDATE, abi.CHIM_TCP_CACHED),
    (abi.CHIM_OP_INVALIDATE, 0),
    (abi.CHIM_OP_TERMINATE, abi.CHIM_TCP_DELEGATED),
]


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
    # filled by BlockList
    state_off: int = 0
    send_off: int = 0
    buffered_off: int = 0


class BlockList:
    """A block list in guest memory, and what the device has written into it. `gap` stands behind
    each of its structures.
    """

    def __init__(self, card: Card, nodes: list[Node], root: int = 0, gap: bytes = b"") -> None:
        self.card, self.nodes, self.gap = card, nodes, gap
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
            tail += data + self.gap
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


def five_tcp() -> list[Node]:
    """Five new TCP objects that differ in their local port and their cookie."""
    return [new_tcp(cookie=0x100 + n, local_port=41000 + n) for n in range(1, 6)]


def linked(nodes: list[Node], next_of: dict[int, int], dependent_of: dict[int, int]) -> list[Node]:
    """The nodes, with those links set."""
    for index, to in next_of.items():
        nodes[index].next = to
    for index, to in dependent_of.items():
        nodes[index].dependent = to
    return nodes
