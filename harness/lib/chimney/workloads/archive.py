# SPDX-License-Identifier: GPL-2.0-or-later
"""rsync: a tree to the guest, changed, and back."""

from __future__ import annotations

from pathlib import Path

from .scene import GUEST, Results, Scene, content, digest
from .workload import Workload

PORT = 873
CONFIG = b"""use chroot = no
uid = root
gid = root
[tree]
path = /tmp/tree
read only = no
"""
SIZES = {"a/empty": 0, "a/one": 1, "a/page": 4096, "b/c/some": 100_003, "b/c/more": 2_000_000}


def tree(folder: Path) -> dict[str, str]:
    """Every file of a tree, by its checksum."""
    return {str(file.relative_to(folder)): digest(file.read_bytes())
            for file in sorted(folder.rglob("*")) if file.is_file()}


def rsync(scene: Scene) -> Results:
    """There and back, and once more after a change in the middle of a file."""
    there, back = scene.folder / "there", scene.folder / "back"
    for name, size in SIZES.items():
        scene.file(f"there/{name}").write_bytes(content(name, size))
    scene.guest("sh", "-c", "rm -rf /tmp/tree; mkdir -p /tmp/tree")
    scene.guest_file("/tmp/rsyncd.conf", CONFIG)
    url = f"rsync://{GUEST}/tree/"
    with scene.guest_serves(PORT, "rsync", "--daemon", "--no-detach", "--config=/tmp/rsyncd.conf"):
        scene.peer("rsync", "-a", "--delete", f"{there}/", url)
        changed = scene.file("there/b/c/more")
        data = bytearray(changed.read_bytes())
        data[1_000_000:1_000_100] = bytes(100)
        changed.write_bytes(data)
        scene.peer("rsync", "-a", "--checksum", f"{there}/", url)
        scene.peer("rsync", "-a", "--delete", url, f"{back}/")
    return {"same": tree(there) == tree(back), "tree": tree(back)}


WORKLOADS = (Workload("rsync", rsync, ["rsync"]),)
