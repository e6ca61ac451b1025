#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver to read beside the specification: it brings the card up, exchanges a frame, hands a TCP
connection to the card, moves data on it, and takes it back.

card.py has registers and rings, bench.py the machine and the peer on the wire. Names that begin
with CHIM_ or chim_ are those of chimney_abi.h; numbers in parentheses are sections of the
specification.
"""
from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).resolve().parents[2] / "harness" / "lib"))  # has chimney.abi

from bench import (  # noqa: E402
    IRS, ISS, MSS, OUR_IP, OUR_MAC, OUR_PORT, PEER_IP, PEER_PORT, WINDOW, Machine, Peer, arp)
from card import MASK, Buffers, Card, Ring, Struct, ToDevice, ToDriver, union  # noqa: E402
from chimney import abi  # noqa: E402

COOKIE = 0xC0FFEE  # our name of the connection
LIST, NODE, SEND_REF = map(ctypes.sizeof, (abi.chim_block_list, abi.chim_node, abi.chim_send_ref))
MORE = LIST + 3 * NODE  # where our lists have room for more than nodes and states


def state(kind: type[Struct], **fields: Any) -> bytes:
    """A structure of the state, with its header."""
    return bytes(kind(hdr=abi.chim_state_hdr(length=ctypes.sizeof(kind)), **fields))


def block_list(nodes: list[abi.chim_node], states: list[bytes], more: bytes) -> bytes:
    """A list of three nodes: the first is the root, each other depends on the one before it (4.2).
    """
    offset = MORE + len(more)
    for node, its, dependent in zip(nodes, states, (1, 2, abi.CHIM_NODE_NONE)):
        node.next, node.dependent = abi.CHIM_NODE_NONE, dependent
        node.state_off, node.state_len = offset, len(its)
        offset += len(its)
    header = abi.chim_block_list(length=offset, node_count=len(nodes), root=0, revision=1)
    return b"".join([bytes(header), *map(bytes, nodes), more, *states])


def connection() -> bytes:
    """A connection that has just been established: nothing is in flight, and no timer runs."""
    idle = abi.CHIM_TIMER_IDLE
    return (state(abi.chim_tcp_const, local_port=abi.be16(OUR_PORT),
                  remote_port=abi.be16(PEER_PORT), remote_mss=MSS)
            + state(abi.chim_tcp_cached, ttl=64, initial_rcv_wnd=WINDOW)
            + state(abi.chim_tcp_delegated, state=abi.CHIM_TCP_ESTABLISHED,
                    snd_una=ISS + 1, snd_nxt=ISS + 1, snd_max=ISS + 1,
                    snd_wnd=WINDOW, max_snd_wnd=WINDOW, snd_wl1=IRS,
                    rcv_nxt=IRS + 1, rcv_wnd=WINDOW, cwnd=10 * MSS, ssthresh=MASK,
                    rexmit_timeout_delta=idle, ka_timeout_delta=idle,
                    tlp_timeout_delta=idle, delack_timeout_delta=idle))


class Driver:
    """One card, one pair, one connection."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.peer = Peer(machine.wire)
        self.card = Card(machine)
        self.handles = [0, 0, 0]  # neighbor, path, connection
        self.card.reset()
        self.card.negotiate((abi.CHIM_F_OFFLOAD_IPV4, abi.CHIM_F_EXT_TIMERS))
        self.enable()
        self.create_pair()

    def enable(self) -> None:
        """The admin pair (REG-H2)."""
        self.admin_sq = ToDevice(self.card, abi.CHIM_RING_ADMIN_SQ, 0, abi.chim_sqe)
        self.admin_cq = ToDriver(self.card, abi.CHIM_RING_ADMIN_CQ, 0, abi.chim_cqe)
        for reg, addr in ((abi.CHIM_REG_ADMIN_SQ_LO, self.admin_sq.base),
                          (abi.CHIM_REG_ADMIN_SQ_CTL_LO, self.admin_sq.control),
                          (abi.CHIM_REG_ADMIN_CQ_LO, self.admin_cq.base),
                          (abi.CHIM_REG_ADMIN_CQ_CTL_LO, self.admin_cq.control)):
            self.card.write(reg, addr & MASK)
            self.card.write(reg + 4, addr >> 32)
        self.card.write(abi.CHIM_REG_ADMIN_SIZE,
                        self.admin_cq.log2_size << 8 | self.admin_sq.log2_size)
        self.card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
        if not self.card.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_READY:
            raise SystemExit("the card does not become ready")

    def admin(self, op: int, **fields: Any) -> None:
        """A command and its completion. Events of the card come on the same ring (8.2)."""
        self.admin_sq.post(op, **fields)
        while (entry := self.admin_cq.take(*abi.chim_cq_type)).ctl & 0xFF != abi.CHIM_CQ_ADMIN:
            print(f"event {entry.ctl & 0xFF:#x} of the card")
        if entry.status != abi.CHIM_ST_SUCCESS:
            raise SystemExit(f"{abi.chim_op(op).name}: {abi.chim_status(entry.status).name}")

    def admin_data(self, op: int, data: bytes, **fields: int) -> int:
        """The same with data; returns where it is, because the card may have written to it."""
        addr = self.machine.store(data)
        self.admin(op, u=union("admin", len=len(data), **fields),
                   sge=(abi.chim_sge(addr=addr, len=len(data)),))
        return addr

    def create(self, kind: int, ring: type[Ring], entry: type[Struct]) -> Any:
        """A ring of pair 0 (5.6)."""
        one = ring(self.card, abi.CHIM_RING_PAIR0 + kind, 1, entry)
        self.admin(abi.CHIM_OP_CREATE_RING,
                   u=union("ring", ring=one.number, log2_size=one.log2_size),
                   sge=(abi.chim_sge(addr=one.base), abi.chim_sge(addr=one.control)))
        return one

    def create_pair(self) -> None:
        """Six rings, buffers for what comes, and the wire's frames are let in (OP-D25)."""
        self.sq = self.create(abi.CHIM_RING_SQ, ToDevice, abi.chim_sqe)
        self.cq = self.create(abi.CHIM_RING_CQ, ToDriver, abi.chim_cqe)
        self.tx = self.create(abi.CHIM_RING_TX, ToDevice, abi.chim_sqe)
        self.rxb = self.create(abi.CHIM_RING_RXB, Buffers, abi.chim_buf)
        self.rxc = self.create(abi.CHIM_RING_RXC, ToDriver, abi.chim_rxe)
        self.ib = self.create(abi.CHIM_RING_IB, Buffers, abi.chim_buf)
        self.rxb.fill()
        self.ib.fill()
        mode = abi.chim_rx_mode(flags=abi.CHIM_RX_ENABLE | abi.CHIM_RX_BROADCAST, uni_count=1)
        mode.mac[0][:6] = OUR_MAC
        self.admin_data(abi.CHIM_OP_SET_RX_MODE, bytes(mode))
        print("the rings of pair 0 are there")

    def transmit(self, frame: bytes) -> None:
        piece = abi.chim_sge(addr=self.machine.store(frame), len=len(frame))
        self.tx.post(abi.CHIM_OP_FRAME, sge=(piece,))

    def receive_frame(self) -> bytes:
        """Without CHIM_F_LRO a frame fits into one of our buffers (3.4)."""
        entry = self.rxc.take(abi.CHIM_RX_FRAME)
        return bytes(self.rxb.collect(entry.buf, entry.len))

    def resolve(self) -> bytes:
        """The peer's MAC address, by the raw path."""
        self.transmit(arp(1, OUR_MAC, OUR_IP, bytes(6), PEER_IP))
        self.peer.answer_arp()
        mac = self.receive_frame()[22:28]
        print(f"sent an ARP request, received the answer: {mac.hex(':')}")
        return mac

    def operate(self, op: int, role: int, states: Mapping[abi.chim_state_type, bytes],
                fence: int, more: bytes = b"") -> tuple[list[abi.chim_node], bytes]:
        """A state operation on neighbor, path and connection, behind one fence (5.1). Returns what
        the card has made of the nodes, and the whole list.
        """
        nodes = [abi.chim_node(role=role, type=kind, handle=handle, pair=0, cookie=COOKIE)
                 for kind, handle in zip(states, self.handles)]
        given = block_list(nodes, list(states.values()), more)
        addr = self.admin_data(op, given, fence_id=fence, fence_count=1)
        back = self.machine.read(addr, len(given))
        nodes = [abi.chim_node.from_buffer_copy(back, LIST + i * NODE) for i in range(3)]
        if any(node.status != abi.CHIM_ST_SUCCESS for node in nodes):
            names = [abi.chim_status(node.status).name for node in nodes]
            raise SystemExit(f"{abi.chim_op(op).name}: {', '.join(names)}")
        return nodes, back

    def initiate(self, mac: bytes) -> None:
        """The connection goes to the card, with its path and its neighbor (5.2)."""
        states = {
            abi.CHIM_NEIGHBOR_ALL: state(abi.chim_neighbor_const)
            + state(abi.chim_neighbor_cached, dst_mac=tuple(mac))
            + state(abi.chim_neighbor_delegated),
            abi.CHIM_PATH4_ALL: state(abi.chim_path_const, src=tuple(OUR_IP), dst=tuple(PEER_IP))
            + state(abi.chim_path_cached, path_mtu=1500)
            + state(abi.chim_path_delegated),
            abi.CHIM_TCP_ALL: connection()}
        self.tx.post(abi.CHIM_OP_TX_FENCE, u=union("fence", id=1))  # our frames leave first
        nodes, _ = self.operate(abi.CHIM_OP_INITIATE, abi.CHIM_ROLE_NEW, states, fence=1)
        self.handles = [node.handle for node in nodes]
        # With the answer and these two the connection is the card's (OP-H2).
        cutover, opened = self.rxc.take(abi.CHIM_RX_CUTOVER), self.cq.take(abi.CHIM_CQ_OPENED)
        assert cutover.u.cookie == opened.conn_cookie == COOKIE
        print(f"the connection is the card's, and its handle {opened.handle:#x}")

    def send(self, data: bytes, cookie: int) -> None:
        piece = abi.chim_sge(addr=self.machine.store(data), len=len(data))
        self.sq.post(abi.CHIM_OP_SEND, abi.CHIM_SEND_PUSH, handle=self.handles[2], cookie=cookie,
                     u=union("io", len=len(data)), sge=(piece,))
        print(f"send {cookie}: the peer has received {self.peer.receive()!r}")

    def receive(self) -> None:
        """What the peer has sent comes as an indication (7). It has acknowledged our send too."""
        for _ in range(2):
            entry = self.cq.take(abi.CHIM_CQ_SEND, abi.CHIM_CQ_INDICATE)
            if entry.ctl & abi.CHIM_CTL_OP_MASK == abi.CHIM_CQ_SEND:
                print(f"send {entry.cookie} is acknowledged: {entry.bytes} bytes")
            else:
                data = self.ib.collect(entry.ind_first, entry.bytes)
                print(f"received {data!r} at {entry.seq}")

    def refuse(self) -> None:
        """What we do not take stays with the card. We say so before our index passes (RING-H8)."""
        entry = self.cq.peek()
        self.sq.post(abi.CHIM_OP_VERDICT, handle=self.handles[2],
                     u=union("verdict", indication=entry.info,
                             status=abi.CHIM_ST_DATA_NOT_ACCEPTED, consumed=0))
        self.cq.take(abi.CHIM_CQ_INDICATE)
        self.ib.collect(entry.ind_first, entry.bytes)
        print(f"refused {entry.bytes} bytes at {entry.seq}")

    def terminate(self) -> None:
        """The connection comes back, and its path and neighbor with it (5.3)."""
        buffered = self.machine.alloc(WINDOW)
        states = {
            abi.CHIM_NEIGHBOR_DELEGATED: state(abi.chim_neighbor_delegated),
            abi.CHIM_PATH4_DELEGATED: state(abi.chim_path_delegated),
            # Room for our send, and for as many bytes as the window can let in (OP-D9).
            abi.CHIM_TCP_DELEGATED: state(
                abi.chim_tcp_delegated, send_off=MORE, send_count=1, buffered_off=MORE + SEND_REF,
                buffered_sges=1, buffered_len=WINDOW)}
        more = bytes(abi.chim_send_ref()) + bytes(abi.chim_sge(addr=buffered, len=WINDOW))
        self.sq.post(abi.CHIM_OP_FENCE, handle=self.handles[2], u=union("fence", id=2))
        nodes, back = self.operate(abi.CHIM_OP_TERMINATE, abi.CHIM_ROLE_OBJECT, states, 2, more)
        self.cq.take(abi.CHIM_CQ_LAST)  # with it and the answer the connection is ours (OP-H6)
        tcp = abi.chim_tcp_delegated.from_buffer_copy(back, nodes[2].state_off)
        print(f"the connection is ours again: {abi.chim_tcp_state(tcp.state).name}")
        for name in "snd_una", "snd_nxt", "snd_max", "rcv_nxt", "rcv_wnd":
            print(f"  {name.upper().replace('_', '.')} = {getattr(tcp, name)}")
        for i in range(tcp.send_count):
            ref = abi.chim_send_ref.from_buffer_copy(back, tcp.send_off + i * SEND_REF)
            print(f"send {ref.cookie} has come back, {ref.done} of {ref.len} bytes acknowledged")
        print(f"not delivered: {self.machine.read(buffered, tcp.buffered_len)!r}")
        if tcp.delack_timeout_delta != abi.CHIM_TIMER_IDLE:
            print("an ACK is owed")  # and a driver sends it (OP-H8)


def story(machine: Machine) -> None:
    driver = Driver(machine)
    driver.initiate(driver.resolve())
    driver.send(b"Hello, peer.", 1)
    driver.peer.send(b"Hello, card.")
    driver.receive()
    driver.peer.send(b"And more.")
    driver.refuse()
    driver.send(b"Are you there?", 2)
    driver.terminate()
    driver.peer.send()
    ack = int.from_bytes(driver.receive_frame()[42:46], "big")
    print(f"raw again: the peer acknowledges {ack}")
    driver.card.reset()


def main() -> int:
    qemu = "".join(sys.argv[1:2])
    if not Path(qemu).is_file():
        print(f"usage: driver.py QEMU [OPTION OF QEMU]...: there is no QEMU '{qemu}'",
              file=sys.stderr)
        return 2
    machine = Machine(qemu, sys.argv[2:])
    try:
        story(machine)
    except ConnectionError:  # QEMU has said why
        print("QEMU has ended", file=sys.stderr)
    finally:
        status = machine.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
