# SPDX-License-Identifier: GPL-2.0-or-later
"""`harness/chimney run --junit`: what a guest prints becomes cases, and an exit status."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.vm
Run = Any  # the fixture of conftest.py, which looks for processes that a run has left behind

# Subtests, and a document of the kernel's in its log, written through /dev/kmsg.
SCRIPT = """\
printf 'KTAP version 1\\n1..2\\n  KTAP version 1\\n  1..2\\n  ok 1 a\\r\\n'
for line in 'KTAP version 1' '1..1' 'ok 1 in the log'; do echo "$line" >/dev/kmsg; done
printf '  # b: why\\n  not ok 2 b\\nnot ok 1 first\\nok 2 second # SKIP no card\\n'
dmesg | grep -E '(KTAP version 1|1\\.\\.1|ok 1 in the log)$'
"""


def read(file: Path) -> tuple[list[str], str | None]:
    """Each case with what is in it, and the command that the file names."""
    root = ET.parse(file).getroot()
    cases = [" ".join([f"{case.attrib['classname']}/{case.attrib['name']}",
                       *(inner.tag for inner in case)]) for case in root.iter("testcase")]
    named = root.find("testsuite/properties/property[@name='command']")
    return cases, None if named is None else named.attrib["value"]


def test_results_become_a_file_and_a_status(run: Run, tmp_path: Path) -> None:
    file, report = tmp_path / "x.xml", tmp_path / "r.json"
    done = run("--junit", str(file), "--report", str(report), "--", "sh", "-c", SCRIPT)
    assert done.returncode == 123, done.stderr
    assert "not ok 1 first\n" in done.stdout
    assert f"chimney: junit: 5 tests, 1 failure, 0 errors, 1 skipped ({file})\n" in done.stderr
    cases, command = read(file)
    assert command is not None and command.startswith("sh -c ")
    assert cases[0].startswith("chimney.run/sh -c ") and cases[1:] == [
        "sh.first/a", "sh.first/b failure", "sh/second skipped", "sh 2/in the log"]
    failure, = ET.parse(file).getroot().iter("failure")
    assert failure.text == "# b: why"
    said = json.loads(report.read_text())
    assert (said["status"], said["error"]) == (123, None)
    assert said["results"] == {"tests": 5, "failures": 1, "errors": 0, "skipped": 1}
    assert len(run.folders) == 1


def test_a_command_that_does_not_end_is_an_error_in_the_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.xml"
    done = run("--timeout", "20", "--junit", str(file), "--", "sh", "-c",
               "echo 1..2; echo ok 1 - a; sleep 1000")
    assert done.returncode == 124, done.stderr
    cases, _ = read(file)
    assert [case.partition("/")[2] for case in cases[1:]] == ["a", "truncated output error"]
    assert cases[0].endswith(" error")
    error = next(ET.parse(file).getroot().iter("error"))
    assert error.attrib["message"].startswith("waited 20.0 s for ")
