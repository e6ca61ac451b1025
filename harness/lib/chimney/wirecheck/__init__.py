# SPDX-License-Identifier: GPL-2.0-or-later
"""What a capture says about a hand-over: rows read by tshark, and the rules that a connection must
keep on the wire.
"""
