# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver against the newest kernel headers of a suite.

The headers are fetched and made to run here by the functions with which images/kernels does it for
guest kernels; no image is fetched.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from .. import paths
from . import binutils
from .diagnostics import Origin, located, read
from .suite import Suite, Untried, in_repository, run
from .table import Row

DRIVER = paths.TOP / "guest-driver"
BUILD_SECONDS = 1800
# Compile everything that can be compiled, whatever failed before.
KEEP_GOING = {"MAKEFLAGS": "k"}


@cache
def images() -> ModuleType:
    """images/kernels, which is a program, as a module."""
    folder = paths.TOP / "images"
    sys.path.insert(0, str(folder))
    loader = SourceFileLoader("images_kernels", str(folder / "kernels"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module  # its dataclasses look there
    loader.exec_module(module)
    return module


class Headers:
    """The newest headers that a suite has."""

    package = "linux-headers"

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        kernels = images()
        try:
            with suite.chosen():
                self.image = kernels.newest_image(kernels.Kernel("", "", "cloud-amd64"))
        except kernels.KernelError as error:
            raise Untried(str(error)) from None
        self.package = f"linux-headers-{self.image.release}"
        self.version: str = self.image.version

    def row(self) -> Row:
        """Build the driver for them."""
        out = self.suite.place / "driver"
        kdir = self.provide()
        print(f"tomorrow: compiling the driver for {self.package}", file=sys.stderr)
        shutil.rmtree(out, ignore_errors=True)
        status = run([str(DRIVER / "build"), "--out", str(out), self.image.release], BUILD_SECONDS,
                     self.suite.place / "driver.log", {**KEEP_GOING, "KDIR": str(kdir)})
        log = out / "build.log"
        origin = Origin(out, ((out, "guest-driver"), (paths.TOP / "spec", "spec")))
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        found = tuple(located(read(lines, origin), DRIVER, "guest-driver"))
        why = ""
        if status != 0 and not any(finding.error for finding in found):
            why = f"does not build: {last_of(lines)}"
        return Row(self.suite.name, self.package, self.version, found, why,
                   log=in_repository(log))

    def provide(self) -> Path:
        """The folder to build in; what was fetched of this version before is taken again."""
        stamp = self.suite.place / "linux" / "version"
        kernels = images()
        if not stamp.exists() or stamp.read_text() != self.version:
            print(f"tomorrow: fetching {self.package} of {self.suite.name}", file=sys.stderr)
            self.suite.forget()
            place = stamp.parent
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            try:
                with self.suite.chosen():
                    self.unpack(place / "root")
            except kernels.KernelError as error:
                raise Untried(str(error)) from None
            stamp.write_text(self.version)
        return stamp.parent / "root" / "usr" / "src" / self.package

    def unpack(self, root: Path) -> None:
        """As images/kernels does for guests. Compiler and libraries go beside the headers, so that
        they are as new as these, and nothing else can find them.
        """
        kernels = images()
        kernels.foreign.OUT = root.parent / "foreign"
        self.suite.ask("unpack", str(root), *kernels.header_packages(self.image.release))
        if not (root / "lib").exists():
            (root / "lib").symlink_to("usr/lib")
        headers = kernels.relocate(root, self.image.release)
        kernels.adapt(root, headers, self.image)
        binutils.adapt(kernels.foreign, self.suite.name, headers,
                       lambda package: self.suite.ask("depends", package),
                       lambda place, names: self.suite.ask("unpack", str(place), *names))


def last_of(lines: list[str]) -> str:
    """What was said last, what make and ninja say of themselves left out."""
    said = [line.strip() for line in lines
            if line.strip() and not line.startswith(("make", "ninja:", "FAILED", "["))]
    return (said or ["nothing was said"])[-1]
