# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures as rows, read by tshark: one row a TCP segment, with the interface that says who made
the frame.
"""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import HarnessError, ProgramMissing

TSHARK_SECONDS = 300
FIELDS = (
    "frame.number",
    "frame.time_epoch",
    "frame.interface_name",
    "ip.src",
    "ipv6.src",
    "ip.dst",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.options.timestamp.tsval",
    "ip.id",
    "ip.flags",
    "ip.frag_offset",
    "ipv6.fraghdr.nxt",
    "tcp.len",
    "tcp.options.wscale.shift",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "frame.comment",
)
SPORT = FIELDS.index("tcp.srcport")
MANY = ";"  # between the values of a field that a frame has several times


@dataclass(frozen=True)
class Row:
    """One TCP segment (or large frame) of a capture."""

    number: int
    time: float
    origin: str  # interface name: host, target or received
    src: str
    dst: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int  # as on the wire, not scaled
    tsval: int | None = None
    ip_id: int | None = None  # None for IPv6
    df: bool = True
    fragment: bool = False
    length: int = 0
    wscale: int | None = None
    sack: tuple[tuple[int, int], ...] = ()
    comment: str = ""

    @property
    def syn(self) -> bool:
        return bool(self.flags & 0x02)

    @property
    def rst(self) -> bool:
        return bool(self.flags & 0x04)

    @property
    def fin(self) -> bool:
        return bool(self.flags & 0x01)

    @property
    def outgoing(self) -> bool:
        """Made by the guest's side: its kernel or the target."""
        return self.origin in ("host", "target")

    @property
    def connection(self) -> tuple[str, int, str, int]:
        """Guest's address and port, peer's address and port."""
        if self.outgoing:
            return self.src, self.sport, self.dst, self.dport
        return self.dst, self.dport, self.src, self.sport


def _number(text: str) -> int:
    return int(text, 0) if text else 0


def parse_line(line: str) -> Row:
    """One line of tshark's fields output."""
    (
        number,
        time,
        origin,
        src4,
        src6,
        dst4,
        dst6,
        sport,
        dport,
        seq,
        ack,
        flags,
        window,
        tsval,
        ip_id,
        ip_flags,
        offset,
        fragment6,
        length,
        wscale,
        left,
        right,
        comment,
    ) = (line.rstrip("\n").split("\t") + [""] * len(FIELDS))[: len(FIELDS)]
    sack = tuple(
        (int(a), int(b))
        for a, b in zip(left.split(MANY), right.split(MANY), strict=False)
        if a and b
    )
    bits = _number(ip_flags)
    return Row(
        int(number),
        float(time),
        origin,
        src4 or src6,
        dst4 or dst6,
        int(sport),
        int(dport),
        int(seq),
        int(ack),
        _number(flags),
        _number(window),
        int(tsval.split(MANY)[0]) if tsval else None,
        _number(ip_id) if src4 else None,
        bool(bits & 2) if src4 else True,
        bool(bits & 1 or _number(offset)) if src4 else bool(fragment6),
        _number(length),
        _number(wscale) if wscale else None,
        sack,
        comment,
    )


def read(capture: Path, port: int | None = None) -> list[Row]:
    """Every TCP segment of a capture, in its order; of one port if given. A comment on a frame that
    is left out goes to the next row: the card puts it on its next frame, whosever that is.
    """
    kept = "tcp" if port is None else f"tcp.port == {port}"
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-o",
        "tcp.relative_sequence_numbers:FALSE",
        "-o",
        "tcp.desegment_tcp_streams:FALSE",
        "-o",
        "tcp.analyze_sequence_numbers:FALSE",
        "-o",
        "ip.check_checksum:FALSE",
        "--disable-protocol",
        "http",
        "-Y",
        f"({kept}) or frame.comment",
        "-T",
        "fields",
        "-E",
        f"aggregator={MANY}",
    ]
    for field in FIELDS:
        command += ["-e", field]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TSHARK_SECONDS)
    except FileNotFoundError:
        raise ProgramMissing("tshark", "tshark") from None
    if done.returncode and "cut short" not in done.stderr:
        raise HarnessError(
            f"tshark could not read {capture}: {done.stderr.strip().splitlines()[-1]}"
        )
    return list(_of_port(done.stdout.splitlines(), port))


def _of_port(lines: list[str], port: int | None) -> Iterator[Row]:
    marks = Marks()
    for line in lines:
        ports, comment = line.split("\t")[SPORT : SPORT + 2], line.split("\t")[-1]
        if all(ports) and (port is None or str(port) in ports):
            yield marks.on(parse_line(line))
        else:
            marks.keep(comment)


class Marks:
    """Comments of frames that are left out, on their way to the next row."""

    def __init__(self) -> None:
        self._kept: list[str] = []

    def keep(self, comment: str) -> None:
        """The comment of a frame that is left out; empty if it has none."""
        if comment:
            self._kept.append(comment)

    def on(self, row: Row) -> Row:
        """The next row, with the comments that were kept before its own."""
        if not self._kept:
            return row
        words = [*self._kept, row.comment] if row.comment else self._kept
        self._kept = []
        return replace(row, comment=MANY.join(words))
