# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU with a patch in the device or the engine.

What the patch touches is compiled as QEMU's own build would, everything else is linked from the
build of paths.QEMU, which must be up to date. So a mutant takes seconds, and the tree is not
touched.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

from .. import paths
from .patches import OUT, Broken, Mutant, apply, run

QEMU = paths.QEMU.parent
OURS = "../source/hw/net/chimney"
BUILD_SECONDS = 300


def environment(mutant: Mutant | None) -> dict[str, str]:
    """Build the program of a mutant, or the one without a patch, which is linked as a mutant's is;
    returns what makes the device tests use it.
    """
    folder, twins = OUT / "device" / (mutant.id if mutant else "none"), {}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if mutant:
        ignore = shutil.ignore_patterns("overlay", "tests")
        shutil.copytree(paths.TOP / "qemu-device", folder / "qemu-device", ignore=ignore)
        apply(mutant, folder)
        twins = compile_objects(mutant, folder)
    program = link(folder, twins, mutant.name if mutant else "the program without a patch")
    return {**({"CHIMNEY_WAIT_SECONDS": "2"} if mutant else {}), "CHIMNEY_QEMU": str(program)}


def forget(mutant: Mutant) -> None:
    """Delete what a mutant has left."""
    shutil.rmtree(OUT / "device" / mutant.id, ignore_errors=True)


def compile_objects(mutant: Mutant, folder: Path) -> dict[str, str]:
    """Compile what the change touches; returns the new object for each old one."""
    changed = [file.removeprefix("qemu-device/") for file in mutant.files]
    twins = {}
    for entry in json.loads((QEMU / "compile_commands.json").read_text()):
        name = entry["file"].removeprefix(OURS + "/")
        touched = name in changed or any(file.endswith(".h") for file in changed)
        if name == entry["file"] or not touched:
            continue
        twin = folder / entry["output"].replace("/", "_")
        words = [*compile_words(entry["command"], folder), "-o", str(twin), "-c",
                 str(folder / "qemu-device" / name)]
        run(words, f"{mutant.name} does not compile", BUILD_SECONDS, cwd=QEMU)
        twins[entry["output"]] = str(twin)
    if not twins:
        raise Broken(f"{mutant.name} changes nothing that is compiled into QEMU")
    return twins


def compile_words(command: str, folder: Path) -> list[str]:
    """QEMU's own command, up to its output, with the patched copy in the place of our sources."""
    command = command.replace(f"{OURS}/engine/include", f"{folder}/qemu-device/engine/include")
    words = shlex.split(command)[: -len("-MD -MQ x -MF x -o x -c x".split())]
    return [f"-I{folder}/qemu-device" if word == f"-I{OURS}" else word for word in words]


def link_arguments() -> tuple[list[str], str]:
    """The objects and the other arguments with which QEMU's own build links its program."""
    text = (QEMU / "build.ninja").read_text()
    name = paths.QEMU.name
    match = re.search(rf"^build {name}: c_LINKER(?:_RSP)? (.*)\n((?: .*\n)*)", text, re.M)
    if match is None:
        raise Broken(f"{QEMU}/build.ninja does not say how the program is linked")
    flags = re.search(r"^ LINK_ARGS = (.*)$", match[2], re.M)
    return match[1].split(" | ")[0].split(), flags[1] if flags else ""


def link(folder: Path, twins: dict[str, str], what: str) -> Path:
    """QEMU with some objects in the place of others."""
    objects, flags = link_arguments()
    program, response = folder / paths.QEMU.name, folder / "link.rsp"
    response.write_text("\n".join(twins.get(name, name) for name in objects) + "\n" + flags + "\n")
    run(["cc", "-m64", "-o", str(program), f"@{response}"], f"{what} does not link", BUILD_SECONDS,
        cwd=QEMU)
    return program
