# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver in the test: the chimney device under QEMU's qtest, with the test as driver and as
wire.

There is no guest and no guest CPU. The test owns guest memory, the PCI bus and the virtual clock,
so that a ring rule or a TCP timer is tested to the entry and to the nanosecond.
"""
