# SPDX-License-Identifier: GPL-2.0-or-later
"""What one line of TAP says, and how bytes become lines."""

from __future__ import annotations

import pytest

from chimney.tap.cases import Outcome
from chimney.tap.lines import CUT, LINE_MAX, Line, Lines
from chimney.tap.words import Bail, Plan, Result, Said, Subtest, Version, read

SAYS: list[tuple[str, Said | None]] = [
    ("TAP version 13", Version(False, 13)),
    ("KTAP version 1", Version(True, 1)),
    ("tap version 13", None),
    ("TAP version 13 or so", None),
    ("1..4", Plan(4)),
    ("1..0 # SKIP no /dev/net/tun", Plan(0, "no /dev/net/tun")),
    ("1..0 # Skipped: no net", Plan(0, "no net")),
    ("1..0 # WWW::Mechanize is missing", Plan(0, "WWW::Mechanize is missing")),
    ("1..10 todo 3 7", Plan(10)),
    ("1..9999999999", None),
    ("1..", None),
    ("2..3", None),
    ("Bail out! no database", Bail("no database")),
    ("BAIL OUT!", Bail("")),
    ("# Subtest: foo", Subtest("foo")),
    ("# Subtest", Subtest("")),
    ("# Subtests are fine", None),
    ("ok", Result(True, None, "")),
    ("not ok", Result(False, None, "")),
    ("ok 1", Result(True, 1, "")),
    ("ok 1 - it works", Result(True, 1, "it works")),
    ("ok 1 it works", Result(True, 1, "it works")),
    ("ok 1- it works", Result(True, 1, "it works")),
    ("ok - it works", Result(True, None, "it works")),
    ("ok it works", Result(True, None, "it works")),
    ("ok 42nd try", Result(True, None, "42nd try")),
    ("ok 1 -v is taken", Result(True, 1, "-v is taken")),
    ("not ok 3 selftests: net: foo # exit=1", Result(False, 3, "selftests: net: foo", "",
                                                     "exit=1")),
    ("ok 3 selftests: net: foo # SKIP", Result(True, 3, "selftests: net: foo", "SKIP")),
    ("not ok 3 a # TIMEOUT 45 seconds", Result(False, 3, "a", "TIMEOUT", "45 seconds")),
    ("ok 2 - # SKIP no /sys", Result(True, 2, "", "SKIP", "no /sys")),
    ("ok 2 # skip no /sys", Result(True, 2, "", "SKIP", "no /sys")),
    ("ok 2 - a # Skipped: why not", Result(True, 2, "a", "SKIP", "why not")),
    ("ok 3 - #SkIp why", Result(True, 3, "", "SKIP", "why")),
    ("not ok 4 - a # TODO b", Result(False, 4, "a", "TODO", "b")),
    ("ok 5 https://example.com/page.html#skip is a url",
     Result(True, 5, "https://example.com/page.html#skip is a url")),
    ("ok 6 - hello \\# todo", Result(True, 6, "hello # todo")),
    ("ok 7 - hello \\\\# todo hash \\# sign", Result(True, 7, "hello \\", "TODO", "hash # sign")),
    ("ok 8 - hello \\\\\\\\\\\\\\# todo", Result(True, 8, "hello \\\\\\# todo")),
    ("ok 9 - takes # error 5", Result(True, 9, "takes", "", "error 5")),
    ("okay", None), ("ok: fine", None), ("not okay", None), ("Not ok 1", None), ("", None),
    ("pragma +strict", None), ("# a comment", None),
]


@pytest.mark.parametrize(("text", "said"), SAYS, ids=[text for text, _ in SAYS])
def test_a_line_says(text: str, said: Said | None) -> None:
    assert read(text) == said


def test_a_name_of_tap_14_goes_on_behind_a_hash() -> None:
    assert read("ok 7 - hello # description # todo", True) == Result(
        True, 7, "hello # description # todo")
    assert read("ok 7 - hello # todo", True) == Result(True, 7, "hello", "TODO")


@pytest.mark.parametrize(("text", "outcome", "why"), [
    ("ok 1", Outcome.PASSED, ""), ("not ok 1", Outcome.FAILED, "not ok"),
    ("ok 1 # SKIP a", Outcome.SKIPPED, "SKIP a"), ("not ok 1 # SKIP", Outcome.SKIPPED, "SKIP"),
    ("not ok 1 # TODO a", Outcome.SKIPPED, "TODO a"), ("ok 1 # TODO a", Outcome.PASSED, "TODO a"),
    ("not ok 1 # XFAIL", Outcome.SKIPPED, "XFAIL"), ("ok 1 # XFAIL", Outcome.SKIPPED, "XFAIL"),
    ("not ok 1 # TIMEOUT 5 s", Outcome.FAILED, "TIMEOUT 5 s"),
    ("ok 1 # ERROR a", Outcome.FAILED, "ERROR a"), ("not ok 1 # exit=3", Outcome.FAILED, "exit=3"),
    ("ok 1 # rcode=0", Outcome.PASSED, "rcode=0"),
])
def test_what_a_directive_makes_of_a_result(text: str, outcome: Outcome, why: str) -> None:
    result = read(text)
    assert isinstance(result, Result) and (result.outcome, result.why) == (outcome, why)


@pytest.mark.parametrize(("data", "line"), [
    (b"ok 1\r\n", Line("ok 1", False)),
    (b"ok 1\r\r\n", Line("ok 1", False)),
    (b"[   12.3] ok 1\n", Line("ok 1", True)),
    (b"[   12.345678]     ok 1\r\n", Line("    ok 1", True)),
    (b"<6>[    1.000000][  T12]   # a\n", Line("  # a", True)),
    (b"[12] ok 1\n", Line("[12] ok 1", False)),
    (b"\x1b[32mok 1\x1b[0m - a \n", Line("ok 1 - a", False)),
    (b"\tok 1\n", Line("    ok 1", False)),
    (b"ok 1 \xff\n", Line("ok 1 \N{REPLACEMENT CHARACTER}", False)),
    (b"ok 1 - no end", Line("ok 1 - no end", False)),
    (b"\n", Line("", False)),
])
def test_bytes_become_a_line(data: bytes, line: Line) -> None:
    lines = Lines()
    assert [*lines.feed(data), *lines.end()] == [line]
    assert [*lines.end()] == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_long_line_is_cut_and_the_next_is_not(end: bytes) -> None:
    lines = Lines()
    whole = b"ok 1 " + b"x" * (LINE_MAX - 5)
    said = [*lines.feed(whole + end), *lines.feed(whole * 3), *lines.feed(end + b"ok 2" + end)]
    text = whole.decode()
    assert [line.text for line in said] == [text, text + CUT, "ok 2"]
