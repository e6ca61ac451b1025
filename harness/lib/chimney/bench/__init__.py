# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench: the chimney card measured side by side with other cards, in rounds that alternate."""
