# SPDX-License-Identifier: GPL-2.0-or-later
"""The JUnit file: what an automated suite finds in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from chimney.tap.cases import Case, Outcome, Suite
from chimney.tap.junit import NAME_MAX, Figures, render


def test_the_document() -> None:
    suites = [
        Suite("one", [Case("a"), Suite("inner", [
            Case("b", Outcome.FAILED, "not ok", ["x", "<&]]>"]),
            Case("c", Outcome.SKIPPED, "SKIP it")])]),
        Suite("two", [Case("d", Outcome.ERROR, "truncated")])]
    root = ET.fromstring(render(suites, {"kernel": "6.1"}, 1.25))
    counts = {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert root.tag == "testsuites" and root.attrib == {"name": "chimney run", "time": "1.250",
                                                        **counts}
    one, two = root
    assert one.attrib == {"name": "one", "time": "1.250", **counts, "tests": "3", "errors": "0"}
    assert two.attrib["errors"] == two.attrib["tests"] == "1" and two.attrib["failures"] == "0"
    assert [element.attrib for element in one.iter("property")] == [
        {"name": "kernel", "value": "6.1"}]
    assert [element.attrib for element in root.iter("testcase")] == [
        {"classname": "one", "name": "a"}, {"classname": "one.inner", "name": "b"},
        {"classname": "one.inner", "name": "c"}, {"classname": "two", "name": "d"}]
    failure, = root.iter("failure")
    assert failure.attrib == {"message": "not ok", "type": "failure"}
    assert failure.text == "x\n<&]]>"
    assert [element.attrib for element in root.iter("error")] == [
        {"message": "truncated", "type": "error"}]
    assert [element.attrib for element in root.iter("skipped")] == [{"message": "SKIP it"}]


def test_what_xml_cannot_hold() -> None:
    name = "\x00a\x1b\ud800\ufffe\U0001f600\t" + "x" * NAME_MAX
    root = ET.fromstring(render([Suite(name, [Case(name)])], {"command": name}, 0))
    case, = root.iter("testcase")
    bad = "\N{REPLACEMENT CHARACTER}"
    assert case.attrib["name"].startswith(f"{bad}a{bad}{bad}{bad}\U0001f600\t")
    assert len(case.attrib["name"]) == NAME_MAX


def test_figures_are_english() -> None:
    assert str(Figures(1, 0, 1, 1)) == "1 test, 0 failures, 1 error, 1 skipped"
