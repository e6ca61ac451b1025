# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of `harness/chimney run` that show only in a guest that has booted: who carries the
connections, whose driver and kernel that is, what was traced, and wires that end outside.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chimney import paths

pytestmark = pytest.mark.vm
Run = Any  # the fixture of conftest.py, which looks for processes that a run has left behind
MIB = 1 << 20
SENDING = ["--peer", "iperf3 -s", "--bin", "iperf3", "--", "iperf3", "-c", "10.77.0.1"]
GUEST_MAC, PEER_MAC = bytes.fromhex("525400770002"), bytes.fromhex("525400000001")
PEER = socket.inet_aton("10.77.0.1")


def report_of(run: Run, folder: Path, *words: str) -> dict[str, Any]:
    """Run a command with the chimney card that works, and return its report."""
    file = folder / "report.json"
    done = run("--report", str(file), *words, device="chimney")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(file.read_text())
    assert report["status"] == 0 and report["splats"] == []
    report["said"], report["printed"] = done.stderr, done.stdout
    return report


@pytest.mark.tap
def test_card_carries_what_goes_over_by_itself(run: Run, tmp_path: Path) -> None:
    """--offload auto, as in the README: the card has carried the bytes, its trace shows the
    hand-over, and the ledger says so.
    """
    trace = tmp_path / "trace"
    report = report_of(run, tmp_path, "--offload", "auto", "--kernel", "6.12", "--trace",
                       str(trace), *SENDING, "-n", "64M")
    ledger = report["ledger"]
    assert report["offload"] == "auto" and report["kernel"] == "6.12"
    assert ledger["offloaded"] >= 1 and ledger["card_bytes"] > MIB and ledger["share"] > 0.9
    assert f"{ledger['offloaded']} offloads" in report["said"]
    events = trace.read_text().splitlines()
    assert any(re.match(r"\d+@\d{10}\.\d{6}:chimdev_", line) for line in events), events[:3]


def test_hand_overs_that_end_by_themselves_are_told(run: Run) -> None:
    """--offload random, and what hands connections over is ended in the guest."""
    done = run("--offload", "random:5", "--net", "user", "--", "killall", "-9", "chimneyctl",
               device="chimney")
    assert done.returncode == 125
    assert "what hands connections over in the guest has ended by itself" in done.stderr


@pytest.mark.tap
def test_nothing_goes_over_unless_asked(run: Run, tmp_path: Path) -> None:
    """--offload none: Linux carries every byte."""
    report = report_of(run, tmp_path, "--offload", "none", *SENDING, "-t", "1")
    ledger = report["ledger"]
    assert report["offload"] == "none" and ledger["seen"] >= 1
    assert ledger["offloaded"] == ledger["card_bytes"] == 0 and ledger["wire_bytes"] > MIB


@pytest.mark.tap
def test_own_kernel_and_driver_and_random_moves(run: Run, tmp_path: Path) -> None:
    """--offload random:SEED moves connections over and back meanwhile. --kernel takes a path, and
    --driver's module, which differs from ours by some bytes at its end, is the one in the guest.
    """
    driver, sums = tmp_path / "chimney.ko", tmp_path / "sums"
    driver.write_bytes((paths.DRIVERS / "6.12" / "chimney.ko").read_bytes() + b"not ours")
    sums.write_text(f"{hashlib.md5(driver.read_bytes()).hexdigest()}  -\n")
    image = paths.KERNELS / "6.12" / "vmlinuz"
    script = ("uname -r && md5sum -c /tmp/sums <$(modinfo -n chimney) && "
              "lsmod | grep ^chimney && iperf3 -c 10.77.0.1 -t 3")
    report = report_of(run, tmp_path, "--offload", "random:1", "--driver", str(driver),
                       "--kernel", str(image), "--copy", f"{sums}:/tmp/sums", *SENDING[:4], "--",
                       "sh", "-c", script)
    release = (paths.KERNELS / "6.12" / "release").read_text()
    assert report["printed"].startswith(release + "-: OK\nchimney ")
    counts = re.fullmatch(r"(\d+) offloads, (\d+) uploads, (\d+) refused", report["handover"])
    assert counts and int(counts[1]) > 1 and int(counts[2]) > 1, report["handover"]
    assert report["ledger"]["offloaded"] == int(counts[1])


