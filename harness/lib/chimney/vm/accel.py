# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator to use: probes KVM once per boot of the host and remembers the answer.

/dev/kvm can exist, open, and still hang every guest, so nothing but a booted guest counts as an
answer: the probe boots a kernel without an initramfs, waits a few seconds for it to complain
about that, and takes silence for a no.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..errors import HarnessError
from ..host.proc import Child, spawn
from ..wait import Deadline, wait_until
from .console import Console

KVM = Path("/dev/kvm")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROBE_SECONDS = 6.0
ALIVE = "Unable to mount root fs"


@dataclass(frozen=True)
class Accel:
    """The accelerator that was chosen, and why."""

    name: str
    reason: str


def choose(wish: str, qemu: Path, kernel: Path | None) -> Accel:
    """Turn --accel into an accelerator; kvm is refused when the user may not use it."""
    if wish == "tcg":
        return Accel("tcg", "asked for")
    permitted = os.access(KVM, os.R_OK | os.W_OK)
    if wish == "kvm":
        if not permitted:
            raise HarnessError(f"--accel kvm: no permission to use {KVM}, or it does not exist; "
                               "--accel auto falls back to TCG.")
        return Accel("kvm", "asked for")
    if not permitted:
        return Accel("tcg", f"{KVM} cannot be opened")
    if kernel is None:
        return Accel("tcg", "no kernel to probe KVM with")
    return _remembered(qemu, kernel)


def _remembered(qemu: Path, kernel: Path) -> Accel:
    boot = BOOT_ID.read_text().strip()
    folder = paths.ACCEL_MEMORY.parent
    if not os.access(folder, os.W_OK):
        return probe(qemu, kernel)
    with _locked(paths.ACCEL_MEMORY.with_suffix(".lock")):
        try:
            memory = json.loads(paths.ACCEL_MEMORY.read_text())
            if memory["boot"] == boot:
                return Accel(str(memory["accel"]), str(memory["reason"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        accel = probe(qemu, kernel)
        paths.ACCEL_MEMORY.write_text(json.dumps(
            {"boot": boot, "accel": accel.name, "reason": accel.reason}) + "\n")
        return accel


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def probe(qemu: Path, kernel: Path, seconds: float = PROBE_SECONDS) -> Accel:
    """Boot a kernel under KVM; only one that reaches its search for a root file system counts."""
    with tempfile.TemporaryDirectory(prefix="chimney-kvm-") as folder:
        console = Console(Path(folder) / "console.log")
        argv = [str(qemu), "-M", "q35", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-accel", "kvm", "-cpu", "host", "-m", "256",
                *(word for firmware in paths.FIRMWARE for word in ("-L", str(firmware))),
                "-serial", f"file:{console.file}", "-kernel", str(kernel),
                "-append", "console=ttyS0 panic=-1"]
        log = Path(folder) / "qemu.log"
        with log.open("wb") as output:
            child = spawn(argv, name="the KVM probe", stdout=output)
        deadline = Deadline(seconds)
        try:
            wait_until(lambda: ALIVE in console.text() or not child.running,
                       "the KVM probe", deadline.left)
        except HarnessError:
            return Accel("tcg", f"a guest under KVM did not come up within {seconds:.0f} s")
        finally:
            _end(child)
        if ALIVE in console.text():
            return Accel("kvm", "a guest under KVM came up")
        said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        return Accel("tcg", f"QEMU cannot run a guest under KVM: {said[0]}")


def _end(child: Child) -> None:
    try:
        child.kill()
    except subprocess.TimeoutExpired:
        # A vCPU stuck in the host's kernel dies when it comes out; we need not wait for that.
        pass
