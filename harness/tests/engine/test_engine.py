# SPDX-License-Identifier: GPL-2.0-or-later
"""The TCP engine alone: each C unit test and each batch of simulated connections is one item.

Names come from the sources, so that collecting builds nothing. The binaries are built once per run,
by whichever worker comes first.
"""

import fcntl
import hashlib
import json
import random
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
ENGINE = TOP / "qemu-device" / "engine"
EXAMPLES = ENGINE / "examples"
OUT = TOP / "build" / "engine"
SOURCES = sorted((ENGINE / "tests").glob("test_*.c"))
CASES = [
    (source.stem, name)
    for source in SOURCES
    for name in re.findall(r"^TEST\((\w+)\)", source.read_text(encoding="utf-8"), re.MULTILINE)
]
SLOW = {"import_of_noise"}  # seconds each, under the sanitizers
BATCH = 25


def batches(fast: int, total: int) -> list[object]:
    """The first seeds of all batches up to `total`; those behind `fast` are for make check only."""
    return [
        pytest.param(first, marks=[pytest.mark.slow] if first > fast else [])
        for first in range(1, total + 1, BATCH)
    ]


def unit_tests() -> list[object]:
    """Binary and test of every unit test."""
    return [
        pytest.param(
            binary, name, id=f"{binary}-{name}", marks=[pytest.mark.slow] if name in SLOW else []
        )
        for binary, name in CASES
    ]


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the binaries, up to date."""
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make = subprocess.run(
            ["make", "-s", "-j2", "-C", str(ENGINE), "tests"],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if make.returncode:
        pytest.fail(f"building the engine failed:\n{make.stdout}{make.stderr}", pytrace=False)
    return OUT


def run(*command: str | Path, timeout: float = 600) -> None:
    """Run a test program; its output is the message if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        tail = (done.stdout + done.stderr)[-6000:]
        pytest.fail(f"{' '.join(words)}: status {done.returncode}\n{tail}", pytrace=False)


@pytest.mark.timeout(700)
def test_builds_and_needs_nothing_from_outside(built: Path) -> None:
    """The library links against four functions of string.h and nothing else."""
    assert (built / "symbols.ok").exists()


@pytest.mark.timeout(700)
@pytest.mark.parametrize(("binary", "name"), unit_tests())
def test_unit(built: Path, binary: str, name: str) -> None:
    """One unit test under the address and undefined-behaviour sanitizers."""
    run(built / "asan" / binary, name)


@pytest.mark.timeout(700)
@pytest.mark.parametrize("binary", [source.stem for source in SOURCES])
def test_optimized(built: Path, binary: str) -> None:
    """All tests of a file as the library is shipped, without sanitizers."""
    run(built / binary)


@pytest.mark.timeout(700)
@pytest.mark.parametrize("first", batches(100, 1000))
def test_simulation(built: Path, first: int) -> None:
    """Two engines over a bad link, with hand-overs in the middle; byte streams are compared.

    Each batch shows hand-overs, frames that are lost, corrupted, doubled and overtaken, and closed
    windows. No connection takes longer than it would with one segment in flight at a time.

    Both ways: SND-4, SND-8, SND-10, RIN-12, RRQ-2, RRQ-4, RRQ-13, RRQ-14, RRQ-21, RIN-7, RIN-8,
    RIN-9, DIS-3, DIS-5, DIS-6, DIS-14, DIS-15. Hand-overs: BRD-2, BRD-8, BRD-9, OSD-7, OSD-9,
    OSD-12, OSD-13, OSD-15, TRM-15, TRM-16, TRM-17, TRM-21, TRM-22, TRM-23, TRM-29, TRM-30, TRM-33,
    TMR-8, TMR-17. Beside the data: QRY-2, UPD-13, BRA-2, BRA-4, BRA-5, BRA-7, NSP-9.
    """
    run(built / "asan" / "sim", "--seed", str(first), "--runs", str(BATCH))


@pytest.mark.timeout(700)
@pytest.mark.parametrize("first", batches(50, 200))
def test_independent_peer(built: Path, first: int) -> None:
    """The engine against a TCP that shares no code with it and checks every frame.

    SND-18, SND-19, SND-22, SND-25, TSP-1, RFC-6, RFC-9, RFC-13, RFC-14, TMR-15.
    """
    run(built / "asan" / "sim", "--peer", "independent", "--seed", str(first), "--runs", str(BATCH))


@pytest.mark.timeout(700)
def test_bulk_transfer_over_loss(built: Path) -> None:
    """Bulk transfers at several loss rates take no more than twice what the algorithms promise."""
    run(built / "sim", "--bulk")


@pytest.mark.tap
@pytest.mark.timeout(700)
@pytest.mark.parametrize("variant", [".", "asan"], ids=["plain", "asan"])
def test_example_moves_a_live_connection(built: Path, variant: str, seed: int) -> None:
    """A real Linux peer gets every byte of a connection that goes from a socket to the engine and
    into another socket, and sends each back; there are bytes in flight whenever it goes, the engine
    carries some of both ways, and nobody sends a RST.
    """
    data = random.Random(seed).randbytes(3_000_000)
    done = subprocess.run(
        [str(EXAMPLES / "two-hosts"), str(built / variant / "examples/handover")],
        input=data,
        capture_output=True,
        timeout=90,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 0 and done.stdout == data, said
    moves = re.findall(r"handed (over|back): (\d+) bytes sent, (\d+) received\n", said)
    assert [way for way, _, _ in moves] == ["over", "back"]
    (over_sent, over_got), (back_sent, back_got) = [(int(a), int(b)) for _, a, b in moves]
    assert over_got < over_sent < back_sent and over_got < back_got < back_sent
    digest = hashlib.sha256(data).hexdigest()
    peer = json.loads(said.splitlines()[-1])
    assert peer == {"bytes": len(data), "sha256": digest, "resets": 0}


@pytest.mark.long
@pytest.mark.timeout(1900)
@pytest.mark.parametrize("peer", ["engine", "independent"])
def test_many_seeds(built: Path, peer: str) -> None:
    """Twenty thousand simulated connections."""
    sim = built / "asan" / "sim"
    run(sim, "--peer", peer, "--seed", "10001", "--runs", "10000", timeout=1800)
