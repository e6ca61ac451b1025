# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of images/PROTOCOL.md: types of frames, their layouts, their limits."""

from __future__ import annotations

import struct
from enum import IntEnum

VERSION = 3
PAYLOAD_MAX = 64 * 1024
STDIN_WINDOW = 256 * 1024

HEADER = struct.Struct("<IHHI")
EXIT = struct.Struct("<IIQQQQ")
DONE = struct.Struct("<IQ")
NONCE = 16
HELLO = struct.Struct(f"<IIQ{NONCE}s")


class Frame(IntEnum):
    """Types of frames; the guest's own begin at 64."""

    EXEC = 1
    STDIN = 2
    KILL = 3
    PUT_OPEN = 4
    PUT_DATA = 5
    PUT_CLOSE = 6
    GET = 7
    PING = 8
    SYNC = 9
    POWEROFF = 10
    OPEN = 11
    CLOSE = 12
    RESIZE = 13
    HELLO = 64
    STARTED = 65
    STDOUT = 66
    STDERR = 67
    STDIN_ROOM = 68
    EXIT = 69
    DATA = 70
    DONE = 71
    PONG = 72
    ERROR = 73


EXEC_STDIN = 1
EXEC_MERGE = 2
EXEC_TERMINAL = 4
KILL_LEADER_ONLY = 1
