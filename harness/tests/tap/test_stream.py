# SPDX-License-Identifier: GPL-2.0-or-later
"""Output of test programs, whole and broken, and the cases that it has."""

from __future__ import annotations

import textwrap

import pytest

from chimney.tap.cases import LINES_MAX, Case, Outcome
from chimney.tap.level import NO_RESULT, NOT_OK
from chimney.tap.plan import NO_PLAN
from chimney.tap.stream import Stream

MARKS = {Outcome.PASSED: "+", Outcome.SKIPPED: "s", Outcome.FAILED: "-", Outcome.ERROR: "!"}


def cases(text: str | bytes, cut: str = "", most: int = 1000) -> list[tuple[str, Case]]:
    """Each case with the names of the suites above it, without that of the document."""
    stream = Stream("doc", most)
    data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    stream.feed(data)
    return [("/".join(path[1:]), case) for suite in stream.end(cut)
            for path, case in suite.cases()]


def brief(text: str | bytes, cut: str = "") -> list[str]:
    """Each case as one word or a few: what it has come to, and its path."""
    return [f"{MARKS[case.outcome]}{path + '/' if path else ''}{case.name}"
            for path, case in cases(text, cut)]


def whys(text: str | bytes, cut: str = "") -> list[str]:
    """Why those cases are bad that are."""
    return [case.why for _, case in cases(text, cut) if case.bad]


KTAP = """\
KTAP version 1
1..1
  KTAP version 1
  1..3
    KTAP version 1
    1..1
    # a: initializing
    ok 1 a
  ok 1 first
    KTAP version 1
    1..2
    ok 1 a # SKIP no such thing
    ok 2 b
  ok 2 second
    KTAP version 1
    1..2
    # a: EXPECTATION FAILED at x.c:7
        Expected 1 == 2
    not ok 1 a
    ok 2 b # XFAIL known
  not ok 3 third
not ok 1 main
"""
KTAP_CASES = ["+main/first/a", "smain/second/a", "+main/second/b", "-main/third/a",
              "smain/third/b"]


def test_nested_ktap() -> None:
    assert brief(KTAP) == KTAP_CASES
    assert [case.text for _, case in cases(KTAP) if case.bad] == [
        ["# a: EXPECTATION FAILED at x.c:7", "    Expected 1 == 2"]]


