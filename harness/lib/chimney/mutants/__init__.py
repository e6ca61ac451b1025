# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutants: each founding rule broken in turn by a patch, and the test that must notice."""
