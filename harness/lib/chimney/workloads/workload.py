# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload is: a function that plays in a scene, and what the guest's image needs for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .scene import Results, Scene


@dataclass(frozen=True)
class Workload:
    """One workload, and what the guest's image needs for it."""

    name: str
    run: Callable[[Scene], Results]
    bins: Sequence[str] = ()
    copies: Sequence[str] = ()
    memory: int = 512
