# SPDX-License-Identifier: GPL-2.0-or-later
"""A consumer that sleeps: it names its index, looks once more, and then touches its ring only after
an interrupt (RING-H9).

A Line is the interrupt of one vector as a driver gets it: as a message, or as a bit of the ISR when
MSI-X is off.
"""
from __future__ import annotations

from collections.abc import Callable

from .. import abi
from .device import Card
from .rings import Consumer


class Line:
    """The interrupt of one vector."""

    def __init__(self, card: Card, vector: int) -> None:
        self.card, self.vector = card, vector
        self.msix = card.pci.vectors > 0
        self.masked = self._came = False

    def fired(self) -> bool:
        """Whether there has been an interrupt since the last call."""
        came, self._came = self._look() or self._came, False
        return came

    def _look(self) -> bool:
        if self.msix:
            return self.card.pci.take_interrupt(self.vector)
        bit = self.card.read(abi.CHIM_REG_ISR) & 1 << self.vector
        if bit:
            self.card.write(abi.CHIM_REG_ISR, bit)
        return bool(bit)

    def raised(self) -> bool:
        """Whether the device has raised it, held back by the mask or not."""
        if self.masked and self.card.pci.pending(self.vector):
            return True
        self._came = self._look() or self._came
        return self._came

    def mask(self) -> None:
        self.card.pci.mask_vector(self.vector, True)
        self.masked = True
        self._came = self._look() or self._came

    def unmask(self) -> bool:
        """Whether an interrupt has been held back; if so, it has come now, and not before."""
        held = self.card.pci.pending(self.vector)
        assert not self._look(), "an interrupt in spite of the mask"
        self.card.pci.mask_vector(self.vector, False)
        self.masked = False
        assert not self.card.pci.pending(self.vector), "still pending when it is not masked"
        came = self._look()
        assert came == held, "unmasking delivers what was pending, and only that"
        self._came = self._came or came
        return held


class Sleeper:
    """A ring to the driver whose consumer sleeps."""

    def __init__(self, ring: Consumer, line: Line) -> None:
        self.ring, self.line = ring, line
        self.asleep = False

    def doze(self, publish: Callable[[], None] | None = None, *, late: bool = False) -> bool:
        """Go to sleep on a ring that was empty. publish() makes an entry come just before the event
        index is stored, so that only the second look finds it, or, late, just behind, so that there
        is an interrupt as well. Returns whether it has; late it does not if another entry has come
        before the event index.
        """
        if publish and not late:
            publish()
        self.ring.set_event(self.ring.index)
        raced = publish is not None
        if publish and late:
            raced = self.ring.peek() is None
            if raced:
                publish()
                assert self.line.raised(), "no interrupt for an entry behind the event index"
        self.asleep = self.ring.peek() is None
        assert not (raced and self.asleep), "the second look does not see the entry"
        return raced

    def awake(self) -> bool:
        """Whether it may look at its ring."""
        if self.asleep and self.line.fired():
            self.asleep = False
        return not self.asleep
