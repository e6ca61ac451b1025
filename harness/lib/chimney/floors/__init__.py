# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a part of the sources is built as it says: which file may know which, and how long.

`harness/tests/repo/floors.toml` says it for each part, `tests/repo/test_floors.py` holds it.
"""
