# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver on a kernel that it has not been checked with: the network card works, connections
stay where they are, and one parameter overrides that.

The kernel is one that we know; its headers claim to be of another series while the module is built.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from chimney import paths
from chimney.guest.puppet import CallFailed
from chimney.guest.station import Visit, station_of

TCP_ULP = 31
KERNEL = "7.3"
BUILD_SECONDS = 300
SENTENCE = ("the driver has not been checked with this kernel, so it hands no connection over; "
            "its parameter any_kernel=1 overrides that")
PARAMETER = "/sys/module/chimney/parameters/any_kernel"
# The headers stay what they are for everybody else: the file is put over theirs where only the
# build sees it. So only what asks for the version is compiled anew.
BUILD = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def claiming(version: Path, series: tuple[int, int], folder: Path) -> Path:
    """The kernel's version.h with another series in it."""
    code = (series[0] << 16) + (series[1] << 8)
    text, count = re.subn(r"(?<=LINUX_VERSION_CODE )\d+", str(code), version.read_text())
    assert count == 1
    file = folder / "version.h"
    file.write_text(text)
    return file


def build(series: tuple[int, int], folder: Path) -> Path:
    """The module, built from headers that claim so."""
    version = (paths.KERNELS / KERNEL / "kdir/include/generated/uapi/linux/version.h").resolve()
    out = folder / "driver"
    shutil.copytree(paths.DRIVERS / KERNEL, out, symlinks=True)
    root: Sequence[str] = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", "--mount", *root, "sh", "-ec", BUILD, "sh", claiming(version, series, folder),
         version, paths.TOP / "guest-driver/build", "--out", out, KERNEL],
        capture_output=True, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return out / "chimney.ko"


@pytest.mark.slow
@pytest.mark.drawn(2)
@pytest.mark.parametrize("series", [(6, 13), (9, 0)])
def test_kernel_that_is_not_known(series: tuple[int, int], tmp_path: Path) -> None:
    """Requests and the policy are refused with the sentence that is in the log, and a program that
    asks is refused; data flows all the time. With the parameter connections go over.
    """
    with station_of(KERNEL, driver=build(series, tmp_path)) as station:
        visit = Visit(station, "offload")
        conn = visit.connect()
        conn.both_ways()
        assert f"chimney: {SENTENCE}\n" in station.vm.run(["dmesg"]).text
        for words in (["offload", *conn.words], ["policy", "auto"]):
            done = station.vm.run(["chimneyctl", *words], check=False)
            assert not done.ok and done.stderr.decode() == f"chimneyctl: {SENTENCE}\n"
        with pytest.raises(CallFailed) as caught:
            conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
        assert caught.value.errno == "EOPNOTSUPP"
        conn.both_ways()
        assert not visit.ctl.connections() and visit.ctl.stats()[0]["initiates"] == 0
        visit.ctl.policy("none")
        station.vm.run(["sh", "-c", f"echo 1 >{PARAMETER}"])
        visit.hand(conn)
        conn.both_ways()
        visit.back(conn)
        conn.both_ways()
        conn.guest.do("setstr", socket.IPPROTO_TCP, TCP_ULP, "chimney")
        visit.expect("offloaded", conn)
        conn.both_ways()
        visit.close()
