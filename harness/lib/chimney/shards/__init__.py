# SPDX-License-Identifier: GPL-2.0-or-later
"""The shards of a run of the tests: which test is in which of them, and what pytest makes of it."""
