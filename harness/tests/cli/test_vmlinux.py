# SPDX-License-Identifier: GPL-2.0-or-later
"""images/vmlinux.py: the kernel inside a bzImage, and every bzImage whose kernel cannot be had."""

from __future__ import annotations

import gzip
import importlib.util
import lzma
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from chimney import paths

KERNEL = b"\x7fELF" + bytes(3000) + struct.pack("<III", 4, 8, 18) + b"Xen\0" + bytes(8)
SIZE = struct.pack("<I", len(KERNEL))


@pytest.fixture
def vmlinux() -> ModuleType:
    """The script, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("vmlinux", paths.TOP / "images" / "vmlinux.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed_by(program: str, *arguments: str) -> bytes:
    return subprocess.run([program, *arguments, "-c"], input=KERNEL, capture_output=True,
                          check=True, timeout=20).stdout


def image(payload: bytes, sectors: int = 2, offset: int = 100, length: int | None = None) -> bytes:
    """A bzImage: boot sector, setup sectors, and somewhere behind them the payload."""
    begin = (sectors + 1) * 512
    data = bytearray(begin + offset)
    data[0x1F1] = sectors
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", data, 0x248, offset, len(payload) if length is None else length)
    return bytes(data) + payload + b"behind"


@pytest.mark.parametrize("payload", [
    lambda: gzip.compress(KERNEL),
    lambda: lzma.compress(KERNEL) + SIZE,
    lambda: packed_by("zstd") + SIZE,
    lambda: packed_by("lz4", "-l") + SIZE,
], ids=["gzip", "xz", "zstd", "lz4"])
def test_kernel_comes_out(vmlinux: ModuleType, tmp_path: Path,
                          payload: Callable[[], bytes]) -> None:
    packed, to = tmp_path / "vmlinuz", tmp_path / "vmlinux"
    packed.write_bytes(image(payload()))
    assert vmlinux.unpack(packed, to)
    assert to.read_bytes() == KERNEL


@pytest.mark.parametrize("data", [
    b"",
    b"HdrS" * 200,
    image(lzma.compress(KERNEL) + struct.pack("<I", 17)),
    image(lzma.compress(KERNEL)[:-20] + SIZE),
    image(lzma.compress(KERNEL) + SIZE, length=1 << 30),
    image(lzma.compress(KERNEL[:3000]) + struct.pack("<I", 3000)),
    image(lzma.compress(bytes(3000)) + struct.pack("<I", 3000)),
    image(b"\x28\xb5\x2f\xfd" + bytes(60)),
    image(b"BZh9" + bytes(60)),
    image(b""),
], ids=["empty", "no-bzimage", "wrong-size", "cut", "longer-than-the-file", "not-for-pvh", "no-elf",
        "broken", "bzip2", "nothing"])
def test_no_kernel_comes_out(vmlinux: ModuleType, tmp_path: Path, data: bytes) -> None:
    packed, to = tmp_path / "vmlinuz", tmp_path / "vmlinux"
    packed.write_bytes(data)
    assert not vmlinux.unpack(packed, to)
    assert not to.exists()


def test_program_that_unpacks_is_missing(vmlinux: ModuleType, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    packed, to = tmp_path / "vmlinuz", tmp_path / "vmlinux"
    packed.write_bytes(image(packed_by("zstd") + SIZE))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not vmlinux.unpack(packed, to)
