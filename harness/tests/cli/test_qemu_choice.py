# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU is built, from which source package, and which one the harness runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chimney import paths

BUILD = "qemu-device/overlay/build"
SECONDS = 20
# In private-apt's place: an archive that has a source of QEMU 10.0 only, and not its files.
ARCHIVE = """#!/bin/sh
echo "$*" >>"$(dirname "$0")/asked"
modules=$2/usr/lib/python3/dist-packages
case $* in
unpack*) mkdir -p "$modules/mesonbuild" "$modules/pycotap" ;;
"newest qemu 10.0.") echo 1:10.0.7+ds-1 ;;
source*) exit 7 ;;
esac
"""
# In apt-cache's place: the versions of one source package, in no order.
VERSIONS = ["1:10.0.9+ds-1", "1:10.0.13+ds-0+deb13u1", "1:11.1.3+ds-1~bpo13+1",
            "1:10.0.2+ds-2+deb13u1", "1:10.10"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(copy: Path) -> Run:
    """Run a program of the copy with these settings and no others of ours."""
    (copy / "harness/setup/private-apt").write_text(ARCHIVE)
    (copy / "harness/setup/asked").unlink(missing_ok=True)
    shutil.rmtree(copy / "build" / "qemu", ignore_errors=True)

    def call(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CHIMNEY_")}
        return subprocess.run([str(copy / words[0]), *words[1:]], capture_output=True, text=True,
                              timeout=SECONDS, stdin=subprocess.DEVNULL, cwd=copy,
                              env={**env, **settings})
    return call


def asked(copy: Path) -> list[str]:
    """What the archive was asked for, but for tools."""
    lines = (copy / "harness/setup/asked").read_text().splitlines()
    return [line for line in lines if not line.startswith("unpack")]


@pytest.mark.parametrize(("words", "settings"), [
    ((), {}), (("10.0",), {}), (("10.0",), {"CHIMNEY_QEMU": "11.1"}),
    ((), {"CHIMNEY_QEMU": "10.0"}), ((), {"CHIMNEY_QEMU": "/a/program"}),
])
def test_newest_source_of_the_version_is_fetched(words: tuple[str, ...], settings: dict[str, str],
                                                 run: Run, copy: Path) -> None:
    assert paths.USUAL_QEMU == "10.0"
    done = run(BUILD, *words, **settings)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "build: this source is not to be had: build another one of 10.0, 11.1, or unpack a source "
        "of QEMU 10.0 as build/qemu/10.0/source")
    assert asked(copy) == ["newest qemu 10.0.",
                           f"source qemu=1:10.0.7+ds-1 {copy}/build/qemu/10.0/source"]


@pytest.mark.parametrize(("words", "settings"), [(("11.1",), {}), ((), {"CHIMNEY_QEMU": "11.1"})])
def test_archive_without_the_source_is_told(words: tuple[str, ...], settings: dict[str, str],
                                            run: Run, copy: Path) -> None:
    done = run(BUILD, *words, **settings)
    assert (done.returncode, asked(copy)) == (1, ["newest qemu 11.1."])
    assert done.stderr == ("build: Debian's archive has no source of QEMU 11.1 (any more): build "
                           "another one of 10.0, 11.1\n")


@pytest.mark.parametrize(("words", "settings"), [
    (("9.2",), {}), (("--configure", "9.2"), {}), ((), {"CHIMNEY_QEMU": "9.2"}),
])
def test_unknown_version_is_refused(words: tuple[str, ...], settings: dict[str, str],
                                    run: Run) -> None:
    done = run(BUILD, *words, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "build: there is no overlay for QEMU 9.2; there are: 10.0, 11.1\n"


def test_other_wrong_use(run: Run) -> None:
    for words in (["10.0", "11.1"], ["--configure", "10.0", "11.1"], ["--help-me"]):
        done = run(BUILD, *words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
    for words in (["9.2"], ["10.0", "11.1"]):
        done = run("qemu-device/overlay/sanitize", *words)
        assert done.returncode == 2
        assert done.stderr == (f"sanitize: there is no QEMU {' '.join(words)}; there are: 10.0, "
                               "11.1\n")
    done = run("qemu-device/overlay/sanitize", "11.1")
    assert (done.returncode, done.stderr) == (
        1, "sanitize: QEMU 11.1 is not built: run qemu-device/overlay/build 11.1\n")


def test_a_source_of_another_version_is_told(run: Run, copy: Path) -> None:
    source = copy / "build/qemu/11.1/source"
    source.mkdir(parents=True)
    (source / "VERSION").write_text("11.2.0\n")
    done = run(BUILD, "11.1")
    assert done.returncode == 1
    assert done.stderr == ("build: build/qemu/11.1/source is QEMU 11.2.0: remove it and try "
                           "again\n")


def test_a_patch_that_does_not_fit_changes_nothing(run: Run, copy: Path) -> None:
    """The half of it that fits would be in the way the next time."""
    source = copy / "build/qemu/10.0/source"
    (source / "configs/devices/x86_64-softmmu").mkdir(parents=True)
    (source / "hw/net").mkdir(parents=True)
    (source / "VERSION").write_text("10.0.99\n")
    kept = "".join(f"line {number}\n" for number in range(100))
    for name in ("hw/net/Kconfig", "hw/net/meson.build", "meson.build"):
        (source / name).write_text(kept)
    (source / "hw/net/meson.build").write_text(
        "system_ss.add(files('rocker/rocker-hmp-cmds.c'))\n\nsubdir('can')\n")
    done = run(BUILD, "10.0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "build: qemu-device/overlay/10.0.patch does not fit QEMU 10.0.99")
    assert "chimney" not in (source / "hw/net/meson.build").read_text()
    assert not (source / ".chimney.patch").exists()


@pytest.mark.parametrize(("start", "newest"), [
    ("10.0.", "1:10.0.13+ds-0+deb13u1\n"), ("11.1.", "1:11.1.3+ds-1~bpo13+1\n"), ("12.", ""),
])
def test_newest_version_of_a_source_package(start: str, newest: str, tmp_path: Path) -> None:
    """With lists that are there, so nothing is fetched."""
    setup = tmp_path / "harness" / "setup"
    setup.mkdir(parents=True)
    for name in ("private-apt", "lib.sh"):
        (setup / name).write_text((paths.TOP / "harness" / "setup" / name).read_text())
    (tmp_path / "build" / "apt").mkdir(parents=True)
    (tmp_path / "build" / "apt" / "ready").touch()
    fake = tmp_path / "bin" / "apt-cache"
    fake.parent.mkdir()
    lines = [f'echo "Package: x\nVersion: {version}\n"' for version in VERSIONS]
    fake.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    fake.chmod(0o755)
    done = subprocess.run(["sh", str(setup / "private-apt"), "newest", "qemu", start],
                          capture_output=True, text=True, timeout=SECONDS,
                          env={**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert (done.returncode, done.stdout, done.stderr) == (0, newest, "")


@pytest.mark.parametrize(("wish", "program", "version"), [
    ("", "BUILD/qemu/10.0/plain/qemu-system-x86_64", "10.0"),
    ("11.1", "BUILD/qemu/11.1/plain/qemu-system-x86_64", "11.1"),
    ("/a/program", "/a/program", "10.0"),
])
def test_the_harness_runs_what_is_asked_for(wish: str, program: str, version: str) -> None:
    code = ("from chimney import paths; "
            "print(paths.QEMU, paths.QEMU_VERSION, paths.make_qemu(paths.QEMU))")
    done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True,
                          timeout=SECONDS, check=True,
                          env={**os.environ, "PYTHONPATH": str(paths.TOP / "harness/lib"),
                               "CHIMNEY_QEMU": wish, "CHIMNEY_BUILD": "/build"})
    command = {"": "make qemu", "11.1": "make qemu QEMU=11.1"}.get(wish, "")
    assert done.stdout == f"{program.replace('BUILD', '/build')} {version} {command}\n"


def test_make_says_it_once_for_all(tmp_path: Path) -> None:
    """QEMU=VERSION of any verb reaches builders and harness in one variable."""
    makefile = (paths.TOP / "Makefile").read_text()
    (tmp_path / "Makefile").write_text(makefile + "\nshow:\n\t@echo \"<$$CHIMNEY_QEMU>\"\n")
    said = [subprocess.run(["make", "-s", "show", *words], capture_output=True, text=True,
                           timeout=SECONDS, check=True, cwd=tmp_path,
                           env={"PATH": os.environ["PATH"], **env}).stdout
            for words, env in (((), {}), (("QEMU=11.1",), {}), ((), {"CHIMNEY_QEMU": "11.1"}),
                               (("QEMU=10.0",), {"CHIMNEY_QEMU": "11.1"}))]
    assert said == ["<>\n", "<11.1>\n", "<11.1>\n", "<10.0>\n"]
