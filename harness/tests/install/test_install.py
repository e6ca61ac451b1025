# SPDX-License-Identifier: GPL-2.0-or-later
"""make install into an empty folder, and what can be done with what lies there: the command runs,
its page can be read, bash completes, and DKMS builds the module for each guest kernel in a tree of
its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney.paths import KERNELS, TOP, VERSION

SECONDS = 60
BUILD_SECONDS = 600


def run(*argv: str | Path, seconds: float = SECONDS, **env: str) -> str:
    """Run a command that must not fail; what it has printed."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, cwd=TOP,
                          timeout=seconds, stdin=subprocess.DEVNULL, env={**os.environ, **env})
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything has been installed, twice."""
    place = tmp_path_factory.mktemp("place")
    run("make", "install", f"DESTDIR={place}")
    stale = place / "usr/src" / f"chimney-{VERSION}" / "guest-driver/gone.c"
    stale.write_text("#error\n")
    run("make", "install", f"DESTDIR={place}")
    assert not stale.exists()
    return place


@pytest.mark.slow
def test_nothing_but_the_source_lies_elsewhere_than_under_the_prefix(tmp_path: Path) -> None:
    run("make", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/chimney")
    files = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    source = Path(f"usr/src/chimney-{VERSION}")
    assert {source / "dkms.conf", Path("opt/chimney/sbin/chimneyctl")} <= files
    assert not [file for file in files
                if not file.is_relative_to(source) and not file.is_relative_to("opt/chimney")]


def test_a_prefix_that_is_no_path_is_refused(tmp_path: Path) -> None:
    done = subprocess.run([str(TOP / "guest-driver/install")], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(tmp_path), "PREFIX": "usr"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "install: PREFIX must begin with a slash: usr\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_runs_and_its_page_can_be_read(place: Path) -> None:
    assert run(place / "usr/sbin/chimneyctl", "--version") == f"chimneyctl {VERSION}\n"
    pages = place / "usr/share/man"
    assert "CHIMNEYCTL(8)" in run("mandoc", pages / "man8/chimneyctl.8")
    assert "CHIMNEY(1)" in run("mandoc", pages / "man1/chimney.1")
    for page in pages.rglob("*.[18]"):
        assert run("mandoc", "-T", "lint", "-W", "warning", page) == ""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "word", "offered"), [
    ("chimneyctl", "sta", ["stats", "status"]), ("chimney", "r", ["run"])])
def test_bash_completes(name: str, word: str, offered: list[str], place: Path) -> None:
    """As bash does it: by the function that the installed file has bound to the command's name."""
    file = place / "usr/share/bash-completion/completions" / name
    code = (f'. "{file}"; COMP_WORDS=({name} {word}); COMP_CWORD=1; _{name}; '
            'echo "${COMPREPLY[@]}"')
    assert sorted(run("bash", "--norc", "-c", code).split()) == offered
    bound = run("bash", "--norc", "-c", f'. "{file}"; complete -p {name}')
    assert bound.endswith(f"-F _{name} {name}\n")


@pytest.fixture
def dkms(place: Path, tmp_path: Path) -> Callable[..., str]:
    """DKMS on the installed source; all that it writes, keys too, lies in a tree of its own."""
    trees = ["--dkmstree", str(tmp_path / "dkms"), "--sourcetree", str(place / "usr/src"),
             "--installtree", str(tmp_path / "modules"), "-m", "chimney", "-v", VERSION]
    for name in ("dkms", "modules", "tmp"):
        (tmp_path / name).mkdir()

    def call(verb: str, *words: str | Path) -> str:
        try:
            return run("dkms", verb, *trees, *words, seconds=BUILD_SECONDS, sign_file="none",
                       TMPDIR=str(tmp_path / "tmp"), MAKEFLAGS="")
        except AssertionError as error:
            log = tmp_path / "dkms/chimney" / VERSION / "build/make.log"
            said = log.read_text()[-4000:] if log.exists() else ""
            raise AssertionError(f"{error}{said}") from None
    return call


@pytest.mark.slow
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_dkms_builds_the_module(kernel: str, dkms: Callable[..., str], tmp_path: Path) -> None:
    release = (KERNELS / kernel / "release").read_text().strip()
    dkms("add")
    dkms("build", "-k", release, "--kernelsourcedir", KERNELS / kernel / "kdir")
    module, = (tmp_path / "dkms/chimney" / VERSION / release).rglob("chimney.ko*")
    assert run("modinfo", "-F", "vermagic", module).split()[0] == release
    assert run("modinfo", "-F", "alias", module).count("pci:") > 0
    assert "built" in dkms("status")
