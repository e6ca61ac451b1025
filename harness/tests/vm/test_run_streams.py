# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run` between whatever descriptors it is started with, and with any arguments."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest

from chimney import paths
from chimney.host.rundir import remove

pytestmark = pytest.mark.vm
RUN = [str(paths.TOP / "harness" / "chimney"), "run", "--device", "virtio-net-pci", "--net", "user"]
SECONDS = 300
KEPT = re.compile(r"kept in (\S+)")
DATA = b"".join(b"line %d of standard input\n" % number for number in range(4000))
Stdin = int | IO[bytes]


def run(*words: str | bytes, options: tuple[str, ...] = (), **more: Any
        ) -> subprocess.CompletedProcess[bytes]:
    """Run a command in the guest between the given descriptors."""
    argv = [*RUN, *options, "--", *words]
    done = subprocess.run(argv, timeout=SECONDS, **{"stdout": subprocess.PIPE,
                                                    "stderr": subprocess.PIPE, **more})
    forget(done.stderr)
    return done


def forget(said: bytes | None) -> None:
    """Remove the folder that a failed run keeps."""
    kept = KEPT.search((said or b"").decode(errors="replace"))
    if kept:
        remove(Path(kept[1]))


@contextmanager
def stdin_of(kind: str) -> Iterator[Stdin]:
    """A descriptor of that kind from which DATA, and then its end, can be read."""
    if kind == "file":
        with tempfile.TemporaryFile() as file:
            file.write(DATA)
            file.seek(0)
            yield file
        return
    if kind == "pipe":
        theirs, ours = os.pipe()
        os.set_blocking(theirs, False)
        sender = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=ours)
    else:
        left, right = socket.socketpair()
        theirs, ours = left.detach(), right.detach()
        sender = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=ours)
    os.close(ours)
    assert sender.stdin is not None
    try:
        # It waits in the pipe until the guest has booted.
        with sender.stdin as pipe, suppress(BrokenPipeError):
            os.set_blocking(pipe.fileno(), False)
            os.write(pipe.fileno(), DATA[:60000])
        yield theirs
    finally:
        os.close(theirs)
        sender.kill()
        sender.wait(5)


@pytest.mark.parametrize("kind", ["file", "pipe", "socket"])
def test_every_kind_of_standard_input_reaches_the_command(kind: str) -> None:
    """The pipe is one that somebody has made non-blocking."""
    with stdin_of(kind) as stdin:
        done = run("cat", stdin=stdin)
    expected = DATA if kind == "file" else DATA[:60000]
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected


def test_what_is_typed_reaches_the_command() -> None:
    """A terminal as standard input, with nothing else on it: one line, and its end."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"typed\n\x04")
        done = run("cat", stdin=theirs, options=("--timeout", "20"))
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, done.stdout) == (0, b"typed\n"), done.stderr


def test_input_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with (tmp_path / "written").open("wb") as file:
        done = run("cat", stdin=file)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"chimney: standard input: Bad file descriptor.\n"


def test_a_reader_that_goes_away_ends_the_run() -> None:
    """As with every other writer: `... | head -1` ends it, with SIGPIPE's status and no words."""
    begin = time.monotonic()
    with subprocess.Popen([*RUN, "--", "sh", "-c", "while :; do echo line; done"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        try:
            assert child.stdout.readline() == b"line\n"
            child.stdout.close()
            gone = time.monotonic()
            said = child.stderr.read()
            assert child.wait(SECONDS) == 141
        finally:
            child.kill()
    assert said == b""
    assert time.monotonic() - gone < 10, f"it went on; it had begun {gone - begin:.1f} s before"


def test_output_that_cannot_be_written_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("echo", "hi", stdout=full)
    assert done.returncode == 125
    assert f"standard output: {os.strerror(errno.ENOSPC)}." in done.stderr.decode()


@pytest.mark.drawn(2)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_empty_ones(closed: str, tmp_path: Path) -> None:
    """What daemons and agents start, without a terminal, is no reason for a traceback."""
    report = tmp_path / "report.json"
    script = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *RUN, "--report", str(report), "--", "sh", "-c",
         "cat; echo out; echo err >&2"],
        capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL, start_new_session=True)
    assert done.returncode == 0, done
    assert done.stdout == (b"" if ">&- " in f" {closed} ".replace("2>&-", "") else b"out\n")
    assert done.stderr == (b"" if "2>&-" in closed else b"err\n")
    assert json.loads(report.read_text())["status"] == 0


@pytest.mark.parametrize("locale", [{"LC_ALL": "C.UTF-8"}, {
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_arguments_are_bytes(locale: dict[str, str], tmp_path: Path) -> None:
    """An argument, and the name of a copied file, that are no text in the locale."""
    name = os.fsencode(tmp_path) + b"/\xff\xe9"
    Path(os.fsdecode(name)).write_text("found")
    done = subprocess.run([*RUN, "--copy", name + b":/tmp/\xfe", "--", "sh", "-c",
                           b'printf "%s " "$0"; cat /tmp/\xfe', b"\xff\x01 \xc3"],
                          capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL,
                          env={**os.environ, **locale})
    assert (done.returncode, done.stdout) == (0, b"\xff\x01 \xc3 found"), done.stderr


def test_a_program_with_such_a_name_that_is_not_there() -> None:
    done = run(b"\xff\xe9", stdin=subprocess.DEVNULL)
    assert done.returncode == 127
    assert b"there is no program" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.tap
def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    words = [word for word in RUN if word not in ("--net", "user")]
    done = subprocess.run(["sh", "-c", script, str(folder), *words, "--peer", "cat", "--",
                           "echo", "hi"],
                          capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, b"hi\n"), done.stderr
    folder.mkdir()
    done = subprocess.run(["sh", "-c", script, str(folder), *words, "--report", "r.json", "--",
                           "echo", "hi"],
                          capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode in (2, 125)
    assert b"the working directory: No such file or directory." in done.stderr
