# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration: live connections of ordinary programs move between Linux TCP and the card
while data flows.
"""
