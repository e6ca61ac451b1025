# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run` as a user sees it, from a command that works to a killed harness."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from chimney import paths
from chimney.host.rundir import remove
from chimney.wire import pcapng

pytestmark = pytest.mark.vm
Run = Any  # the fixture of conftest.py, which looks for processes that a run has left behind
COMMAND = [str(paths.TOP / "harness" / "chimney"), "run", "--device", "virtio-net-pci"]
KEPT = re.compile(r"kept in (\S+)")


def test_output_and_status_are_those_of_the_command(run: Run) -> None:
    result = run("--", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (result.returncode, result.stdout) == (42, "out\n")
    assert result.stderr.startswith("err\n")
    assert len(run.folders) == 1 and (run.folders[0] / "console.log").exists()
    assert list(paths.RUNS.glob(f"*-{run.pid}-*")) == run.folders


def test_a_run_that_works_leaves_no_folder_and_says_nothing(run: Run) -> None:
    result = run("--", "uname", "-s")
    assert (result.returncode, result.stdout, result.stderr) == (0, "Linux\n", "")
    assert not list(paths.RUNS.glob(f"*-{run.pid}-*"))


def test_input_reaches_the_command(run: Run) -> None:
    data = bytes(range(256)) * 4000
    result = run("--", "md5sum", feed=data)
    assert result.stdout.split()[0] == hashlib.md5(data).hexdigest()


def test_peer_copy_bin_report_and_capture(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("from the host")
    report, capture = tmp_path / "r.json", tmp_path / "c.pcapng"
    result = run("--peer", "socat -u TCP-LISTEN:7777,reuseaddr,fork EXEC:cat", "--bin", "socat",
                 "--copy", f"{tmp_path}/hello:/tmp/hello", "--report", str(report),
                 "--pcap", str(capture), "--", "socat", "-u", "FILE:/tmp/hello",
                 "TCP:10.77.0.1:7777")
    assert result.returncode == 0, result.stderr
    said = json.loads(report.read_text())
    assert said["status"] == 0 and said["error"] is None and said["splats"] == []
    assert said["accel"]["name"] in ("tcg", "kvm") and said["accel"]["reason"]
    assert said["peers"][0]["command"].startswith("the peer 'socat")
    assert any(b"from the host" in packet.data and packet.interface == pcapng.HOST
               for packet in pcapng.read(capture))


def test_a_command_that_hangs_is_ended(run: Run) -> None:
    result = run("--timeout", "1", "--", "sleep", "1000")
    assert result.returncode == 124
    assert "waited 1.0 s for 'sleep 1000' to end in the guest" in result.stderr
    assert "last lines of the guest's console:" in result.stderr
    assert len(run.folders) == 1


def test_a_panic_is_told_from_the_console(run: Run) -> None:
    result = run("--", "sh", "-c", "echo c >/proc/sysrq-trigger; sleep 60")
    assert result.returncode == 125
    assert "the guest kernel panicked: Kernel panic - not syncing" in result.stderr
    assert "  | " in result.stderr


def test_a_guest_that_turns_itself_off_is_told(run: Run) -> None:
    result = run("--", "sh", "-c", "poweroff -f; sleep 60")
    assert result.returncode == 125
    assert "turned itself off" in result.stderr


def test_a_program_that_the_guest_lacks_is_named(run: Run) -> None:
    result = run("--", "frobnicate")
    assert result.returncode == 127
    assert "there is no program frobnicate in the guest" in result.stderr


def test_a_wrong_device_property_is_told_in_qemus_words(run: Run) -> None:
    result = run("--device-opt", "frobnicate=on", "--", "true")
    assert result.returncode == 125
    assert "frobnicate" in result.stderr.splitlines()[0]


def test_a_peer_that_dies_is_told(run: Run) -> None:
    result = run("--peer", "sh -c 'echo no such luck; exit 3'", "--", "true")
    assert result.returncode == 125
    assert "ended with status 3: no such luck" in result.stderr


def test_user_network_needs_no_namespace(run: Run) -> None:
    result = run("--net", "user", "--", "ping", "-c", "1", "-W", "5", "10.77.0.1")
    assert result.returncode == 0, result.stderr


@pytest.mark.drawn(3)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_harness(number: signal.Signals, run: Run) -> None:
    """A peer that daemonizes itself is the hardest case, SIGKILL the hardest signal."""
    mark = run.new_mark()
    harness = subprocess.Popen(
        [*COMMAND, "--peer", "sh -c 'setsid sleep 5000 & exec sleep 6000'", "--", "sh", "-c",
         "echo begun; sleep 1000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=run.marked(mark),
        start_new_session=True)
    try:
        assert harness.stdout is not None and harness.stderr is not None
        assert harness.stdout.readline() == b"begun\n"
        assert len(run.processes(mark)) >= 4
        begin = time.monotonic()
        harness.send_signal(number)
        harness.wait(20)
        if number != signal.SIGKILL:
            assert harness.returncode == 128 + number
            said = harness.stderr.read().decode()
            assert f"stopped by {number.name}" in said
            assert KEPT.search(said) is not None
        run.wait_gone(mark)
        assert time.monotonic() - begin < 15
    finally:
        harness.kill()
        harness.wait(5)
        harness.stdout.close()
        harness.stderr.close()
        for folder in paths.RUNS.glob(f"*-{harness.pid}-*"):
            remove(folder)


def test_dry_run_prints_a_command_line_and_starts_nothing(run: Run) -> None:
    result = run("--dry-run", "--cpus", "3", "--memory", "777", "--qemu-arg=-S",
                 "--device-opt", "mac=52:54:00:00:00:77")
    assert result.returncode == 0 and result.stderr == ""
    line = result.stdout
    assert line.count("\n") == 1
    for part in ("-smp 3", "-m 777", " -S", "mac=52:54:00:00:00:77", "queues=3", "q35"):
        assert part in line
