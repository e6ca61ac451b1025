# SPDX-License-Identifier: GPL-2.0-or-later
"""What the example's driver stands between: a machine, and a peer on the wire.

The machine is a QEMU without a processor: configuration space, registers and memory are reached by
QEMU's qtest protocol, a line for each access. Its virtual clock stands still, so none of the card's
timers runs. The wire is a datagram socket, a datagram for each frame. Nothing here knows the card's
ABI.
"""
from __future__ import annotations

import socket
import struct
import subprocess

SECONDS = 20.0  # no answer takes that long
OUR_MAC, PEER_MAC = bytes.fromhex("525400000001"), bytes.fromhex("525400000002")
OUR_IP, PEER_IP = bytes([10, 77, 0, 2]), bytes([10, 77, 0, 1])
OUR_PORT, PEER_PORT = 40000, 7
# What a handshake would have agreed on: initial sequence numbers, windows without scale, MSS.
ISS, IRS, WINDOW, MSS = 1000, 5000, 32768, 1460


class Machine:
    """QEMU, with 64 MiB of memory and the card on PCI bus 0."""

    def __init__(self, qemu: str, more: list[str]) -> None:
        self._qtest, qtest = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.wire, card = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._qtest, self.wire):
            end.settimeout(SECONDS)
        self.process = subprocess.Popen(
            [qemu, "-M", "q35", "-m", "64M", "-accel", "qtest", "-nodefaults", "-display", "none",
             "-L", "/usr/share/seabios", "-L", "/usr/share/qemu", "-d", "guest_errors",
             "-chardev", f"socket,id=qtest,fd={qtest.fileno()}",
             "-qtest", "chardev:qtest", "-qtest-log", "none",
             "-netdev", f"dgram,id=wire,local.type=fd,local.str={card.fileno()}",
             "-device", f"chimney,netdev=wire,mac={OUR_MAC.hex(':')}", *more],
            pass_fds=(qtest.fileno(), card.fileno()))
        qtest.close()
        card.close()
        self._answers = self._qtest.makefile("r")
        self._free = 1 << 20  # memory from here on is not in use

    def close(self) -> int:
        """End QEMU; returns its exit status."""
        self.process.terminate()
        return self.process.wait(SECONDS)

    def _command(self, *words: str | int) -> str:
        """Returns the answer behind OK."""
        text = " ".join(hex(word) if isinstance(word, int) else word for word in words)
        self._qtest.sendall(text.encode() + b"\n")
        answer = self._answers.readline().split()
        if not answer:
            raise ConnectionError
        if answer[0] != "OK":
            raise SystemExit(f"qtest: {text[:40]}: {' '.join(answer)}")
        return "".join(answer[1:])

    def readl(self, addr: int) -> int:
        return int(self._command("readl", addr), 16)

    def writel(self, addr: int, value: int) -> None:
        self._command("writel", addr, value)

    def read(self, addr: int, size: int) -> bytes:
        return bytes.fromhex(self._command("read", addr, size)[2:]) if size else b""

    def write(self, addr: int, data: bytes) -> None:
        self._command("write", addr, len(data), "0x" + data.hex())

    def config_read(self, slot: int, offset: int) -> int:
        self._command("outl", 0xCF8, 1 << 31 | slot << 11 | offset)
        return int(self._command("inl", 0xCFC), 16)

    def config_write(self, slot: int, offset: int, value: int) -> None:
        self._command("outl", 0xCF8, 1 << 31 | slot << 11 | offset)
        self._command("outl", 0xCFC, value)

    def alloc(self, size: int, align: int = 128) -> int:
        """The address of memory that is zero; it is never freed."""
        addr = (self._free + align - 1) // align * align
        self._free = addr + size
        return addr

    def store(self, data: bytes) -> int:
        """The address of a copy of the data."""
        addr = self.alloc(len(data))
        self.write(addr, data)
        return addr


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(addresses: bytes, tcp: bytes) -> bytes:
    return addresses + struct.pack("!HH", 6, len(tcp)) + tcp


def arp(op: int, mac: bytes, ip: bytes, to_mac: bytes, to_ip: bytes) -> bytes:
    return ((to_mac if any(to_mac) else b"\xff" * 6) + mac + b"\x08\x06"
            + struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + mac + ip + to_mac + to_ip)


class Peer:
    """A host that answers ARP, and has one TCP connection with us. It acknowledges what it has
    received when it sends.
    """

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._snd_nxt, self._rcv_nxt = IRS + 1, ISS + 1
        self.snd_una = IRS + 1  # what the card has acknowledged

    def answer_arp(self) -> None:
        request = self._wire.recv(2048)
        if request[12:14] != b"\x08\x06" or request[38:42] != PEER_IP:
            raise SystemExit(f"the peer is not asked by ARP: {request.hex()}")
        self._wire.send(arp(2, PEER_MAC, PEER_IP, request[22:28], request[28:32]))

    def receive(self) -> bytes:
        """The data of the next segment that has any."""
        data = b""
        while not data:
            frame = self._wire.recv(2048)
            packet = frame[14:14 + int.from_bytes(frame[16:18], "big")]
            tcp = packet[20:]
            if checksum(packet[:20]) or checksum(pseudo(packet[12:20], tcp)):
                raise SystemExit(f"the peer finds a wrong checksum: {frame.hex()}")
            seq, self.snd_una = struct.unpack_from("!II", tcp, 4)
            if seq != self._rcv_nxt:
                raise SystemExit(f"the peer expects {self._rcv_nxt} and receives {seq}")
            data = tcp[(tcp[12] >> 4) * 4:]
        self._rcv_nxt += len(data)
        return data

    def send(self, data: bytes = b"") -> None:
        tcp = struct.pack("!HHIIBBHHH", PEER_PORT, OUR_PORT, self._snd_nxt, self._rcv_nxt, 5 << 4,
                          0x18 if data else 0x10, WINDOW, 0, 0) + data  # PSH and ACK, or ACK
        addresses = PEER_IP + OUR_IP
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo(addresses, tcp))) + tcp[18:]
        ip = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(tcp), 0x4000, 64, 6, 0) + addresses
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        self._wire.send(OUR_MAC + PEER_MAC + b"\x08\x00" + ip + tcp)
        self._snd_nxt += len(data)
