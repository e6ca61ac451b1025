# SPDX-License-Identifier: GPL-2.0-or-later
"""The test against the mutant: it must fail, by the check that the patch names and not by anything
else that can go wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from .. import paths
from . import broken_device, broken_driver
from .patches import Broken, Mutant, call

TEST_SECONDS = {"device": 120, "driver": 300}
BUILDERS = {"device": broken_device, "driver": broken_driver}


def pytest(tests: Iterable[str], env: dict[str, str], seconds: int) -> tuple[int, str]:
    """Run tests to the first failure; returns pytest's status and what it said."""
    argv = ["/usr/bin/python3", "-m", "pytest", "-c", "pyproject.toml", "-q", "--tb=short"]
    argv += ["-p", "no:randomly", "-x", *(test.removeprefix("harness/") for test in tests)]
    return call(argv, "the tests do not end", seconds, cwd=paths.TOP / "harness",
                env={**os.environ, **env})


def passes_unbroken(half: str, mutants: Iterable[Mutant]) -> None:
    """Every named test must exist, and pass on what is built as a mutant is, without any patch."""
    tests = sorted({mutant.test for mutant in mutants})
    env = BUILDERS[half].environment(None)
    status, said = pytest(tests, env, TEST_SECONDS[half] * (1 + len(tests) // 4))
    if status:
        raise Broken(f"without a patch the tests of the {half} fail:\n{said[-3000:]}")


def attempt(mutant: Mutant, keep: bool) -> tuple[bool, str]:
    """Whether the test noticed, and one line about it."""
    try:
        env = BUILDERS[mutant.half].environment(mutant)
        status, said = pytest([mutant.test], env, TEST_SECONDS[mutant.half])
    except Broken as error:
        return False, f"ERROR     {mutant.name}: {error}"
    mutant.log.write_text(said)
    if status == 0:
        return False, f"SURVIVED  {mutant.name}: {mutant.breaks}; {mutant.test}"
    errors = re.search(r"^\d+ .*\berrors?\b.* in [0-9.]+s", said, re.M)
    if status == 1 and not errors and mutant.says in said:
        if not keep:
            BUILDERS[mutant.half].forget(mutant)
        return True, f"killed    {mutant.name}: {mutant.breaks}; {mutant.test.split('::')[1]}"
    return False, (f"ERROR     {mutant.name}: its test failed, but not by '{mutant.says}'; "
                   f"see {mutant.log}")
