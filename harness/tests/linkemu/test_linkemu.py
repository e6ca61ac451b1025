# SPDX-License-Identifier: GPL-2.0-or-later
"""The link emulator, with the test at both ends: datagram sockets, no VM and no namespace."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chimney.errors import HarnessError
from chimney.wire.linkemu import LinkEmulator

FRAMES = 400
SETTLE = 2.0


class Ends:
    """The two ends of an emulated link and what arrives at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.a = self._bind("a")
        self.b = self._bind("b")
        self.follow(None)

    def follow(self, emulator: LinkEmulator | None) -> None:
        """A new emulator stands between the two."""
        self._emulator = emulator
        self._sent, self._received = {"a": 0, "b": 0}, {"a": 0, "b": 0}

    def _bind(self, name: str) -> socket.socket:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        end.bind(str(self.folder / name))
        return end

    def side(self, name: str) -> str:
        """The emulator's description of its side towards the end of that name."""
        return f"dgram:{self.folder}/link-{name},{self.folder}/{name}"

    def send(self, name: str, frame: bytes) -> None:
        """Send a frame into the link from one end."""
        end = self.a if name == "a" else self.b
        end.sendto(frame, str(self.folder / f"link-{name}"))
        self._sent[name] += bool(frame)

    def receive(self, name: str, silence: float = 0.15) -> list[bytes]:
        """Everything that arrives at an end until it is silent for a while, and the emulator, which
        may have stood still, has taken what was sent and given all that it let through.
        """
        end = self.a if name == "a" else self.b
        end.settimeout(silence)
        frames: list[bytes] = []
        for _ in range(100):
            try:
                while True:
                    frames.append(end.recv(70000))
                    self._received[name] += 1
            except TimeoutError:
                if self._through(name):
                    return frames
        raise AssertionError("the emulator has not let everything through")

    def _through(self, name: str) -> bool:
        if self._emulator is None:
            return True
        stats = self._emulator.stats()["ab" if name == "b" else "ba"]
        return (stats["frames_in"] == self._sent["a" if name == "b" else "b"]
                and stats["frames_out"] == self._received[name])

    def close(self) -> None:
        """Close both ends."""
        self.a.close()
        self.b.close()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    """Two fresh ends."""
    pair = Ends(tmp_path)
    yield pair
    pair.close()


@pytest.fixture
def link(ends: Ends) -> Iterator[Callable[..., LinkEmulator]]:
    """Starts an emulator between the two ends."""
    started: list[LinkEmulator] = []

    def start(seed: int = 1, **both: float) -> LinkEmulator:
        started.append(LinkEmulator(ends.side("a"), ends.side("b"), seed=seed, both=both))
        ends.follow(started[-1])
        return started[-1]

    yield start
    for emulator in started:
        emulator.__exit__()


def ip4_tcp(number: int, payload: int = 400, ident: int = 7, flags: int = 0x4000) -> bytes:
    """An IPv4 TCP frame that carries a number; checksums of IPv4 are right."""
    body = struct.pack("!HHIIBBHHH", 1000, 2000, number, 0, 0x50, 0x10, 100, 0, 0)
    body += bytes((number + i) & 255 for i in range(payload))
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident, flags, 64, 6, 0,
                         bytes((10, 77, 0, 2)), bytes((10, 77, 0, 1)))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return bytes(12) + b"\x08\x00" + header + body


def ip6_tcp(number: int, payload: int = 400) -> bytes:
    """An IPv6 TCP frame that carries a number."""
    body = struct.pack("!HHIIBBHHH", 1000, 2000, number, 0, 0x50, 0x10, 100, 0, 0)
    body += bytes((number + i) & 255 for i in range(payload))
    header = struct.pack("!IHBB", 0x60000000, len(body), 6, 64) + bytes(32)
    return bytes(12) + b"\x86\xdd" + header + body


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def push(ends: Ends, count: int = FRAMES) -> list[bytes]:
    """Send numbered frames from a to b, and return what arrives."""
    for number in range(count):
        ends.send("a", ip4_tcp(number))
    return ends.receive("b")


def numbers(frames: list[bytes]) -> list[int]:
    """The numbers of whole IPv4 frames."""
    return [struct.unpack_from("!I", frame, 38)[0] for frame in frames]


