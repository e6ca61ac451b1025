# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels as the image builder sees them: the modules of a guest, and the index for modprobe.

Owns the choice of modules and the calls of depmod. A kernel is one of build/kernels/<K>, or a
bzImage of the user's own. It writes into an Archive and keeps its work under build/images/.
"""

from __future__ import annotations

import fnmatch
import lzma
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import driverfile
from cpio import Archive
from programs import ImageError

DEPMOD_SECONDS = 60

# What tests and users put around a connection, below /lib/modules/<release>/kernel. Dependencies
# follow.
WANTED = (
    "net/8021q/*",
    "net/802/*",
    "net/bridge/bridge",
    "net/core/*",
    "net/ipv4/*diag",
    "net/ipv4/tcp_*",
    "net/ipv4/ip_tunnel",
    "net/ipv4/gre",
    "net/ipv4/ip_gre",
    "net/ipv4/ipip",
    "net/ipv4/netfilter/ip*table*",
    "net/ipv4/netfilter/nf_*",
    "net/ipv4/netfilter/nft_*",
    "net/ipv6/netfilter/ip*table*",
    "net/ipv6/netfilter/nf_*",
    "net/ipv6/netfilter/nft_*",
    "net/mptcp/*",
    "net/netfilter/nf_conntrack",
    "net/netfilter/nf_conntrack_netlink",
    "net/netfilter/nf_log*",
    "net/netfilter/nf_nat",
    "net/netfilter/nf_reject*",
    "net/netfilter/nf_tables",
    "net/netfilter/nfnetlink*",
    "net/netfilter/nft_*",
    "net/netfilter/x_tables",
    "net/netfilter/xt_*",
    "net/netlink/*",
    "net/packet/*",
    "net/sched/*",
    "net/tls/*",
    "net/unix/*",
    # What the kernel asks for by the name of a cipher, for TLS in the kernel and for TCP-AO.
    "crypto/ccm",
    "crypto/chacha*",
    "crypto/cmac",
    "crypto/ctr",
    "crypto/gcm",
    "crypto/ghash*",
    "crypto/poly1305*",
    "crypto/seqiv",
    "arch/x86/crypto/aesni*",
    "arch/x86/crypto/chacha*",
    "arch/x86/crypto/ghash*",
    "arch/x86/crypto/poly1305*",
    "drivers/char/hw_random/virtio-rng",
    "drivers/char/virtio_console",
    "drivers/misc/pvpanic/*",
    "drivers/net/bonding/bonding",
    "drivers/net/dummy",
    "drivers/net/ethernet/intel/e1000e/*",
    "drivers/net/ethernet/intel/igb/*",
    "drivers/net/ifb",
    "drivers/net/macvlan",
    "drivers/net/net_failover",
    "drivers/net/netconsole",
    "drivers/net/nlmon",
    "drivers/net/tun",
    "drivers/net/veth",
    "drivers/net/virtio_net",
    "drivers/net/vmxnet3/*",
    "drivers/net/vrf",
    "drivers/virtio/virtio*",
)

INDEX_INPUTS = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


@dataclass(frozen=True)
class Kernel:
    """A kernel to boot: its name for messages and caches, its release, its modules if any."""

    name: str
    release: str
    modules: Path | None


def find_kernel(name: str, kernels: Path) -> Kernel:
    """One of build/kernels by its name, or a bzImage by its path."""
    place = kernels / name
    if "/" not in name and (place / "release").is_file():
        release = (place / "release").read_text().strip()
        return Kernel(name, release, place / "root" / "lib" / "modules" / release)
    path = Path(name)
    if path.is_file():
        release = bzimage_release(path)
        beside = (
            path.parent / "root" / "lib" / "modules" / release,
            Path("/lib/modules") / release,
        )
        return Kernel(f"own-{release}", release, next((p for p in beside if p.is_dir()), None))
    raise ImageError(
        f"there is no kernel {name}: neither in {kernels} (images/kernels fetches it) nor a file"
    )


def bzimage_release(path: Path) -> str:
    """What uname -r will say, from the header of an x86 boot image."""
    with path.open("rb") as f:
        head = f.read(65536)
    if head[0x202:0x206] != b"HdrS":
        raise ImageError(f"{path} is not a bzImage")
    start = int.from_bytes(head[0x20E:0x210], "little") + 0x200
    return head[start : head.index(b"\0", start)].split()[0].decode()


def module_name(path: str | Path) -> str:
    """A module's name without its path and endings."""
    return re.sub(r"\.ko(\.[a-z0-9]+)?$", "", Path(path).name)


