# SPDX-License-Identifier: GPL-2.0-or-later
"""What will break: driver and device are built against what Debian testing and unstable have."""
