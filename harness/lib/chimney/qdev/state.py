# SPDX-License-Identifier: GPL-2.0-or-later
"""State structures: what a host stack knows of neighbors, paths and connections, field by field.

Each function gives the structures of one object, const, cached and delegated, as they are for an
ordinary connection that is idle. Nothing is checked here that a test might want to break.
"""
from __future__ import annotations

import ctypes
from typing import Any

from .. import abi

GUEST_IP, PEER_IP = bytes([10, 77, 0, 2]), bytes([10, 77, 0, 1])
GUEST_IP6 = bytes.fromhex("fd770000000000000000000000000002")
PEER_IP6 = bytes.fromhex("fd770000000000000000000000000001")
PEER_MAC = bytes.fromhex("020000000001")
UNA, RCV = 0x20000, 0x10000  # SND.UNA and RCV.NXT of a connection unless a test changes them

STATE: dict[int, tuple[type[ctypes.Structure], ...]] = {
    abi.CHIM_NEIGHBOR_CONST: (abi.chim_neighbor_const,),
    abi.CHIM_NEIGHBOR_CACHED: (abi.chim_neighbor_cached,),
    abi.CHIM_NEIGHBOR_DELEGATED: (abi.chim_neighbor_delegated,),
    abi.CHIM_NEIGHBOR_ALL: (
        abi.chim_neighbor_const,
        abi.chim_neighbor_cached,
        abi.chim_neighbor_delegated,
    ),
    abi.CHIM_PATH4_CONST: (abi.chim_path_const,),
    abi.CHIM_PATH4_CACHED: (abi.chim_path_cached,),
    abi.CHIM_PATH4_DELEGATED: (abi.chim_path_delegated,),
    abi.CHIM_PATH4_ALL: (abi.chim_path_const, abi.chim_path_cached, abi.chim_path_delegated),
    abi.CHIM_PATH6_CONST: (abi.chim_path_const,),
    abi.CHIM_PATH6_CACHED: (abi.chim_path_cached,),
    abi.CHIM_PATH6_DELEGATED: (abi.chim_path_delegated,),
    abi.CHIM_PATH6_ALL: (abi.chim_path_const, abi.chim_path_cached, abi.chim_path_delegated),
    abi.CHIM_TCP_CONST: (abi.chim_tcp_const,),
    abi.CHIM_TCP_CACHED: (abi.chim_tcp_cached,),
    abi.CHIM_TCP_DELEGATED: (abi.chim_tcp_delegated,),
    abi.CHIM_TCP_ALL: (abi.chim_tcp_const, abi.chim_tcp_cached, abi.chim_tcp_delegated),
}


def with_header(state: ctypes.Structure) -> ctypes.Structure:
    state.hdr.length = ctypes.sizeof(state)
    return state


def set_bytes(target: Any, data: bytes) -> None:
    ctypes.memmove(ctypes.addressof(target), data, len(data))


def neighbor_state(
    *, mac: bytes = PEER_MAC, vlan: int = 0, src: bytes = bytes(6)
) -> list[ctypes.Structure]:
    const, cached = with_header(abi.chim_neighbor_const(vlan_id=vlan)), with_header(
        abi.chim_neighbor_cached()
    )
    set_bytes(const.src_mac, src)
    set_bytes(cached.dst_mac, mac)
    return [const, cached, with_header(abi.chim_neighbor_delegated())]


def path_state(
    *, src: bytes = GUEST_IP, dst: bytes = PEER_IP, mtu: int = 1500
) -> list[ctypes.Structure]:
    const = with_header(abi.chim_path_const())
    set_bytes(const.src, src)
    set_bytes(const.dst, dst)
    return [
        const,
        with_header(abi.chim_path_cached(path_mtu=mtu)),
        with_header(abi.chim_path_delegated()),
    ]


def tcp_state(**changes: int) -> list[ctypes.Structure]:
    """An idle connection in ESTABLISHED with timestamps, SACK and window scaling; change any field
    by name.
    """
    const = abi.chim_tcp_const(
        flags=abi.CHIM_TCP_TIMESTAMPS | abi.CHIM_TCP_SACK | abi.CHIM_TCP_WSCALE,
        snd_wscale=7,
        rcv_wscale=7,
        remote_mss=1460,
        hash=0,
    )
    const.remote_port.value, const.local_port.value = 5001, 40000
    cached = abi.chim_tcp_cached(
        flags=0,
        ttl=64,
        initial_rcv_wnd=256 << 10,
        ka_probe_count=9,
        ka_timeout=7200000,
        ka_interval=75000,
    )
    delegated = abi.chim_tcp_delegated(
        state=abi.CHIM_TCP_ESTABLISHED,
        rcv_nxt=RCV,
        rcv_wnd=256 << 10,
        snd_una=UNA,
        snd_nxt=UNA,
        snd_max=UNA,
        snd_wnd=64 << 10,
        max_snd_wnd=64 << 10,
        snd_wl1=RCV,
        cwnd=14600,
        ssthresh=0xFFFFFFFF,
        srtt=8 * 10,
        rttvar=4 * 5,
        ts_recent=1000,
        ts_time=5000,
        ka_timeout_delta=abi.CHIM_TIMER_IDLE,
        rexmit_timeout_delta=abi.CHIM_TIMER_IDLE,
        tlp_timeout_delta=abi.CHIM_TIMER_IDLE,
        delack_timeout_delta=abi.CHIM_TIMER_IDLE,
        srtt_us=8 * 10000,
        rttvar_us=4 * 5000,
    )
    for name, value in changes.items():
        for state in (const, cached, delegated):
            if name == "conn_flags" and state is const:
                const.flags = value
            elif name in ("remote_port", "local_port") and state is const:
                getattr(const, name).value = value
            elif name not in ("conn_flags", "remote_port", "local_port") and name in dict(
                f[:2] for f in state._fields_
            ):
                if name == "flags" and state is not cached:
                    continue
                setattr(state, name, value)
    return [with_header(const), with_header(cached), with_header(delegated)]
