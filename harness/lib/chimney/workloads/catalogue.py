# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of all workloads, for the tests that run each of them."""

from __future__ import annotations

from . import archive, iperf, shells, store, web
from .workload import Workload


def everything() -> list[Workload]:
    """All workloads there are."""
    return [*web.WORKLOADS, *store.WORKLOADS, *shells.WORKLOADS, *archive.WORKLOADS,
            *iperf.WORKLOADS]
