# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs as Debian ships them, at work between guest and peer.

A workload starts its programs with the options that people use, runs them to their end, and returns
what came of it in a form that can be compared: counts, checksums, exit statuses, and no times. What
it returns must be the same whoever has the connections, Linux or the card.
"""
