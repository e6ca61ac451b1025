# SPDX-License-Identifier: GPL-2.0-or-later
"""From counted blocks to functions of the guest's kernel."""

from __future__ import annotations

from chimney.bench.profile import USER, Symbols, by_function

KALLSYMS = """ffffffff81000000 T _text
ffffffff81000100 t copy
ffffffff81000200 T clear
ffffffff82000000 D data
ffffffffc0000000 t send_make\t[chimney]
"""


def test_blocks_are_added_up_by_function() -> None:
    symbols = Symbols(KALLSYMS)
    before = {0xffffffff81000110: 10, 0x401000: 5}
    after = {0xffffffff81000110: 40, 0xffffffff81000100: 2, 0xffffffff81000200: 7, 0x401000: 6,
             0xffffffffc0000010: 3}
    counts = by_function(before, after, symbols)
    assert counts == {"copy": 32, "clear": 7, USER: 1, "send_make": 3}


def test_what_did_not_run_is_not_there() -> None:
    assert not by_function({0xffffffff81000100: 9}, {0xffffffff81000100: 9}, Symbols(KALLSYMS))
