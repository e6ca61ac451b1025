# SPDX-License-Identifier: GPL-2.0-or-later
"""The spin models of spec/models hold, and each negative control that they name is seen to fail."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chimney.paths import TOP

MODELS = TOP / "spec/models"
CASES = [
    ("rearm", "", True),
    ("rearm", "NO_RECHECK", False),
    ("rearm", "NO_CONSUMER_MB", False),
    ("rearm", "NO_PRODUCER_MB", False),
    ("verdict", "", True),
    ("verdict", "REVERSED", False),
    ("verdict", "LATE_VERDICT", False),
    ("handover", "", True),
    ("handover", "NO_LAST", False),
    ("handover", "NO_CUTOVER", False),
    ("handover", "DISCARD", False),
    ("handover", "NO_FENCE", False),
]


@pytest.mark.slow
@pytest.mark.drawn(2)
@pytest.mark.parametrize(
    "model,control,holds", CASES, ids=[f"{m}-{c or 'holds'}" for m, c, _ in CASES]
)
def test_model(model: str, control: str, holds: bool, tmp_path: Path) -> None:
    define = [f"-D{control}"] if control else []
    subprocess.run(
        ["spin", "-a", *define, str(MODELS / f"{model}.pml")], cwd=tmp_path, check=True, timeout=30
    )
    subprocess.run(
        ["gcc", "-O2", "-w", "-DSAFETY", "-o", "pan", "pan.c"], cwd=tmp_path, check=True, timeout=60
    )
    out = subprocess.run(
        ["./pan", "-m1000000"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    ).stdout
    errors = re.search(r"errors: (\d+)", out)
    assert errors, out
    assert "max search depth too small" not in out
    assert (errors.group(1) == "0") == holds, out


def test_every_control_of_the_models_is_listed() -> None:
    listed = {(model, control) for model, control, _ in CASES if control}
    named = {
        (path.stem, name)
        for path in MODELS.glob("*.pml")
        for name in re.findall(r"^#(?:if|ifdef|ifndef)\s+(\w+)", path.read_text(), flags=re.M)
    }
    assert named == listed
