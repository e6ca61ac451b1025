# SPDX-License-Identifier: GPL-2.0-or-later
"""What every command of the harness does with standard descriptors that are closed or broken."""

from __future__ import annotations

import subprocess

import pytest

from chimney import paths

COMMANDS = ["chimney", "demo", "bench", "conformance", "mutants/run"]
SECONDS = 20


def shell(script: str, name: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose $0 is a command of the harness."""
    return subprocess.run(["bash", "-c", script, str(paths.TOP / "harness" / name)],
                          capture_output=True, text=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("name", COMMANDS)
def test_closed_descriptors_leave_no_traceback(name: str) -> None:
    """Closed descriptors do not become some other file, and the status stays what it is."""
    assert shell('"$0" --help <&-', name).stdout.startswith("usage:")
    done = shell('"$0" --help >&-', name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = shell('"$0" --frobnicate 2>&-', name)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    done = shell('"$0" --frobnicate <&- >&- 2>&-', name)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_has_gone_is_no_traceback(name: str, buffered: bool,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "" if buffered else "1")
    done = shell('set -o pipefail; "$0" --help | exec <&-', name)
    assert done.stderr == ""
    assert done.returncode in (0, 141)
    # the reader has ended, and is not about to end
    done = shell('exec 5> >(exec <&-); wait $!; "$0" --help >&5', name)
    # unbuffered, argparse itself finds the reader gone, and from Python 3.12 on says nothing of it
    assert done.stderr == ""
    assert done.returncode == 141 or (done.returncode == 0 and not buffered)


def test_a_name_that_is_no_text_in_the_locale() -> None:
    done = subprocess.run([str(paths.TOP / "harness" / "chimney"), "run", "--dry-run", "--net",
                           "user", "--device", "virtio-net-pci", b"--qemu-arg=\xff\xe9"],
                          capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert b"\xff\xe9" in done.stdout
