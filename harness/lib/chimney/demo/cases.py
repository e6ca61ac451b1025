# SPDX-License-Identifier: GPL-2.0-or-later
"""The founding cases, each made to happen in a VM of its own; the table counts what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..guestctl import GuestCtl

if TYPE_CHECKING:
    from .main import Demo

__all__ = ["SCENARIOS", "GuestCtl"]

SCENARIOS: tuple[Callable[["Demo"], None], ...] = ()
