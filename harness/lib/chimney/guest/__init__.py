# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the guest suite are written with: connections of which both ends are told what
to do, a VM that several tests share, and programs that move data while connections change hands.
"""
