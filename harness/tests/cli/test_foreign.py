# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of another Debian release, as images/foreign.py has them run: with the loader and the
libraries of a folder, wherever that folder is. This host's own stand in for the other release's.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from chimney import paths

ELF = Path("/usr/bin/printf")


@pytest.fixture(scope="module")
def foreign() -> ModuleType:
    """images/foreign.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("foreign", paths.TOP / "images" / "foreign.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(foreign: ModuleType, tmp_path: Path) -> Path:
    """A release that consists of the host's libraries, and beside it programs of all kinds."""
    tree = tmp_path / "tree"
    libraries = tree / "release" / foreign.LIBRARIES
    libraries.mkdir(parents=True)
    for file in ("libc.so.6", foreign.LOADER):
        shutil.copy2(Path("/") / foreign.LIBRARIES / file, libraries)
    programs = tree / "scripts" / "mod"
    programs.mkdir(parents=True)
    shutil.copy2(ELF, programs / "modpost")
    shutil.copy2(ELF, programs / "libthing.so.1")
    (programs / "script").write_text("#!/bin/sh\n")
    (programs / "script").chmod(0o755)
    (programs / "link").symlink_to("modpost")
    return tree


def test_which_are_programs(foreign: ModuleType, tree: Path) -> None:
    names = [path.name for path in foreign.programs(tree / "scripts")]
    assert names == ["libthing.so.1", "modpost"]


def test_a_program_that_runs_here(foreign: ModuleType, tree: Path) -> None:
    """And one for which a library has not the version that it asks for."""
    program = tree / "scripts/mod/modpost"
    assert foreign.runs(program)
    program.write_bytes(program.read_bytes().replace(b"libc.so.6\0", b"libc.so.7\0"))
    assert not foreign.runs(program)


def test_wrapped_programs(foreign: ModuleType, tree: Path, tmp_path: Path) -> None:
    """They get their arguments, are found by a link, and run from wherever the tree is moved to;
    to wrap them once more changes nothing.
    """
    for _ in range(2):
        foreign.wrap(tree / "scripts", tree / "release")
    moved = tmp_path / "else where"
    tree.rename(moved)
    program = moved / "scripts/mod/modpost"
    assert program.read_text().startswith("#!/bin/sh\n")
    for name in (program, program.with_name("link")):
        done = subprocess.run([name, "<%s>", "a b", "*"], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "<a b><*>", "")
    assert (moved / "scripts/mod/libthing.so.1").read_bytes() == ELF.read_bytes()


def test_the_hosts_own_compiler_comes_first(foreign: ModuleType, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    gcc = tmp_path / "x86_64-linux-gnu-gcc-99"
    gcc.write_text("#!/bin/sh\n")
    gcc.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert foreign.compiler("99", "trixie", None) == gcc


def test_packages_that_are_there_are_not_fetched_again(foreign: ModuleType, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "OUT", tmp_path)
    asked: list[list[str]] = []

    def unpack(place: Path, packages: list[str]) -> None:
        place.mkdir(exist_ok=True)
        asked.append(packages)

    for names in (("libc6", "zlib1g"), ("libc6", "zlib1g"), ("libc6", "libisl23")):
        assert foreign.provide("trixie", names, unpack) == tmp_path / "trixie"
    assert asked == [["libc6/trixie", "zlib1g/trixie"], ["libisl23/trixie"]]
