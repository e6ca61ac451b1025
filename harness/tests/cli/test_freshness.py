# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that has been changed since the last build is told in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chimney import paths
from chimney.run import freshness
from chimney.run.freshness import Product


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Product:
    """Something built after its sources."""
    monkeypatch.setattr(paths, "TOP", tmp_path)
    monkeypatch.setattr(freshness, "SPEC", tmp_path / "spec" / "chimney_abi.h")
    for number, name in enumerate(["spec/chimney_abi.h", "driver/nic/send.c", "driver/tools/t.c",
                                   "driver/README.md", "built/x.ko"]):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        os.utime(file, (1000 + number, 1000 + number))
    return Product("the driver", tmp_path / "built" / "x.ko", tmp_path / "built" / ".built",
                   tmp_path / "driver", ("tools",), "make driver")


def touch(file: Path, seconds: int) -> None:
    """Change a file at that time."""
    file.touch()
    os.utime(file, (seconds, seconds))


def test_nothing_is_said_of_what_is_fresh(product: Product) -> None:
    assert freshness.notes([product]) == []


@pytest.mark.parametrize("name", ["driver/nic/send.c", "spec/chimney_abi.h"])
def test_the_newer_source_is_named(product: Product, tmp_path: Path, name: str) -> None:
    touch(tmp_path / name, 2000)
    assert freshness.notes([product]) == [
        f"{name} is newer than the driver: `make driver` builds it."]


def test_a_build_that_had_nothing_to_do_counts(product: Product, tmp_path: Path) -> None:
    touch(tmp_path / "driver" / "nic" / "send.c", 2000)
    touch(product.stamp, 3000)
    assert freshness.notes([product]) == []


def test_what_is_no_source_of_it_does_not_count(product: Product, tmp_path: Path) -> None:
    touch(tmp_path / "driver" / "tools" / "t.c", 2000)
    touch(tmp_path / "driver" / "README.md", 2000)
    assert freshness.notes([product]) == []


def test_what_is_not_there_is_told_by_others(product: Product) -> None:
    product.file.unlink()
    assert freshness.notes([product]) == []


def test_products_have_sources_and_exist_in_a_built_tree() -> None:
    for made in (freshness.driver("6.1"), freshness.qemu(paths.QEMU), freshness.chimneyctl()):
        sources = list(made.sources())
        assert len(sources) > 1 and all(source.suffix in (".c", ".h") for source in sources)
        assert not any("tests" in source.parts for source in sources)
