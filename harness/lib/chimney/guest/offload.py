# SPDX-License-Identifier: GPL-2.0-or-later
"""Applies --offload inside the guest, through chimneyctl.

none and auto are policies of the driver, and manual leaves it with the one that it begins with,
none. random:SEED is a process in the guest, `chimneyctl shuttle SEED all`, that hands all
connections over and back at moments which follow from the seed.
"""

from __future__ import annotations

import signal

from .. import paths
from ..agent.client import Agent
from ..agent.command import Command
from ..errors import HarnessError


def check_tool(policy: str) -> None:
    """Refuse a policy that needs chimneyctl when it has not been built."""
    if policy != "manual" and not (paths.TOOLS / "chimneyctl").is_file():
        raise HarnessError(f"--offload {policy} needs chimneyctl in the guest, and "
                           f"{paths.TOOLS / 'chimneyctl'} is not built; run `make driver`.")


def apply(agent: Agent, policy: str, seed: int) -> Command | None:
    """Set the policy; returns the helper that runs in the guest, when there is one."""
    if policy in ("none", "auto"):
        agent.run(["chimneyctl", "policy", policy])
    if policy != "random":
        return None
    return agent.start(["chimneyctl", "shuttle", str(seed), "all"], merge=True)


def stop(helper: Command | None) -> str:
    """End the helper and return what it printed: one line with its counts.

    HarnessError when it has failed: then not all was done that was asked for.
    """
    if helper is None:
        return ""
    helper.kill(signal=signal.SIGTERM)
    result = helper.wait(10)
    if not result.ok and result.signal != signal.SIGTERM:
        raise HarnessError("what hands connections over in the guest has ended by itself, with "
                           f"status {result.returncode}: {result.text.strip()}")
    return result.text.strip()
