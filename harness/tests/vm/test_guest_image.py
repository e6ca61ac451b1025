# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a guest, and what a guest refuses: drivers that do not fit, ciphers that the
kernel asks for by name, programs and files with unusual names.
"""

from __future__ import annotations

import lzma
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chimney import paths
from chimney.host import programs
from chimney.vm.boot import Vm

pytestmark = pytest.mark.vm
Run = Any  # the fixture of conftest.py, which looks for processes that a run has left behind
DRIVER = paths.DRIVERS / "6.1" / "chimney.ko"
WORKS = ["--net", "user", "--", "sh", "-c",
         "ping -c 1 -W 5 10.77.0.1 >/dev/null && lsmod | grep -o ^chimney"]


@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_tls_of_the_kernel_finds_its_ciphers(make_vm: Callable[..., Vm], kernel: str) -> None:
    program = programs.build(paths.TOP / "harness/programs/ktls")
    vm = make_vm(device="virtio-net-pci", wire="user", kernel=kernel, bins=[str(program)])
    assert vm.run(["ktls"], check=False).text.splitlines() == [
        "ok AES-GCM-128", "ok AES-GCM-256", "ok AES-CCM-128", "ok CHACHA20-POLY1305"]


def test_a_terminal_has_its_size_before_the_command_runs(make_vm: Callable[..., Vm]) -> None:
    vm = make_vm(device="virtio-net-pci", wire="user")
    assert vm.agent.start(["stty", "size"], terminal=(33, 97)).wait(10).text.split() == ["33", "97"]


def wrong(kind: str, folder: Path) -> Path:
    """A file of that kind that is no driver."""
    data, file = DRIVER.read_bytes(), folder / f"{kind}.ko"
    if kind == "folder":
        file.mkdir()
        return file
    file.write_bytes({"text": b"hello", "empty": b"", "half": data[:len(data) // 2],
                      "short": data[:-4096], "cut.xz": lzma.compress(data)[:-2000],
                      "library": Path("/bin/true").read_bytes()}[kind])
    return file


@pytest.mark.drawn(3)
@pytest.mark.parametrize(("kind", "sentence"), [
    ("text", "is not a kernel module"), ("empty", "is empty"), ("half", "is cut off: it has"),
    ("short", "is cut off: it has"), ("cut.xz", "cannot be unpacked"),
    ("library", "is not a kernel module"), ("folder", "that is not a file"),
])
def test_a_file_that_is_no_driver_is_told(run: Run, tmp_path: Path, kind: str,
                                          sentence: str) -> None:
    file = wrong(kind, tmp_path)
    done = run("--driver", str(file), *WORKS, device="chimney")
    assert done.returncode in (2, 125) and not done.stdout
    assert f"{file}" in done.stderr.splitlines()[0] and sentence in done.stderr.splitlines()[0]


def test_a_driver_for_another_kernel_is_told(run: Run) -> None:
    done = run("--kernel", "6.12", "--driver", str(DRIVER), *WORKS, device="chimney")
    assert done.returncode == 125
    assert "was built for kernel 6.1." in done.stderr


@pytest.mark.drawn(3)
@pytest.mark.parametrize("name", ["renamed-driver.ko", "chimney.ko.xz", "with space.ko"])
def test_a_driver_by_another_name_works(run: Run, tmp_path: Path, name: str) -> None:
    file, data = tmp_path / name, DRIVER.read_bytes()
    file.write_bytes(lzma.compress(data) if name.endswith(".xz") else data)
    done = run("--driver", str(file), *WORKS, device="chimney")
    assert (done.returncode, done.stdout) == (0, "chimney\n"), done.stderr


def test_a_driver_that_the_kernel_refuses_is_told_in_its_words(run: Run, tmp_path: Path) -> None:
    """A symbol that this kernel does not have; the command does not run."""
    data, known = DRIVER.read_bytes(), b"\0pci_enable_device_mem\0"
    if known not in data:
        known = b"\0napi_complete_done\0"
    assert known in data
    file = tmp_path / "chimney.ko"
    file.write_bytes(data.replace(known, known[:-3] + b"zz\0"))
    done = run("--driver", str(file), "--net", "user", "--", "echo", "ran", device="chimney")
    assert done.returncode == 125 and not done.stdout
    symbol = (known[1:-3] + b"zz").decode()
    assert done.stderr.startswith(
        f"chimney: the guest refuses the driver: chimney: Unknown symbol {symbol} (err -2)"), done


def test_an_image_that_does_not_fit_into_memory_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(96 << 20))
    done = run("--memory", "256", "--copy", f"{tmp_path}/large:/large", "--net", "user", "--",
               "echo", "ran")
    assert done.returncode == 125 and not done.stdout
    first = done.stderr.splitlines()[0]
    assert "the guest lacks a part of its image" in first or "panic" in first, done.stderr


def test_unusual_programs_and_copies(run: Run, tmp_path: Path) -> None:
    """`env -S` in a script's first line, a colon in the name of a file, a folder with a FIFO."""
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env -S -u NOTHING A=b od -A n -t x1\n")
    script.chmod(0o755)
    odd = tmp_path / "a:b" / "c:"
    odd.mkdir(parents=True)
    (odd / "d:/".rstrip("/")).write_text("colons\n")
    os.mkfifo(odd / "fifo")
    done = run("--bin", str(script), "--bin", "file" if Path("/usr/bin/file").exists() else "cat",
               "--copy", f"{odd}/d:", "--copy", f"{odd}:/tmp/x", "--net", "user", "--", "sh", "-c",
               f"{script} | head -c 6; cat '{odd}/d:' /tmp/x/d:; ls /tmp/x")
    assert done.returncode == 0, done.stderr
    assert done.stdout == " 23 21colons\ncolons\nd:\n"


def test_a_thread_can_be_cancelled(run: Run, tmp_path: Path) -> None:
    """The C library loads what it needs for that by itself, and no tool lists it."""
    source, program = tmp_path / "cancels.c", tmp_path / "cancels"
    source.write_text("""
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>

        static void *forever(void *unused) { for (;;) pause(); return unused; }

        int main(void)
        {
            pthread_t thread;
            void *end;

            pthread_create(&thread, NULL, forever, NULL);
            pthread_cancel(thread);
            pthread_join(thread, &end);
            puts(end == PTHREAD_CANCELED ? "cancelled" : "ended");
            return 0;
        }
    """)
    subprocess.run(["gcc", "-pthread", "-o", program, source], check=True, timeout=60)
    done = run("--bin", str(program), "--net", "user", "--", str(program))
    assert (done.returncode, done.stdout) == (0, "cancelled\n"), done.stderr


def test_a_fifo_is_not_copied(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = run("--copy", f"{tmp_path}/fifo:/fifo", "--net", "user", "--", "true")
    assert done.returncode == 2 and "is neither a file nor a folder" in done.stderr
    done = subprocess.run([str(paths.TOP / "images" / "mkinitramfs"), "--kernel", "6.1", "--out",
                           str(tmp_path / "out"), "--copy", f"{tmp_path}/fifo"], timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 1 and "is neither a file nor a folder" in done.stderr
