# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the device tests: a card under qtest, ended with a look at what QEMU said."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimney import abi
from chimney.paths import QEMU, make_qemu
from chimney.qdev.connection import Connection
from chimney.qdev.device import Card, MakeCard
from chimney.qdev.peer import Peer
from chimney.qdev.refusals import Refusals, wanted
from chimney.vm.qmp import Qmp

# Each test runs on the ordinary build and, but for check-fast, on the sanitized one as well; but on
# one program only if CHIMNEY_QEMU gives a path, as `make mutants` does.
BUILDS = {"plain": QEMU, "asan": QEMU.parent.parent / "asan" / QEMU.name}
VARIANTS = ([str(QEMU)] if "/" in os.environ.get("CHIMNEY_QEMU", "") else
            ["plain", pytest.param("asan", marks=pytest.mark.slow)])


@pytest.fixture(scope="session", params=VARIANTS, ids=lambda variant: Path(variant).name)
def variant(request: pytest.FixtureRequest) -> str:
    """Which build of QEMU."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def qemu(variant: str) -> Path:
    binary = BUILDS.get(variant, Path(variant))
    hint = {"plain": f"run {make_qemu(QEMU)}", "asan": f"run {make_qemu(QEMU, 'qemu-asan')}"}.get(
        variant, "no such program")
    assert binary.exists(), f"{binary} is missing: {hint}"
    return binary


@pytest.fixture(scope="session")
def sanitized(variant: str) -> bool:
    """Whether device and engine run under sanitizers."""
    return variant == "asan"


def complaints(card: Card) -> list[str]:
    """What is wrong with a card at the end of its test: it does not answer, QEMU does not end well,
    or the device has found a bug of its own.
    """
    found = []
    try:
        if card.read(abi.CHIM_REG_MAGIC) != abi.CHIM_MAGIC:
            found.append("the card does not answer at the end")
    except Exception as error:
        found.append(str(error))
    try:
        card.close()
    except Exception as error:
        found.append(str(error))
    if abi.CHIM_FATAL_INTERNAL in card.causes():
        found.append("the card raised CHIM_FATAL_INTERNAL")
    return found


@pytest.fixture
def make_card(qemu: Path) -> Iterator[MakeCard]:
    """A factory of cards; each must end alive and well, and without a report of a sanitizer."""
    cards: list[Card] = []

    def make(**kwargs: object) -> Card:
        cards.append(Card(qemu=qemu, **kwargs))  # type: ignore[arg-type]
        return cards[-1]

    yield make
    failures = [line for card in cards for line in complaints(card)]
    assert not failures, "\n".join(failures)


@pytest.fixture
def card(make_card: MakeCard) -> Card:
    """A card brought up with one pair and buffers posted."""
    one = make_card().start()
    one.post_buffers(0, abi.CHIM_RING_RXB, 16)
    one.post_buffers(0, abi.CHIM_RING_IB, 16, 4096)
    return one


@pytest.fixture
def refusals(make_card: MakeCard, tmp_path: Path) -> Iterator[Refusals]:
    """What a card says that it refuses; it has one pair, and buffers posted."""
    monitor = tmp_path / "qmp"
    one = make_card(**wanted(monitor)).start()
    one.post_buffers(0, abi.CHIM_RING_RXB, 16)
    one.post_buffers(0, abi.CHIM_RING_IB, 16, 4096)
    qmp = Qmp(monitor)
    yield Refusals(one, qmp.command)
    qmp.close()


@pytest.fixture
def conn(card: Card) -> Connection:
    """An offloaded connection whose cut-over has been taken from the receive ring."""
    one = Connection(card).initiate()
    card.wait("the cut-over", card.pairs[0].rxc.take)
    return one


@pytest.fixture
def peer(conn: Connection) -> Peer:
    """The connection's other end on the wire."""
    return Peer(conn)
