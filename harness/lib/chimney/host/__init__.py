# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine that the harness runs on: child processes, private namespaces, folders of runs, and
programs of ours that are built there. Nothing here knows of a guest.
"""