def test_clean_link_changes_nothing(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link()
    assert push(ends) == [ip4_tcp(number) for number in range(FRAMES)]
    ends.send("b", b"the other way" * 5)
    assert ends.receive("a") == [b"the other way" * 5]
    stats = emulator.close()
    assert (stats["ab"]["frames_in"], stats["ab"]["frames_out"]) == (FRAMES, FRAMES)
    assert (stats["ba"]["frames_in"], stats["ba"]["frames_out"]) == (1, 1)


def test_loss_is_counted_and_near_its_probability(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link(seed=5, loss=0.25)
    arrived = push(ends)
    stats = emulator.close()["ab"]
    assert stats["lost"] == FRAMES - len(arrived)
    assert 0.15 * FRAMES < stats["lost"] < 0.35 * FRAMES
    assert numbers(arrived) == sorted(numbers(arrived))


def test_same_seed_gives_the_same_fate(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    fates = []
    for _ in range(2):
        emulator = link(seed=9, loss=0.1, duplicate=0.1, corrupt=0.1)
        fates.append(push(ends))
        emulator.close()
    other = link(seed=10, loss=0.1, duplicate=0.1, corrupt=0.1)
    third = push(ends)
    other.close()
    assert fates[0] == fates[1]
    assert fates[0] != third


def test_duplicates_come_twice(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link(duplicate=0.5)
    arrived = push(ends)
    stats = emulator.close()["ab"]
    assert len(arrived) == FRAMES + stats["duplicated"]
    assert stats["duplicated"] > FRAMES // 4
    assert set(numbers(arrived)) == set(range(FRAMES))


def test_reordered_frames_arrive_late_but_arrive(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link(reorder=0.1, reorder_ms=20)
    arrived = numbers(push(ends))
    stats = emulator.close()["ab"]
    assert stats["reordered"] > 0
    assert arrived != sorted(arrived)
    assert sorted(arrived) == list(range(FRAMES))


def test_jitter_alone_keeps_the_order(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    link(jitter_ms=20)
    assert numbers(push(ends)) == list(range(FRAMES))


def test_corruption_flips_one_bit_behind_the_ethernet_header(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    link(corrupt=1)
    for number, frame in enumerate(push(ends, 50)):
        sent = ip4_tcp(number)
        flipped = [a ^ b for a, b in zip(sent, frame, strict=True)]
        assert sum(bin(byte).count("1") for byte in flipped) == 1
        assert not any(flipped[:14])


def test_delay_is_kept(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    link(delay_ms=150)
    begin = time.monotonic()
    ends.send("a", ip4_tcp(1))
    ends.b.settimeout(20)
    ends.b.recv(70000)
    assert time.monotonic() - begin >= 0.150


def test_rate_spreads_frames_and_the_limit_drops(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link(rate_bps=len(ip4_tcp(0)) * 8 * 100, limit_bytes=len(ip4_tcp(0)) * 20)
    begin = time.monotonic()
    for number in range(40):
        ends.send("a", ip4_tcp(number))
    arrived = ends.receive("b")
    spent = time.monotonic() - begin - 0.15
    stats = emulator.close()["ab"]
    assert stats["dropped_limit"] == 40 - len(arrived)
    assert 18 <= len(arrived) <= 24
    assert spent >= 0.17


@pytest.mark.parametrize("ident", [7, 0])
def test_ip4_fragments_join_to_the_packet(
        ends: Ends, link: Callable[..., LinkEmulator], ident: int) -> None:
    emulator = link(fragment=1)
    whole = ip4_tcp(3, payload=1400, ident=ident)
    ends.send("a", whole)
    fragments = ends.receive("b")
    assert len(fragments) >= 2
    body, idents = b"", set()
    for index, frame in enumerate(fragments):
        total, frame_ident, offset = struct.unpack_from("!HHH", frame, 16)
        assert checksum(frame[14:34]) == 0
        assert (offset & 0x1FFF) * 8 == len(body)
        assert bool(offset & 0x2000) == (index < len(fragments) - 1)
        idents.add(frame_ident)
        body += frame[34:14 + total]
    assert body == whole[34:]
    assert len(idents) == 1 and (idents == {7} or ident == 0)
    assert emulator.close()["ab"]["fragments"] == len(fragments)


def test_ip6_fragments_join_to_the_packet(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    link(fragment=1)
    whole = ip6_tcp(3, payload=1400)
    ends.send("a", whole)
    fragments = ends.receive("b")
    assert len(fragments) >= 2
    body = b""
    for index, frame in enumerate(fragments):
        assert frame[20] == 44 and frame[54] == 6
        offset = struct.unpack_from("!H", frame, 56)[0]
        assert offset & ~7 == len(body)
        assert bool(offset & 1) == (index < len(fragments) - 1)
        body += frame[62:]
    assert body == whole[54:]


def test_ip4_options_leave_the_segment_alone(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    link(options=1)
    lengths = set()
    for number in range(30):
        ends.send("a", ip4_tcp(number))
        ends.b.settimeout(SETTLE)
        frame = ends.b.recv(70000)
        header = (frame[14] & 15) * 4
        lengths.add(header)
        assert checksum(frame[14:14 + header]) == 0
        assert struct.unpack_from("!H", frame, 16)[0] == len(frame) - 14
        assert frame[14 + header:] == ip4_tcp(number)[34:]
    assert lengths == {24, 28}


def test_options_never_pass_the_mtu(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link(options=1)
    full = ip4_tcp(1, payload=1460)
    ends.send("a", full)
    assert ends.receive("b") == [full]
    assert emulator.close()["ab"]["options"] == 0


def test_ip6_gets_a_padded_destination_header(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    link(options=1)
    whole = ip6_tcp(1)
    ends.send("a", whole)
    frame = ends.receive("b")[0]
    assert (frame[20], frame[54], frame[55]) == (60, 6, 0)
    assert struct.unpack_from("!H", frame, 18)[0] == len(frame) - 54
    assert frame[62:] == whole[54:]


@pytest.mark.parametrize("junk", [
    b"", b"x", bytes(13), bytes(12) + b"\x08\x00", bytes(12) + b"\x08\x00\x45",
    bytes(12) + b"\x08\x00\x4f" + bytes(30), bytes(12) + b"\x08\x00\x45\x00\xff\xff" + bytes(40),
    bytes(12) + b"\x86\xdd\x60" + bytes(20), bytes(12) + b"\x81\x00" + bytes(8),
    bytes(12) + b"\x81\x00\x00\x01\x81\x00\x00\x01\x81\x00" + bytes(40),
])
def test_frames_that_lie_about_themselves_pass_untouched(
        ends: Ends, link: Callable[..., LinkEmulator], junk: bytes) -> None:
    link(options=1, fragment=1)
    ends.send("a", junk)
    ends.send("a", b"the next frame" * 4)
    assert ends.receive("b")[-1] == b"the next frame" * 4


def test_parameters_change_while_frames_flow(
        ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    emulator = link()
    assert len(push(ends, 50)) == 50
    emulator.set("ab", loss=1)
    assert push(ends, 50) == []
    emulator.set("both", loss=0)
    assert len(push(ends, 50)) == 50
    assert emulator.stats()["ab"]["lost"] == 50


@pytest.mark.parametrize("values", [{"loss": 1.5}, {"loss": -1.0}, {"nonsense": 1.0},
                                    {'qu"ote': 1.0}, {"rate_bps": float("nan")}])
def test_wrong_parameters_are_refused(
        link: Callable[..., LinkEmulator], values: dict[str, float]) -> None:
    emulator = link()
    with pytest.raises(HarnessError, match="refused"):
        emulator.set("both", **values)
    assert "ab" in emulator.stats()


def test_a_side_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="nothing/here"):
        LinkEmulator(f"dgram:{tmp_path}/nothing/here,x", f"dgram:{tmp_path}/b,x", seed=1)


def test_stream_side_speaks_lengths(tmp_path: Path) -> None:
    """A stream netdev puts 32 bits of length, big endian, before each frame."""
    ends = Ends(tmp_path)
    with LinkEmulator(f"stream:{tmp_path}/s", ends.side("b"), seed=1):
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(SETTLE)
        stream.connect(f"{tmp_path}/s")
        frames = [ip4_tcp(number) for number in range(20)]
        data = b"".join(struct.pack("!I", len(frame)) + frame for frame in frames)
        stream.sendall(data[:1001])
        stream.sendall(data[1001:])
        assert ends.receive("b") == frames
        for frame in frames:
            ends.send("b", frame)
        got = b""
        while len(got) < len(data):
            got += stream.recv(65536)
        assert got == data
        stream.close()
    ends.close()


def test_paused_direction(ends: Ends, link: Callable[..., LinkEmulator]) -> None:
    """Nothing is read from the sender, frames the other way pass, and none is lost."""
    emulator = link()
    with emulator.paused("ab"):
        for number in range(5):
            ends.send("a", bytes([number]) * 60)
        ends.send("b", bytes(60))
        assert ends.receive("a") == [bytes(60)]
        ends.b.settimeout(0.3)
        with pytest.raises(TimeoutError):
            ends.b.recv(70000)
        assert emulator.stats()["ab"]["frames_in"] == 0
    assert ends.receive("b") == [bytes([number]) * 60 for number in range(5)]
    with pytest.raises(HarnessError, match="refused 'ac'"), emulator.paused("ac"):
        pass
