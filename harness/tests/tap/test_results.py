# SPDX-License-Identifier: GPL-2.0-or-later
"""`--junit` without a VM: file and status tell a failing test from a failing harness."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from chimney.run.options import RunOptions
from chimney.run.results import NO_TAP, Results
from chimney.run.run import Run

PASSING = b"1..1\nok 1 - a\n"
FAILING = b"1..2\nok 1 - a\nnot ok 2 - b\n# why \x01\n"


@pytest.mark.parametrize(("output", "status", "error", "cut", "after", "found"), [
    (PASSING, 0, "", "", 0, []),
    (FAILING, 0, "", "", 123, ["failure: b: not ok"]),
    (PASSING, 3, "", "", 3, ["failure: CMD: the run has ended with status 3"]),
    (FAILING, 3, "", "", 3, ["failure: CMD: the run has ended with status 3",
                             "failure: b: not ok"]),
    (PASSING, 125, "the guest is gone.", "", 125, ["error: CMD: the guest is gone."]),
    (b"1..2\nok 1\n", 124, "in vain.", "", 124, [
        "error: CMD: in vain.",
        "error: truncated output: truncated: the plan is 1..2: no result for 2 (in vain.)"]),
    (b"1..2\nok 1\n", 137, "", "signal 9", 137, [
        "failure: CMD: the run has ended with status 137",
        "error: truncated output: truncated: the plan is 1..2: no result for 2 (signal 9)"]),
    (b"hello\n", 0, "", "", 123, [f"error: TAP: {NO_TAP}"]),
    (b"", 127, "", "", 127, ["failure: CMD: the run has ended with status 127",
                             f"error: TAP: {NO_TAP}"]),
    (b"", 125, "no QEMU.", "", 125, ["error: CMD: no QEMU."]),
    (b"1..2\nok 1\n", 0, "", "", 123, ["failure: plan: the plan is 1..2: no result for 2"]),
])
def test_status_and_file_tell_a_failing_test_from_a_failing_harness(
        output: bytes, status: int, error: str, cut: str, after: int, found: list[str],
        tmp_path: Path) -> None:
    results = Results(tmp_path / "x.xml", ["/bin/CMD"], {"kernel": "6.1"})
    results.cut = cut
    results.take("stdout", output)
    results.take("stderr", FAILING)
    assert results.write(status, error)[0] == after
    results.take("stdout", FAILING)  # too late, and no harm
    root = ET.parse(tmp_path / "x.xml").getroot()
    assert [f"{bad.tag}: {case.attrib['name'].removeprefix('/bin/')}: {bad.attrib['message']}"
            for case in root.iter("testcase") for bad in case if bad.tag != "skipped"] == found
    first = next(root.iter("testcase"))
    assert first.attrib == {"classname": "chimney.run", "name": "/bin/CMD"}
    assert {element.attrib["name"] for element in root.iter("property")} == {"command", "kernel"}


def test_run_that_crashes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the harness has a fault, a reader of the file alone sees the failure."""
    def crash(_: Run) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Run, "_inside", crash)
    options = RunOptions(command=["x"], junit=tmp_path / "x.xml")
    with pytest.raises(OSError, match="no space"):
        Run(options).execute()
    errors = list(ET.parse(tmp_path / "x.xml").getroot().iter("error"))
    assert [error.attrib["message"] for error in errors] == ["OSError('no space left')"]


def test_old_results_are_gone_at_once(tmp_path: Path) -> None:
    """Of a file; what a link leads to, such as /dev/stdout, is left alone until the end."""
    file, link = tmp_path / "x.xml", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    Results(link, ["x"], {})
    assert file.read_text() == "old" and link.is_symlink()
    Results(file, ["x"], {})
    assert file.read_bytes() == b""
