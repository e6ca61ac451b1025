# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutants: rules broken in turn by patches, each founding one and others, and the tests that must
notice.
"""
