# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the demo as tests, with smaller figures: what it shows holds on each kernel.

How long the wire is silent and how often something is sent again depends on how busy the host is:
`make demo` judges that, and these tests do not.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from chimney.demo.handover import Goal
from chimney.demo.main import PARTS
from chimney.demo.parts import Demo

pytestmark = [pytest.mark.vm, pytest.mark.tap, pytest.mark.slow, pytest.mark.timeout(1200)]
# With fewer bytes for each hand-over, more of them cannot be told by the wire.
SMALL = Goal(bytes=32 << 20, cycles=30, uploads_each=5, repeats=math.inf, silence=math.inf, wraps=0,
             tolerance=0.1, target_share=0.2, host_share=0.05)


@pytest.mark.drawn(3)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
@pytest.mark.parametrize("part", PARTS)
def test_part(part: str, kernel: str, draw: int, tmp_path: Path,
              capsys: pytest.CaptureFixture[str]) -> None:
    """Every rule holds, driver and device agree in every row, and the last line says PASS."""
    folder = tmp_path / "demo"
    folder.mkdir()
    demo = Demo(kernel, draw % 10**6, SMALL, (4, 6), (part,), folder=folder)
    status = demo.run()
    last = capsys.readouterr().out.splitlines()[-1]
    assert (demo.broken, status) == ([], 0)
    assert last.startswith("demo: PASS ")
