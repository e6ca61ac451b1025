# SPDX-License-Identifier: GPL-2.0-or-later
"""Redis: the server in the guest or at the peer, its benchmark and its client at the other end."""

from __future__ import annotations

import csv
from collections.abc import Callable

from .scene import GUEST, PEER, Results, Scene, content, digest
from .workload import Workload

PORT = 6379
VALUE = content("value", 400_000).hex().encode()
# The same program as redis-check-rdb, which its name makes the server.
PROGRAM = "/usr/bin/redis-check-rdb"
SERVER = ("--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--appendonly", "no",
          "--port", str(PORT))
TESTS = "set,get,incr,lpush"
REQUESTS = 300
Ask = Callable[..., str]


def work(ask: Ask, host: str) -> Results:
    """Benchmark with connections that stay and that do not, then one large value."""
    found: Results = {}
    for keep in ("1", "0"):
        said = ask("redis-benchmark", "-h", host, "-k", keep, "-n", str(REQUESTS), "-c", "20",
                   "-t", TESTS, "--csv")
        found[f"keep {keep}"] = [row[0] for row in csv.reader(said.splitlines()) if row]
    cli = ("redis-cli", "-h", host)
    found["counter"] = ask(*cli, "get", "counter:__rand_int__").strip()
    found["list"] = ask(*cli, "llen", "mylist").strip()
    ask(*cli, "flushall")
    return found


def store_in_guest(scene: Scene) -> Results:
    """The guest serves."""
    scene.guest("ln", "-sf", PROGRAM, "/tmp/redis-server")
    with scene.guest_serves(PORT, "/tmp/redis-server", *SERVER):
        found = work(scene.peer, GUEST)
        file = scene.file("value")
        file.write_bytes(VALUE)
        scene.peer("sh", "-c", f"redis-cli -h {GUEST} -x set large <'{file}'")
        found["value"] = digest(scene.peer("redis-cli", "-h", GUEST, "get", "large").encode())
    return found


def store_at_peer(scene: Scene) -> Results:
    """The guest asks."""
    server = scene.file("redis-server")
    server.unlink(missing_ok=True)
    server.symlink_to(PROGRAM)
    with scene.peer_serves(PORT, str(server), *SERVER):
        found = work(scene.guest, PEER)
        scene.guest_file("/tmp/value", VALUE)
        scene.guest("sh", "-c", f"redis-cli -h {PEER} -x set large </tmp/value")
        found["value"] = digest(scene.guest("redis-cli", "-h", PEER, "get", "large").encode())
    return found


WORKLOADS = (
    Workload("redis", store_in_guest, [PROGRAM]),
    Workload("redis-benchmark", store_at_peer, ["redis-benchmark", "redis-cli"]),
)
