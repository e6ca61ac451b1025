# SPDX-License-Identifier: GPL-2.0-or-later
"""Explicit congestion notification: the card knows none, so a connection that has negotiated it
stays with Linux, in the form of RFC 3168 and in the accurate one (spec chapters 6 and 10.5). Who
only asks for it, and does not get it, is handed over like anybody else.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney.guest.mirror import Mirror, mirrored
from chimney.guest.segments import captured
from chimney.guest.station import Conn, Visit
from chimney.wait import wait_until
from chimney.wire import pcapng

TCPI_OPT_ECN = 8
ECN = "net.ipv4.tcp_ecn"
SYN, ACK = 0x02, 0x10
ECE, CWR, AE = 0x40, 0x80, 0x100
# What the second SYN says: nothing, RFC 3168's yes, or (any other) the accurate form's.
NONE, CLASSIC = 0, ECE


@contextmanager
def ecn(where: Visit | Mirror, value: int | None) -> Iterator[None]:
    """The sysctl of the guest, or of a peer that runs its kernel, meanwhile; None: its default."""
    run = where.run if isinstance(where, Mirror) else lambda *words: where.vm.run(words).text
    before = run("sysctl", "-n", ECN).strip()
    if value is not None:
        run("sysctl", "-qw", f"{ECN}={value}")
    try:
        yield
    finally:
        run("sysctl", "-qw", f"{ECN}={before}")


@contextmanager
def peer_ecn(visit: Visit, value: int) -> Iterator[None]:
    """The sysctl of the peer meanwhile."""
    name = ECN.replace(".", "/")
    before = visit.room.run(["cat", f"/proc/sys/{name}"]).stdout.strip()
    visit.room.sysctl(name, value)
    try:
        yield
    finally:
        visit.room.sysctl(name, before)


def handshake(file: Path, conn: Conn) -> list[int]:
    """Flags of the two SYNs of a connection, the first one's first; of copies the last."""
    found: dict[bool, int] = {}
    ports = {conn.guest_port, conn.peer_port}
    try:
        for packet in pcapng.read(file):
            if packet.data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
                continue
            ip = packet.data[14:]
            tcp = ip[40:] if ip[0] >> 4 == 6 else ip[4 * (ip[0] & 15):]
            if (ip[6] if ip[0] >> 4 == 6 else ip[9]) == socket.IPPROTO_TCP and tcp[13] & SYN \
                    and {int.from_bytes(tcp[0:2], "big"), int.from_bytes(tcp[2:4], "big")} == ports:
                found[bool(tcp[13] & ACK)] = (tcp[12] & 1) << 8 | tcp[13] & (ECE | CWR)
    except pcapng.BadCapture:
        pass  # its last packet is still being written
    return [flags for _, flags in sorted(found.items())]


def connect(visit: Visit, folder: Path, family: int, opener: str,
            peer_host: str = "") -> tuple[Conn, list[int]]:
    """A connection, and what its SYNs have said."""
    with captured(visit, folder / "wire.pcapng") as file:
        conn = visit.connect(family, opener=opener, peer_host=peer_host)
        conn.both_ways()
        wait_until(lambda: len(handshake(file, conn)) == 2, "the handshake in the capture", 20, 0.1)
    return conn, handshake(file, conn)


def stays_with_linux(visit: Visit, conn: Conn) -> None:
    """It is refused by name, to who asks and under the policy, and goes on."""
    assert conn.guest.info()["options"] & TCPI_OPT_ECN
    answer = visit.ctl.offload_answer(*conn.words)
    assert (answer["done"], answer["refused"], answer["reason"]) == (0, 1, "ecn")
    before = visit.ctl.reasons()[0].get("ecn", 0)
    visit.ctl.policy("auto")
    try:
        conn.both_ways()
        assert visit.state(conn) == "host"
    finally:
        visit.ctl.policy("none")
    assert visit.ctl.reasons()[0].get("ecn", 0) == before > 0
    conn.both_ways()


def goes_over(visit: Visit, conn: Conn) -> None:
    """It is handed over, and back."""
    assert not conn.guest.info()["options"] & TCPI_OPT_ECN
    for _ in range(2):
        visit.hand(conn)
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()


@pytest.mark.where(cpus=(2,), native=False)
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("opener", ["guest", "peer"])
def test_classic_ecn_stays(visit: Visit, tmp_path: Path, opener: str, family: int) -> None:
    """The guest asks for RFC 3168's and gets it; or grants it, as it does by default."""
    with ecn(visit, 1 if opener == "guest" else None), peer_ecn(visit, 1):
        conn, flags = connect(visit, tmp_path, family, opener)
    assert flags == [ECE | CWR, CLASSIC]
    stays_with_linux(visit, conn)


@pytest.mark.where(cpus=(2,))
@pytest.mark.parametrize("opener", ["guest", "peer"])
@pytest.mark.parametrize("ours", [None, 1])
def test_peer_without_ecn(visit: Visit, tmp_path: Path, ours: int | None, opener: str) -> None:
    """By default, and asked for in vain, there is none: nothing is in the way."""
    with ecn(visit, ours), peer_ecn(visit, 0):
        conn, flags = connect(visit, tmp_path, 4, opener)
    assert flags == [ECE | CWR if ours and opener == "guest" else NONE, NONE]
    goes_over(visit, conn)


MIRROR = pytest.mark.where(cpus=(2,), native=False, kernels=("7.3",), debug=False, vm="two-cards")


@MIRROR
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("opener", "ours", "theirs"), [("guest", 3, 5), ("peer", 4, 3),
                                                        ("peer", 5, 3)])
def test_accurate_ecn_stays(visit: Visit, tmp_path: Path, opener: str, ours: int, theirs: int,
                            family: int) -> None:
    """Both sides speak the accurate form, which only the newest kernel knows."""
    with mirrored(visit) as mirror, ecn(visit, ours), ecn(mirror, theirs):
        conn, flags = connect(visit, tmp_path, family, opener, mirror.host(family))
        assert flags[0] == AE | CWR | ECE and flags[1] not in (NONE, CLASSIC)
        stays_with_linux(visit, conn)


@MIRROR
@pytest.mark.parametrize(("opener", "ours", "theirs"), [("guest", 3, 1), ("peer", 3, 1)])
def test_accurate_ecn_with_an_older_peer(visit: Visit, tmp_path: Path, opener: str, ours: int,
                                         theirs: int) -> None:
    """One that knows the form of RFC 3168: that one it is."""
    with mirrored(visit) as mirror, ecn(visit, ours), ecn(mirror, theirs):
        conn, flags = connect(visit, tmp_path, 4, opener, mirror.host(4))
        assert flags == [AE | CWR | ECE if opener == "guest" else CWR | ECE, CLASSIC]
        stays_with_linux(visit, conn)


@pytest.mark.where(cpus=(2,), kernels=("7.3",), debug=False)
@pytest.mark.parametrize("ours", [3, 4, 5])
@pytest.mark.parametrize("opener", ["guest", "peer"])
def test_accurate_ecn_that_nobody_wants(visit: Visit, tmp_path: Path, opener: str,
                                        ours: int) -> None:
    """What the guest asks for, or would grant, and the peer does not know: nothing is in the way.
    """
    with ecn(visit, ours), peer_ecn(visit, 0):
        conn, flags = connect(visit, tmp_path, 4, opener)
        asked = {3: AE | CWR | ECE, 4: CWR | ECE, 5: NONE}[ours] if opener == "guest" else NONE
        assert flags == [asked, NONE]
        goes_over(visit, conn)
