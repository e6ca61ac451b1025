# SPDX-License-Identifier: GPL-2.0-or-later
"""How tests are dealt to shards: each to one, by rules that hold on every machine."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimney.errors import WrongUse
from chimney.shards.deal import MOST, Shard, Test, deal, parse

few = settings(max_examples=40, deadline=None, derandomize=True)
VMS = ("", "", "6.1-2-plain", "7.3-2-plain", "7.3-4-emulated")
suites = st.lists(
    st.builds(lambda number, file, vm, of_file, weight: Test(f"{file}::{number}", file, vm, of_file,
                                                             weight),
              st.integers(0, 10**6), st.sampled_from(("a.py", "b.py", "ü.py")),
              st.sampled_from(VMS), st.booleans(), st.sampled_from((0.3, 3.0, 15.0))),
    max_size=16, unique_by=lambda test: test.name)


@pytest.mark.parametrize(("text", "shard"), [
    ("1/1", Shard(1, 1)), ("2/4", Shard(2, 4)), (f"{MOST}/{MOST}", Shard(MOST, MOST))])
def test_a_shard_is_read(text: str, shard: Shard) -> None:
    assert parse(text) == shard and str(shard) == text


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "x", "1/0", "0/0", "-1/3", "1/", "/3", "1/2/3",
                                  "1 / 2", "1/2 ", "1/2\n", "1/1000", "٢/٤", "1.0/2"])
def test_what_is_no_shard_is_one_sentence(text: str) -> None:
    with pytest.raises(WrongUse, match=r"^the shard '[^']*' is not of the form k/n, .*\.$"):
        parse(text)


@few
@given(suites, st.integers(1, 12), st.randoms())
def test_each_test_is_in_one_shard_in_any_order(tests: list[Test], of: int,
                                                chance: random.Random) -> None:
    dealt = dict(zip(tests, deal(tests, of), strict=True))
    assert all(1 <= number <= of for number in dealt.values())
    mixed = list(tests)
    chance.shuffle(mixed)
    assert dict(zip(mixed, deal(mixed, of), strict=True)) == dealt


@few
@given(suites, st.integers(1, 12))
def test_what_shares_no_vm_does_not_depend_on_other_tests(tests: list[Test], of: int) -> None:
    for test, number in zip(tests, deal(tests, of), strict=True):
        assert test.vm or deal([test], of) == [number]


@few
@given(suites, st.integers(1, 12))
def test_what_is_shared_stays_together(tests: list[Test], of: int) -> None:
    """A VM that is heavier than a shard should be is shared by whole files at least."""
    where: dict[str, set[int]] = defaultdict(set)
    weights: dict[str, float] = defaultdict(float)
    for test, number in zip(tests, deal(tests, of), strict=True):
        if test.vm:
            where[test.vm].add(number)
            where[f"{test.vm} {test.file}"].add(number)
            weights[test.vm] += test.weight
        elif test.of_file:
            where[test.file].add(number)
    most = sum(test.weight for test in tests) / of
    assert all(len(numbers) == 1 for name, numbers in where.items()
               if weights.get(name, 0.0) <= most * 0.999)


def test_shards_are_of_about_one_weight() -> None:
    """Of a suite in which most of the weight is in a few VMs."""
    tests = [Test(f"own{number}", "a.py") for number in range(400)]
    tests += [Test(f"{vm}-{number}", f"{number % 7}.py", f"vm{vm}", weight=3)
              for vm in range(8) for number in range(10 * vm)]
    for of in range(2, 9):
        loads: dict[int, float] = defaultdict(float)
        for test, number in zip(tests, deal(tests, of), strict=True):
            loads[number] += test.weight
        assert max(loads.values()) < 1.3 * sum(loads.values()) / of, (of, loads)


def test_a_name_has_the_same_shard_everywhere() -> None:
    """These figures may change only on purpose: runs on two machines must agree."""
    tests = [Test(f"tests/a.py::test_{letter}", "tests/a.py") for letter in "abcdefgh"]
    assert deal(tests, 4) == [3, 4, 3, 1, 2, 4, 2, 1]
