# SPDX-License-Identifier: GPL-2.0-or-later
"""The wires between the guest's card and its peer, what is done to frames on them, and captures."""
