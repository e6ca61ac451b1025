# SPDX-License-Identifier: GPL-2.0-or-later
"""Host programs and files for a guest: what a program needs to start there, and where it goes.

Owns the search for shared libraries and interpreters, and the guest's merged /usr. It reads the
host and writes into an Archive; it knows nothing about kernels.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

from cpio import Archive

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
LDD_SECONDS = 20
UNWINDER = "libgcc_s.so.1"
CANCELS = re.compile(rb"\0pthread_(cancel|exit)\0")


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
    found = [Path(p) for p in re.findall(r"(?:^\s*|=> )(/\S+) \(0x", done.stdout, flags=re.M)]
    return found + unwinder(program, found)


def unwinder(program: Path, libraries: list[Path]) -> list[Path]:
    """What the C library loads by itself when a thread is cancelled, if that may happen; ldd does
    not know of it.
    """
    libc = next((library for library in libraries if library.name == "libc.so.6"), None)
    if libc is None or any(library.name == UNWINDER for library in libraries):
        return []
    users = [program, *(library for library in libraries if library != libc)]
    if not any(CANCELS.search(user.read_bytes()) for user in users):
        return []
    found = libc.with_name(UNWINDER)
    return [found] if found.exists() else []


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
    name, _, argument = os.fsdecode(first[2:]).strip().partition(" ")
    if not name:
        return []
    if Path(name).name != "env" or not argument.strip():
        return [name]
    asked = env_program(argument.strip())
    return [name] if asked is None else [name, asked]


def env_program(argument: str) -> str | None:
    """The program that `env ARGUMENT` starts; None when there is none.

    The kernel passes everything after the interpreter as one argument, which env splits only with
    -S; before the program there may be options and NAME=VALUE.
    """
    if not argument.startswith("-"):
        return argument
    try:
        words = shlex.split(argument)
    except ValueError:
        return None
    while words:
        word = words.pop(0)
        if word in ("-u", "--unset", "-C", "--chdir"):
            words = words[1:]
        elif word.startswith("-S") and len(word) > 2:
            words.insert(0, word[2:])
        elif word.startswith("--split-string="):
            words.insert(0, word.partition("=")[2])
        elif re.fullmatch(r"-[a-z]*S", word) or word.startswith("-") or "=" in word:
            continue
        else:
            return word
    return None


def add_program(archive: Archive, name: str) -> str:
    """Put a program with all it needs into the archive; returns its path in the guest."""
    program = find_program(name)
    if not program.is_file():
        raise ImageError(f"{program} is not a program but something else")
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


def split_copy(spec: str) -> tuple[str, str]:
    """SRC and DST of SRC[:DST], DST empty when there is none.

    A name may have colons: what exists as a whole is a SRC, and else DST begins with the last colon
    that is followed by a slash and has something that exists before it.
    """
    colons = [match.start() for match in re.finditer(":(?=/)", spec)]
    for at in [len(spec), *reversed(colons)]:
        if os.path.lexists(spec[:at]):
            return spec[:at], spec[at + 1:]
    source, _, target = spec.partition(":")
    return source, target


def add_copy(archive: Archive, spec: str) -> None:
    """SRC or SRC:DST, a file or a folder; DST ending in a slash is the folder to put it into."""
    source_text, target = split_copy(spec)
    source = Path(os.path.abspath(source_text))
    if not source.exists():
        raise ImageError(f"nothing to copy at {source}")
    if not source.is_dir() and not source.is_file():
        raise ImageError(f"{source} is neither a file nor a folder (in --copy {spec})")
    target = target or str(source)
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
