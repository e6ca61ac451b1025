# SPDX-License-Identifier: GPL-2.0-or-later
"""The device and its engine against the QEMU source of a suite: laid over it by the newest patch of
qemu-device/overlay, configured as overlay/build does, and nothing compiled but our objects.

meson comes from the same suite, all other tools and libraries are the host's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

from .. import paths
from .diagnostics import Finding, Origin, read
from .kernel import last_of
from .suite import Suite, Untried, in_repository, run
from .table import Row

OVERLAY = paths.TOP / "qemu-device" / "overlay"
OURS = "hw/net/chimney"
PATCH_SECONDS, CONFIGURE_SECONDS, BUILD_SECONDS = 60, 900, 1800
VERSIONS = 3  # at most so many are asked for: an archive may list what it does not have
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Source:
    """The source package that a suite has."""

    package = "qemu"

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.versions = re.findall(r"^[0-9]\S+$", suite.ask("versions", "qemu"), re.M)
        if not self.versions:
            raise Untried("the suite has no source of QEMU")
        self.version = self.versions[0]
        self.missing: list[str] = []  # newer versions, and why they are not tried
        self.place = suite.place / "qemu"
        self.out = self.place / "plain"

    def row(self) -> Row:
        """Compile our objects."""
        log = self.place / "build.log"
        broken = self.provide()
        why, found = "", tuple(broken)
        try:
            self.configure()
            lines = self.compile(log)
        except Untried as error:
            log, why = self.place / "configure.log", str(error)
        else:
            found += tuple(read(lines, self.origin()))
            if lines and lines[0].startswith("FAILED") and not any(f.error for f in found):
                why = f"does not build: {last_of(lines)}"
        return Row(self.suite.name, self.package, self.version, found, why,
                   log=in_repository(log) if log.exists() else "", newest=self.versions[0],
                   notes=tuple(self.missing))

    def origin(self) -> Origin:
        """The compiler runs in the build folder, and sees our sources through links."""
        folder = self.place / "source" / OURS
        return Origin(self.out, ((folder / "spec", "spec"), (folder, "qemu-device"),
                                 (paths.TOP / "spec", "spec"),
                                 (paths.TOP / "qemu-device", "qemu-device")))

    def provide(self) -> list[Finding]:
        """Have the newest source that can be fetched, with the patch as it is now; returns hunks
        that do not fit. Those that fit stay, so that compilers may be asked nevertheless.
        """
        stamp = self.place / "version"
        for version in self.versions[:VERSIONS]:
            patch = overlay_patch(version)
            wanted = f"{version} {hashlib.sha256(patch.read_bytes()).hexdigest()}\n"
            try:
                if not stamp.exists() or stamp.read_text() != wanted:
                    self.fetch(version, patch)
                    stamp.write_text(wanted)
            except Untried as error:
                self.missing.append(f"in place of {version}, {error}")
                continue
            self.version = version
            self.link()
            return hunks((self.place / "refused.log").read_text(errors="replace"), patch)
        raise Untried(self.missing[0].partition(", ")[2])

    def fetch(self, version: str, patch: Path) -> None:
        """Unpack that version and apply what fits of the patch. Until all is there, what was there
        before stays.
        """
        print(f"tomorrow: fetching the source of qemu {version}", file=sys.stderr)
        self.suite.forget()
        new = self.suite.place / "qemu.new"
        shutil.rmtree(new, ignore_errors=True)
        self.suite.ask("source", f"qemu={version}", str(new / "source"))
        self.suite.ask("unpack", str(new / "tools"), "meson")
        run(["patch", "-p1", "-f", "--no-backup-if-mismatch", "-r", "-", "-d", str(new / "source"),
             "-i", str(patch)], PATCH_SECONDS, new / "refused.log")
        shutil.rmtree(self.place, ignore_errors=True)
        new.rename(self.place)

    def link(self) -> None:
        """As overlay/build does: a folder of links, one per entry of qemu-device."""
        source = self.place / "source"
        folder = source / OURS
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for entry in (paths.TOP / "qemu-device").iterdir():
            if entry != OVERLAY:
                (folder / entry.name).symlink_to(entry)
        (folder / "spec").symlink_to(paths.TOP / "spec")
        devices = source / "configs" / "devices" / "x86_64-softmmu"
        if not devices.is_dir():
            raise Untried("QEMU's source has no configs/devices/x86_64-softmmu any more")
        (devices / "chimney.mak").unlink(missing_ok=True)
        (devices / "chimney.mak").symlink_to(OVERLAY / "devices.mak")

    def environment(self) -> dict[str, str]:
        """Debian's own python first, with the suite's meson, as in overlay/build."""
        return {"PATH": PATH, "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(self.place / "tools/usr/lib/python3/dist-packages")}

    def configure(self) -> None:
        """Run QEMU's configure, unless it has succeeded before with the same options."""
        wanted = "\n".join([*options(), str(self.out), ""])
        done = self.out / ".chimney.options"
        if done.exists() and done.read_text() == wanted:
            return
        print(f"tomorrow: configuring qemu of {self.suite.name}", file=sys.stderr)
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        log = self.place / "configure.log"
        if run([str(self.place / "source" / "configure"), *options()], CONFIGURE_SECONDS, log,
               self.environment(), self.out) != 0:
            lines = log.read_text(errors="replace").splitlines()
            errors = [line for line in lines if "ERROR:" in line]
            said = re.sub(r"^.*?ERROR: *", "", last_of(errors or lines))
            raise Untried(f"not configured: {said}")
        done.write_text(wanted)

    def compile(self, log: Path) -> list[str]:
        """Compile every object of ours anew, also behind one that fails; returns what was said."""
        print(f"tomorrow: compiling the device for qemu of {self.suite.name}", file=sys.stderr)
        ninja = ["ninja", "-C", str(self.out), "-k", "0", "-j", jobs()]
        if run([*ninja, "build.ninja"], CONFIGURE_SECONDS, log, self.environment()) != 0:
            raise Untried(f"not configured: {last_of(log.read_text().splitlines())}")
        units = json.loads((self.out / "compile_commands.json").read_text())
        objects = [unit["output"] for unit in units if f"/{OURS}/" in unit["file"]]
        if not objects:
            raise Untried("QEMU's build does not take our folder in")
        for name in objects:
            (self.out / name).unlink(missing_ok=True)
        status = run([*ninja, *objects], BUILD_SECONDS, log, self.environment())
        lines = log.read_text(errors="replace").splitlines()
        return lines if status == 0 else ["FAILED", *lines]


