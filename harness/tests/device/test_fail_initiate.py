# SPDX-License-Identifier: GPL-2.0-or-later
"""Every failure that an initiate can have, forced by x-fail-initiate: the status comes back, and
nothing else happens.
"""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from chimney import abi
from chimney.errors import GuestFailure
from chimney.guest.fail_initiate import FORCED, NEIGHBOR, PATH, TCP
from chimney.paths import TOP
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer, stream
from chimney.qdev.seg import match, parse
from chimney.vm.qmp import Qmp, QmpError

SENDS, UNREAD = [b"sent, not acknowledged", b"not sent"], b"not read yet"


def failing(make_card: MakeCard, value: str) -> Card:
    card = make_card(options=f"x-fail-initiate={value}").start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 8)
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    return card


def attempt(card: Card) -> tuple[Connection, list[int]]:
    """Offer a connection with all kinds of data; returns it and the statuses of its three nodes."""
    conn = Connection(
        card, sends=SENDS, buffered=UNREAD, snd_nxt=0x20000 + 22, snd_max=0x20000 + 22
    )
    done = conn.list.run(abi.CHIM_OP_INITIATE)
    assert done.status == abi.CHIM_ST_SUCCESS
    return conn, conn.list.statuses()


@pytest.mark.parametrize("name", FORCED)
def test_forced_failure(make_card: MakeCard, name: str) -> None:
    """INI-12, INI-6, INI-7, INI-8, TRE-17, TRE-20, BRD-5: the status is the node's, its
    dependents fail, data and handles stay as they were, no entry appears, the connection stays
    raw; the next initiate of the same connection works.
    """
    card = failing(make_card, f"{name}:1")
    status, layer = int(getattr(abi, f"CHIM_ST_{name}")), FORCED[name]
    conn, statuses = attempt(card)
    above = abi.CHIM_ST_PARTIAL_SUCCESS
    want = {
        NEIGHBOR: [status, abi.CHIM_ST_FAILURE, abi.CHIM_ST_FAILURE],
        PATH: [above, status, abi.CHIM_ST_FAILURE],
        TCP: [abi.CHIM_ST_SUCCESS, above, status],
    }
    assert statuses == want[layer]
    assert [conn.list.node(i).handle for i in range(layer, 3)] == [0] * (3 - layer)
    for addr, data in zip([*conn.send_addrs, conn.buffered_in], [*SENDS, UNREAD], strict=True):
        assert card.qtest.read(addr, len(data)) == data
    assert card.pairs[0].rxc.peek() is None and conn.no_entry() and card.no_wire_frame()
    Peer(conn).data(b"for the host")
    match(parse(card.received()[1]), data=b"for the host")
    assert conn.no_entry() and card.no_wire_frame()
    cases = card.stats().cases
    assert (cases.initiates, cases.initiate_failures) == (0, 1)
    again, statuses = attempt(card)
    assert statuses == [abi.CHIM_ST_SUCCESS] * 3
    assert again.entry(abi.CHIM_CQ_OPENED).conn_cookie == again.cookie
    assert stream(Peer(again).frames(), 0x20000 + 22) == SENDS[1]


def test_all_fail_without_a_number(make_card: MakeCard) -> None:
    """INI-8: x-fail-initiate=STATUS makes every object of the layer fail, again after a reset."""
    card = failing(make_card, "TCP_ENTRIES")
    for _ in range(3):
        assert attempt(card)[1][TCP] == abi.CHIM_ST_TCP_ENTRIES
    card.reset()
    card.start(msix=False)
    assert attempt(card)[1][TCP] == abi.CHIM_ST_TCP_ENTRIES


def test_failure_of_another_layer(make_card: MakeCard) -> None:
    """INI-8: RESOURCES can strike a path as well."""
    card = failing(make_card, "path/RESOURCES")
    assert attempt(card)[1] == [
        abi.CHIM_ST_PARTIAL_SUCCESS,
        abi.CHIM_ST_RESOURCES,
        abi.CHIM_ST_FAILURE,
    ]


def test_every_status_is_forced() -> None:
    """INI-8: the tests here and in the guest force all that the knob knows."""
    table = (TOP / "qemu-device" / "commands" / "knobs.c").read_text()
    assert sorted(re.findall(r"\{ \"(\w+)\", CHIM_ST_\1,", table)) == sorted(FORCED)


def test_knob_is_turned_while_the_card_runs(make_card: MakeCard, tmp_path: Path) -> None:
    """INI-8: qom-set changes what fails, counts from there, and refuses what has no meaning."""
    monitor = tmp_path / "qmp"
    qmp_args = ("-qmp", f"unix:{monitor},server=on,wait=off")
    card = make_card(options="id=nic0,x-fail-initiate=TCP_ENTRIES", qemu_args=qmp_args).start()
    card.post_buffers(0, abi.CHIM_RING_RXB, 8)
    card.post_buffers(0, abi.CHIM_RING_IB, 8, 4096)
    qmp = Qmp(monitor)
    where = {"path": "/machine/peripheral/nic0", "property": "x-fail-initiate"}
    try:
        assert qmp.command("qom-get", **where) == "TCP_ENTRIES"
        assert attempt(card)[1][TCP] == abi.CHIM_ST_TCP_ENTRIES
        qmp.command("qom-set", **where, value="tcp/PATH_MTU:2")
        first, statuses = attempt(card)
        assert statuses[TCP] == abi.CHIM_ST_SUCCESS
        assert first.entry(abi.CHIM_CQ_OPENED).conn_cookie == first.cookie
        with pytest.raises(QmpError, match="NONSENSE"):
            qmp.command("qom-set", **where, value="FAILURE+NONSENSE")
        assert attempt(card)[1][TCP] == abi.CHIM_ST_PATH_MTU
        qmp.command("qom-set", **where, value="")
        assert attempt(card)[1][TCP] == abi.CHIM_ST_DUPLICATE
    finally:
        qmp.close()


@pytest.mark.parametrize(
    "value", ["NONSENSE", "RESOURCES:0", "RESOURCES:x", "SUCCESS", "host/FAILURE"]
)
def test_knob_with_no_meaning(make_card: MakeCard, value: str) -> None:
    """QEMU refuses to start with one sentence that names the value."""
    with pytest.raises((GuestFailure, OSError)) as error:
        make_card(options=f"x-fail-initiate={value}")
    assert value in str(error.value)


def test_terminate_knob_with_no_meaning(make_card: MakeCard) -> None:
    """x-terminate-sends knows four words."""
    with pytest.raises((GuestFailure, OSError)) as error:
        make_card(options="x-terminate-sends=keep")
    assert "return, complete, mix or turns" in str(error.value)
