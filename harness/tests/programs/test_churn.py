# SPDX-License-Identifier: GPL-2.0-or-later
"""Short connections by the thousand, as web servers and their clients make them: each request ends,
and of the connections nothing is left but TIME-WAIT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimney.guest.books import check_books
from chimney.guest.chimneyctl import GuestCtl
from chimney.guest.station import NEVER
from chimney.vm.boot import Vm
from chimney.wait import wait_until
from chimney.workloads.scene import PEER, Scene, digest
from chimney.workloads.web import BIG, SMALL, ab, nginx_at_peer, nginx_in_guest

pytestmark = [pytest.mark.vm, pytest.mark.tap, pytest.mark.slow, pytest.mark.timeout(1200)]
MakeVm = Callable[..., Vm]
CHURN = 2000
LONGER = 20
ROUNDS = 5
CAPTURE = "run.pcapng"
CHURN_SECONDS = 600
END_SECONDS = 20

# As many processes as that, each with a connection for every one of its requests.
PROCESSES = 200
CURL = """
for i in $(seq {processes}); do
    curl -sS --fail --max-time 30 -H 'Connection: close' "http://{peer}:8080/small?[1-{each}]" |
        sha256sum
done | sort | uniq -c
"""


@contextmanager
def churn(vm: Vm, scene: Scene, capture: Path) -> Iterator[None]:
    """The policy takes what it can meanwhile; afterwards the books agree."""
    ctl = GuestCtl(vm)
    before = ctl.stats()[0]
    ctl.policy("auto")
    try:
        yield
    finally:
        ctl.policy("none")
    after = ctl.stats()[0]
    assert {name: after[name] - before[name] for name in NEVER} == dict.fromkeys(NEVER, 0)
    assert after["initiates"] > before["initiates"]
    wait_until(lambda: not ctl.connections(), "the last connections to come back", 10)
    check_books(vm, capture)


def left(scene: Scene) -> list[str]:
    """Sockets of connections to port 8080, at either end, that are not in TIME-WAIT."""
    words = ["ss", "-Htan", "(", "sport", "=", ":8080", "or", "dport", "=", ":8080", ")"]
    both = scene.guest(*words) + scene.peer(*words)
    return [line for line in both.splitlines()
            if line.split()[0] not in ("LISTEN", "TIME-WAIT")]


def nothing_is_left(scene: Scene) -> None:
    """While the server still runs: its end would close what it has forgotten."""
    wait_until(lambda: not left(scene), "the last sockets of the connections to go", END_SECONDS,
               0.5)


@pytest.mark.drawn(18)
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
@pytest.mark.parametrize("at_once", [1, 10, 100])
def test_server_in_the_guest(at_once: int, kernel: str, cpus: int, make_vm: MakeVm,
                             tmp_path: Path) -> None:
    """nginx in the guest, ab at the peer, a connection for each request: short ones, which on a
    fast machine end before the policy's turn comes, and some that it has time for.
    """
    vm = make_vm(kernel=kernel, cpus=cpus, bins=["nginx"], pcap=tmp_path / CAPTURE)
    scene = Scene(vm, tmp_path)
    with scene.guest_serves(8080, *nginx_in_guest(scene)):
        requests(vm, scene, at_once)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
@pytest.mark.parametrize("at_once", [1, 10, 100])
def test_server_in_the_guest_again(at_once: int, kernel: str, cpus: int, make_vm: MakeVm,
                                   tmp_path: Path) -> None:
    """Five times in a row with the same server: the card has its part in each round."""
    vm = make_vm(kernel=kernel, cpus=cpus, bins=["nginx"], pcap=tmp_path / CAPTURE)
    scene = Scene(vm, tmp_path)
    with scene.guest_serves(8080, *nginx_in_guest(scene)):
        for _ in range(ROUNDS):
            requests(vm, scene, at_once)


def requests(vm: Vm, scene: Scene, at_once: int) -> None:
    """Each request is answered. Of the long ones most go over, and the card carries most of their
    bytes.
    """
    longer = max(LONGER, at_once)
    with churn(vm, scene, scene.folder / CAPTURE):
        fetch(scene, CHURN, at_once, "small")
        nothing_is_left(scene)
        before = check_books(vm)
        fetch(scene, longer, at_once, "big")
        nothing_is_left(scene)
        after = check_books(vm)
    assert after.offloaded - before.offloaded > longer / 2
    assert after.card_tx_bytes - before.card_tx_bytes > longer * len(BIG) / 2


def fetch(scene: Scene, count: int, at_once: int, file: str) -> None:
    """So many requests for a file, of which none fails."""
    said = ab(scene, "-n", str(count), "-c", str(at_once), file=file, seconds=CHURN_SECONDS)
    assert said["Complete requests"] == str(count)
    assert said["Failed requests"] == "0"
    assert "Non-2xx responses" not in said and "Write errors" not in said


def opened(scene: Scene) -> int:
    """Connections that the guest has opened so far."""
    names, values = [line.split() for line in scene.guest("cat", "/proc/net/snmp").splitlines()
                     if line.startswith("Tcp:")]
    return int(values[names.index("ActiveOpens")])


@pytest.mark.drawn(18)
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_clients_in_the_guest(kernel: str, cpus: int, make_vm: MakeVm, tmp_path: Path) -> None:
    """nginx at the peer, curl in the guest again and again, a connection for each request."""
    capture = tmp_path / "run.pcapng"
    vm = make_vm(kernel=kernel, cpus=cpus, bins=["curl"], pcap=capture)
    scene, each = Scene(vm, tmp_path), CHURN // PROCESSES
    before = opened(scene)
    with scene.peer_serves(8080, *nginx_at_peer(scene)), churn(vm, scene, capture):
        said = scene.guest("sh", "-c", CURL.format(processes=PROCESSES, peer=PEER, each=each),
                           seconds=CHURN_SECONDS)
        nothing_is_left(scene)
    assert said.split() == [str(PROCESSES), digest(SMALL * each), "-"]
    assert opened(scene) - before == CHURN
