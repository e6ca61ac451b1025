# SPDX-License-Identifier: GPL-2.0-or-later
"""Many receivers in bulk and little memory: connections go back one by one, and the card stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chimney.guest.shortage import leave_free
from chimney.guest.station import Visit, station_of
from chimney.wait import stays, wait_until

KIB = 1024
MIB = 1024 * KIB
RECEIVERS = 64
PART = 256 * KIB
# All of them together take less than tcp_mem allows, behind which Linux TCP drops what comes.
BUFFER = 128 * KIB
DRIVER = {"driver": Path(os.environ["CHIMNEY_DRIVER"])} if "CHIMNEY_DRIVER" in os.environ else {}


# What the card's rings keep for the next bytes grows to about 20 MiB with two pairs.
LEFT = 48  # MiB


def receive(kernel: str, bulk: int) -> None:
    """64 receivers in a guest that has little left are sent so much each, all at once, and read
    late and slowly. Meanwhile each is asked back once: it comes, or stays with the card; the card
    never fails, and every byte arrives.
    """
    parts = bulk // PART
    with station_of(kernel, memory=256, **DRIVER) as station:
        visit = Visit(station, "offload")
        visit.vm.run(["sysctl", "-qw", f"net.ipv4.tcp_rmem=4096 {BUFFER} {BUFFER}"])
        visit.room.sysctl("net/ipv4/tcp_wmem", f"4096 {2 * bulk} {4 * bulk}")
        conns = [visit.connect(opener="peer") for _ in range(RECEIVERS)]
        visit.hand(*conns)
        leave_free(visit, LEFT)
        for conn in conns:
            conn.peer.send(bulk)
        came = 0
        for part in range(parts):
            for number, conn in enumerate(conns):
                conn.guest.recv(PART, seconds=60)
                if number % parts == part:
                    came += visit.ctl.upload(*conn.words, check=False)
        assert came
        wait_until(lambda: len(visit.ctl.connections()) <= RECEIVERS - came,
                   "those to be back that were to come", 40, 0.5)
        visit.vm.run(["umount", "/eaten"])
        assert "card failed" not in visit.vm.run(["dmesg"]).text
        assert visit.ctl.stats()[0]["abandoned_connections"] == 0
        visit.hand(*conns)
        for conn in conns:
            conn.both_ways()
        visit.close()


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_uploads_of_bulk_receivers(kernel: str) -> None:
    """OP-D9: a MiB each."""
    receive(kernel, MIB)


@pytest.mark.long
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_uploads_of_bulk_receivers_that_go_on(kernel: str) -> None:
    """OP-D9: 8 MiB each."""
    receive(kernel, 8 * MIB)


def tcp_pages(visit: Visit) -> int:
    """Pages of memory that all sockets of the guest have."""
    stat = visit.vm.run(["sh", "-c", "sed -n 's/^TCP: .* mem //p' /proc/net/sockstat"])
    return int(stat.text)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["native", "offload"])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_unread_bytes_heed_tcp_mem(kernel: str, way: str) -> None:
    """64 receivers with windows of megabytes do not read: what is kept for them is bounded by
    net.ipv4.tcp_mem, whoever has the connection. When they read, they get all of it; Linux alone
    has dropped much, and its peers wait minutes before they send that again.
    """
    with station_of(kernel, memory=256, **DRIVER) as station:
        visit = Visit(station, way)
        visit.vm.run(["sysctl", "-qw", "net.ipv4.tcp_rmem=4096 3145728 6291456"])
        visit.room.sysctl("net/ipv4/tcp_wmem", f"4096 {2 * MIB} {4 * MIB}")
        conns = [visit.connect(opener="peer") for _ in range(RECEIVERS)]
        visit.hand(*conns)
        most = int(visit.vm.run(["cat", "/proc/sys/net/ipv4/tcp_mem"]).text.split()[2])
        for conn in conns:
            conn.peer.send(MIB)
            assert tcp_pages(visit) < 1.2 * most
        wait_until(lambda: tcp_pages(visit) > most / 2, "much to have come", 30, 0.2)
        stays(lambda: tcp_pages(visit) < 1.2 * most, "TCP has what tcp_mem allows", 3.0)
        for conn in conns if visit.offloads else ():
            conn.guest.recv(MIB, seconds=60)
            conn.both_ways()
        visit.close()
