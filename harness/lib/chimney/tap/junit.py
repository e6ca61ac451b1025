# SPDX-License-Identifier: GPL-2.0-or-later
"""Suites of cases as JUnit XML, in the form that Jenkins and GitLab read.

A testsuite for each suite at the top; suites within it, which not every reader knows, become part
of the class name of their cases.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .cases import Case, Outcome, Suite

# Characters that XML 1.0 does not have, also not as a reference.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NAME_MAX = 300
TAGS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


@dataclass(frozen=True)
class Figures:
    """How many cases there are, and of these, those that are not simply good."""

    tests: int
    failures: int
    errors: int
    skipped: int

    @classmethod
    def of(cls, suites: Iterable[Suite]) -> Figures:
        """The figures of some suites."""
        counts = Counter(case.outcome for suite in suites for _, case in suite.cases())
        return cls(counts.total(), counts[Outcome.FAILED], counts[Outcome.ERROR],
                   counts[Outcome.SKIPPED])

    def words(self) -> dict[str, str]:
        """As attributes."""
        return {"tests": str(self.tests), "failures": str(self.failures),
                "errors": str(self.errors), "skipped": str(self.skipped)}

    def __str__(self) -> str:
        return ", ".join(f"{count} {name[:-1] if count == 1 and name != 'skipped' else name}"
                         for name, count in vars(self).items())


def render(suites: Sequence[Suite], properties: Mapping[str, str], seconds: float) -> bytes:
    """The document; `seconds` is what the run took, from its start."""
    root = ET.Element("testsuites", {"name": "chimney run", **Figures.of(suites).words(),
                                     "time": f"{seconds:.3f}"})
    for place, suite in enumerate(suites):
        element = ET.SubElement(root, "testsuite", {
            "name": _text(suite.name), **Figures.of([suite]).words(),
            "time": f"{0 if place else seconds:.3f}"})
        if place == 0:
            listed = ET.SubElement(element, "properties")
            for name, value in properties.items():
                ET.SubElement(listed, "property", {"name": name, "value": _text(value)})
        for path, case in suite.cases():
            element.append(_case(path, case))
    ET.indent(root)
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document + b"\n"


def _case(path: tuple[str, ...], case: Case) -> ET.Element:
    element = ET.Element("testcase", {"classname": _text(".".join(path)),
                                      "name": _text(case.name[:NAME_MAX])})
    if case.outcome in TAGS:
        more = {"message": _text(case.why)} if case.why else {}
        if case.bad:
            more["type"] = case.outcome.value
        inner = ET.SubElement(element, TAGS[case.outcome], more)
        if case.text:
            inner.text = _text("\n".join(case.text))
    return element


def _text(text: str) -> str:
    """What XML can hold; everything else becomes the replacement character."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
