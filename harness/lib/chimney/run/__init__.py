# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `harness/chimney run`: its options, the run, and what is told of it."""
