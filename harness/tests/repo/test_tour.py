# SPDX-License-Identifier: GPL-2.0-or-later
"""The tour (spec/00-tour.md) is true of the sources: each function that it names is defined in the
file that it names, its steps are numbered without a gap, and the answer to each of the twelve
questions is in a file whose name says so. Tours that are not true are refused.
"""
from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from chimney.floors import csource, pysource
from chimney.paths import TOP

TOUR = TOP / "spec" / "00-tour.md"
NAMED = re.compile(r"([\w./-]+/[\w.-]+): (\w+)\(\)")
FILE = re.compile(r"[\w-]+(?:/[\w.-]+)+\.(?:c|h|py|md)\b")
PICTURE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^[|o<>+ -]+  (\d+)\. (.*)$", re.MULTILINE)
ROW = re.compile(r"^\| (.+?) \| (.+) \|$", re.MULTILINE)
LANES = ["program", "socket", "driver", "bus", "card", "wire"]
# What each question is about, and the file, without its suffix, that one looks for.
QUESTIONS = {
    "delayed ACK": "delack", "register write": "mmio", "phase bit": "ring",
    "TCP_INFO": "tcp_info", "unread data": "unread", "RSS key": "rss", "errno": "status",
    "boot a VM": "boot", "n-th INITIATE": "fail_initiate", "bytes of a request": "req",
    "IP fragment": "ip_fragment", "--offload random": "offload",
}


@cache
def defined(file: str) -> set[str]:
    """Return the functions that a file defines."""
    path = TOP / file
    source = (pysource if path.suffix == ".py" else csource).read(path)
    return {function.name for function in source.functions}


def wrong_names(text: str) -> list[str]:
    """Return files that there are not, and functions that are not in the file named with them."""
    found = [f"there is no {file}" for file in sorted(set(FILE.findall(text)))
             if not (TOP / file).is_file()]
    return found + [f"{file} has no {function}()" for file, function in NAMED.findall(text)
                    if (TOP / file).is_file() and function not in defined(file)]


def wrong_steps(text: str) -> list[str]:
    """Return what is wrong with the picture: its lanes, its numbers, a step without a function."""
    picture = PICTURE.search(text)
    if picture is None:
        return ["there is no picture"]
    found = []
    if picture[1].splitlines()[0].split() != LANES:
        found.append("the picture has other lanes")
    steps = STEP.findall(picture[1])
    if [int(number) for number, _ in steps] != list(range(1, len(steps) + 1)) or not steps:
        found.append("the steps are not numbered from 1 without a gap")
    return found + [f"step {number} names no function" for number, first in steps
                    if not NAMED.fullmatch(first)]


def wrong_answers(text: str) -> list[str]:
    """Return the questions that have no row, or whose first answer is in a file of another name."""
    rows = ROW.findall(text)
    found = []
    for about, stem in QUESTIONS.items():
        answers = [NAMED.findall(answer) for question, answer in rows if about in question]
        if len(answers) != 1:
            found.append(f"{about}: {len(answers)} rows")
        elif not answers[0] or Path(answers[0][0][0]).stem != stem:
            found.append(f"{about}: the answer is not in {stem}")
    return found


def findings(text: str) -> list[str]:
    """Return all that is wrong with a tour."""
    return wrong_names(text) + wrong_steps(text) + wrong_answers(text)


def test_tour_is_true() -> None:
    text = TOUR.read_text()
    assert findings(text) == []
    assert len(STEP.findall(text)) > 40 and len(NAMED.findall(text)) > 80


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "spec/README.md"])
def test_tour_is_linked(document: str) -> None:
    link = "00-tour.md" if document.startswith("spec/") else "spec/00-tour.md"
    assert f"({link})" in (TOP / document).read_text()


@pytest.mark.parametrize(("old", "new", "finding"), [
    ("upload.c: upload_work()", "upload.c: upload_worm()",
     "guest-driver/offload/life/upload.c has no upload_worm()"),
    # called there, and defined in another file
    ("upload.c: upload_work()", "upload.c: chimdrv_terminate()",
     "guest-driver/offload/life/upload.c has no chimdrv_terminate()"),
    ("vm/boot.py: start()", "vm/boot.py: begin()",
     "harness/lib/chimney/vm/boot.py has no begin()"),
    ("life/upload.c: upload_work()", "life/upcast.c: upload_work()",
     "there is no guest-driver/offload/life/upcast.c"),
    ("  7. ", "  8. ", "the steps are not numbered from 1 without a gap"),
    ("1. guest-driver/nic/tx.c: chimdrv_tx_xmit()", "1. The program calls connect().",
     "step 1 names no function"),
    ("| Who sets the RSS key? |", "| Who sets it? |", "RSS key: 0 rows"),
    ("socket/tcp_info.c: chimdrv_tcp_info_update()` |", "socket/write.c: chimdrv_write_reap()` |",
     "TCP_INFO: the answer is not in tcp_info"),
])
def test_untrue_tour_is_refused(old: str, new: str, finding: str) -> None:
    text = TOUR.read_text()
    assert old in text
    assert findings(text.replace(old, new, 1)) == [finding]