def answer(frame: bytes) -> bytes:
    """What a peer that knows ARP and ping sends back; nothing to other frames."""
    kind, packet = frame[12:14], frame[14:]
    head = frame[6:12] + PEER_MAC + kind
    if kind == b"\x08\x06" and packet[7] == 1 and packet[24:28] == PEER:
        return head + packet[:7] + b"\x02" + PEER_MAC + PEER + packet[8:18]
    if kind == b"\x08\x00" and packet[9] == 1 and packet[16:20] == PEER and packet[20] == 8:
        echo = bytearray(packet)
        echo[12:16], echo[16:20], echo[20] = packet[16:20], packet[12:16], 0
        total = int.from_bytes(packet[22:24], "big") + 0x800
        echo[22:24] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")
        return head + bytes(echo)
    return b""


def serve_stream(listener: socket.socket, seen: list[bytes]) -> None:
    """Be the peer of a stream wire: each frame has its length before it."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as incoming:
        while len(size := incoming.read(4)) == 4:
            seen.append(incoming.read(int.from_bytes(size, "big")))
            reply = answer(seen[-1])
            if reply:
                connection.sendall(len(reply).to_bytes(4, "big") + reply)


def serve_dgram(ours: socket.socket, theirs: str, seen: list[bytes]) -> None:
    """Be the peer of a dgram wire, until something empty comes."""
    while frame := ours.recv(1 << 16):
        seen.append(frame)
        reply = answer(frame)
        if reply:
            ours.sendto(reply, theirs)


@contextmanager
def peer(work: Callable[[], None]) -> Iterator[None]:
    """A thread that plays the peer."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive(), "the peer has seen no end of the wire"


PING = ["--", "ping", "-c", "2", "-W", "5", "10.77.0.1"]


def test_stream_wire_reaches_who_listens(run: Run, tmp_path: Path) -> None:
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "wire"))
        listener.listen(1)
        listener.settimeout(60)
        with peer(lambda: serve_stream(listener, seen)):
            done = run("--net", f"stream:{tmp_path}/wire", *PING, device="chimney")
    assert done.returncode == 0 and "2 packets received" in done.stdout, done
    assert all(frame[6:12] == GUEST_MAC for frame in seen)


def test_dgram_wire_reaches_who_is_bound(run: Run, tmp_path: Path) -> None:
    seen: list[bytes] = []
    guest, host = str(tmp_path / "guest"), str(tmp_path / "host")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(host)
        ours.settimeout(60)
        with peer(lambda: serve_dgram(ours, guest, seen)):
            done = run("--net", f"dgram:{guest},{host}", *PING, device="chimney")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"", host)
    assert done.returncode == 0 and "2 packets received" in done.stdout, done
    assert all(frame[6:12] == GUEST_MAC for frame in seen)


# A boot sector: writes what follows it to the serial port, and turns the machine off by ACPI.
BOOT_SECTOR = bytes.fromhex("fc 31c0 8ed8 be1d7c baf803 ac 84c0 7403 ee ebf8 ba0406 b80020 ef f4"
                            "ebfd") + b"this is the disk\r\n\0"


def test_own_disk_is_booted_and_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    """--disk boots the image, and what it said last is shown when it ends."""
    disk = tmp_path / "disk"
    content = BOOT_SECTOR.ljust(510, b"\0") + b"\x55\xaa" + bytes(MIB - 512)
    disk.write_bytes(content)
    done = run("--disk", str(disk), "--net", "user", "--", "true")
    assert done.returncode == 125 and "turned itself off" in done.stderr, done
    assert "  | this is the disk" in done.stderr
    assert disk.read_bytes() == content
