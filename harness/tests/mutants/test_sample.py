# SPDX-License-Identifier: GPL-2.0-or-later
"""A sample of the mutants, drawn anew in each run; `make mutants` tries all of them."""

from __future__ import annotations

import random
import subprocess

import pytest

from chimney import paths
from chimney.mutants import patches

SAMPLE = {"device": 1, "driver": 1}
SECONDS = 2400


@pytest.mark.vm
@pytest.mark.tap
@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 10)
def test_a_sample_is_killed(draw: int) -> None:
    """Each fails its test, by the check that its patch names; without a patch the tests pass."""
    chance = random.Random(draw)
    drawn = [mutant.name for half, count in SAMPLE.items()
             for mutant in chance.sample([one for one in patches.wanted([]) if one.half == half],
                                         count)]
    done = subprocess.run([str(paths.TOP / "harness/mutants/run"), "--jobs", "1", *drawn],
                          capture_output=True, text=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(drawn)}\n{done.stdout}{done.stderr}"
    assert f"mutants: {len(drawn)} of {len(drawn)} killed" in done.stdout
