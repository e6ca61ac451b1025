# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs as Debian ships them, at work between guest and peer.

A workload starts its programs with the options that people use, runs them to their end, and returns
what came of it in a form that can be compared: counts, checksums, exit statuses, and no times. What
it returns must be the same whoever has the connections, Linux or the card.
"""

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


def everything() -> list[Workload]:
    """All workloads there are."""
    from . import archive, iperf, shells, store, web
    return [*web.WORKLOADS, *store.WORKLOADS, *shells.WORKLOADS, *archive.WORKLOADS,
            *iperf.WORKLOADS]
