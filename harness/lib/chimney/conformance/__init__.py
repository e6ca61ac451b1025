# SPDX-License-Identifier: GPL-2.0-or-later
"""Which test shows which requirement: makes spec/conformance.md."""