@pytest.mark.parametrize("stamp", ["", "[   12.3] ", "<6>[    1.000000][  T9] "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_a_console_says_the_same(stamp: str, end: str) -> None:
    assert brief("".join(stamp + line + end for line in KTAP.splitlines()).encode()) == KTAP_CASES


def test_the_kernel_and_a_program_on_one_console() -> None:
    """Each has its own document, and the kernel's words are there where the program fails."""
    assert [(path, case.name, case.text) for path, case in cases("""\
        TAP version 13
        1..2
        [    1.0] KTAP version 1
        ok 1 a
        [    1.1] 1..1
        [    1.2] WARNING: CPU: 0
        not ok 2 b
        [    1.3] ok 1 in the kernel
        """)] == [("", "a", []), ("", "b", ["WARNING: CPU: 0"]), ("", "in the kernel", [])]


def test_kunit_has_names_behind_the_version() -> None:
    assert brief("""\
        KTAP version 1
        1..1
            KTAP version 1
            # Subtest: example
            # module: kunit_example
            1..2
            ok 1 simple
                KTAP version 1
                # Subtest: params
                ok 1 one
                ok 2 two
            # params: pass:2 fail:0 skip:0 total:2
            ok 2 params
        # Totals: pass:3 fail:0 skip:0 total:3
        ok 1 example
        """) == ["+example/simple", "+example/params/one", "+example/params/two"]


def test_kselftest_makes_comments_of_a_tests_output() -> None:
    text = """\
        TAP version 13
        1..4
        # timeout set to 45
        # selftests: net: a
        # TAP version 13
        # 1..2
        # ok 1 x
        # # y failed
        # not ok 2 y
        # # Totals: pass:1 fail:1
        not ok 1 selftests: net: a # exit=1
        # selftests: net: b
        # just words
        #
        not ok 2 selftests: net: b # TIMEOUT 45 seconds
        # selftests: net: c
        # KTAP version 1
        # 1..2
        # ok 1 x
        not ok 3 selftests: net: c # TIMEOUT 45 seconds
        # selftests: net: d
        ok 4 selftests: net: d # SKIP
        """
    assert brief(text) == [
        "+selftests: net: a/x", "-selftests: net: a/y", "-selftests: net: b",
        "+selftests: net: c/x", "-selftests: net: c/plan",
        "-selftests: net: c/selftests: net: c", "sselftests: net: d"]
    assert whys(text)[1:] == ["TIMEOUT 45 seconds", "the plan is 1..2: no result for 2",
                              "TIMEOUT 45 seconds"]
    assert cases(text)[1][1].text == ["# y failed", "# Totals: pass:1 fail:1"]


def test_subtests_of_tap_14() -> None:
    text = """\
        TAP version 14
        1..5

        # Subtest: foo
            1..2
            ok 1
            ok 2 - this passed
        ok 1 - foo

        # Subtest: bar
            not ok 1 - wrong
              ---
              found: false

              wanted: true
              ...
            ok 2 - good # TODO
            1..2
        not ok 2 - bar
          ---
          fail: 1
          ...
        # Subtest: empty
            1..0 # no disk
        ok 3 - empty
                ok 1 - nested twice
                1..1
            ok - nested once
            1..1
        ok 4 - bare
        # Subtest: later
            not ok 1 - a
            1..1
        not ok 5 - later # TODO not yet
        """
    assert brief(text) == ["+foo/test 1", "+foo/this passed", "-bar/wrong", "+bar/good",
                           "sempty/all tests", "+bare/nested once/nested twice", "slater/a"]
    assert cases(text)[2][1].text == ["found: false", "", "wanted: true"]
    assert cases(text)[4][1].why == "no disk"
    assert cases(text)[6][1].why == "TODO not yet: not ok"


def test_comments_follow_a_result_where_there_is_no_version() -> None:
    """As Test::More prints them; with a version they stand before it."""
    lines = ["not ok 1 - a", "# of a", "not ok 2 - b", "# of b"]
    assert [case.text for _, case in cases("\n".join(["1..2", *lines]))] == [["# of a"], ["# of b"]]
    lines = ["TAP version 13", "1..2", "# of a", "not ok 1 - a", "# of b", "not ok 2 - b"]
    assert [case.text for _, case in cases("\n".join(lines))] == [["# of a"], ["# of b"]]


def test_names_keep_a_hash_where_it_begins_no_data() -> None:
    lines = "1..2\nnot ok 1 a # b\nok 2 c # skip d\n"
    assert brief(lines) == brief("TAP version 14\n" + lines) == ["-a # b", "sc"]
    for version in ("TAP version 13", "KTAP version 1"):
        assert brief(f"{version}\n{lines}") == ["-a", "sc"]
        assert whys(f"{version}\n{lines}") == ["b"]


@pytest.mark.parametrize("text", [
    "1..3\nok 2\nok 3\nok 1\n", "ok\nok\n1..2\n", "1..1\nok 1 - no end of line",
    "words\n1..1\nmore words\nok\nand more\n", "KTAP version 1\nok 1 a\nok 2 b\n",
    "TAP version 12\n1..1\nok 1\n", "1..0\n", "pragma +strict\n1..1\nok 1\n",
    "TAP version 13\n1..1\nok 1\nTAP version 13\n1..1\nok 1\n", "1..1\nok 1\n1..1\nok 1\n",
    "ok\nok\n1..2\nok\n1..1\n", "1..1\nok 1 - a\n  ok 7 of these words are no result\n",
])
def test_what_is_well(text: str) -> None:
    assert cases(text) and whys(text) == [] and whys(text, "signal 9") == []


@pytest.mark.parametrize(("text", "why"), [
    ("1..3\nok 1\n", "the plan is 1..3: no result for 2, 3"),
    ("1..3\nok 1\nok 3\n", "the plan is 1..3: no result for 2"),
    ("1..999999999\nok 2\n",
     "the plan is 1..999999999: no result for 1, 3, 4, 5, 6 and 999999993 more"),
    ("1..1\nok 1\nok 2\nok 3\n", "the plan is 1..1: result 2, 3 is not part of it"),
    ("1..2\nok 1\nok 0\nok 2\n", "the plan is 1..2: result 0 is not part of it"),
    ("TAP version 13\n1..2\nok 1\nok 2\nok 2\n",
     "the plan is 1..2: more than one result has number 2"),
    ("1..2\n1..1\nok 1\n", "the plan is 1..2: no result for 1, 2"),
    ("ok 1\n", NO_PLAN), ("TAP version 13\n", NO_PLAN),
    ("KTAP version 1\nok 1 a\nok 3 b\n", "the last result is number 3: no result for 2"),
])
def test_a_plan_that_is_not_kept_is_a_failure(text: str, why: str) -> None:
    (_, case), = [(path, case) for path, case in cases(text) if case.bad]
    assert (case.name, case.outcome, case.why) == ("plan", Outcome.FAILED, why)


@pytest.mark.parametrize(("text", "cut", "why"), [
    ("1..3\nok 1\n", "signal 9", "the plan is 1..3: no result for 2, 3 (signal 9)"),
    ("ok 1\n", "signal 9", f"{NO_PLAN} (signal 9)"),
    ("TAP version 13\n1..1\nnot ok 1 # TODO\n  ---\n  a: b\n", "",
     "the output ends within a YAML block"),
    ("KTAP version 1\n1..1\n  KTAP version 1\n  # Subtest: s\n  1..3\n  ok 1 a\n", "",
     "the output ends within the subtests of s"),
    ("KTAP version 1\n1..1\n# KTAP version 1\n# 1..3\n# ok 1 a\n", "5 s were over",
     "the output ends within the subtests of a test (5 s were over)"),
])
def test_truncated_output_is_an_error(text: str, cut: str, why: str) -> None:
    (_, case), = [(path, case) for path, case in cases(text, cut) if case.bad]
    assert (case.outcome, case.why) == (Outcome.ERROR, f"truncated: {why}")


@pytest.mark.parametrize("text", [
    "1..3\nok 1\nBail out! no disk\n",
    "KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n  ok 1 a\n  Bail out! no disk\n",
    "TAP version 13\n1..2\n# TAP version 13\n# 1..2\n# Bail out! no disk\n# Totals: pass:0\n"
    "Bail out! no disk\n",
], ids=["plain", "subtest", "twice"])
def test_bail_out_is_one_error(text: str) -> None:
    (_, case), = [(path, case) for path, case in cases(text) if case.bad]
    assert (case.outcome, case.why) == (Outcome.ERROR, "Bail out! no disk")


def test_subtests_without_a_result_are_an_error() -> None:
    text = """\
        KTAP version 1
        1..1
        # KTAP version 1
        # 1..1
        # ok 1 a
          KTAP version 1
          1..1
          ok 1 a
        ok 1 second
        """
    assert brief(text) == ["+second/subtests/a", "!second/subtests", "+second/a"]
    assert whys(text) == [NO_RESULT]


def test_a_parent_may_fail_alone() -> None:
    text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 a\n# left over\nnot ok 1 p\n"
    assert brief(text) == ["+p/a", "-p/p"] and whys(text) == [NOT_OK]
    assert cases(text)[1][1].text == ["# left over"]


def test_words_are_no_tap() -> None:
    assert cases("hello\n[    1.0] Linux version 6.1\n# comment\n") == []


def test_what_is_kept_is_bounded() -> None:
    """Cases, lines of one case, and levels."""
    found = cases("1..2000\n" + "ok\n" * 2000, most=50)
    assert len(found) == 51 and found[-1][1].why.startswith("there are more than 50 cases")
    found = cases("TAP version 13\n1..1\n" + "# words\n" * 5000 + "not ok 1\n")
    assert len(found) == 1 and len(found[0][1].text) == LINES_MAX
    deep = "".join(f"{'  ' * depth}KTAP version 1\n" for depth in range(2000))
    assert whys(deep) == ["truncated: the output ends within the subtests of a test"]
    spread = "KTAP version 1\n" + "# TAP version 13\n  1..1\n" * 5000
    assert len(cases(spread, most=50)) < 200
