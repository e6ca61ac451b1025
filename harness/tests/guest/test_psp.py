# SPDX-License-Identifier: GPL-2.0-or-later
"""PSP, for which the driver refuses a connection by name (`psp`; spec chapter 10.9). Debian's
kernels are built without it, so that no guest has an association: what is looked at is what the
compiler makes of the condition where the headers say that the kernel has PSP.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chimney import paths

ON = "-DCONFIG_INET_PSP=1"
# The object with the condition, and a call of what is asked behind it.
OBJECT, LATER = "offload/socket/check.o", r"R_X86_64_PLT32\s+chimdrv_check_bpf\b"
BUILD_SECONDS = 120


def compiled(kernel: str, flags: str, folder: Path) -> tuple[bool, bool]:
    """Whether the probe finds an association in the socket, and whether the object asks for more
    behind the condition.
    """
    out = folder / "driver"
    shutil.copytree(paths.TOP / "guest-driver", out)
    done = subprocess.run(
        ["make", "-s", "-C", paths.KERNELS / kernel / "kdir", f"M={out}",
         f"CHIMNEY_SPEC={paths.TOP / 'spec'}", f"KCFLAGS={flags}", OBJECT],
        capture_output=True, text=True, timeout=BUILD_SECONDS,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"})
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    answer = re.search(r"^#define CHIMDRV_HAS_PSP ([01])$",
                       (out / "compat_probe.h").read_text(), re.M)
    assert answer is not None
    calls = subprocess.run(["objdump", "-r", "-j", ".text", out / OBJECT], capture_output=True,
                           text=True, check=True, timeout=BUILD_SECONDS).stdout
    return answer[1] == "1", re.search(LATER, calls) is not None


@pytest.mark.parametrize(("kernel", "flags", "found", "asks_on"), [
    ("7.3", ON, True, True), ("6.12", ON, False, False),
    ("7.3", "", False, True), ("6.12", "", False, True)],
    ids=["7.3-on", "6.12-on", "7.3-off", "6.12-off"])
def test_kernel_with_psp(kernel: str, flags: str, found: bool, asks_on: bool,
                         tmp_path: Path) -> None:
    """With PSP the driver looks for the association where the socket has it. Where it does not
    find it any connection may be encrypted, and all are refused; without PSP none is.
    """
    assert compiled(kernel, flags, tmp_path) == (found, asks_on)
