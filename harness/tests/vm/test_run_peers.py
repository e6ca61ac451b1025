# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers of `harness/chimney run`: the order between them and a server in the guest, what they
print, and what their status is good for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.vm, pytest.mark.tap]
Run = Any  # the fixture of conftest.py, which looks for processes that a run has left behind
SERVER = ["--", "sh", "-c", "sleep 1; exec socat TCP-LISTEN:7777,reuseaddr,fork SYSTEM:'echo hi'"]
CLIENT = "socat -u TCP:10.77.0.2:7777 -"


def test_a_peer_waits_for_the_server_in_the_guest(run: Run, tmp_path: Path) -> None:
    """It begins when the guest listens, shows what it prints, and its end is that of the server,
    which would not end by itself.
    """
    report = tmp_path / "report.json"
    done = run("--bin", "socat", "--report", str(report), "--wait-listen", "7777",
               "--peer", CLIENT, *SERVER)
    # some versions of socat say that they have been ended
    said = [line for line in done.stderr.splitlines() if "exiting on signal 15" not in line]
    assert (done.returncode, done.stdout, said) == (0, "", ["hi"])
    assert json.loads(report.read_text())["peers"] == [
        {"command": f"the peer '{CLIENT}'", "status": 0}]


def test_the_status_of_such_a_peer_is_that_of_the_run(run: Run) -> None:
    done = run("--bin", "socat", "--wait-listen", "7777", "--peer",
               "sh -c 'echo 1; exit 9'", "--peer", CLIENT, *SERVER)
    assert done.returncode == 9
    assert "ended with status 9: 1\n" in done.stderr and "hi\n" in done.stderr


def test_a_command_that_never_listens_is_told(run: Run) -> None:
    done = run("--wait-listen", "7777", "--peer", CLIENT, "--", "sh", "-c", "exit 0")
    assert done.returncode == 125
    assert "the command ended, and had not listened at TCP port 7777" in done.stderr


def test_the_status_of_the_command_comes_first(run: Run) -> None:
    done = run("--wait-listen", "7777", "--peer", CLIENT, "--", "sh", "-c", "exit 6")
    assert done.returncode == 6


def test_a_peer_that_fails_while_the_command_succeeds_is_told(run: Run) -> None:
    done = run("--bin", "socat", "--peer",
               "sh -c 'socat -u TCP-LISTEN:7777 - >&2; echo no luck; exit 3'", "--", "sh", "-c",
               "echo x | socat -u - TCP:10.77.0.1:7777 && sleep 1")
    assert done.returncode == 3
    assert "ended with status 3: no luck" in done.stderr
