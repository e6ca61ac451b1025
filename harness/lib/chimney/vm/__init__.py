# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual machine: what it shall be, what it is made of, how it boots, and how it ends."""
