# SPDX-License-Identifier: GPL-2.0-or-later
"""ssh into the guest: sessions with input and output, many short ones, and a forwarded port."""

from __future__ import annotations

import os

from .scene import GUEST, Results, Scene, content, digest
from .workload import Workload

PORT = 22
DATA = content("ssh", 2_000_000)
SESSIONS = 10


def key(scene: Scene) -> str:
    """A key of the peer's user, known to the guest."""
    file = scene.file("id")
    for old in (file, file.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    scene.peer("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file))
    scene.guest_file("/root/.ssh/authorized_keys", file.with_suffix(".pub").read_bytes())
    scene.guest("chmod", "-R", "go-rwx", "/root")
    return str(file)


def ssh(scene: Scene) -> Results:
    """Two megabytes through a program of the guest and back, and sessions one after the other."""
    words = ["ssh", "-i", key(scene), "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
             "-o", f"UserKnownHostsFile={os.devnull}", "-o", "LogLevel=ERROR", f"root@{GUEST}"]
    call = " ".join(f"'{word}'" for word in words)
    given, got = scene.file("given"), scene.file("got")
    given.write_bytes(DATA)
    scene.guest("sh", "-c", "[ -e /tmp/host ] || dropbearkey -t ed25519 -f /tmp/host")
    with scene.guest_serves(PORT, "dropbear", "-F", "-E", "-r", "/tmp/host", "-s"):
        scene.peer("sh", "-c", f"{call} cat <'{given}' >'{got}'")
        lines = scene.peer("sh", "-c", f"for i in $(seq {SESSIONS}); do {call} echo $i; done")
        status = scene.peer("sh", "-c", f"{call} exit 7; echo $?")
    return {"through": digest(got.read_bytes()), "sessions": lines.split(), "status": status}


WORKLOADS = (Workload("ssh", ssh, ["dropbear", "dropbearkey"]),)