def _dependencies(modules: Path) -> dict[str, list[str]]:
    """modules.dep as a table: path -> paths of all that it needs."""
    table = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        table[path] = needs.split()
    return table


def select(modules: Path) -> list[str]:
    """Paths of the wanted modules and everything they need, sorted."""
    table = _dependencies(modules)
    chosen: set[str] = set()
    for path in table:
        stem = str(Path(path).with_name(module_name(path))).removeprefix("kernel/")
        if any(fnmatch.fnmatchcase(stem, pattern) for pattern in WANTED):
            chosen |= {path, *table[path]}
    return sorted(chosen)


def _plain(path: Path) -> bytes:
    """A module's bytes; unpacked here once instead of in every boot."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix != ".ko":
        raise ImageError(f"{path}: modules packed as {path.suffix} are not supported")
    return data


def stage(kernel: Kernel, into: Path) -> None:
    """Lay the chosen modules out below a folder, as depmod wants to see them."""
    target = into / "lib" / "modules" / kernel.release
    target.mkdir(parents=True)
    if kernel.modules is None:
        return
    for path in select(kernel.modules):
        out = target / Path(path).with_name(module_name(path) + ".ko")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(_plain(kernel.modules / path))
    for name in INDEX_INPUTS:
        if (kernel.modules / name).exists():
            shutil.copyfile(kernel.modules / name, target / name)


def add_staged(archive: Archive, staged: Path) -> None:
    """Put a staged tree with its index into the archive."""
    _index(staged)
    for path in sorted((staged / "lib").rglob("*")):
        if path.is_file():
            archive.file("usr/" + str(path.relative_to(staged)), path.read_bytes())


def _index(staged: Path) -> None:
    release = next((staged / "lib" / "modules").iterdir()).name
    done = subprocess.run(
        ["/sbin/depmod", "-b", staged, release],
        capture_output=True,
        text=True,
        timeout=DEPMOD_SECONDS,
    )
    if done.returncode:
        raise ImageError(f"depmod failed: {done.stderr.strip()}")


def add_driver(archive: Archive, kernel: Kernel, staged: Path, driver: Path) -> None:
    """Put a module of the user's own beside the staged ones, with an index that knows it."""
    data = driverfile.read_module(driver)
    release = driverfile.release_of(driver, data)
    if release != kernel.release:
        raise ImageError(
            f"{driver} was built for kernel {release}, this one is {kernel.release}"
        )
    name = module_name(driver) + ".ko"
    # Beside the staged modules they can be linked instead of copied.
    beside = staged.parent if os.access(staged.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=beside) as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(staged, tree, copy_function=_link_or_copy)
        modules = tree / "lib" / "modules" / kernel.release
        place = modules / "updates" / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        _index(tree)
        base = f"usr/lib/modules/{kernel.release}"
        archive.file(f"{base}/updates/{name}", data)
        for index in modules.glob("modules.*"):
            if index.name not in INDEX_INPUTS:
                archive.file(f"{base}/{index.name}", index.read_bytes())


def _link_or_copy(source: str, target: str) -> None:
    """depmod replaces its index files by renaming, so links to modules and inputs are safe."""
    if Path(source).name.startswith("modules.") and Path(source).name not in INDEX_INPUTS:
        return
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another file system, or files of somebody else
        shutil.copyfile(source, target)
