# SPDX-License-Identifier: GPL-2.0-or-later
"""What a card says of what it refuses: the property `refusals`, and the lines of QEMU's log."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import abi
from .connection import Connection
from .device import Card

PATH = "/machine/peripheral/nic0"
Mistake = Callable[[Card], object]
Row = tuple[Mistake, str, dict[str, Any]]


def wanted(monitor: Path, options: str = "") -> dict[str, Any]:
    """The arguments of a card that is to be asked."""
    return {"options": ",".join(["id=nic0", *filter(None, [options])]), "qemu_args": (
        "-qmp", f"unix:{monitor},server=on,wait=off", "-d", "guest_errors")}


class Refusals:
    """Of one card; ask(command, ...) is QMP."""

    def __init__(self, card: Card, ask: Callable[..., Any]) -> None:
        self.card, self.ask = card, ask

    def get(self) -> dict[str, Any]:
        """The property, once bottom halves have run."""
        self.card.settle()
        found: dict[str, Any] = self.ask("qom-get", path=PATH, property="refusals")
        return found

    def said(self) -> list[str]:
        """The device's lines in the log."""
        lines = self.card.qtest.stderr().splitlines()
        return [line for line in lines if line.startswith("chimney: ")]

    def is_only(self, code: str, members: dict[str, Any]) -> bool:
        """Whether there is one record, with that code and these members, and one line of it."""
        records = self.get()["last"]
        if len(records) != 1 or records[0]["code"] != code:
            return False
        begin = f"chimney: {code}: {records[0]['text']}"
        return members.items() <= records[0].items() and [
            line[:len(begin)] for line in self.said()] == [begin]


def names(rows: list[Row]) -> list[str]:
    """Names of a table's rows, for pytest."""
    return [f"{number}-{code.replace('/', '-')}" for number, (_, code, _) in enumerate(rows)]


def sqe(opcode: int, flags: int = 0, handle: int = 0) -> abi.chim_sqe:
    return abi.chim_sqe(ctl=opcode | flags << abi.CHIM_CTL_FLAGS_SHIFT, handle=handle)


def on(act: Callable[[Connection], object], **changes: Any) -> Mistake:
    """A mistake on a connection that is offloaded."""
    def run(card: Card) -> None:
        act(Connection(card, **changes).initiate())
    return run
