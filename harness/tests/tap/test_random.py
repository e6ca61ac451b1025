# SPDX-License-Identifier: GPL-2.0-or-later
"""Output that nobody has thought of: the reader takes everything, in pieces of any size, and what
is printed by the rules comes back as it was.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from chimney.tap.cases import Case, Outcome, Suite
from chimney.tap.junit import Figures, render
from chimney.tap.stream import Stream

much = settings(max_examples=150, deadline=None, derandomize=True)
WORDS = ["TAP version 13", "TAP version 14", "KTAP version 1", "1..2", "1..0 # SKIP x", "ok",
         "ok 1", "ok 2 - b", "not ok 1 - a # TODO x", "not ok 2 b # SKIP", "not ok 1 c",
         "# Subtest: s", "# Subtest", "---", "...", "a: b", "Bail out! y", "# words", "#", "",
         "\x1b[1mok 3", "ok 99999999999 \\\\\\# \x00\ufffe", "not ok # TIMEOUT 5"]
PREFIXES = ["", "", "  ", "    ", "      ", "\t", "# ", "# # ", "[   12.3] ", "[    1.000000]   "]
ENDS = ["\n", "\n", "\r\n", ""]
lines = st.lists(st.tuples(st.sampled_from(PREFIXES), st.sampled_from(WORDS),
                           st.sampled_from(ENDS)).map("".join), max_size=30)
outputs = st.one_of(st.binary(max_size=200), lines.map(lambda found: "".join(found).encode()))
results = st.sampled_from([Outcome.PASSED, Outcome.SKIPPED, Outcome.FAILED])
trees = st.recursive(results, lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=12)


@much
@given(outputs, st.lists(st.integers(1, 40), max_size=20), st.sampled_from(["", "signal 9"]),
       st.sampled_from([3, 100]))
def test_no_output_is_too_odd(output: bytes, sizes: list[int], cut: str, most: int) -> None:
    whole, pieces = Stream("x", most), Stream("x", most)
    whole.feed(output)
    rest = output
    for size in sizes:
        pieces.feed(rest[:size])
        rest = rest[size:]
    pieces.feed(rest)
    suites = whole.end(cut)
    assert suites == pieces.end(cut)
    assert Figures.of(suites).tests <= 8 * most
    root = ET.fromstring(render(suites, {"command": output.decode(errors="replace")}, 1.0))
    assert len(root.findall("testsuite/testcase")) == Figures.of(suites).tests


def printed(tree: object, name: str, style: str) -> tuple[list[str], bool]:
    """The lines of a test with all that is below it, and whether it is well."""
    if isinstance(tree, Outcome):
        return [{Outcome.PASSED: f"ok N {name}", Outcome.FAILED: f"not ok N {name}",
                 Outcome.SKIPPED: f"ok N {name} # SKIP why"}[tree]], tree is not Outcome.FAILED
    assert isinstance(tree, list)
    found, well = [], True
    for number, inner in enumerate(tree, 1):
        below, good = printed(inner, f"t{number}", style)
        found += [*below[:-1], below[-1].replace("N", str(number), 1)]
        well &= good
    plan = f"1..{len(tree)}"
    prefix = {"ktap": "  ", "tap": "    ", "hash": "# "}[style]
    found = [*found, plan] if style == "tap" else ["KTAP version 1", plan, *found]
    head = [f"# Subtest: {name}"] if style == "tap" else []
    return [*head, *(prefix + line for line in found), f"{'' if well else 'not '}ok N {name}"], well


def expected(tree: object, name: str) -> Case | Suite:
    """What is to come back of it."""
    if isinstance(tree, Outcome):
        why = {Outcome.FAILED: "not ok", Outcome.SKIPPED: "SKIP why"}.get(tree, "")
        return Case(name, tree, why)
    assert isinstance(tree, list)
    return Suite(name, [expected(inner, f"t{number}") for number, inner in enumerate(tree, 1)])


def only(suite: Suite) -> Suite:
    """The same without text, which may come from lines between."""
    return Suite(suite.name, [only(item) if isinstance(item, Suite) else
                              Case(item.name, item.outcome, item.why) for item in suite.items])


@much
@given(trees, st.sampled_from(["ktap", "tap", "hash"]), st.sampled_from(["", "[    1.5] "]),
       st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_is_printed_by_the_rules_comes_back(tree: object, style: str, stamp: str, end: str,
                                                 noise: bool) -> None:
    body, _ = printed(tree, "top", style)
    version = "TAP version 14" if style == "tap" else "KTAP version 1"
    text = [version, "1..1", *body[:-1], body[-1].replace("N", "1", 1)]
    if noise:
        text = [line for said in text for line in (said, "[    2.0] foreign words")]
    stream = Stream("doc")
    stream.feed("".join((line if line.startswith("[") else stamp + line) + end
                        for line in text).encode())
    assert [only(suite) for suite in stream.end()] == [Suite("doc", [expected(tree, "top")])]
