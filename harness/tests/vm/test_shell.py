# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run` without a command: a shell of the guest on the user's terminal."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator

import pexpect
import pytest

from chimney import paths
from chimney.host.rundir import remove
from chimney.wait import wait_until

pytestmark = pytest.mark.vm
COMMAND = str(paths.TOP / "harness" / "chimney")
CARD = ["--device", "virtio-net-pci", "--net", "user"]
SECONDS = 300
Open = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def shell() -> Iterator[Open]:
    """Start the command on a terminal of 33 lines and 97 columns, and end it with the test."""
    children = []

    def start(*words: str, prompt: bool = True) -> pexpect.spawn[str]:
        child = pexpect.spawn(COMMAND, ["run", *words], timeout=SECONDS, encoding="utf-8",
                              dimensions=(33, 97))
        children.append(child)
        if prompt:
            child.expect("guest# ")
        return child

    yield start
    for child in children:
        child.close(force=True)
        for folder in paths.RUNS.glob(f"*-{child.pid}-*"):
            remove(folder)


def end(child: pexpect.spawn[str]) -> tuple[int, str]:
    """The exit status, and what has been shown since the last look."""
    child.expect(pexpect.EOF)
    said: str = child.before or ""
    child.close()
    assert child.exitstatus is not None, f"ended by signal {child.signalstatus}"
    return child.exitstatus, said


def test_the_status_is_that_of_the_shell(shell: Open) -> None:
    """Nothing of the kernel's log comes before the prompt."""
    child = shell(*CARD)
    assert "guest 10.77.0.2 fd77::2, peer 10.77.0.1 fd77::1" in child.before
    assert not re.search(r"^\[ *\d+\.\d+\]|init: ready", child.before, re.M)
    child.sendline("tty; exit 7")
    child.expect("/dev/pts/0")
    assert end(child)[0] == 7


def test_the_terminal_has_the_size_of_ours(shell: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says, which a program in between may have set for another one."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    child = shell(*CARD)
    child.sendline("stty size")
    child.expect("33 97")
    child.setwinsize(20, 70)
    child.expect_exact("guest# ")

    def follows() -> bool:
        child.sendline("stty size")
        return bool(child.expect(["33 97", "20 70"]))

    wait_until(follows, "the guest's terminal to follow ours", 30)


def test_keys_are_the_guests(shell: Open) -> None:
    """Ctrl-C ends what runs in the guest, Ctrl-D the shell; the terminal is as it was before."""
    child = shell(*CARD)
    child.sendline("sh -c 'echo sleeps-$((40 + 2)); exec sleep 1000'")
    child.expect("sleeps-42")
    child.sendintr()
    child.expect("guest# ")
    child.sendline("echo status-$?")
    child.expect("status-130")
    child.expect("guest# ")     # before it the line discipline, not the shell, would take Ctrl-D
    child.sendeof()
    assert end(child)[0] == 0


def test_the_user_can_leave(shell: Open) -> None:
    child = shell(*CARD)
    child.sendline("sleep 1000")
    child.send("\x1d")
    assert end(child)[0] == 0


def test_the_guest_can_be_turned_off(shell: Open) -> None:
    child = shell(*CARD)
    child.sendline("poweroff -f")
    assert end(child)[0] == 0


def test_a_panic_is_told(shell: Open) -> None:
    child = shell(*CARD)
    child.sendline("echo c >/proc/sysrq-trigger")
    status, said = end(child)
    assert status == 125
    assert "the guest kernel panicked: Kernel panic - not syncing" in said


def test_time_runs_out(shell: Open) -> None:
    child = shell(*CARD, "--timeout", "1.5", prompt=False)
    status, said = end(child)
    assert status == 124 and "waited 1.5 s for the shell to end" in said


def test_ctrl_c_ends_the_boot(shell: Open) -> None:
    child = shell(*CARD, prompt=False)
    child.expect("booting")
    begin = time.monotonic()
    child.sendintr()
    status, said = end(child)
    assert status == 128 + signal.SIGINT and "stopped by SIGINT" in said
    assert time.monotonic() - begin < 10


@pytest.mark.tap
def test_offload_applies_to_the_shell(shell: Open) -> None:
    """--offload auto, and what the card has carried is told when the shell ends."""
    child = shell("--offload", "auto", "--bin", "iperf3", "--peer", "iperf3 -s")
    child.sendline("iperf3 -c 10.77.0.1 -n 4M >/dev/null; echo done-$?")
    child.expect("done-0")
    child.sendline("exit")
    status, said = end(child)
    found = re.search(r"ledger: \d+ connections, (\d+) offloads", said)
    assert status == 0 and found is not None and int(found[1]) > 0, said
