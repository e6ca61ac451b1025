# SPDX-License-Identifier: GPL-2.0-or-later
"""The example for those who write a driver, spec/example, against the device: what it says, what
the wire has seen, and that it breaks no rule that the device notices.
"""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chimney.paths import TOP, in_option
from chimney.qdev import seg
from chimney.wire import pcapng

DRIVER = TOP / "spec" / "example" / "driver.py"
SECONDS = 120
ISS, IRS, WINDOW = 1000, 5000, 32768


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DRIVER, *arguments], capture_output=True, text=True, timeout=SECONDS)


def readme() -> str:
    """What the README says that the driver prints."""
    block = re.findall(r"(?:^    .*\n)+", (DRIVER.parent / "README.md").read_text(), re.M)[1]
    return re.sub(r"^    ", "", block, flags=re.M)


def test_readme_shows_what_the_driver_prints(qemu: Path) -> None:
    """It breaks no rule that the card would tell of, too."""
    done = run(qemu)
    assert (done.returncode, done.stdout) == (0, readme()), done.stderr
    assert not re.findall(r"^chimney: .*|.*(?:Sanitizer|runtime error).*", done.stderr, re.M)


def test_state_that_comes_back(qemu: Path) -> None:
    """VAR-D3 to VAR-D7, TRM-21, TRM-26: the variables say what has been sent and received; the send
    that nobody has acknowledged and the bytes that were refused come back with them.
    """
    said = run(qemu).stdout
    sent, unacked = len("Hello, peer."), len("Are you there?")
    taken, refused = len("Hello, card."), len("And more.")
    assert dict(re.findall(r"^  (\S+) = (\d+)$", said, re.M)) == {
        "SND.UNA": str(ISS + 1 + sent),
        "SND.NXT": str(ISS + 1 + sent + unacked),
        "SND.MAX": str(ISS + 1 + sent + unacked),
        "RCV.NXT": str(IRS + 1 + taken + refused),
        "RCV.WND": str(WINDOW - refused),
    }
    assert f"send 2 has come back, 0 of {unacked} bytes acknowledged\n" in said
    assert "not delivered: b'And more.'\n" in said


def test_bytes_on_the_wire(qemu: Path, tmp_path: Path) -> None:
    """Each frame by its origin. The checksums of ours are open in the capture; the example's peer
    checks them on the wire.
    """
    capture = tmp_path / "wire.pcapng"
    done = run(qemu, "-global", f"chimney.x-pcapng={in_option(capture)}")
    assert done.returncode == 0, done.stderr
    frames = pcapng.read(capture)
    asked, answered = frames[:2]
    assert (asked.interface, answered.interface) == (pcapng.HOST, pcapng.RECEIVED)
    assert len(asked.data) == len(answered.data) == 42, "the card does not pad"
    segments = [(frame.interface, seg.parse(frame.data)) for frame in frames[2:]]
    assert [(origin, one.seq, one.ack, one.data) for origin, one in segments
            if one.data or one is segments[-1][1]] == [
        (pcapng.TARGET, ISS + 1, IRS + 1, b"Hello, peer."),
        (pcapng.RECEIVED, IRS + 1, ISS + 13, b"Hello, card."),
        (pcapng.RECEIVED, IRS + 13, ISS + 13, b"And more."),
        (pcapng.TARGET, ISS + 13, IRS + 22, b"Are you there?"),
        (pcapng.RECEIVED, IRS + 22, ISS + 27, b""),
    ]


@pytest.mark.parametrize("fault,words", [
    ("x-fault=READY", "the card does not become ready"),
    ("x-fail-initiate=TCP_ENTRIES", "CHIM_OP_INITIATE: CHIM_ST_SUCCESS, CHIM_ST_PARTIAL_SUCCESS, "
                                    "CHIM_ST_TCP_ENTRIES"),
    ("x-fault=TERMINATE/BUSY", "CHIM_OP_TERMINATE: CHIM_ST_BUSY"),
])
def test_what_the_card_does_not_do_is_said(qemu: Path, fault: str, words: str) -> None:
    """A refusal is the end of the story, and its reason the last word of it."""
    done = run(qemu, "-global", f"chimney.{fault}")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, words)


@pytest.mark.parametrize("arguments", [(), ("no/such/qemu",)])
def test_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: driver.py QEMU")


def test_option_that_qemu_does_not_take(qemu: Path) -> None:
    done = run(qemu, "-nonsense")
    assert (done.returncode, done.stdout) == (1, "")
    said, ours = done.stderr.splitlines()[-2:]  # sanitizers may have said something before
    assert said.endswith(": -nonsense: invalid option") and ours == "QEMU has ended"
