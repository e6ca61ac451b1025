# SPDX-License-Identifier: GPL-2.0-or-later
"""The first process of a private namespace: makes it, keeps it, and ends everything in it.

Run by nest.py as a script with nothing but the standard library. It lives exactly as long as its
standard input stays open; when the harness ends, for whatever reason, the pipe closes, this
process exits, and as it is process 1 of a PID namespace the kernel kills all that runs inside.

Conversation: prints "unshared", reads "mapped" or "map", prints "ready PID", then waits.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC_PRIVATE = 0x4000 | 0x40000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def die(what: str) -> None:
    """Report a failed system call to nest.py and end."""
    print(f"failed {what}: {os.strerror(ctypes.get_errno())}", flush=True)
    os._exit(1)


def write_own_maps(uid: int, gid: int) -> None:
    """Map only our own user to root of the namespace: all that an unprivileged user may do."""
    for path, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                       ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{path}", "w", encoding="ascii") as file:
            file.write(text)


def keep(parent_gone: int) -> None:
    """As process 1: reap whatever dies, until the harness closes our input."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None)
    # Without a /proc of its own `ps` inside shows the host's processes; nothing depends on it.
    libc.mount(b"proc", b"/proc", b"proc", 0, None)
    signal.signal(signal.SIGCHLD, reap)
    os.write(parent_gone, b"x")
    os.close(parent_gone)
    while os.read(0, 4096):
        pass
    os._exit(0)


def reap(_number: int, _frame: object) -> None:
    """Collect every child that has ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def main() -> None:
    """Unshare, get mapped, fork process 1 and wait for it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID) != 0:
        die("unshare")
    print("unshared", flush=True)
    if os.read(0, 64).strip() != b"mapped":
        try:
            write_own_maps(uid, gid)
        except OSError as error:
            print(f"failed uid map: {error.strerror}", flush=True)
            os._exit(1)
    up, up_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(up)
        keep(up_write)
    os.close(up_write)
    os.read(up, 1)
    print(f"ready {pid}", flush=True)
    os.waitpid(pid, 0)
    sys.exit(0)


if __name__ == "__main__":
    main()
