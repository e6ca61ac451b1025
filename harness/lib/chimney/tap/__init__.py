# SPDX-License-Identifier: GPL-2.0-or-later
"""Test results as programs print them, TAP 12 to 14 and KTAP, and as JUnit XML: a stream of bytes
becomes lines, lines become what they say, and that becomes suites of cases. Knows nothing of VMs.
"""
