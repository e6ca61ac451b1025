# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest driver with a patch, built for the kernel whose guests try the mutants.

One build folder for all of them, from nothing in each run: a mutant rebuilds the files that it
touches, and so does the next one, which has them back. One at a time, therefore.
"""

from __future__ import annotations

import shutil

from .. import paths
from .patches import OUT, Mutant, apply, run

KERNEL = "6.12"
FOLDER = OUT / "driver"
SOURCES = FOLDER / "guest-driver"
BUILD_SECONDS = 300
_patched: list[str] = []


def environment(mutant: Mutant | None) -> dict[str, str]:
    """Build the module of a mutant, or the one without a patch, which comes first; returns what
    makes the guest tests use it.
    """
    if mutant is None:
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(paths.TOP / "guest-driver", SOURCES)
    else:
        restore()
        _patched.extend(mutant.files)
        apply(mutant, FOLDER)
    out = FOLDER / KERNEL
    argv = [str(paths.TOP / "guest-driver" / "build"), "--sources", str(SOURCES), "--out", str(out)]
    run([*argv, KERNEL], f"{mutant.name if mutant else 'the module'} does not build", BUILD_SECONDS)
    return {"CHIMNEY_DRIVER": str(out / "chimney.ko")}


def restore() -> None:
    """The sources of the last mutant as they were, and newer than the objects made of the patch."""
    while _patched:
        file = _patched.pop()
        shutil.copyfile(paths.TOP / file, FOLDER / file)


def forget(_mutant: Mutant) -> None:
    """The folder is the next one's."""
