# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the results of a document are those that its plan says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .words import Plan

SHOWN = 5
NO_PLAN = "there is no plan, so nobody knows whether results are missing"


def complaint(plan: Plan | None, numbers: Sequence[int], needs: bool) -> str:
    """What is wrong, in a sentence, or ""; `needs`: there must be a plan. KTAP may have none, and
    subtests are summed up by a result; their numbers still have to be without gaps.
    """
    if plan is None and needs:
        return NO_PLAN
    known = set(numbers)
    count = plan.count if plan else max(known, default=0)
    said = f"the plan is 1..{count}" if plan else f"the last result is number {count}"
    lacking = count - sum(1 <= number <= count for number in known)
    if lacking:
        return f"{said}: no result for {_listed(_missing(known, count), lacking)}"
    beyond = sorted(number for number in known if not 1 <= number <= count)
    if beyond:
        return f"{said}: result {_listed(beyond, len(beyond))} is not part of it"
    if len(numbers) > len(known):
        twice = sorted(number for number, times in Counter(numbers).items() if times > 1)
        return f"{said}: more than one result has number {_listed(twice, len(twice))}"
    return ""


def _missing(known: set[int], count: int) -> list[int]:
    """The first numbers that are missing, without a walk to a count that may be anything."""
    found: list[int] = []
    number = 1
    while number <= count and len(found) < SHOWN:
        if number not in known:
            found.append(number)
        number += 1
    return found


def _listed(numbers: Sequence[int], count: int) -> str:
    words = ", ".join(map(str, numbers[:SHOWN]))
    return words + (f" and {count - SHOWN} more" if count > SHOWN else "")
