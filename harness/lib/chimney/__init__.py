# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness of chimney: boots test VMs, builds the wire, and reads back what happened.

The command harness/chimney and the pytest suite are both thin users of this package.
"""
