# SPDX-License-Identifier: GPL-2.0-or-later
"""How the driver tells kernels apart: what compat/probe makes of a kernel, that nothing else asks
for the version, and that all places name the same kernels.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chimney import paths

DRIVER = paths.TOP / "guest-driver"
COMPAT = DRIVER / "compat"
PROBES = """\
#include "kernel.h"

int has_one(void)
{
    return there(1);
}

/* Between two. */
int has_other_way(struct thing *t)
{
    return there(1, 2) + t->gone;
}

int has_last(const struct thing *t)
{
    return t->field;
}
"""
HEADER = "struct thing { int field; };\nint there(int);\n"
SYMBOLS = "0x00000000\tthere\tvmlinux\tEXPORT_SYMBOL\t\n0x0\tgone_too\tvmlinux\tEXPORT_SYMBOL\t\n"


def probe(folder: Path, header: str = HEADER, symvers: str | None = SYMBOLS
          ) -> subprocess.CompletedProcess[str]:
    """What compat/probe says of a kernel that consists of one header."""
    (folder / "probes.c").write_text(PROBES)
    (folder / "kernel.h").write_text(header)
    (folder / "exports").write_text("# a comment\nthere\ngone\n")
    if symvers is not None:
        (folder / "Module.symvers").write_text(symvers)
    return subprocess.run(
        ["sh", COMPAT / "probe", folder / "probes.c", folder / "exports",
         folder / "Module.symvers", "gcc", "-Werror=implicit-function-declaration"],
        capture_output=True, text=True, timeout=30)


def test_what_a_kernel_offers(tmp_path: Path) -> None:
    """A function of probes.c in which there is no error, and a symbol that is exported."""
    done = probe(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [
        "#define CHIMDRV_HAS_LAST 1", "#define CHIMDRV_HAS_ONE 1",
        "#define CHIMDRV_HAS_OTHER_WAY 0", "#define CHIMDRV_EXPORTS_THERE 1",
        "#define CHIMDRV_EXPORTS_GONE 0"]


@pytest.mark.parametrize(("header", "said"), [
    ("int there(int) +;\n", "kernel.h:1:16: error:"),
    ('#include "nowhere.h"\n', "nowhere.h: No such file"),
])
def test_headers_that_do_not_compile(header: str, said: str, tmp_path: Path) -> None:
    """An error elsewhere is no answer to a question."""
    done = probe(tmp_path, header)
    assert done.returncode != 0 and said in done.stderr


def test_headers_without_the_list_of_symbols(tmp_path: Path) -> None:
    done = probe(tmp_path, symvers=None)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("probe: there is no ") and done.stderr.count("\n") == 1


def test_only_one_file_asks_for_the_version() -> None:
    asks = [file.relative_to(DRIVER).as_posix() for file in DRIVER.rglob("*.[ch]")
            if re.search("LINUX_VERSION_CODE|KERNEL_VERSION", file.read_text())]
    assert asks == ["compat/known.h"]


def test_every_answer_is_used() -> None:
    """And every question of a header has been asked."""
    text = "".join(file.read_text() for file in COMPAT.glob("*.h"))
    used = set(re.findall(r"CHIMDRV_(?:HAS|EXPORTS)_\w+", text))
    asked = {f"CHIMDRV_HAS_{name.upper()}" for name in re.findall(
        r"^\w.*\bhas_(\w+)\(", (COMPAT / "probes.c").read_text(), re.M)}
    asked |= {f"CHIMDRV_EXPORTS_{name.upper()}" for name in
              re.findall(r"^\w+$", (COMPAT / "exports").read_text(), re.M)}
    assert used == asked


def test_all_places_name_the_same_kernels() -> None:
    """The table of known ones, what is built, tested and installed, and chapter 10."""
    known = [".".join(pair) for pair in re.findall(
        r"CHIMDRV_SERIES\((\d+), (\d+)\)", (COMPAT / "known.h").read_text())]
    made = re.search(r"^KERNELS \?= (.*)$", (paths.TOP / "Makefile").read_text(), re.M)
    tested = re.search(r"^KERNELS = \((.*)\)$",
                       (paths.TOP / "harness/tests/guest/conftest.py").read_text(), re.M)
    row = re.search(r"^\| what \| what the driver .*?\| (.*) \|$",
                    (paths.TOP / "spec/10-host-stack.md").read_text(), re.M)
    dkms = re.search(r'^BUILD_EXCLUSIVE_KERNEL="(.*)"$',
                     (DRIVER / "dkms.conf.in").read_text(), re.M)
    assert made and tested and row and dkms
    assert made[1].split() == known
    assert re.findall(r'"([^"]*)"', tested[1]) == known
    assert row[1].split(" | ") == known
    assert all(re.match(dkms[1], f"{series}.4-amd64") for series in known)
    assert not re.match(dkms[1], "6.13.4-amd64")
