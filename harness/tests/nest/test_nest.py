# SPDX-License-Identifier: GPL-2.0-or-later
"""Private namespaces: what runs in them, how it ends, and that nothing stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chimney import paths
from chimney.errors import HarnessError, ProgramMissing, WaitTimeout
from chimney.host.nest import Nest
from chimney.wait import wait_until
from chimney.wire import net

pytestmark = pytest.mark.tap


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_programs_see_a_network_of_their_own() -> None:
    with Nest() as nest:
        assert nest.ip("-br", "link").split()[0] == "lo"
        assert nest.run(["sh", "-c", "echo $$"]).stdout.strip() != str(os.getpid())
        assert len(nest.ip("-br", "link").splitlines()) == 1
        assert Path(nest.run(["pwd"]).stdout.strip()) == Path.cwd()


def test_status_and_failure_are_told() -> None:
    with Nest() as nest:
        assert nest.run(["sh", "-c", "exit 9"], check=False).returncode == 9
        with pytest.raises(HarnessError, match="status 3: words"):
            nest.run(["sh", "-c", "echo words >&2; exit 3"])
        with pytest.raises(ProgramMissing, match="no-such-program"):
            nest.run(["no-such-program"])
        with pytest.raises(WaitTimeout, match="waited 0.2 s"):
            nest.run(["sleep", "60"], seconds=0.2)


def test_closing_ends_daemons_too() -> None:
    nest = Nest()
    child = nest.spawn(["sh", "-c", "setsid sleep 1000 & setsid sleep 2000 & exec sleep 3000"])
    inside: list[int] = []

    def started() -> bool:
        inside[:] = [int(pid) for pid in os.listdir("/proc") if pid.isdigit()
                     and same_nest(int(pid), nest)]
        return len(inside) >= 4

    wait_until(started, "three sleepers", 5)
    nest.close()
    assert not any(alive(pid) for pid in inside)
    child.popen.wait(5)


def same_nest(pid: int, nest: Nest) -> bool:
    """Whether a process lives in a nest."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{nest.pid}/ns/pid")
    except OSError:
        return False


def test_signals_reach_the_program_and_not_only_its_wrapper() -> None:
    with Nest() as nest:
        child = nest.spawn(["sleep", "1000"])
        wait_until(lambda: child.pids() != [child.popen.pid], "the sleeper", 5)
        (pid,) = child.pids()
        child.signal(signal.SIGTERM)
        assert child.wait(5) == 128 + signal.SIGTERM
        assert not alive(pid)


def test_a_killed_harness_takes_its_nest_with_it() -> None:
    script = ("import sys, time; from chimney.host.nest import Nest; nest = Nest(); "
              "child = nest.spawn(['sh', '-c', 'setsid sleep 1000 & exec sleep 2000']); "
              "time.sleep(0.3); print(nest.pid, *child.pids(), flush=True); time.sleep(1000)")
    harness = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(paths.TOP / "harness/lib")})
    assert harness.stdout is not None
    pids = [int(word) for word in harness.stdout.readline().split()]
    assert len(pids) >= 2 and all(alive(pid) for pid in pids)
    harness.kill()
    harness.wait(5)
    harness.stdout.close()
    wait_until(lambda: not any(alive(pid) for pid in pids), "the nest to end", 5)


def test_a_tap_has_both_addresses_at_once() -> None:
    with Nest() as nest:
        wire = net.tap_wire(nest, mtu=9000)
        text = nest.ip("address", "show", "dev", "tap0")
        assert "10.77.0.1/24" in text and "fd77::1/64" in text and "mtu 9000" in text
        assert "tentative" not in text
        assert wire.netdev.argument("n0").startswith("tap,id=n0,ifname=tap0,script=no")


def test_rooms_are_joined_without_segmentation_offload() -> None:
    with Nest() as nest:
        wire = net.segmented_wire(nest)
        assert wire.room is not None and wire.room is not nest
        features = wire.room.run(["ethtool", "-k", "peer0"]).stdout
        for name in ("tcp-segmentation-offload", "generic-segmentation-offload",
                     "generic-receive-offload"):
            assert f"{name}: off" in features
        assert "10.77.0.1/24" in wire.room.ip("address", "show", "dev", "peer0")


def test_listeners_are_seen() -> None:
    with Nest() as nest:
        assert not nest.listens(7777)
        nest.spawn(["socat", "TCP6-LISTEN:7777", "STDOUT"])
        nest.wait_listens(7777)
        with pytest.raises(WaitTimeout, match="port 7778"):
            nest.wait_listens(7778, 0.2)


def test_refusal_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "init.py"
    broken.write_text("print('failed unshare: Operation not permitted')\n")
    monkeypatch.setattr("chimney.host.nest.INIT", broken)
    with pytest.raises(HarnessError, match=r"refuses a private network namespace \(unshare: "):
        Nest()


def test_user_wire_has_our_addresses() -> None:
    spec = net.user_wire().netdev.argument("n0")
    assert "net=10.77.0.0/24" in spec and "host=10.77.0.1" in spec
    assert "ipv6-net=fd77::/64" in spec and "ipv6-host=fd77::1" in spec


def test_socket_wires_are_checked(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        wire = net.parse_outside_wire(f"stream:{tmp_path}/s")
        assert wire.netdev.spec.endswith(f"addr.path={tmp_path}/s") and not wire.has_peer
