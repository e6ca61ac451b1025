# SPDX-License-Identifier: GPL-2.0-or-later
"""Which shard of a run each test is in. Knows nothing of pytest.

Every shard computes this for all tests of the run and keeps its own, so the shards need not talk to
one another: they only have to be given the same tests.

- A test that shares nothing is dealt by a hash of its name, and tests that share something of their
  file by a hash of the file's name. Other tests have no say in it.
- Tests that share a VM stay together. There are few such groups, and they differ much in weight, so
  a hash would make shards very unequal: the heaviest goes first, each to the shard that has the
  least by then. A group that is heavier than a whole shard should be is cut at its files.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import WrongUse

MOST = 999


@dataclass(frozen=True)
class Shard:
    """One shard of a run: its number, from 1 on, and how many there are, MOST at the most."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Test:
    """What is known of a test: its name and that of its file, which are unique; the VM that it
    shares, or ""; whether it shares something of its file; and its weight in seconds, roughly.
    """

    __test__ = False  # pytest need not look for tests in it

    name: str
    file: str
    vm: str = ""
    of_file: bool = False
    weight: float = 1.0


def parse(text: str) -> Shard:
    """The shard that k/n means; raises WrongUse."""
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text, re.ASCII)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise WrongUse(f"the shard '{text}' is not of the form k/n, such as 2/4, with k from 1 to "
                       f"n and n up to {MOST}.")
    return Shard(int(found[1]), int(found[2]))


def deal(tests: Sequence[Test], of: int) -> list[int]:
    """The number of the shard of each test, from 1 to `of`, whatever the order of the tests."""
    groups: dict[str, list[Test]] = defaultdict(list)
    for test in tests:
        if test.vm:
            groups[test.vm].append(test)
    loads = dict.fromkeys(range(1, of + 1), 0.0)
    shards: dict[str, int] = {}
    for test in tests:
        if not test.vm:
            shards[test.name] = _hashed(test.file if test.of_file else test.name, of)
            loads[shards[test.name]] += test.weight
    most = sum(test.weight for test in tests) / of
    for _, _, piece in sorted((-_weight(piece), name, piece)
                              for name, piece in _pieces(groups, most)):
        least = min(loads, key=lambda number: (loads[number], number))
        loads[least] += _weight(piece)
        shards |= {name: least for name, _ in piece}
    return [shards[test.name] for test in tests]


Piece = list[tuple[str, float]]


def _pieces(groups: dict[str, list[Test]], most: float) -> Iterable[tuple[str, Piece]]:
    """The groups, each with a name of its own; those that weigh more than `most` in pieces."""
    for vm, group in groups.items():
        whole = sum(test.weight for test in group) <= most
        pieces: dict[str, Piece] = defaultdict(list)
        for test in sorted(group, key=lambda test: test.name):
            pieces["" if whole else test.file].append((test.name, test.weight))
        yield from ((f"{vm} {file}", piece) for file, piece in pieces.items())


def _weight(piece: Piece) -> float:
    return sum(weight for _, weight in piece)


def _hashed(name: str, of: int) -> int:
    """A number from 1 to `of` that is the same in every run and on every machine."""
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % of + 1
