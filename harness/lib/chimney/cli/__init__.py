# SPDX-License-Identifier: GPL-2.0-or-later
"""What all commands share: how they begin and end, how they refuse wrong use, and what they say
while they work.
"""
