# SPDX-License-Identifier: GPL-2.0-or-later
"""Many receivers in bulk and little memory: connections go back one by one, and the card stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chimney.guest.shortage import leave_free
from chimney.guest.station import Visit, station_of

KIB = 1024
MIB = 1024 * KIB
RECEIVERS = 64
PART = 256 * KIB
# All of them together take less than tcp_mem allows, behind which Linux TCP drops what comes.
BUFFER = 128 * KIB
DRIVER = {"driver": Path(os.environ["CHIMNEY_DRIVER"])} if "CHIMNEY_DRIVER" in os.environ else {}


def receive(kernel: str, bulk: int) -> None:
    """64 receivers in a guest that has 24 MiB left are sent so much each, all at once, and read
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
        leave_free(visit, 24)
        for conn in conns:
            conn.peer.send(bulk)
        came = 0
        for part in range(parts):
            for number, conn in enumerate(conns):
                conn.guest.recv(PART, seconds=60)
                if number % parts == part:
                    came += visit.ctl.upload(*conn.words, check=False)
        assert len(visit.ctl.connections()) == RECEIVERS - came
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
