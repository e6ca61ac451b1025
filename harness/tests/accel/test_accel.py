# SPDX-License-Identifier: GPL-2.0-or-later
"""How the accelerator is chosen; QEMU is played by programs that hang, fail or boot at once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from chimney import paths
from chimney.errors import HarnessError
from chimney.vm import accel


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder of our own, and a KVM device that may be opened."""
    monkeypatch.setattr(paths, "ACCEL_MEMORY", tmp_path / "accel.json")
    monkeypatch.setattr(accel, "KVM", Path(os.devnull))
    monkeypatch.setattr(accel, "PROBE_SECONDS", 0.5)
    return tmp_path


def program(folder: Path, body: str) -> Path:
    """An executable in QEMU's place; $console is where the guest's console goes."""
    path = folder / "qemu"
    path.write_text("#!/bin/sh\nfor w; do case $w in file:*) console=${w#file:};; esac; done\n"
                    f"echo run >>{folder}/runs\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_guest_that_comes_up_means_kvm_and_is_remembered(build: Path) -> None:
    qemu = program(build, 'echo "VFS: Unable to mount root fs on unknown-block" >"$console"')
    for _ in range(3):
        assert accel.choose("auto", qemu, build).name == "kvm"
    assert (build / "runs").read_text().count("run") == 1


def test_a_guest_that_hangs_means_tcg_within_the_deadline(build: Path) -> None:
    qemu = program(build, "exec sleep 1000")
    begin = time.monotonic()
    chosen = accel.probe(qemu, build, 0.5)
    assert chosen.name == "tcg" and "did not come up within" in chosen.reason
    assert time.monotonic() - begin < 5


def test_a_qemu_that_fails_is_quoted(build: Path) -> None:
    chosen = accel.choose("auto", program(build, "echo no vmx here >&2; exit 1"), build)
    assert chosen.name == "tcg" and "no vmx here" in chosen.reason


def test_the_answer_of_another_boot_does_not_count(build: Path) -> None:
    paths.ACCEL_MEMORY.write_text(json.dumps({"boot": "x", "accel": "kvm", "reason": "old"}))
    assert accel.choose("auto", program(build, "exit 1"), build).name == "tcg"
    paths.ACCEL_MEMORY.write_text("not json")
    assert accel.choose("auto", program(build, "exit 1"), build).name == "tcg"


def test_no_permission_is_said(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accel, "KVM", build / "missing")
    assert "cannot be opened" in accel.choose("auto", build, build).reason
    with pytest.raises(HarnessError, match="--accel kvm: no permission"):
        accel.choose("kvm", build, build)
    assert accel.choose("tcg", build, None).name == "tcg"
