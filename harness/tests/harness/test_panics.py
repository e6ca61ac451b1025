# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's panic is told as one, by its cause and its log, whoever notices first that the guest
does not go on.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chimney.agent.client import Agent
from chimney.agent.frames import HEADER, HELLO, NONCE, VERSION, Frame
from chimney.errors import GuestFailure, GuestPanic, HarnessError
from chimney.guest.chimneyctl import GuestCtl
from chimney.vm.boot import Vm
from chimney.vm.config import VmConfig
from chimney.wait import wait_until

PANIC = GuestPanic("Kernel panic", "BUG: in a test", ["BUG: in a test", "Kernel panic"])
CONSOLE = "BUG: kernel NULL pointer dereference\nKernel panic - not syncing: Fatal exception\n"


class Guest:
    """The other end of an agent's port, which says hello; and what a wait sees of the guest."""

    def __init__(self, path: Path) -> None:
        self.panic: GuestPanic | None = None
        self.end: socket.socket | None = None
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            self.agent = Agent(path, 10, lambda: self.watch(listener))

    def watch(self, listener: socket.socket) -> None:
        """Called during every wait: the first time it takes the connection."""
        if self.end is None:
            self.end, _ = listener.accept()
            nonce = self.end.recv(HEADER.size + NONCE)[-NONCE:]
            hello = HELLO.pack(VERSION, 0, 0, nonce) + b"6.1"
            self.end.sendall(HEADER.pack(len(hello), Frame.HELLO, 0, 0) + hello)
        if self.panic is not None:
            raise self.panic

    def hang_up(self) -> None:
        """It is gone."""
        assert self.end is not None
        self.end.close()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    """A guest that answers nothing any more."""
    guest = Guest(tmp_path / "agent")
    try:
        yield guest
    finally:
        guest.panic = None
        guest.hang_up()
        guest.agent.close()


@pytest.mark.parametrize("panic", [None, PANIC], ids=["gone", "panicked"])
def test_agent_that_has_gone(guest: Guest, panic: GuestPanic | None) -> None:
    """Its end has been read before the next frame is written."""
    guest.panic = panic
    guest.hang_up()
    wait_until(lambda: guest.agent._port._gone, "the end to be read", 10)
    with pytest.raises(GuestFailure) as caught:
        guest.agent.start(["true"])
    assert caught.value is panic or (panic is None and "away before true" in str(caught.value))


@pytest.mark.parametrize("panic", [None, PANIC], ids=["gone", "panicked"])
def test_agent_that_takes_nothing(guest: Guest, panic: GuestPanic | None) -> None:
    """The write fails, before the end has been read."""
    guest.panic = panic
    assert guest.end is not None
    guest.end.shutdown(socket.SHUT_RD)
    with pytest.raises(GuestFailure) as caught:
        guest.agent.start(["true"])
    assert caught.value is panic or (panic is None and "gone before true" in str(caught.value))


def test_panic_as_qemu_ends(tmp_path: Path) -> None:
    """What the console shows when QEMU has ended may have been written after the last look."""
    vm = Vm(VmConfig(), tmp_path)

    class Ending:
        """QEMU, which ends between the two looks."""

        @property
        def running(self) -> bool:
            (tmp_path / "console.log").write_text(CONSOLE)
            return False

    vm._child = Ending()  # type: ignore[assignment]
    with pytest.raises(GuestPanic) as caught:
        vm.watch()
    assert "BUG: kernel NULL pointer dereference" in str(caught.value)
    assert caught.value.log == CONSOLE.splitlines()


def ctl_of(answer: Any) -> GuestCtl:
    """chimneyctl in a guest that answers so."""
    return GuestCtl(SimpleNamespace(run=answer))  # type: ignore[arg-type]


def test_panic_of_a_hand_over() -> None:
    """A refusal passes and is tried again, a panic is not."""
    def panics(*_words: object, **_more: object) -> None:
        raise PANIC

    with pytest.raises(GuestPanic) as caught:
        ctl_of(panics).offload_soon("all", seconds=0)
    assert caught.value is PANIC


def test_last_refusal_of_a_hand_over() -> None:
    """What chimneyctl has said last."""
    refused = SimpleNamespace(text="chimneyctl: frame in flight\n", ok=False)
    with pytest.raises(HarnessError, match="waited 0.0 s .* The last answer: chimneyctl: frame in"):
        ctl_of(lambda *_words, **_more: refused).offload_soon("all", seconds=0)
