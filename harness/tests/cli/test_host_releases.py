# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian 12 and 13 as hosts: which release the set-up takes for which, and that kernel packages of
either are unpacked into the same shape.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney import paths

Call = Callable[..., subprocess.CompletedProcess[str]]
LIB = paths.TOP / "harness" / "setup" / "lib.sh"
RELEASE = "6.12.7-cloud-amd64"
HEADERS = f"linux-headers-{RELEASE}"

# In private-apt's place: one kernel in several packages, as a release lays them out.
PACKAGES = f"""#!/bin/sh
set -e
case $1 in
list) echo "linux-image-{RELEASE} 6.12.7-1 suite" ;;
depends) echo "linux-headers-6.12.7-common linux-kbuild-6.12.7" ;;
unpack)
    modules=$2/MODULES/{RELEASE}
    mkdir -p "$modules/kernel" "$2/usr/src/{HEADERS}/include/config"
    touch "$modules/modules.order" "$modules/modules.builtin" "$modules/modules.builtin.modinfo"
    for name in vmlinuz config System.map; do
        file=$modules/$name
        ! BOOT || file=$2/boot/$name-{RELEASE}
        mkdir -p "$(dirname "$file")"
        touch "$file"
    done
    echo "include /usr/src/{HEADERS}/rest.mk" >"$2/usr/src/{HEADERS}/Makefile"
    echo "found:" >"$2/usr/src/{HEADERS}/rest.mk"
    touch "$2/usr/src/{HEADERS}/include/config/auto.conf"
    for name in build source; do ln -s "LINK/{HEADERS}" "$modules/$name"; done
    ;;
esac
"""


def codename(tmp_path: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """What lib.sh says of a system with that os-release."""
    file = tmp_path / "os-release"
    file.write_text("".join(f"{line}\n" for line in lines))
    script = f". '{LIB}'; os_release='{file}'; debian_codename"
    return subprocess.run(["sh", "-euc", script], timeout=10, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["bookworm", "trixie"])
def test_releases_that_are_known(name: str, tmp_path: Path) -> None:
    done = codename(tmp_path, "ID=debian", f"VERSION_CODENAME={name}", 'PRETTY_NAME="Debian"')
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name}\n", "")


@pytest.mark.parametrize("lines", [
    ("ID=debian", "VERSION_CODENAME=forky", 'PRETTY_NAME="Debian GNU/Linux forky/sid"'),
    ("ID=ubuntu", "VERSION_CODENAME=noble", 'PRETTY_NAME="Ubuntu 24.04 LTS"'),
    ("ID=void", 'PRETTY_NAME="Void"'),
])
def test_others_are_named_and_refused(lines: tuple[str, ...], tmp_path: Path) -> None:
    done = codename(tmp_path, *lines)
    pretty = lines[-1].split('"')[1]
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == ("sh: this needs Debian 12 (bookworm) or 13 (trixie); "
                           f"here is: {pretty}\n")


def test_fresh_refuses_an_unknown_suite(call: Call) -> None:
    done = call("harness/setup/fresh", "--suite", "forky")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == "fresh: --suite wants bookworm or trixie, not 'forky'\n"


@pytest.mark.parametrize(("modules", "link", "boot"), [
    ("lib/modules", "/usr/src", "true"),             # Debian 12
    ("usr/lib/modules", "../../../src", "true"),     # Debian 13
    ("usr/lib/modules", "../../../src", "false"),    # its backports since 7.2
])
def test_kernel_packages_of_any_release(modules: str, link: str, boot: str, call: Call,
                                        copy: Path) -> None:
    """The modules are below root/lib, and make finds the headers by relative paths."""
    (copy / "harness/setup/private-apt").write_text(
        PACKAGES.replace("MODULES", modules).replace("LINK", link).replace("BOOT", boot))
    done = call("images/kernels", "--update", "6.12")
    kernel = copy / "build/kernels/6.12"
    assert (done.returncode, done.stderr.replace(".new/", "/")) == (
        0, "kernels: fetching 6.12 (cloud-amd64)\n"
        f"kernels: {kernel}/vmlinuz cannot be unpacked; guests boot it as it is\n")
    folder = kernel / "root/lib/modules" / RELEASE
    assert (kernel / "release").read_text() == f"{RELEASE}\n"
    assert (folder / "modules.dep").exists()
    moved = copy / "elsewhere"
    kernel.rename(moved)
    try:
        for name in ("build", "source"):
            headers = moved / "root/lib/modules" / RELEASE / name
            assert headers.resolve() == moved / "root/usr/src" / HEADERS
        subprocess.run(["make", "-s", "-C", moved / "kdir", "found"], check=True, timeout=10)
    finally:
        moved.rename(kernel)