def jobs() -> str:
    """How many compilers at a time."""
    return os.environ.get("JOBS") or str(len(os.sched_getaffinity(0)))


def numbers(version: str) -> tuple[int, ...]:
    """10.0 of 1:10.0.13+ds-1, in an order."""
    return tuple(map(int, re.findall(r"\d+", version.partition(":")[2] or version)[:2]))


def overlay_patch(version: str) -> Path:
    """The patch for that version, else the one for the next before it, else the oldest."""
    known = sorted(paths.QEMU_VERSIONS, key=numbers)
    fits = [name for name in known if numbers(name) <= numbers(version)]
    return OVERLAY / f"{[*known[:1], *fits][-1]}.patch"


def options() -> list[str]:
    """What overlay/build gives to QEMU's configure, read from there."""
    text = (OVERLAY / "build").read_text()
    found = re.search(r"^options\(\)\n\{\n\tcat <<'END'\n(.*?)^END$", text, re.M | re.S)
    if found is None:
        raise Untried("qemu-device/overlay/build has no list of options() where it is looked for")
    return found[1].split()


def hunks(said: str, patch: Path) -> list[Finding]:
    """The hunks that patch says it could not apply, with their lines in the patch."""
    file, result = "", []
    for line in said.splitlines():
        if found := re.match(r"(?:patching file |\|\+\+\+ b/)(\S+)", line):
            file = found[1]
        elif found := re.match(r"Hunk #(\d+) FAILED|\d+ out of \d+ hunks? ignored", line):
            number = hunk_line(patch, file, int(found[1] or 1))
            what = "this hunk does not fit any more" if found[1] else "there is no such file"
            result.append(Finding(file, what, f"{in_repository(patch)}:{number}"))
    return result


def hunk_line(patch: Path, file: str, number: int) -> int:
    """Where the n-th hunk of a file begins."""
    inside, seen = False, 0
    for at, line in enumerate(patch.read_text().splitlines(), 1):
        if line.startswith("+++ "):
            inside = line == f"+++ b/{file}"
        elif line.startswith("@@ ") and inside:
            seen += 1
            if seen == number:
                return at
    return 1
