# SPDX-License-Identifier: GPL-2.0-or-later
"""Each part of the sources is built as floors.toml says: which file may know which, how large the
largest circle of files is, where a prototype stands, how long a file and a function may be.

What is computed is compared with the compiler's word for the engine. Then there are mutants: what
each rule forbids is planted into a copy, and must be found.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chimney import paths
from chimney.floors import part as parts
from chimney.floors import rules
from chimney.floors.part import Part

PARTS = {part.name: part
         for part in parts.load(Path(__file__).with_name("floors.toml"), paths.TOP)}


@pytest.mark.parametrize("rule", rules.ALL)
@pytest.mark.parametrize("name", PARTS)
def test_part_is_built_as_the_table_says(name: str, rule: str) -> None:
    assert rules.ALL[rule](PARTS[name]) == []


def test_the_compiler_sees_the_same(tmp_path: Path) -> None:
    """Each object of the engine names the same functions and variables of the others. What stands
    in headers is made part of the objects, and of the files that include them.
    """
    part = PARTS["engine"]
    sources = {path: tmp_path / f"{parts.stem(path)}.o"
               for path in part.sources if path.endswith(".c")}
    subprocess.run(["gcc", "-O0", "-fkeep-inline-functions", "-fkeep-static-functions", "-c",
                    *(part.folder / path for path in sources)], cwd=tmp_path, check=True)
    symbols = {path: symbols_of(file) for path, file in sources.items()}
    for path in sources:
        assert symbols[path][0] == {name for name in part.sources[path].public}, path
        others = set().union(*(symbols[other][0] for other in sources if other != path))
        said = set().union(*(part.sources[file].uses for file in included(part, path)))
        assert symbols[path][1] & others == said & others, path


def symbols_of(file: Path) -> tuple[set[str], set[str]]:
    """What an object offers, and what it wants."""
    listed = subprocess.run(["nm", "--extern-only", "--format=posix", file], check=True, text=True,
                            capture_output=True).stdout
    rows = [line.split()[:2] for line in listed.splitlines()]
    return {name for name, kind in rows if kind != "U"}, {
        name for name, kind in rows if kind == "U"}


def included(part: Part, path: str) -> set[str]:
    """A file, and the headers that it includes, directly or not."""
    found, todo = set(), [path]
    while todo:
        here = todo.pop()
        found.add(here)
        todo += [header for what, _ in part.sources[here].includes
                 if (header := f"{part.included(here, what)}.h") in part.sources
                 and header not in found]
    return found


@pytest.fixture
def copied(tmp_path: Path) -> Part:
    """The device in another place, to be broken. The table is the real one."""
    part = PARTS["device"]
    shutil.copytree(part.folder, tmp_path / part.root)
    return replace(part, top=tmp_path)


def plain(found: list[str]) -> list[str]:
    """Sentences without line numbers, which change with every edit of the device."""
    return [re.sub(r"\.([ch]):\d+", r".\1", sentence) for sentence in found]


Plant = Callable[[str, str, str], None]


@pytest.fixture
def plant(copied: Part) -> Plant:
    """Put text into a file of the copy, behind text that is there once."""
    def put(path: str, behind: str, text: str) -> None:
        file = copied.folder / path
        before = file.read_text()
        assert before.count(behind) == 1
        file.write_text(before.replace(behind, behind + text))
    return put


def test_planted_include_is_found(copied: Part, plant: Plant) -> None:
    plant("rings/cq.c", '#include "rings/cq.h"\n', '#include "objects/op.h"\n')
    assert plain(rules.floors(copied)) == [
        "rings/cq reaches up to objects/op: rings/cq.c includes objects/op.h"]


def test_planted_call_is_found(copied: Part, plant: Plant) -> None:
    plant("core/irq.c", "    if (s->reset_pending) {\n", "        chimdev_run(s);\n")
    assert plain(rules.floors(copied)) == [
        "core/irq reaches up to run: core/irq.c uses chimdev_run"]
    assert "core/irq" in rules.circle(copied)[0]


def test_planted_pointer_to_a_function_is_found(copied: Part, plant: Plant) -> None:
    plant("core/irq.c", "    if (s->reset_pending) {\n", "        s->end = chimdev_run;\n")
    assert len(rules.floors(copied)) == 1


def test_word_that_only_looks_like_a_call(copied: Part, plant: Plant) -> None:
    plant("core/irq.c", "    if (s->reset_pending) {\n",
          '        // chimdev_run(s)\n        s->chimdev_run("chimdev_run(s)");\n')
    assert rules.floors(copied) == []


def test_exception_that_is_not_needed_is_found(copied: Part) -> None:
    row = {"from": "core/irq", "to": "run", "reason": "it was needed once"}
    assert rules.floors(replace(copied, exceptions=[row])) == [
        "the exception from core/irq to run is not needed"]


def test_exception_without_a_reason_is_found(copied: Part, plant: Plant) -> None:
    plant("core/irq.c", "    if (s->reset_pending) {\n", "        chimdev_run(s);\n")
    row = {"from": "core/irq", "to": "run", "reason": "because"}
    assert rules.floors(replace(copied, exceptions=[row])) == [
        "the exception from core/irq to run has no reason"]


def test_new_file_wants_a_floor(copied: Part) -> None:
    (copied.folder / "new.c").write_text("")
    assert rules.floors(copied) == ["new stands on no floor, or on two"]


def test_prototype_in_a_foreign_header_is_found(copied: Part, plant: Plant) -> None:
    plant("port/rx.h", '#include "port/vnet.h"\n', "ChimdevPass chimdev_tx_run(ChimdevPair *p);\n")
    assert plain(rules.prototypes(copied)) == [
        "port/rx.h declares chimdev_tx_run, which is in port/tx.c"]


def test_function_that_no_header_declares_is_found(copied: Part, plant: Plant) -> None:
    plant("port/tx.c", '#include "rings/ring.h"\n', "\nvoid chimdev_tx_stop(void)\n{\n}\n")
    assert rules.prototypes(copied) == [
        "port/tx.c has chimdev_tx_stop, which its header does not declare"]


def test_long_files_and_functions_are_found(copied: Part, plant: Plant) -> None:
    plant("core/irq.c", "    if (s->reset_pending) {\n", "        s->isr++;\n" * 500)
    plant("core/irq.h", '#include "core/chimdev.h"\n', "\n" * 350)
    assert [re.sub(r"has \d+", "has N", sentence) for sentence in plain(rules.sizes(copied))] == [
        "core/irq.c has N lines, more than 500",
        "core/irq.c chimdev_irq_raise() has N lines, more than 60",
        "core/irq.h has N lines, more than 350"]


def test_header_that_is_a_door_to_all_is_found(copied: Part) -> None:
    for path in copied.folder.glob("*/*.c"):
        path.write_text(path.read_text().replace(
            '#include "core/chimdev.h"\n', '#include "core/chimdev.h"\n#include "run.h"\n'))
    assert len(rules.doors(copied)) == 1


def test_python_is_read_by_its_imports(tmp_path: Path) -> None:
    """From the top or from a neighbor, a name or a module, at the head or inside of a function."""
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "__init__.py").write_text("")
    (tmp_path / "low" / "a.py").write_text("import json\n\ndef f():\n    from ..high import g\n")
    (tmp_path / "low" / "b.py").write_text("from . import a\nfrom .a import f\n")
    (tmp_path / "high.py").write_text("import thing.low.b\nfrom thing.low import b\ng = 1\n")
    part = Part("thing", ".", ["**/*.py"], [["low/*"], ["high"]], 1, [], 500, 60,
                package="thing", top=tmp_path)
    assert set(part.edges) == {("low/a", "high"), ("low/b", "low/a"), ("high", "low/b")}
    assert rules.floors(part) == ["low/a reaches up to high: low/a.py:4 includes ..high.g"]
    assert parts.circles(part)[0] == ["high", "low/a", "low/b"]


def test_modules_without_a_package_are_found(tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text("import json\nfrom high import f\n")
    (tmp_path / "high.py").write_text("import low\n")
    part = Part("thing", ".", ["*.py"], [["low"], ["high"]], 1, [], 500, 60, top=tmp_path)
    assert set(part.edges) == {("low", "high"), ("high", "low")}
    assert rules.floors(part) == ["low reaches up to high: low.py:2 includes high.f"]
