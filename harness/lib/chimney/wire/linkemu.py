# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts and steers the link emulator (programs/linkemu), and builds the wire that it makes.

The emulator's sockets know no virtio_net_hdr, so the card in front of it has no TSO: this is the
wire without TSO as well.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import paths
from ..errors import HarnessError, WaitTimeout
from ..host.nest import Room
from ..host.proc import Child, run, spawn
from ..wait import Deadline
from .net import FIRST, Site, Wire, dgram_wire, give_addresses, stream_wire

NAMES = ("loss", "duplicate", "reorder", "corrupt", "fragment", "options", "delay_ms",
         "jitter_ms", "reorder_ms", "rate_bps", "limit_bytes", "mtu")


def program() -> Path:
    """The emulator's program, built when its sources are newer."""
    # make cannot write every path; a relative one has only names of ours.
    build = os.path.relpath(paths.BUILD, paths.LINKEMU_SOURCE.parent)
    run(["make", "-s", "-C", str(paths.LINKEMU_SOURCE.parent), f"BUILD={build}"],
        seconds=60, what="the link emulator to be built")
    return paths.LINKEMU


class LinkEmulator:
    """A running emulator between two sides; ab is the direction from the first to the second."""

    def __init__(self, side_a: str, side_b: str, *, seed: int, room: Room | None = None,
                 both: dict[str, float] | None = None, ab: dict[str, float] | None = None,
                 ba: dict[str, float] | None = None) -> None:
        argv = [str(program()), "--seed", str(seed), side_a, side_b]
        for which, values in (("both", both), ("ab", ab), ("ba", ba)):
            for name, value in (values or {}).items():
                argv += [which, f"{name}={value:.17g}"]
        self.child: Child = spawn(argv, name="linkemu", prefix=room.prefix() if room else (),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self._buffer = b""
        self.statistics: dict[str, dict[str, int]] = {}
        self._read("the link emulator to start")

    def set(self, which: str = "both", **values: float) -> None:
        """Change parameters while frames flow; which is both, ab or ba."""
        words = " ".join(f"{name}={value:.17g}" for name, value in values.items())
        self._command("set", f"{which} {words}")

    def stats(self) -> dict[str, dict[str, int]]:
        """The counters of both directions so far."""
        return self._ask("stats")

    @contextmanager
    def paused(self, which: str = "both") -> Iterator[None]:
        """Nothing is read from the senders of which directions meanwhile (both, ab or ba), as when
        the program at the other end has been stopped.
        """
        self._command("pause", which)
        try:
            yield
        finally:
            self._command("resume", which)

    def _command(self, word: str, rest: str) -> None:
        reply = self._ask(f"{word} {rest}")
        if not reply.get("ok"):
            raise HarnessError(f"the link emulator refused '{reply.get('word')}'.")

    def close(self) -> dict[str, dict[str, int]]:
        """End it and return its final counters."""
        if self.child.running:
            self.statistics = self._ask("quit")
            status = self.child.wait(5)
            if status != 0:
                raise HarnessError(f"the link emulator ended with status {status}.")
        self.child.close()
        return self.statistics

    def __enter__(self) -> LinkEmulator:
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            self.close()
        except HarnessError:
            self.child.kill()

    def _ask(self, line: str) -> dict[str, Any]:
        pipe = self.child.popen.stdin
        assert pipe is not None
        try:
            pipe.write(line.encode() + b"\n")
            pipe.flush()
        except OSError:
            raise HarnessError("the link emulator has ended.") from None
        return self._read(f"the link emulator's answer to '{line}'")

    def _read(self, what: str, seconds: float = 30) -> dict[str, Any]:
        pipe, errors = self.child.popen.stdout, self.child.popen.stderr
        assert pipe is not None and errors is not None
        deadline = Deadline(seconds)
        while not self._buffer.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], deadline.left)
            if not ready:
                raise WaitTimeout(what, seconds)
            data = os.read(pipe.fileno(), 65536)
            if not data:
                break
            self._buffer += data
        line, self._buffer = self._buffer, b""
        if not line:
            message = errors.read().decode(errors="replace").strip()
            raise HarnessError(message.splitlines()[0] if message else
                               "the link emulator has ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer


class EmulatedWire:
    """Makes a VM's wire with the emulator in it, and keeps the emulator at hand as .link.

    Direction ab is from the guest to the peer; kind is the netdev's, dgram or stream. Pass an
    instance as VmConfig.wire.
    """

    def __init__(self, seed: int, *, kind: str = "dgram", mtu: int = 1500,
                 both: dict[str, float] | None = None,
                 ab: dict[str, float] | None = None, ba: dict[str, float] | None = None) -> None:
        self._seed = seed
        self._kind = kind
        self._mtu = mtu
        self._values = {"both": both, "ab": ab, "ba": ba}
        self._link: LinkEmulator | None = None

    @property
    def link(self) -> LinkEmulator:
        """The running emulator."""
        if self._link is None:
            raise HarnessError("the link emulator is not running yet.")
        return self._link

    def __call__(self, site: Site) -> Wire:
        """Build the wire in the VM's nest."""
        nest, device, subnet = site.nest, "tap0", FIRST
        nest.ip("tuntap", "add", "dev", device, "mode", "tap")
        local, remote = site.sockets / "card", site.sockets / "link"
        side = f"dgram:{remote},{local}" if self._kind == "dgram" else f"stream:{remote}"
        self._link = LinkEmulator(side, f"tap:{device}", seed=self._seed, room=nest,
                                  **self._values)
        site.on_close(self._link.__exit__)
        give_addresses(nest, device, subnet, self._mtu)
        made = dgram_wire(local, remote) if self._kind == "dgram" else stream_wire(remote)
        return Wire(made.netdev, nest, device, subnet)
