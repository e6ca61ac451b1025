# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading and writing captures: our own files, tshark's view of them, and damaged ones."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimney.wire import pcapng
from chimney.wire.pcapng import HOST, RECEIVED, TARGET, BadCapture, Packet, Writer

EPOCH = 1_700_000_000 * 10**9
ARP = bytes.fromhex("ffffffffffff5254007700020806000108000604000152540077000200000000"
                    "0000000000000a4d0001")


def sample() -> list[Packet]:
    """Three packets of three origins, with a cut one and comments."""
    return [Packet(EPOCH + 1, ARP, HOST),
            Packet(EPOCH + 2, ARP[:30], TARGET, 5000, ["offload #1: 37 kB in flight", "second"]),
            Packet(EPOCH + 2, ARP + b"x", RECEIVED)]


def write(path: Path, packets: list[Packet]) -> Path:
    """Write packets into a file."""
    with Writer(path) as writer:
        for packet in packets:
            writer.write(packet)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert pcapng.read(write(tmp_path / "a.pcapng", sample())) == sample()


def test_a_growing_file_is_followed(tmp_path: Path) -> None:
    """Whatever has been written up to now comes once, and a part of a block waits for the rest."""
    whole = write(tmp_path / "whole.pcapng", sample()).read_bytes()
    growing = tmp_path / "growing.pcapng"
    growing.touch()
    follower, seen = pcapng.Follower(growing), []
    for byte in whole:
        with growing.open("ab") as stream:
            stream.write(bytes([byte]))
        seen += list(follower)
    assert seen == sample()
    assert list(follower) == []
    with growing.open("ab") as stream:
        stream.write(struct.pack("<III", pcapng.ENHANCED, 12, 16) + bytes(8))
    with pytest.raises(BadCapture, match="the two lengths of a block differ"):
        list(follower)


def test_a_file_that_grows_while_it_is_read_is_followed(tmp_path: Path) -> None:
    """The writer goes on just when the follower has come to the end of what there was."""
    whole = write(tmp_path / "whole.pcapng", sample()).read_bytes()
    growing = tmp_path / "growing.pcapng"

    class Grows(pcapng.Follower):
        def _bad(self, why: str, *kind: type[BadCapture]) -> BadCapture:
            growing.write_bytes(whole)
            return super()._bad(why, *kind)

    for length in range(1, len(whole)):
        growing.write_bytes(whole[:length])
        follower = Grows(growing)
        seen = list(follower)
        growing.write_bytes(whole)
        assert seen + list(follower) == sample()


packets = st.builds(
    Packet, st.integers(0, 2**63), st.binary(max_size=300),
    st.sampled_from([HOST, TARGET, RECEIVED]), st.just(0),
    st.lists(st.text(max_size=20), max_size=3))


@settings(max_examples=50, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(packets, max_size=20))
def test_any_packets_survive(tmp_path: Path, some: list[Packet]) -> None:
    assert pcapng.read(write(tmp_path / "b.pcapng", some)) == some


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_sees_names_times_and_comments(tmp_path: Path) -> None:
    path = write(tmp_path / "c.pcapng", sample())
    result = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|", "-e",
         "frame.interface_name", "-e", "frame.time_epoch", "-e", "frame.len", "-e",
         "frame.comment"],
        capture_output=True, text=True, check=True, timeout=30)
    lines = [line.split("|") for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == [HOST, TARGET, RECEIVED]
    assert [line[1] for line in lines] == ["1700000000.000000001", "1700000000.000000002",
                                           "1700000000.000000002"]
    assert [line[2] for line in lines] == [str(len(ARP)), "5000", str(len(ARP) + 1)]
    assert "37 kB in flight" in lines[1][3]


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
def test_files_of_wireshark_are_read(tmp_path: Path) -> None:
    classic = tmp_path / "d.pcap"
    classic.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
                        + struct.pack("<IIII", 1_700_000_000, 5, len(ARP), len(ARP)) + ARP)
    subprocess.run(["editcap", "-F", "pcapng", str(classic), str(tmp_path / "d.pcapng")],
                   check=True, timeout=30)
    read = pcapng.read(tmp_path / "d.pcapng")
    assert [(packet.ns, packet.data) for packet in read] == [(EPOCH + 5000, ARP)]
    assert list(pcapng.read_pcap(classic, HOST)) == [Packet(EPOCH + 5000, ARP, HOST)]


def test_big_endian_sections_and_tick_units_are_understood(tmp_path: Path) -> None:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        total = 12 + len(body)
        return struct.pack(">II", kind, total) + body + struct.pack(">I", total)

    resolution = struct.pack(">HHB3x", 9, 1, 0x80 | 10)  # 1/1024 s
    path = tmp_path / "e.pcapng"
    path.write_bytes(
        block(pcapng.SECTION, struct.pack(">IHHq", pcapng.BYTE_ORDER, 1, 0, -1))
        + block(pcapng.INTERFACE, struct.pack(">HHI", 1, 0, 0) + resolution)
        + block(0xBAD, b"a block that nobody knows")
        + block(pcapng.ENHANCED, struct.pack(">5I", 0, 0, 512, 3, 3) + b"abc"))
    assert pcapng.read(path) == [Packet(500_000_000, b"abc", "if0")]


def test_merge_is_in_order_of_time(tmp_path: Path) -> None:
    ours = [Packet(time, b"o", HOST) for time in (1, 5, 9)]
    theirs = [Packet(time, b"t", RECEIVED) for time in (2, 5, 6)]
    path = tmp_path / "f.pcapng"
    assert pcapng.merge(path, [ours, theirs]) == 6
    assert [packet.ns for packet in pcapng.read(path)] == [1, 2, 5, 5, 6, 9]


def test_a_file_cut_anywhere_gives_a_sentence_or_fewer_packets(tmp_path: Path) -> None:
    whole = write(tmp_path / "g.pcapng", sample()).read_bytes()
    path = tmp_path / "h.pcapng"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert pcapng.read(path) == sample()[:len(pcapng.read(path))]
        except BadCapture as error:
            assert str(path) in str(error)


@settings(max_examples=300, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_damaged_byte_never_does_worse_than_a_sentence(
        tmp_path: Path, where: int, value: int) -> None:
    path = write(tmp_path / "i.pcapng", sample())
    data = bytearray(path.read_bytes())
    data[where % len(data)] = value
    path.write_bytes(data)
    try:
        pcapng.read(path)
    except BadCapture:
        pass
