# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a clone may lie, and who may run in it: paths with any characters, deep ones, a clone that
cannot be written, a user without root. What is built is mounted there, and not built again.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimney import paths
from chimney.host.rundir import remove
from chimney.wire import pcapng

pytestmark = [pytest.mark.vm, pytest.mark.tap,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount the clone")]
KEPT = re.compile(r"kept in (\S.*)")
SECONDS = 300
BUILD_SECONDS = 800
NOBODY = "setpriv --reuid nobody --regid nogroup --clear-groups"


def at(place: Path, script: str, *, before: str = "true", env: dict[str, str] | None = None,
       seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a script in a mount of this clone at another place."""
    place.mkdir(parents=True, exist_ok=True)
    whole = (f"mount --bind {paths.TOP} {shlex.quote(str(place))} && {before} && "
             f"cd {shlex.quote(str(place))} && {script}")
    done = subprocess.run(["unshare", "--mount", "bash", "-c", whole], capture_output=True,
                          text=True, timeout=seconds, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    kept = KEPT.search(done.stderr)
    if kept:
        remove(Path(kept[1]))
    return done


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that all users may enter; another pytest would close the ones that pytest makes."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.drawn(2)
@pytest.mark.parametrize("name", ["a b,c", "with:colon", "100% 'q\"uote", "ünïcode"])
def test_a_clone_at_any_path(tmp_path: Path, name: str) -> None:
    """So do the files that the command is told to write."""
    folder = tmp_path / name
    # QEMU's name of a log is a template, and takes no percent sign.
    traced = Path(str(folder).replace("%", ""))
    traced.mkdir(exist_ok=True)
    done = at(folder / "chimney", 'harness/chimney run --pcap "$out/c.pcapng" --report '
              '"$out/r.json" --trace "${out//%}/trace" --bin iperf3 --peer "iperf3 -s" '
              '--offload auto -- sh -c "iperf3 -c 10.77.0.1 -n 2M >/dev/null; echo hi"',
              env={"out": str(folder)})
    assert (done.returncode, done.stdout) == (0, "hi\n"), done.stderr
    assert (folder / "r.json").exists()
    comments = [text for packet in pcapng.read(folder / "c.pcapng") for text in packet.comments]
    assert any(re.match(r"offload #\d+: port \d+ to port 5201, ", text) for text in comments)
    events = (traced / "trace").read_text().splitlines()
    assert all(re.match(r"\d+@\d{10}\.\d{6}:chimdev_", line) for line in events) and events


def test_a_deep_clone_with_a_deep_tmpdir(tmp_path: Path) -> None:
    """A Unix socket's path is short, and neither of the two has room for one."""
    deep = tmp_path.joinpath(*["d" * 40] * 4)
    temporary = deep / "temporary"
    temporary.mkdir(parents=True)
    done = at(deep / "chimney", "harness/chimney run -- echo hi", env={"TMPDIR": str(temporary)})
    assert (done.returncode, done.stdout) == (0, "hi\n"), done.stderr


@pytest.mark.parametrize("who", ["", NOBODY])
def test_a_clone_that_cannot_be_written(open_path: Path, who: str) -> None:
    """What is built there is used, by root and by a user to whom nothing of it belongs."""
    place = open_path / "chimney"
    quoted = shlex.quote(str(place))
    done = at(place, f"exec {who} harness/chimney run --net user -- sh -c 'id -u; uname -s'",
              before=f"mount -o remount,bind,ro {quoted}")
    assert (done.returncode, done.stdout) == (0, "0\nLinux\n"), done.stderr


def test_a_clone_that_cannot_be_written_and_lacks_a_base(tmp_path: Path) -> None:
    """The base of an image that is not in the cache is made for the one run."""
    place = tmp_path / "chimney"
    quoted = shlex.quote(str(place))
    empty = tmp_path / "empty"
    empty.mkdir()
    done = at(place, "harness/chimney run --net user -- uname -s",
              before=f"mount --bind {shlex.quote(str(empty))} {quoted}/build/images && mount -o "
              f"remount,bind,ro {quoted}/build/images && mount -o remount,bind,ro {quoted}")
    assert (done.returncode, done.stdout) == (0, "Linux\n"), done.stderr
    assert not list(empty.iterdir())


def test_a_user_without_root_and_with_a_clone_of_his_own(open_path: Path) -> None:
    """He has the tap too, where its device is open to all, as udev makes it."""
    place, node = open_path / "chimney", open_path / "tun"
    os.mknod(node, 0o020666, os.makedev(10, 200))
    node.chmod(0o666)
    names = ["VERSION", "harness", "images", "guest-driver", "spec", "build/kernels/6.1",
             "build/driver/6.1", "build/tools", str(paths.QEMU.relative_to(paths.TOP))]
    own = open_path / "own"
    for name in names:
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(paths.TOP / name), str(own / name)],
                       check=True, timeout=SECONDS)
    subprocess.run(["chown", "-R", "nobody:nogroup", str(own)], check=True, timeout=SECONDS)
    own.chmod(0o755)
    done = at(place, f"cd {shlex.quote(str(own))} && exec {NOBODY} harness/chimney run --peer "
              "'iperf3 -s' --bin iperf3 -- sh -c 'iperf3 -c 10.77.0.1 -n 1M >/dev/null; echo $?'",
              before=f"mount --bind {shlex.quote(str(node))} /dev/net/tun", env={"HOME": "/"})
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    assert list((own / "build" / "images").glob("base-*.cpio"))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_driver_build_at_any_path(tmp_path: Path) -> None:
    """kbuild has no way to write a blank or a colon."""
    place = tmp_path / "a b:c" / "chimney"
    out = tmp_path / "out"
    done = at(place, f"guest-driver/build --out {out} 6.1",
              seconds=BUILD_SECONDS)
    assert done.returncode == 0, done.stderr
    assert (out / "chimney.ko").exists()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_driver_build_with_an_error(tmp_path: Path) -> None:
    """What it says names the file that people edit, and not the copy that is compiled."""
    out = tmp_path / "out"
    sources = tmp_path / "sources"
    subprocess.run(["cp", "-r", str(paths.TOP / "guest-driver"), str(sources)], check=True)
    with (sources / "main.c").open("a") as file:
        file.write("\nint broken(void) { return nothing_of_that_name; }\n")
    done = subprocess.run([str(paths.TOP / "guest-driver" / "build"), "--sources", str(sources),
                           "--out", str(out), "6.1"], capture_output=True, text=True,
                          timeout=BUILD_SECONDS)
    line = (sources / "main.c").read_text().count("\n")
    assert done.returncode == 1
    assert f"{sources}/main.c:{line}:" in done.stderr and f"{out}/main.c" not in done.stderr
