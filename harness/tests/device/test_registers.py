# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers (spec chapter 2): identity, limits, access rules, enable, reset, test registers, FLR.
"""
from __future__ import annotations

import pytest

from chimney import abi
from chimney.qdev import pci
from chimney.qdev.device import Card, MakeCard, ethernet

LIMITS = [reg for reg in abi.chim_reg if abi.CHIM_REG_MAX_PAIRS <= reg <= abi.CHIM_REG_MAX_IND_LEN]


def test_identity(make_card: MakeCard) -> None:
    card = make_card()
    assert card.read(abi.CHIM_REG_MAGIC) == abi.CHIM_MAGIC
    assert card.read(abi.CHIM_REG_VERSION) == abi.CHIM_ABI_MAJOR << 16 | abi.CHIM_ABI_MINOR
    assert card.read(abi.CHIM_REG_MAC_LO) | card.read(abi.CHIM_REG_MAC_HI) << 32 == int.from_bytes(
        bytes.fromhex("525400123456"), "little"
    )
    assert card.pci.config_read(8) >> 8 == 0x020000
    assert card.pci.capability(pci.CAP_PCIE) and card.pci.capability(pci.CAP_MSIX)


def test_limits_are_announced_and_read_only(make_card: MakeCard) -> None:
    """REG-D2"""
    card = make_card()
    for reg in LIMITS:
        value = card.read(reg)
        assert value > 0, abi.chim_reg(reg).name
        card.write(reg, value + 1)
        assert card.read(reg) == value
    assert card.read(abi.CHIM_REG_MAX_PAIRS) >= 4
    assert card.read(abi.CHIM_REG_MAX_MTU) >= 9000


@pytest.mark.parametrize(
    "width,offset", [("b", 0), ("w", 0), ("q", 0), ("l", 1), ("l", 2), ("w", 2), ("b", 3)]
)
def test_wrong_access_is_ignored(make_card: MakeCard, width: str, offset: int) -> None:
    """REG-D1: another size or alignment reads as 0 and writes nothing."""
    card = make_card()
    scratch = card.regs + abi.CHIM_REG_TEST_SCRATCH
    card.write(abi.CHIM_REG_TEST_SCRATCH, 0xA5A5A5A5)
    assert card.qtest.access(width, scratch + offset) == 0
    card.qtest.access(width, scratch + offset, 0x11)
    assert card.read(abi.CHIM_REG_TEST_SCRATCH) == 0xA5A5A5A5


def test_no_register_there(make_card: MakeCard) -> None:
    """REG-D1"""
    card = make_card()
    for offset in (0x3C, 0xF0, 0x300, 0xFFC, 0x8000, 0xFFFC):
        card.write(offset, 0xFFFFFFFF)
        assert card.read(offset) == 0


def test_doorbells_read_as_zero(make_card: MakeCard) -> None:
    """REG-D1: wrong direction."""
    card = make_card().start()
    assert card.read(abi.CHIM_REG_DOORBELL) == 0


def test_doorbell_of_no_ring_is_ignored(card: Card) -> None:
    """REG-H3"""
    for ring in (2, 7, abi.CHIM_RING_PAIR0 + 6, abi.CHIM_RING_PAIR0 + 8 * 15 + 5, 3000):
        card.doorbell(ring, 0x12345678)
    card.settle()
    assert card.fatal() is None


@pytest.mark.parametrize("change", ["sq_log2", "cq_log2", "sq_base", "cq_ctl", "zero"])
def test_impossible_admin_pair(make_card: MakeCard, change: str) -> None:
    """REG-D4: named by the fatal cause block."""
    card = make_card()
    card.make_admin()
    biggest = card.read(abi.CHIM_REG_MAX_RING_LOG2)
    if change == "sq_log2":
        card.write(abi.CHIM_REG_ADMIN_SIZE, biggest + 1 | 5 << 8)
    elif change == "cq_log2":
        card.write(abi.CHIM_REG_ADMIN_SIZE, 5 | 0 << 8)
    elif change == "sq_base":
        card.write64(abi.CHIM_REG_ADMIN_SQ_LO, card.admin_sq.base + 8)
    elif change == "cq_ctl":
        card.write64(abi.CHIM_REG_ADMIN_CQ_CTL_LO, card.admin_cq.ctl + 64)
    else:
        card.write(abi.CHIM_REG_ADMIN_SIZE, 0)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_ENABLE)
    fatal = card.fatal()
    assert fatal and (fatal["cause"], fatal["rule"]) == (
        abi.CHIM_FATAL_RING_CONFIG,
        abi.CHIM_RULE_REG_H2,
    )
    assert not card.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_READY


def test_admin_registers_are_latched(make_card: MakeCard) -> None:
    """REG-D3"""
    card = make_card().start(pairs=0, receive=False)
    before = card.read(abi.CHIM_REG_ADMIN_SQ_LO)
    card.write(abi.CHIM_REG_ADMIN_SQ_LO, 0x1000)
    card.write(abi.CHIM_REG_DRV_FEATURES_LO, 0)
    assert card.read(abi.CHIM_REG_ADMIN_SQ_LO) == before
    assert card.read(abi.CHIM_REG_DRV_FEATURES_LO) == card.read(abi.CHIM_REG_FEATURES_LO)


def test_reset_clears_fatal_and_restarts(make_card: MakeCard) -> None:
    """REG-D5, LIFE-D1"""
    card = make_card().start()
    card.doorbell(abi.CHIM_RING_ADMIN_SQ, 0x7000)
    assert card.wait_fatal()["cause"] == abi.CHIM_FATAL_DOORBELL
    card.reset()
    assert card.fatal() is None
    assert card.read(abi.CHIM_REG_STATUS) & abi.CHIM_STATUS_READY == 0
    card.start(msix=False)
    assert card.stats().nic.rx_frames == 0


def test_reset_clears_what_the_driver_has_written(make_card: MakeCard) -> None:
    """LIFE-D1: "clear FATAL, ISR and each register that keeps what the driver writes"."""
    card = make_card()
    kept = (abi.CHIM_REG_DRV_FEATURES_LO, abi.CHIM_REG_TEST_SCRATCH,
            *range(abi.CHIM_REG_ADMIN_SQ_LO, abi.CHIM_REG_ADMIN_SIZE + 4, 4))
    for reg in kept:
        card.write(reg, 0x0303)
    assert all(card.read(reg) for reg in kept)
    card.write(abi.CHIM_REG_CTRL, abi.CHIM_CTRL_RESET)
    assert not any(card.read(reg) for reg in (*kept, abi.CHIM_REG_CTRL, abi.CHIM_REG_ISR))


def test_function_level_reset(make_card: MakeCard) -> None:
    """LIFE-D1: FLR forgets everything, and config space comes back to its reset state."""
    card = make_card().start()
    cap = card.pci.capability(pci.CAP_PCIE)
    assert card.pci.config_read(cap + 4) >> 28 & 1, "FLR is not announced"
    card.pci.config_write(cap + 8, card.pci.config_read(cap + 8, 2) | 1 << 15, 2)
    card.settle()
    card.pci.assign_bars()
    card.pci.enable()
    card.regs = card.pci.bars[abi.CHIM_BAR_REGS]
    assert card.read(abi.CHIM_REG_CTRL) == 0
    assert card.read(abi.CHIM_REG_ADMIN_SIZE) == 0
    card.pairs.clear()
    card.start()


@pytest.mark.parametrize("vector", [0, 1, 5])
def test_interrupt_alone(make_card: MakeCard, vector: int) -> None:
    """TEST_IRQ raises exactly that vector."""
    card = make_card()
    card.pci.enable_msix(card.memory, abi.CHIM_BAR_MSIX)
    card.write(abi.CHIM_REG_TEST_IRQ, vector)
    assert [v for v in range(card.pci.vectors) if card.pci.take_interrupt(v)] == [vector]


def test_interrupt_of_no_vector(make_card: MakeCard) -> None:
    card = make_card()
    card.pci.enable_msix(card.memory, abi.CHIM_BAR_MSIX)
    card.write(abi.CHIM_REG_TEST_IRQ, 2048)
    assert not [v for v in range(card.pci.vectors) if card.pci.take_interrupt(v)]


def test_intx_isr(make_card: MakeCard) -> None:
    """REG-D6: without MSI-X the ISR register says which vector, and writing 1 clears it."""
    card = make_card()
    card.write(abi.CHIM_REG_TEST_IRQ, 1)
    assert card.read(abi.CHIM_REG_ISR) == 1 << 1
    card.write(abi.CHIM_REG_ISR, 1 << 0)
    assert card.read(abi.CHIM_REG_ISR) == 1 << 1
    card.write(abi.CHIM_REG_ISR, 1 << 1)
    assert card.read(abi.CHIM_REG_ISR) == 0


def acknowledge(card: Card, vector: int) -> None:
    card.write(abi.CHIM_REG_ISR, 1 << vector)


def test_pin_follows_isr(make_card: MakeCard) -> None:
    """REG-D6: the pin is up as long as any bit is set, and nothing but that moves it."""
    card = make_card()
    card.qtest.intercept_irqs("ioapic")
    assert not card.qtest.raised()
    card.write(abi.CHIM_REG_TEST_IRQ, 1)
    pin = card.qtest.raised()
    assert len(pin) == 1
    card.write(abi.CHIM_REG_TEST_IRQ, 2)
    acknowledge(card, 0)
    acknowledge(card, 1)
    assert card.read(abi.CHIM_REG_ISR) == 1 << 2 and card.qtest.raised() == pin
    acknowledge(card, 2)
    assert card.read(abi.CHIM_REG_ISR) == 0 and not card.qtest.raised()
    assert len(card.qtest.irqs) == 2


def test_pin_of_a_ring(make_card: MakeCard) -> None:
    """REG-D6, RING-D6: entries of two rings raise the pin once, and a reset lowers it."""
    card = make_card().start(msix=False)
    card.post_buffers(0, abi.CHIM_RING_RXB, 2)
    acknowledge(card, 0)
    card.qtest.intercept_irqs("ioapic")
    card.pairs[0].rxc.set_event(0)
    card.admin_cq.set_event(card.admin_cq.index)
    card.inject(ethernet(bytes(60), dst=b"\xff" * 6))
    card.wait("the pair's bit", lambda: card.read(abi.CHIM_REG_ISR) == 1 << 1)
    card.admin(abi.CHIM_OP_SET_MTU, value=1500)
    assert card.read(abi.CHIM_REG_ISR) == 3 and len(card.qtest.raised()) == 1
    acknowledge(card, 0)
    assert len(card.qtest.raised()) == 1
    card.reset()
    assert card.read(abi.CHIM_REG_ISR) == 0 and not card.qtest.raised()
    assert len(card.qtest.irqs) == 2


def test_no_pin_with_msix(make_card: MakeCard) -> None:
    """REG-D6: with MSI-X neither ISR nor pin."""
    card = make_card().start()
    card.qtest.intercept_irqs("ioapic")
    card.write(abi.CHIM_REG_TEST_IRQ, 1)
    assert card.pci.take_interrupt(1)
    assert card.read(abi.CHIM_REG_ISR) == 0 and not card.qtest.irqs
