# SPDX-License-Identifier: GPL-2.0-or-later
"""chimneyctl in the guest, as Python: the one place of the harness that knows its words and its
JSON.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..errors import HarnessError, WaitTimeout
from ..vm.boot import Vm
from ..wait import wait_until


class GuestCtl:
    """Runs chimneyctl in one VM; `inside` is the command that runs it in another namespace."""

    def __init__(self, vm: Vm, inside: Sequence[str] = ()) -> None:
        self.vm = vm
        self._tool = [*inside, "chimneyctl"]

    def _json(self, *words: str) -> Any:
        text = self.vm.run([*self._tool, *words, "--json"]).text
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise HarnessError(
                f"chimneyctl {' '.join(words)} --json printed no JSON: {text[:200]}"
            ) from None

    def offload(self, *which: str, check: bool = True) -> bool:
        """Hand connections to the card; `which` is a four-tuple, all, or --port N. False: refused.
        """
        return self.vm.run([*self._tool, "offload", *which], check=check, seconds=30).ok

    def offload_answer(self, *which: str) -> dict[str, Any]:
        """What an offload says: how many went over and how many not, why the first of those did
        not, and the card's status if it was the card.
        """
        text = self.vm.run([*self._tool, "offload", *which, "--json"], check=False,
                           seconds=30).text
        answer: dict[str, Any] = json.loads(text)
        return answer

    def upload(self, *which: str, check: bool = True) -> bool:
        """Take connections back."""
        return self.vm.run([*self._tool, "upload", *which], check=check, seconds=30).ok

    def offload_soon(self, *which: str, seconds: float = 10) -> None:
        """Hand over; what stands in the way now (a loss, a frame in flight) may pass."""
        last = ""

        def taken() -> bool:
            nonlocal last
            result = self.vm.run([*self._tool, "offload", *which], check=False, seconds=30)
            last = f"{result.text.strip()} ({result})"
            return result.ok

        try:
            wait_until(taken, "a connection to be taken by the card", seconds, 0.05)
        except WaitTimeout as error:
            raise HarnessError(f"{error} The last answer: {last}") from None

    def policy(self, mode: str) -> None:
        """Set the policy."""
        self.vm.run([*self._tool, "policy", mode])

    def connections(self) -> list[dict[str, Any]]:
        """Every offloaded connection."""
        return list(self._json("list"))

    def stats(self) -> tuple[dict[str, int], dict[str, int]]:
        """Counters of driver and of device."""
        both = self._json("stats")
        driver = {name: count for name, count in both["driver"].items() if isinstance(count, int)}
        return driver, dict(both["device"])

    def refusals(self) -> int:
        """How often the driver has had no room, or no memory, for what the card had received."""
        driver, _ = self.stats()
        return driver["verdict_refused"] + driver["verdict_partial"]

    def reasons(self) -> tuple[dict[str, int], dict[str, int]]:
        """How often an offload was refused, and how often a connection went back, by reason."""
        driver = self._json("stats")["driver"]
        return dict(driver.get("refused", {})), dict(driver.get("why", {}))
