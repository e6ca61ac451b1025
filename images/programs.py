# SPDX-License-Identifier: GPL-2.0-or-later
"""Host programs and files for a guest: what a program needs to start there, and where it goes.

Owns the search for shared libraries and interpreters, and the guest's merged /usr. It reads the
host and writes into an Archive; it knows nothing about kernels.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from cpio import Archive

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
LDD_SECONDS = 20


class ImageError(Exception):
    """A sentence for the user."""


def guest_path(path: str | Path) -> str:
    """Where a path of the host lies in the guest, whose /bin, /lib ... are links into /usr."""
    parts = os.path.normpath(str(path)).strip("/").split("/")
    return "/".join(["usr", *parts] if parts[0] in MERGED else parts)


def shared_libraries(program: Path) -> list[Path]:
    """The libraries and the loader of a dynamic program; none if it is static."""
    done = subprocess.run(
        ["/usr/bin/ldd", program],
        capture_output=True,
        text=True,
        timeout=LDD_SECONDS,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, flags=re.M)
    if missing:
        raise ImageError(f"{program} needs {', '.join(missing)}, which this host does not have")
    if done.returncode:
        return []
    return [Path(p) for p in re.findall(r"(?:^\s*|=> )(/\S+) \(0x", done.stdout, flags=re.M)]


def find_program(name: str) -> Path:
    """The file that a name or a path stands for; links stay, as programs look at their name."""
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get(
        "PATH", ""
    )
    if "/" in name:
        path = Path(os.path.abspath(name))
        found = str(path) if path.is_file() else None
    else:
        found = shutil.which(name, path=search)
    if found is None:
        raise ImageError(f"there is no program {name} on this host")
    return Path(found)


def interpreter(program: Path) -> list[str]:
    """The programs that a script's first line names; none for a binary."""
    with program.open("rb") as f:
        first = f.readline(256)
    if not first.startswith(b"#!"):
        return []
    words = first[2:].decode(errors="replace").split()
    if words and words[0].endswith("/env") and len(words) > 1:
        return [words[0], words[-1]]
    return words[:1]


def add_program(archive: Archive, name: str) -> str:
    """Put a program with all it needs into the archive; returns its path in the guest."""
    program = find_program(name)
    place = guest_path(program)
    if place in archive:
        return "/" + place
    if not os.access(program, os.X_OK):
        raise ImageError(f"{program} is not executable")
    for needed in interpreter(program):
        # The guest has a /bin/sh of its own; a script does not bring another shell along.
        if needed not in ("/bin/sh", "/usr/bin/env", "/bin/env"):
            add_program(archive, needed)
    archive.file(place, program.resolve(), 0o755)
    for library in shared_libraries(program):
        archive.file(guest_path(library), library.resolve(), 0o755)
    if not place.startswith(("usr/bin/", "usr/sbin/")):
        link = f"usr/bin/{program.name}"
        if link not in archive:
            archive.symlink(link, "/" + place)
    return "/" + place


def add_copy(archive: Archive, spec: str) -> None:
    """SRC or SRC:DST, a file or a folder; DST ending in a slash is the folder to put it into."""
    source_text, colon, target = spec.partition(":")
    source = Path(os.path.abspath(source_text))
    if not source.exists():
        raise ImageError(f"nothing to copy at {source}")
    if not colon:
        target = str(source)
    if not target.startswith("/"):
        raise ImageError(f"'{target}' is not an absolute path in the guest (in --copy {spec})")
    if target.endswith("/"):
        target += source.name
    _add_tree(archive, source, target)


def _add_tree(archive: Archive, source: Path, target: str) -> None:
    if source.is_dir():
        archive.directory(guest_path(target))
        for child in sorted(source.iterdir()):
            _add_child(archive, child, f"{target}/{child.name}")
    else:
        archive.file(guest_path(target), source, stat.S_IMODE(source.stat().st_mode))


def _add_child(archive: Archive, child: Path, target: str) -> None:
    """Inside a folder, links stay links; what is neither file, folder nor link is left out."""
    if child.is_symlink():
        archive.symlink(guest_path(target), os.readlink(child))
    elif child.is_dir() or child.is_file():
        _add_tree(archive, child, target)
