# SPDX-License-Identifier: GPL-2.0-or-later
"""The card's process: how it ends is looked at, and no fatal cause of its life is forgotten."""
from __future__ import annotations

import signal
from pathlib import Path

import pytest

from chimney import abi
from chimney.errors import GuestFailure, WaitTimeout
from chimney.qdev.device import Card, MakeCard

# QEMU, and behind its end a word of the caller's and a status.
WRAPPED = """#!/bin/sh
trap 'kill $pid' TERM
"{qemu}" "$@" &
pid=$!
wait $pid
wait $pid
echo '{last}' >&2
exit {status}
"""


def test_causes_survive_a_reset(make_card: MakeCard) -> None:
    """What the fixture looks for is found in whatever state a test leaves the card."""
    card = make_card()
    for ring in (abi.CHIM_RING_ADMIN_SQ, abi.CHIM_RING_ADMIN_CQ):
        card.start(msix=False)
        card.doorbell(ring, 0x7000)
        card.wait_fatal()
        card.reset()
    assert card.causes() == [abi.CHIM_FATAL_DOORBELL] * 2


def wrapped(qemu: Path, tmp_path: Path, last: str, status: int) -> Card:
    """A card whose QEMU ends with those words and that status."""
    script = tmp_path / "qemu"
    script.write_text(WRAPPED.format(qemu=qemu, last=last, status=status))
    script.chmod(0o755)
    return Card(qemu=script)


def test_good_end(qemu: Path, tmp_path: Path) -> None:
    """What is said at the very end is kept."""
    card = wrapped(qemu, tmp_path, "good bye", 0)
    card.close()
    assert card.qtest.stderr().endswith("good bye\n")


@pytest.mark.parametrize(
    "last,status",
    [
        ("==1==ERROR: AddressSanitizer: heap-use-after-free", 0),
        ("ring.c:1:2: runtime error: shift exponent 32 is too large", 0),
        ("nothing", 1),
    ],
)
def test_bad_end(qemu: Path, tmp_path: Path, last: str, status: int) -> None:
    """A sanitizer's report at the shutdown, and a status other than 0."""
    with pytest.raises(GuestFailure, match=last):
        wrapped(qemu, tmp_path, last, status).close()


def test_killed_by_a_signal(qemu: Path) -> None:
    card = Card(qemu=qemu)
    card.qtest.process.send_signal(signal.SIGKILL)
    with pytest.raises(GuestFailure, match="status -9"):
        card.close()


def test_no_end(qemu: Path) -> None:
    """A QEMU that hangs at its shutdown is a failure, and gone."""
    card = Card(qemu=qemu)
    card.qtest.process.send_signal(signal.SIGSTOP)
    with pytest.raises(WaitTimeout, match="QEMU to end"):
        card.qtest.close(0.2)
    assert card.qtest.process.returncode == -signal.SIGKILL
    card.close()
