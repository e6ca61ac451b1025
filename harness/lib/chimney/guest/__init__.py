# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that runs: chimneyctl in it, --offload, the books on what the card carried, the look at
it before and after a test; and what the guest suite is written with: connections of which both ends
are told what to do, a VM that several tests share, data that flows while connections change hands.
"""
