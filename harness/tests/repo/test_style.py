# SPDX-License-Identifier: GPL-2.0-or-later
"""Every file has what harness/setup/style asks for: of `make lint` what takes no time."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from chimney.paths import TOP

SECONDS = 60


def test_every_file_is_in_style() -> None:
    done = subprocess.run([TOP / "harness" / "setup" / "lint", "style"], capture_output=True,
                          text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "text", "complaint"), [
    ("wide.c", "/* SPDX-License-Identifier: GPL-2.0-only */\n" + "\t" * 12 + "x = 1;\n",
     "wide.c:2: wider than 100 columns"),
    ("bare.c", "int x;\n", "licence"),
])
def test_style_is_looked_at(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text)
    done = subprocess.run(["/usr/bin/python3", TOP / "harness" / "setup" / "style", name],
                          cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode and complaint in done.stdout.lower(), done.stdout + done.stderr
