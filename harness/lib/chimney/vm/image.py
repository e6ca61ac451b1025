# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks images/mkinitramfs for the initramfs of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import paths
from ..errors import HarnessError
from ..host.proc import run

SECONDS = 120


def build(out: Path, *, kernel: str, driver: Path | None = None, no_driver: bool = False,
          bins: Sequence[str] = (), copies: Sequence[str] = (),
          load: Sequence[str] = ()) -> Path:
    """Build the initramfs and return its path; what it cannot find becomes one sentence."""
    argv = [str(paths.TOP / "images" / "mkinitramfs"), "--kernel", kernel, "--out", str(out)]
    if driver is not None:
        argv += ["--driver", str(driver)]
    elif no_driver:
        argv.append("--no-driver")
    for option, values in (("--bin", bins), ("--copy", copies), ("--load", load)):
        argv += [word for value in values for word in (option, value)]
    result = run(argv, seconds=SECONDS, what="the initramfs to be built", check=False)
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise HarnessError("the initramfs could not be built: "
                           + lines[-1].removeprefix("mkinitramfs: "))
    return out
