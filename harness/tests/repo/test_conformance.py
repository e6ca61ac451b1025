# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance document's generator reads the catalogue whole, and names requirements as tests
do; the document itself is what it makes.
"""
from __future__ import annotations

from pathlib import Path

import pytest

from chimney.conformance import main as conformance
from chimney.conformance.coverage import collect
from chimney.conformance.requirements import catalogue, load_reasons, named


def test_catalogue_is_read_whole() -> None:
    requirements = catalogue()
    assert len(requirements) == 464
    assert sum(item.seed for item in requirements.values()) == 35


def test_ranges_are_understood() -> None:
    assert named("BRD-6..8, OSD-1 and DLV-2 to DLV-3; RING-D4") == {
        "BRD-6",
        "BRD-7",
        "BRD-8",
        "OSD-1",
        "DLV-2",
        "DLV-3",
    }


def test_tests_name_only_requirements_that_exist() -> None:
    assert collect(catalogue()) == []


def test_reasons_name_only_requirements_that_exist() -> None:
    assert "IMD-1" in load_reasons(catalogue())


def test_founding_requirements_are_shown_in_a_guest_or_say_why_not() -> None:
    requirements = catalogue()
    collect(requirements)
    why_not = set(load_reasons(requirements, "no-guest"))
    founding = {item.id: item for item in requirements.values() if item.seed}
    assert why_not <= set(founding)
    assert {name for name, item in founding.items() if not item.guest} == why_not
    assert all(item.tests for item in founding.values())


def test_document_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.slow
def test_check_tells_a_stale_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """It writes nothing, too."""
    file = tmp_path / "conformance.md"
    monkeypatch.setattr(conformance, "OUTPUT", file)
    sentence = "spec/conformance.md is not fresh: run make conformance\n"
    assert conformance.main(["--check"]) == 1 and not file.exists()
    assert capsys.readouterr().out == sentence
    assert conformance.main([]) == 0 and conformance.main(["--check"]) == 0
    file.write_text(file.read_text() + "more\n")
    capsys.readouterr()
    assert conformance.main(["--check"]) == 1 and file.read_text().endswith("more\n")
    assert capsys.readouterr().out == sentence
