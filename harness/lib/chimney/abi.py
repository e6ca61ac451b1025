# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The ABI as the C compiler sees it: made by spec/gen_abi.py, do not edit."""
from __future__ import annotations

from ctypes import BigEndianStructure, LittleEndianStructure, Union, c_uint8, c_uint16, c_uint32, c_uint64
from enum import IntEnum


class be16(BigEndianStructure):
    """A 16-bit field in network order."""

    _fields_ = [("value", c_uint16)]


class chim_pci_id(IntEnum):
    CHIM_PCI_VENDOR = 0x1234
    CHIM_PCI_DEVICE = 0xc41e
    CHIM_PCI_REVISION = 0x1


class chim_bar(IntEnum):
    CHIM_BAR_REGS = 0x0
    CHIM_BAR_MSIX = 0x2
    CHIM_BAR_REGS_SIZE = 0x10000


class chim_abi(IntEnum):
    CHIM_MAGIC = 0x4d494843
    CHIM_ABI_MAJOR = 0x1
    CHIM_ABI_MINOR = 0x1


class chim_reg(IntEnum):
    CHIM_REG_MAGIC = 0x0
    CHIM_REG_VERSION = 0x4
    CHIM_REG_FEATURES_LO = 0x8
    CHIM_REG_FEATURES_HI = 0xc
    CHIM_REG_DRV_FEATURES_LO = 0x10
    CHIM_REG_DRV_FEATURES_HI = 0x14
    CHIM_REG_CTRL = 0x18
    CHIM_REG_STATUS = 0x1c
    CHIM_REG_FATAL_CAUSE = 0x20
    CHIM_REG_FATAL_RING = 0x24
    CHIM_REG_FATAL_INDEX = 0x28
    CHIM_REG_FATAL_RULE = 0x2c
    CHIM_REG_FATAL_ADDR_LO = 0x30
    CHIM_REG_FATAL_ADDR_HI = 0x34
    CHIM_REG_ISR = 0x38
    CHIM_REG_MAX_PAIRS = 0x40
    CHIM_REG_MAX_RING_LOG2 = 0x44
    CHIM_REG_MAX_CONNS = 0x48
    CHIM_REG_MAX_PATHS = 0x4c
    CHIM_REG_MAX_NEIGHBORS = 0x50
    CHIM_REG_MAX_SGE = 0x54
    CHIM_REG_MAX_BUFFERED = 0x58
    CHIM_REG_MAX_SENDS = 0x5c
    CHIM_REG_MAX_RECVS = 0x60
    CHIM_REG_MAX_RCV_WND = 0x64
    CHIM_REG_MAX_MTU = 0x68
    CHIM_REG_MAX_BLOCK_LEN = 0x6c
    CHIM_REG_MAX_NODES = 0x70
    CHIM_REG_MAX_VLANS = 0x74
    CHIM_REG_MAX_SEND_LEN = 0x78
    CHIM_REG_MAX_IND_LEN = 0x7c
    CHIM_REG_MAC_LO = 0x80
    CHIM_REG_MAC_HI = 0x84
    CHIM_REG_LINK_SPEED = 0x88
    CHIM_REG_ADMIN_SQ_LO = 0x100
    CHIM_REG_ADMIN_SQ_HI = 0x104
    CHIM_REG_ADMIN_SQ_CTL_LO = 0x108
    CHIM_REG_ADMIN_SQ_CTL_HI = 0x10c
    CHIM_REG_ADMIN_CQ_LO = 0x110
    CHIM_REG_ADMIN_CQ_HI = 0x114
    CHIM_REG_ADMIN_CQ_CTL_LO = 0x118
    CHIM_REG_ADMIN_CQ_CTL_HI = 0x11c
    CHIM_REG_ADMIN_SIZE = 0x120
    CHIM_REG_TEST_SCRATCH = 0x200
    CHIM_REG_TEST_IRQ = 0x204
    CHIM_REG_DOORBELL = 0x1000


class chim_ctrl(IntEnum):
    CHIM_CTRL_ENABLE = 0x1
    CHIM_CTRL_RESET = 0x2


class chim_dev_status(IntEnum):
    CHIM_STATUS_READY = 0x1
    CHIM_STATUS_FATAL = 0x2
    CHIM_STATUS_LINK_UP = 0x4
    CHIM_STATUS_PAUSED = 0x8


class chim_feature(IntEnum):
    CHIM_F_CSUM = 0x0
    CHIM_F_GUEST_CSUM = 0x1
    CHIM_F_TSO4 = 0x2
    CHIM_F_TSO6 = 0x3
    CHIM_F_LRO = 0x4
    CHIM_F_RSS = 0x5
    CHIM_F_OFFLOAD_IPV4 = 0x8
    CHIM_F_OFFLOAD_IPV6 = 0x9
    CHIM_F_SACK = 0xa
    CHIM_F_EXT_RTT_US = 0x10
    CHIM_F_EXT_TS_US = 0x11
    CHIM_F_BUFFERED = 0x12
    CHIM_F_EXT_FINS = 0x13
    CHIM_F_EXT_TIMERS = 0x14
    CHIM_F_OCTETS = 0x15


class chim_fatal(IntEnum):
    CHIM_FATAL_NONE = 0x0
    CHIM_FATAL_DMA = 0x1
    CHIM_FATAL_DOORBELL = 0x2
    CHIM_FATAL_RING_CONFIG = 0x3
    CHIM_FATAL_PHASE = 0x4
    CHIM_FATAL_OPCODE = 0x5
    CHIM_FATAL_CQ_INDEX = 0x6
    CHIM_FATAL_FENCE = 0x7
    CHIM_FATAL_BUFFER = 0x8
    CHIM_FATAL_INTERNAL = 0x9


class chim_rule(IntEnum):
    CHIM_RULE_NONE = 0x0
    CHIM_RULE_REG_H1 = 0x201
    CHIM_RULE_REG_H2 = 0x202
    CHIM_RULE_REG_H3 = 0x203
    CHIM_RULE_RING_H1 = 0x301
    CHIM_RULE_RING_H2 = 0x302
    CHIM_RULE_RING_H3 = 0x303
    CHIM_RULE_RING_H4 = 0x304
    CHIM_RULE_RING_H5 = 0x305
    CHIM_RULE_RING_H6 = 0x306
    CHIM_RULE_RING_H7 = 0x307
    CHIM_RULE_RING_H8 = 0x308
    CHIM_RULE_OP_H1 = 0x501


class chim_limit(IntEnum):
    CHIM_PAIRS_LIMIT = 0x10
    CHIM_RING_LOG2_MIN = 0x1
    CHIM_RING_LOG2_LIMIT = 0xc
    CHIM_RING_NONE = 0xffffffff
    CHIM_RSS_KEY_LEN = 0x28
    CHIM_RSS_TABLE_MAX = 0x80
    CHIM_MAC_LIST_MAX = 0x100


class chim_ring_id(IntEnum):
    CHIM_RING_ADMIN_SQ = 0x0
    CHIM_RING_ADMIN_CQ = 0x1
    CHIM_RING_PAIR0 = 0x8
    CHIM_RINGS_PER_PAIR = 0x8


class chim_ring_kind(IntEnum):
    CHIM_RING_SQ = 0x0
    CHIM_RING_CQ = 0x1
    CHIM_RING_TX = 0x2
    CHIM_RING_RXB = 0x3
    CHIM_RING_RXC = 0x4
    CHIM_RING_IB = 0x5
    CHIM_RING_KINDS = 0x6


class chim_ctl(IntEnum):
    CHIM_CTL_PHASE = 0x80000000
    CHIM_CTL_OP_MASK = 0xff
    CHIM_CTL_FLAGS_SHIFT = 0x8
    CHIM_CTL_SG_SHIFT = 0x18
    CHIM_CTL_SG_MASK = 0x1f


class chim_sge_count(IntEnum):
    CHIM_SQE_SGES = 0x2
    CHIM_SG_SGES = 0x3


class chim_vnet_flags(IntEnum):
    CHIM_VNET_F_NEEDS_CSUM = 0x1
    CHIM_VNET_F_DATA_VALID = 0x2


class chim_vnet_gso(IntEnum):
    CHIM_VNET_GSO_NONE = 0x0
    CHIM_VNET_GSO_TCPV4 = 0x1
    CHIM_VNET_GSO_TCPV6 = 0x4
    CHIM_VNET_GSO_ECN = 0x80


class chim_op(IntEnum):
    CHIM_OP_SG = 0x1
    CHIM_OP_FRAME = 0x10
    CHIM_OP_TX_FENCE = 0x11
    CHIM_OP_SEND = 0x20
    CHIM_OP_RECV = 0x21
    CHIM_OP_FORWARD = 0x22
    CHIM_OP_DISCONNECT = 0x23
    CHIM_OP_VERDICT = 0x24
    CHIM_OP_FENCE = 0x25
    CHIM_OP_CREATE_RING = 0x40
    CHIM_OP_DESTROY_RING = 0x41
    CHIM_OP_SET_RX_MODE = 0x42
    CHIM_OP_SET_RSS = 0x43
    CHIM_OP_SET_MTU = 0x44
    CHIM_OP_SET_COALESCE = 0x45
    CHIM_OP_GET_STATS = 0x46
    CHIM_OP_RESET_STATS = 0x47
    CHIM_OP_SET_PARAMS = 0x48
    CHIM_OP_SET_VLANS = 0x49
    CHIM_OP_INITIATE = 0x50
    CHIM_OP_TERMINATE = 0x51
    CHIM_OP_UPDATE = 0x52
    CHIM_OP_QUERY = 0x53
    CHIM_OP_INVALIDATE = 0x54
    CHIM_OP_NCE_ANSWER = 0x55


class chim_send_flags(IntEnum):
    CHIM_SEND_MORE = 0x1
    CHIM_SEND_PUSH = 0x2


class chim_recv_flags(IntEnum):
    CHIM_RECV_NONPUSH = 0x1


class chim_forward_flags(IntEnum):
    CHIM_FORWARD_CSUM_OK = 0x1
    CHIM_FORWARD_CAUSE_SHIFT = 0x4
    CHIM_FORWARD_CAUSE_MASK = 0x7


class chim_forward_cause(IntEnum):
    CHIM_CAUSE_OTHER = 0x0
    CHIM_CAUSE_FRAGMENTS = 0x1
    CHIM_CAUSE_OPTIONS = 0x2
    CHIM_CAUSE_INTERFACE = 0x3
    CHIM_CAUSE_INITIATE = 0x4


class chim_disconnect_flags(IntEnum):
    CHIM_DISCONNECT_GRACEFUL = 0x1
    CHIM_DISCONNECT_ABORTIVE = 0x2


class chim_cq_type(IntEnum):
    CHIM_CQ_SEND = 0x20
    CHIM_CQ_RECV = 0x21
    CHIM_CQ_FORWARD = 0x22
    CHIM_CQ_DISCONNECT = 0x23
    CHIM_CQ_OPENED = 0x30
    CHIM_CQ_LAST = 0x31
    CHIM_CQ_INDICATE = 0x38
    CHIM_CQ_EVENT = 0x39
    CHIM_CQ_ADMIN = 0x40
    CHIM_CQ_LINK = 0x48
    CHIM_CQ_PAUSE = 0x49
    CHIM_CQ_RESUME = 0x4a
    CHIM_CQ_UPLOAD_ALL = 0x4b
    CHIM_CQ_NCE = 0x4c


class chim_event(IntEnum):
    CHIM_EV_SEND_BACKLOG = 0x1
    CHIM_EV_DISCONNECT = 0x2
    CHIM_EV_RETRIEVE = 0x3
    CHIM_EV_ABORT = 0x4


class chim_upload_reason(IntEnum):
    CHIM_UPR_LOW_ACTIVITY = 0x1
    CHIM_UPR_HIGH_DROP_RATE = 0x2
    CHIM_UPR_SMALL_IO = 0x3
    CHIM_UPR_NO_PREPOSTING = 0x4
    CHIM_UPR_URGENT_DATA = 0x5
    CHIM_UPR_FRAGMENTATION = 0x6
    CHIM_UPR_OUT_OF_ORDER = 0x7
    CHIM_UPR_TIMEOUT = 0x8
    CHIM_UPR_INVALID_STATE = 0x9
    CHIM_UPR_REQUESTED = 0xa
    CHIM_UPR_HARDWARE = 0xb


class chim_cqe_flags(IntEnum):
    CHIM_CQE_PUSH = 0x1
    CHIM_CQE_BUFFERED = 0x2
    CHIM_CQE_BATCH = 0x4


class chim_rx_type(IntEnum):
    CHIM_RX_FRAME = 0x10
    CHIM_RX_MORE = 0x11
    CHIM_RX_CUTOVER = 0x12


class chim_rx_flags(IntEnum):
    CHIM_RX_F_HASH_L4 = 0x1
    CHIM_RX_F_HASH_L3 = 0x2


class chim_status(IntEnum):
    CHIM_ST_SUCCESS = 0x0
    CHIM_ST_PARTIAL_SUCCESS = 0x1
    CHIM_ST_FAILURE = 0x2
    CHIM_ST_RESOURCES = 0x3
    CHIM_ST_TCP_ENTRIES = 0x4
    CHIM_ST_PATH_ENTRIES = 0x5
    CHIM_ST_NEIGHBOR_ENTRIES = 0x6
    CHIM_ST_IP_ADDRESS_ENTRIES = 0x7
    CHIM_ST_HW_ADDRESS_ENTRIES = 0x8
    CHIM_ST_VLAN_ENTRIES = 0x9
    CHIM_ST_TCP_XMIT_BUFFER = 0xa
    CHIM_ST_TCP_RCV_BUFFER = 0xb
    CHIM_ST_TCP_RCV_WINDOW = 0xc
    CHIM_ST_VLAN_MISMATCH = 0xd
    CHIM_ST_PATH_MTU = 0xe
    CHIM_ST_CONNECTION_REJECTED = 0xf
    CHIM_ST_UPLOAD_IN_PROGRESS = 0x10
    CHIM_ST_REQUEST_ABORTED = 0x11
    CHIM_ST_INVALID_STATE = 0x12
    CHIM_ST_DATA_NOT_ACCEPTED = 0x13
    CHIM_ST_DATA_PARTIALLY_ACCEPTED = 0x14
    CHIM_ST_INVALID_OPCODE = 0x20
    CHIM_ST_INVALID_FIELD = 0x21
    CHIM_ST_INVALID_HANDLE = 0x22
    CHIM_ST_INVALID_LIST = 0x23
    CHIM_ST_INVALID_SEQUENCE = 0x24
    CHIM_ST_BUFFER_TOO_SMALL = 0x25
    CHIM_ST_NOT_READY = 0x26
    CHIM_ST_LIMIT = 0x27
    CHIM_ST_FENCE_TIMEOUT = 0x28
    CHIM_ST_DUPLICATE = 0x29
    CHIM_ST_IN_USE = 0x2a
    CHIM_ST_BUSY = 0x2b


class chim_role(IntEnum):
    CHIM_ROLE_PLACEHOLDER = 0x0
    CHIM_ROLE_LINKER = 0x1
    CHIM_ROLE_NEW = 0x2
    CHIM_ROLE_OBJECT = 0x3


class chim_state_type(IntEnum):
    CHIM_NEIGHBOR_CONST = 0x1
    CHIM_NEIGHBOR_CACHED = 0x2
    CHIM_NEIGHBOR_DELEGATED = 0x3
    CHIM_NEIGHBOR_ALL = 0x4
    CHIM_PATH4_CONST = 0x5
    CHIM_PATH4_CACHED = 0x6
    CHIM_PATH4_DELEGATED = 0x7
    CHIM_PATH4_ALL = 0x8
    CHIM_PATH6_CONST = 0x9
    CHIM_PATH6_CACHED = 0xa
    CHIM_PATH6_DELEGATED = 0xb
    CHIM_PATH6_ALL = 0xc
    CHIM_TCP_CONST = 0xd
    CHIM_TCP_CACHED = 0xe
    CHIM_TCP_DELEGATED = 0xf
    CHIM_TCP_ALL = 0x11


class chim_node_limit(IntEnum):
    CHIM_NODE_NONE = 0xffffffff


class chim_tcp_const_flags(IntEnum):
    CHIM_TCP_TIMESTAMPS = 0x1
    CHIM_TCP_SACK = 0x2
    CHIM_TCP_WSCALE = 0x4
    CHIM_TCP_TS_USEC = 0x100


class chim_tcp_cached_flags(IntEnum):
    CHIM_TCP_KEEPALIVE = 0x1
    CHIM_TCP_NAGLE = 0x2
    CHIM_TCP_KA_RESTART = 0x4
    CHIM_TCP_MAXRT_RESTART = 0x8
    CHIM_TCP_UPDATE_RCV_WND = 0x10


class chim_tcp_state(IntEnum):
    CHIM_TCP_CLOSED = 0x0
    CHIM_TCP_LISTEN = 0x1
    CHIM_TCP_SYN_SENT = 0x2
    CHIM_TCP_SYN_RCVD = 0x3
    CHIM_TCP_ESTABLISHED = 0x4
    CHIM_TCP_FIN_WAIT1 = 0x5
    CHIM_TCP_FIN_WAIT2 = 0x6
    CHIM_TCP_CLOSE_WAIT = 0x7
    CHIM_TCP_CLOSING = 0x8
    CHIM_TCP_LAST_ACK = 0x9
    CHIM_TCP_TIME_WAIT = 0xa


class chim_tick(IntEnum):
    CHIM_TIMER_IDLE = 0xffffffff
    CHIM_BACKLOG_UNSUPPORTED = 0xffffffff


class chim_fins(IntEnum):
    CHIM_FIN_RECEIVED = 0x1
    CHIM_FIN_SENT = 0x2


class chim_rx_mode_flags(IntEnum):
    CHIM_RX_PROMISC = 0x1
    CHIM_RX_ALLMULTI = 0x2
    CHIM_RX_BROADCAST = 0x4
    CHIM_RX_ENABLE = 0x8


class chim_stats_set(IntEnum):
    CHIM_STATS_IP4 = 0x1
    CHIM_STATS_IP6 = 0x2
    CHIM_STATS_TCP4 = 0x4
    CHIM_STATS_TCP6 = 0x8
    CHIM_STATS_NIC = 0x10
    CHIM_STATS_CASES = 0x20


class chim_ring_ctl(LittleEndianStructure):
    _fields_ = [
        ("drv_index", c_uint32),
        ("drv_event", c_uint32),
        ("rsvd0", c_uint32 * 14),
        ("dev_index", c_uint32),
        ("dev_event", c_uint32),
        ("rsvd1", c_uint32 * 14),
    ]


class chim_sge(LittleEndianStructure):
    _fields_ = [
        ("addr", c_uint64),
        ("len", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_vnet_hdr(LittleEndianStructure):
    _fields_ = [
        ("flags", c_uint8),
        ("gso_type", c_uint8),
        ("hdr_len", c_uint16),
        ("gso_size", c_uint16),
        ("csum_start", c_uint16),
        ("csum_offset", c_uint16),
        ("num_buffers", c_uint16),
    ]


class chim_sqe_u_frame(LittleEndianStructure):
    _fields_ = [
        ("vnet", chim_vnet_hdr),
        ("rsvd", c_uint32),
    ]


class chim_sqe_u_io(LittleEndianStructure):
    _fields_ = [
        ("len", c_uint32),
        ("prefilled", c_uint32),
        ("rsvd", c_uint64),
    ]


class chim_sqe_u_verdict(LittleEndianStructure):
    _fields_ = [
        ("indication", c_uint32),
        ("status", c_uint32),
        ("consumed", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_sqe_u_fence(LittleEndianStructure):
    _fields_ = [
        ("id", c_uint32),
        ("rsvd", c_uint32 * 3),
    ]


class chim_sqe_u_admin(LittleEndianStructure):
    _fields_ = [
        ("len", c_uint32),
        ("fence_id", c_uint32),
        ("fence_count", c_uint32),
        ("flags", c_uint32),
    ]


class chim_sqe_u_ring(LittleEndianStructure):
    _fields_ = [
        ("ring", c_uint32),
        ("log2_size", c_uint32),
        ("rsvd", c_uint64),
    ]


class chim_sqe_u_coalesce(LittleEndianStructure):
    _fields_ = [
        ("pair", c_uint32),
        ("usecs", c_uint32),
        ("frames", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_sqe_u_nce(LittleEndianStructure):
    _fields_ = [
        ("hrd", c_uint32),
        ("rsvd", c_uint32 * 3),
    ]


class chim_sqe_u_vlan(LittleEndianStructure):
    _fields_ = [
        ("count", c_uint32),
        ("rsvd", c_uint32 * 3),
    ]


class chim_sqe_u(Union):
    _fields_ = [
        ("frame", chim_sqe_u_frame),
        ("io", chim_sqe_u_io),
        ("verdict", chim_sqe_u_verdict),
        ("fence", chim_sqe_u_fence),
        ("admin", chim_sqe_u_admin),
        ("ring", chim_sqe_u_ring),
        ("coalesce", chim_sqe_u_coalesce),
        ("nce", chim_sqe_u_nce),
        ("vlan", chim_sqe_u_vlan),
        ("value", c_uint32),
    ]


class chim_sqe(LittleEndianStructure):
    _fields_ = [
        ("ctl", c_uint32),
        ("handle", c_uint32),
        ("cookie", c_uint64),
        ("u", chim_sqe_u),
        ("sge", chim_sge * 2),
    ]


class chim_sqe_sg(LittleEndianStructure):
    _fields_ = [
        ("ctl", c_uint32),
        ("rsvd", c_uint32 * 3),
        ("sge", chim_sge * 3),
    ]


class chim_buf(LittleEndianStructure):
    _fields_ = [
        ("ctl", c_uint32),
        ("len", c_uint32),
        ("addr", c_uint64),
    ]


class chim_cqe(LittleEndianStructure):
    _fields_ = [
        ("ctl", c_uint32),
        ("status", c_uint32),
        ("cookie", c_uint64),
        ("conn_cookie", c_uint64),
        ("handle", c_uint32),
        ("bytes", c_uint32),
        ("info", c_uint32),
        ("info2", c_uint32),
        ("seq", c_uint32),
        ("ind_first", c_uint32),
        ("ind_count", c_uint16),
        ("flags", c_uint16),
        ("cwnd", c_uint32),
        ("srtt_us", c_uint32),
        ("rcv_rtt_us", c_uint32),
    ]


class chim_rxe_u_frame(LittleEndianStructure):
    _fields_ = [
        ("vnet", chim_vnet_hdr),
        ("hash", c_uint32),
    ]


class chim_rxe_u(Union):
    _fields_ = [
        ("frame", chim_rxe_u_frame),
        ("cookie", c_uint64),
    ]


class chim_rxe(LittleEndianStructure):
    _fields_ = [
        ("ctl", c_uint32),
        ("len", c_uint32),
        ("u", chim_rxe_u),
        ("buf", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_block_list(LittleEndianStructure):
    _fields_ = [
        ("length", c_uint32),
        ("node_count", c_uint32),
        ("root", c_uint32),
        ("revision", c_uint32),
    ]


class chim_node(LittleEndianStructure):
    _fields_ = [
        ("role", c_uint8),
        ("type", c_uint8),
        ("pair", c_uint16),
        ("next", c_uint32),
        ("dependent", c_uint32),
        ("handle", c_uint32),
        ("cookie", c_uint64),
        ("status", c_uint32),
        ("info", c_uint32),
        ("state_off", c_uint32),
        ("state_len", c_uint32),
        ("rsvd", c_uint32 * 6),
    ]


class chim_state_hdr(LittleEndianStructure):
    _fields_ = [
        ("length", c_uint32),
        ("options", c_uint32),
    ]


class chim_neighbor_const(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("src_mac", c_uint8 * 6),
        ("vlan_id", c_uint16),
    ]


class chim_neighbor_cached(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("dst_mac", c_uint8 * 6),
        ("rsvd0", c_uint16),
        ("hrd", c_uint32),
        ("rsvd1", c_uint32),
    ]


class chim_neighbor_delegated(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("nrd", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_path_const(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("src", c_uint8 * 16),
        ("dst", c_uint8 * 16),
    ]


class chim_path_cached(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("path_mtu", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_path_delegated(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
    ]


class chim_tcp_const(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("flags", c_uint16),
        ("remote_port", be16),
        ("local_port", be16),
        ("snd_wscale", c_uint8),
        ("rcv_wscale", c_uint8),
        ("remote_mss", c_uint16),
        ("rsvd", c_uint16),
        ("hash", c_uint32),
    ]


class chim_tcp_cached(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("flags", c_uint16),
        ("ka_probe_count", c_uint8),
        ("ttl", c_uint8),
        ("tos", c_uint8),
        ("user_priority", c_uint8),
        ("rsvd0", c_uint16),
        ("initial_rcv_wnd", c_uint32),
        ("rcv_ind_size", c_uint32),
        ("ka_timeout", c_uint32),
        ("ka_interval", c_uint32),
        ("max_rt", c_uint32),
        ("flow_label", c_uint32),
    ]


class chim_send_ref(LittleEndianStructure):
    _fields_ = [
        ("cookie", c_uint64),
        ("len", c_uint32),
        ("done", c_uint32),
        ("sge_off", c_uint32),
        ("sge_count", c_uint32),
        ("flags", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_tcp_delegated(LittleEndianStructure):
    _fields_ = [
        ("hdr", chim_state_hdr),
        ("state", c_uint8),
        ("dup_ack_count", c_uint8),
        ("snd_wnd_probe_count", c_uint8),
        ("ka_probe_count", c_uint8),
        ("rexmit_count", c_uint8),
        ("rsvd0", c_uint8),
        ("flags", c_uint16),
        ("rcv_nxt", c_uint32),
        ("rcv_wnd", c_uint32),
        ("snd_una", c_uint32),
        ("snd_nxt", c_uint32),
        ("snd_max", c_uint32),
        ("snd_wnd", c_uint32),
        ("max_snd_wnd", c_uint32),
        ("snd_wl1", c_uint32),
        ("cwnd", c_uint32),
        ("ssthresh", c_uint32),
        ("srtt", c_uint16),
        ("rttvar", c_uint16),
        ("ts_recent", c_uint32),
        ("ts_recent_age", c_uint32),
        ("ts_time", c_uint32),
        ("total_rt", c_uint32),
        ("ka_timeout_delta", c_uint32),
        ("rexmit_timeout_delta", c_uint32),
        ("dwnd", c_uint32),
        ("send_backlog_size", c_uint32),
        ("receive_backlog_size", c_uint32),
        ("send_off", c_uint32),
        ("send_count", c_uint32),
        ("send_head", c_uint32),
        ("send_tail", c_uint32),
        ("buffered_off", c_uint32),
        ("buffered_sges", c_uint32),
        ("buffered_len", c_uint32),
        ("srtt_us", c_uint32),
        ("rttvar_us", c_uint32),
        ("last_ts_val", c_uint32),
        ("rexmit_segments", c_uint32),
        ("fins", c_uint32),
        ("tlp_timeout_delta", c_uint32),
        ("delack_timeout_delta", c_uint32),
        ("idle_time", c_uint32),
        ("rsvd1", c_uint32),
    ]


class chim_rx_mode(LittleEndianStructure):
    _fields_ = [
        ("flags", c_uint32),
        ("uni_count", c_uint16),
        ("multi_count", c_uint16),
        ("mac", c_uint8 * 8 * 256),
    ]


class chim_rss(LittleEndianStructure):
    _fields_ = [
        ("table_len", c_uint32),
        ("rsvd", c_uint32),
        ("key", c_uint8 * 40),
        ("table", c_uint8 * 128),
    ]


class chim_params(LittleEndianStructure):
    _fields_ = [
        ("ticks_per_second", c_uint32),
        ("ack_frequency", c_uint8),
        ("delayed_ack_ticks", c_uint8),
        ("max_retransmissions", c_uint8),
        ("doubt_retransmissions", c_uint8),
        ("sws_prevention_ticks", c_uint32),
        ("dup_ack_threshold", c_uint32),
        ("push_ticks", c_uint32),
        ("nce_stale_ticks", c_uint32),
        ("congestion_algorithm", c_uint32),
        ("rsvd", c_uint32),
    ]


class chim_ip_stats(LittleEndianStructure):
    _fields_ = [
        ("in_receives", c_uint64),
        ("in_octets", c_uint64),
        ("in_delivers", c_uint64),
        ("out_requests", c_uint64),
        ("out_octets", c_uint64),
        ("in_header_errors", c_uint64),
        ("in_truncated", c_uint64),
        ("in_discards", c_uint64),
        ("out_discards", c_uint64),
        ("out_no_routes", c_uint64),
    ]


class chim_tcp_stats(LittleEndianStructure):
    _fields_ = [
        ("in_segments", c_uint64),
        ("out_segments", c_uint64),
        ("currently_established", c_uint64),
        ("reset_established", c_uint64),
        ("retransmitted_segments", c_uint64),
        ("in_errors", c_uint64),
        ("out_resets", c_uint64),
        ("rsvd", c_uint64),
    ]


class chim_nic_stats(LittleEndianStructure):
    _fields_ = [
        ("rx_frames", c_uint64),
        ("rx_bytes", c_uint64),
        ("rx_multicast", c_uint64),
        ("rx_no_buffer", c_uint64),
        ("rx_filtered", c_uint64),
        ("rx_too_long", c_uint64),
        ("tx_frames", c_uint64),
        ("tx_bytes", c_uint64),
        ("tx_dropped", c_uint64),
        ("doorbells", c_uint64),
        ("interrupts", c_uint64),
        ("rx_offloaded_frames", c_uint64),
        ("tx_offloaded_frames", c_uint64),
        ("rx_offloaded_bytes", c_uint64),
        ("tx_offloaded_bytes", c_uint64),
        ("rsvd", c_uint64),
    ]


class chim_case_stats(LittleEndianStructure):
    _fields_ = [
        ("initiates", c_uint64),
        ("initiate_failures", c_uint64),
        ("terminates", c_uint64),
        ("updates", c_uint64),
        ("queries", c_uint64),
        ("invalidates", c_uint64),
        ("sends", c_uint64),
        ("recvs", c_uint64),
        ("forwards", c_uint64),
        ("disconnects", c_uint64),
        ("verdicts", c_uint64),
        ("send_completions", c_uint64),
        ("recv_completions", c_uint64),
        ("forward_completions", c_uint64),
        ("disconnect_completions", c_uint64),
        ("indications", c_uint64),
        ("events", c_uint64),
        ("initiate_completions", c_uint64),
        ("terminate_completions", c_uint64),
        ("update_completions", c_uint64),
        ("query_completions", c_uint64),
        ("invalidate_completions", c_uint64),
        ("buffered_in_bytes", c_uint64),
        ("buffered_to_recv_bytes", c_uint64),
        ("buffered_indicated_bytes", c_uint64),
        ("buffered_out_bytes", c_uint64),
        ("send_in_unacked_bytes", c_uint64),
        ("send_in_rexmit_bytes", c_uint64),
        ("send_in_unsent_bytes", c_uint64),
        ("send_back_requests", c_uint64),
        ("send_back_completed", c_uint64),
        ("send_back_mixed", c_uint64),
        ("send_back_unacked_bytes", c_uint64),
        ("send_back_rexmit_bytes", c_uint64),
        ("send_back_unsent_bytes", c_uint64),
        ("recv_push", c_uint64),
        ("recv_nonpush", c_uint64),
        ("recv_zero", c_uint64),
        ("verdict_accepted", c_uint64),
        ("verdict_refused", c_uint64),
        ("verdict_partial", c_uint64),
        ("bulk_lists", c_uint64),
        ("send_batches", c_uint64),
        ("forward_batches", c_uint64),
        ("forward_fragments", c_uint64),
        ("forward_options", c_uint64),
        ("forward_interface", c_uint64),
        ("forward_initiate", c_uint64),
        ("rexmit_segments", c_uint64),
        ("target_rx_octets", c_uint64),
        ("target_tx_octets", c_uint64),
        ("rx_dropped_octets", c_uint64),
        ("rsvd", c_uint64 * 4),
    ]


class chim_stats(LittleEndianStructure):
    _fields_ = [
        ("ip4", chim_ip_stats),
        ("ip6", chim_ip_stats),
        ("tcp4", chim_tcp_stats),
        ("tcp6", chim_tcp_stats),
        ("nic", chim_nic_stats),
        ("cases", chim_case_stats),
    ]


SIZES = {
    "chim_ring_ctl": 128,
    "chim_sge": 16,
    "chim_vnet_hdr": 12,
    "chim_sqe": 64,
    "chim_sqe_sg": 64,
    "chim_buf": 16,
    "chim_cqe": 64,
    "chim_rxe": 32,
    "chim_block_list": 16,
    "chim_node": 64,
    "chim_state_hdr": 8,
    "chim_neighbor_const": 16,
    "chim_neighbor_cached": 24,
    "chim_neighbor_delegated": 16,
    "chim_path_const": 40,
    "chim_path_cached": 16,
    "chim_path_delegated": 8,
    "chim_tcp_const": 24,
    "chim_tcp_cached": 40,
    "chim_send_ref": 32,
    "chim_tcp_delegated": 160,
    "chim_rx_mode": 2056,
    "chim_rss": 176,
    "chim_params": 32,
    "chim_ip_stats": 80,
    "chim_tcp_stats": 64,
    "chim_nic_stats": 128,
    "chim_case_stats": 448,
    "chim_stats": 864,
}

OFFSETS = {
    ("chim_ring_ctl", "drv_index"): 0,
    ("chim_ring_ctl", "drv_event"): 4,
    ("chim_ring_ctl", "rsvd0"): 8,
    ("chim_ring_ctl", "dev_index"): 64,
    ("chim_ring_ctl", "dev_event"): 68,
    ("chim_ring_ctl", "rsvd1"): 72,
    ("chim_sge", "addr"): 0,
    ("chim_sge", "len"): 8,
    ("chim_sge", "rsvd"): 12,
    ("chim_vnet_hdr", "flags"): 0,
    ("chim_vnet_hdr", "gso_type"): 1,
    ("chim_vnet_hdr", "hdr_len"): 2,
    ("chim_vnet_hdr", "gso_size"): 4,
    ("chim_vnet_hdr", "csum_start"): 6,
    ("chim_vnet_hdr", "csum_offset"): 8,
    ("chim_vnet_hdr", "num_buffers"): 10,
    ("chim_sqe", "ctl"): 0,
    ("chim_sqe", "handle"): 4,
    ("chim_sqe", "cookie"): 8,
    ("chim_sqe", "u"): 16,
    ("chim_sqe", "u.frame"): 16,
    ("chim_sqe", "u.frame.vnet"): 16,
    ("chim_sqe", "u.frame.rsvd"): 28,
    ("chim_sqe", "u.io"): 16,
    ("chim_sqe", "u.io.len"): 16,
    ("chim_sqe", "u.io.prefilled"): 20,
    ("chim_sqe", "u.io.rsvd"): 24,
    ("chim_sqe", "u.verdict"): 16,
    ("chim_sqe", "u.verdict.indication"): 16,
    ("chim_sqe", "u.verdict.status"): 20,
    ("chim_sqe", "u.verdict.consumed"): 24,
    ("chim_sqe", "u.verdict.rsvd"): 28,
    ("chim_sqe", "u.fence"): 16,
    ("chim_sqe", "u.fence.id"): 16,
    ("chim_sqe", "u.fence.rsvd"): 20,
    ("chim_sqe", "u.admin"): 16,
    ("chim_sqe", "u.admin.len"): 16,
    ("chim_sqe", "u.admin.fence_id"): 20,
    ("chim_sqe", "u.admin.fence_count"): 24,
    ("chim_sqe", "u.admin.flags"): 28,
    ("chim_sqe", "u.ring"): 16,
    ("chim_sqe", "u.ring.ring"): 16,
    ("chim_sqe", "u.ring.log2_size"): 20,
    ("chim_sqe", "u.ring.rsvd"): 24,
    ("chim_sqe", "u.coalesce"): 16,
    ("chim_sqe", "u.coalesce.pair"): 16,
    ("chim_sqe", "u.coalesce.usecs"): 20,
    ("chim_sqe", "u.coalesce.frames"): 24,
    ("chim_sqe", "u.coalesce.rsvd"): 28,
    ("chim_sqe", "u.nce"): 16,
    ("chim_sqe", "u.nce.hrd"): 16,
    ("chim_sqe", "u.nce.rsvd"): 20,
    ("chim_sqe", "u.vlan"): 16,
    ("chim_sqe", "u.vlan.count"): 16,
    ("chim_sqe", "u.vlan.rsvd"): 20,
    ("chim_sqe", "u.value"): 16,
    ("chim_sqe", "sge"): 32,
    ("chim_sqe_sg", "ctl"): 0,
    ("chim_sqe_sg", "rsvd"): 4,
    ("chim_sqe_sg", "sge"): 16,
    ("chim_buf", "ctl"): 0,
    ("chim_buf", "len"): 4,
    ("chim_buf", "addr"): 8,
    ("chim_cqe", "ctl"): 0,
    ("chim_cqe", "status"): 4,
    ("chim_cqe", "cookie"): 8,
    ("chim_cqe", "conn_cookie"): 16,
    ("chim_cqe", "handle"): 24,
    ("chim_cqe", "bytes"): 28,
    ("chim_cqe", "info"): 32,
    ("chim_cqe", "info2"): 36,
    ("chim_cqe", "seq"): 40,
    ("chim_cqe", "ind_first"): 44,
    ("chim_cqe", "ind_count"): 48,
    ("chim_cqe", "flags"): 50,
    ("chim_cqe", "cwnd"): 52,
    ("chim_cqe", "srtt_us"): 56,
    ("chim_cqe", "rcv_rtt_us"): 60,
    ("chim_rxe", "ctl"): 0,
    ("chim_rxe", "len"): 4,
    ("chim_rxe", "u"): 8,
    ("chim_rxe", "u.frame"): 8,
    ("chim_rxe", "u.frame.vnet"): 8,
    ("chim_rxe", "u.frame.hash"): 20,
    ("chim_rxe", "u.cookie"): 8,
    ("chim_rxe", "buf"): 24,
    ("chim_rxe", "rsvd"): 28,
    ("chim_block_list", "length"): 0,
    ("chim_block_list", "node_count"): 4,
    ("chim_block_list", "root"): 8,
    ("chim_block_list", "revision"): 12,
    ("chim_node", "role"): 0,
    ("chim_node", "type"): 1,
    ("chim_node", "pair"): 2,
    ("chim_node", "next"): 4,
    ("chim_node", "dependent"): 8,
    ("chim_node", "handle"): 12,
    ("chim_node", "cookie"): 16,
    ("chim_node", "status"): 24,
    ("chim_node", "info"): 28,
    ("chim_node", "state_off"): 32,
    ("chim_node", "state_len"): 36,
    ("chim_node", "rsvd"): 40,
    ("chim_state_hdr", "length"): 0,
    ("chim_state_hdr", "options"): 4,
    ("chim_neighbor_const", "hdr"): 0,
    ("chim_neighbor_const", "src_mac"): 8,
    ("chim_neighbor_const", "vlan_id"): 14,
    ("chim_neighbor_cached", "hdr"): 0,
    ("chim_neighbor_cached", "dst_mac"): 8,
    ("chim_neighbor_cached", "rsvd0"): 14,
    ("chim_neighbor_cached", "hrd"): 16,
    ("chim_neighbor_cached", "rsvd1"): 20,
    ("chim_neighbor_delegated", "hdr"): 0,
    ("chim_neighbor_delegated", "nrd"): 8,
    ("chim_neighbor_delegated", "rsvd"): 12,
    ("chim_path_const", "hdr"): 0,
    ("chim_path_const", "src"): 8,
    ("chim_path_const", "dst"): 24,
    ("chim_path_cached", "hdr"): 0,
    ("chim_path_cached", "path_mtu"): 8,
    ("chim_path_cached", "rsvd"): 12,
    ("chim_path_delegated", "hdr"): 0,
    ("chim_tcp_const", "hdr"): 0,
    ("chim_tcp_const", "flags"): 8,
    ("chim_tcp_const", "remote_port"): 10,
    ("chim_tcp_const", "local_port"): 12,
    ("chim_tcp_const", "snd_wscale"): 14,
    ("chim_tcp_const", "rcv_wscale"): 15,
    ("chim_tcp_const", "remote_mss"): 16,
    ("chim_tcp_const", "rsvd"): 18,
    ("chim_tcp_const", "hash"): 20,
    ("chim_tcp_cached", "hdr"): 0,
    ("chim_tcp_cached", "flags"): 8,
    ("chim_tcp_cached", "ka_probe_count"): 10,
    ("chim_tcp_cached", "ttl"): 11,
    ("chim_tcp_cached", "tos"): 12,
    ("chim_tcp_cached", "user_priority"): 13,
    ("chim_tcp_cached", "rsvd0"): 14,
    ("chim_tcp_cached", "initial_rcv_wnd"): 16,
    ("chim_tcp_cached", "rcv_ind_size"): 20,
    ("chim_tcp_cached", "ka_timeout"): 24,
    ("chim_tcp_cached", "ka_interval"): 28,
    ("chim_tcp_cached", "max_rt"): 32,
    ("chim_tcp_cached", "flow_label"): 36,
    ("chim_send_ref", "cookie"): 0,
    ("chim_send_ref", "len"): 8,
    ("chim_send_ref", "done"): 12,
    ("chim_send_ref", "sge_off"): 16,
    ("chim_send_ref", "sge_count"): 20,
    ("chim_send_ref", "flags"): 24,
    ("chim_send_ref", "rsvd"): 28,
    ("chim_tcp_delegated", "hdr"): 0,
    ("chim_tcp_delegated", "state"): 8,
    ("chim_tcp_delegated", "dup_ack_count"): 9,
    ("chim_tcp_delegated", "snd_wnd_probe_count"): 10,
    ("chim_tcp_delegated", "ka_probe_count"): 11,
    ("chim_tcp_delegated", "rexmit_count"): 12,
    ("chim_tcp_delegated", "rsvd0"): 13,
    ("chim_tcp_delegated", "flags"): 14,
    ("chim_tcp_delegated", "rcv_nxt"): 16,
    ("chim_tcp_delegated", "rcv_wnd"): 20,
    ("chim_tcp_delegated", "snd_una"): 24,
    ("chim_tcp_delegated", "snd_nxt"): 28,
    ("chim_tcp_delegated", "snd_max"): 32,
    ("chim_tcp_delegated", "snd_wnd"): 36,
    ("chim_tcp_delegated", "max_snd_wnd"): 40,
    ("chim_tcp_delegated", "snd_wl1"): 44,
    ("chim_tcp_delegated", "cwnd"): 48,
    ("chim_tcp_delegated", "ssthresh"): 52,
    ("chim_tcp_delegated", "srtt"): 56,
    ("chim_tcp_delegated", "rttvar"): 58,
    ("chim_tcp_delegated", "ts_recent"): 60,
    ("chim_tcp_delegated", "ts_recent_age"): 64,
    ("chim_tcp_delegated", "ts_time"): 68,
    ("chim_tcp_delegated", "total_rt"): 72,
    ("chim_tcp_delegated", "ka_timeout_delta"): 76,
    ("chim_tcp_delegated", "rexmit_timeout_delta"): 80,
    ("chim_tcp_delegated", "dwnd"): 84,
    ("chim_tcp_delegated", "send_backlog_size"): 88,
    ("chim_tcp_delegated", "receive_backlog_size"): 92,
    ("chim_tcp_delegated", "send_off"): 96,
    ("chim_tcp_delegated", "send_count"): 100,
    ("chim_tcp_delegated", "send_head"): 104,
    ("chim_tcp_delegated", "send_tail"): 108,
    ("chim_tcp_delegated", "buffered_off"): 112,
    ("chim_tcp_delegated", "buffered_sges"): 116,
    ("chim_tcp_delegated", "buffered_len"): 120,
    ("chim_tcp_delegated", "srtt_us"): 124,
    ("chim_tcp_delegated", "rttvar_us"): 128,
    ("chim_tcp_delegated", "last_ts_val"): 132,
    ("chim_tcp_delegated", "rexmit_segments"): 136,
    ("chim_tcp_delegated", "fins"): 140,
    ("chim_tcp_delegated", "tlp_timeout_delta"): 144,
    ("chim_tcp_delegated", "delack_timeout_delta"): 148,
    ("chim_tcp_delegated", "idle_time"): 152,
    ("chim_tcp_delegated", "rsvd1"): 156,
    ("chim_rx_mode", "flags"): 0,
    ("chim_rx_mode", "uni_count"): 4,
    ("chim_rx_mode", "multi_count"): 6,
    ("chim_rx_mode", "mac"): 8,
    ("chim_rss", "table_len"): 0,
    ("chim_rss", "rsvd"): 4,
    ("chim_rss", "key"): 8,
    ("chim_rss", "table"): 48,
    ("chim_params", "ticks_per_second"): 0,
    ("chim_params", "ack_frequency"): 4,
    ("chim_params", "delayed_ack_ticks"): 5,
    ("chim_params", "max_retransmissions"): 6,
    ("chim_params", "doubt_retransmissions"): 7,
    ("chim_params", "sws_prevention_ticks"): 8,
    ("chim_params", "dup_ack_threshold"): 12,
    ("chim_params", "push_ticks"): 16,
    ("chim_params", "nce_stale_ticks"): 20,
    ("chim_params", "congestion_algorithm"): 24,
    ("chim_params", "rsvd"): 28,
    ("chim_ip_stats", "in_receives"): 0,
    ("chim_ip_stats", "in_octets"): 8,
    ("chim_ip_stats", "in_delivers"): 16,
    ("chim_ip_stats", "out_requests"): 24,
    ("chim_ip_stats", "out_octets"): 32,
    ("chim_ip_stats", "in_header_errors"): 40,
    ("chim_ip_stats", "in_truncated"): 48,
    ("chim_ip_stats", "in_discards"): 56,
    ("chim_ip_stats", "out_discards"): 64,
    ("chim_ip_stats", "out_no_routes"): 72,
    ("chim_tcp_stats", "in_segments"): 0,
    ("chim_tcp_stats", "out_segments"): 8,
    ("chim_tcp_stats", "currently_established"): 16,
    ("chim_tcp_stats", "reset_established"): 24,
    ("chim_tcp_stats", "retransmitted_segments"): 32,
    ("chim_tcp_stats", "in_errors"): 40,
    ("chim_tcp_stats", "out_resets"): 48,
    ("chim_tcp_stats", "rsvd"): 56,
    ("chim_nic_stats", "rx_frames"): 0,
    ("chim_nic_stats", "rx_bytes"): 8,
    ("chim_nic_stats", "rx_multicast"): 16,
    ("chim_nic_stats", "rx_no_buffer"): 24,
    ("chim_nic_stats", "rx_filtered"): 32,
    ("chim_nic_stats", "rx_too_long"): 40,
    ("chim_nic_stats", "tx_frames"): 48,
    ("chim_nic_stats", "tx_bytes"): 56,
    ("chim_nic_stats", "tx_dropped"): 64,
    ("chim_nic_stats", "doorbells"): 72,
    ("chim_nic_stats", "interrupts"): 80,
    ("chim_nic_stats", "rx_offloaded_frames"): 88,
    ("chim_nic_stats", "tx_offloaded_frames"): 96,
    ("chim_nic_stats", "rx_offloaded_bytes"): 104,
    ("chim_nic_stats", "tx_offloaded_bytes"): 112,
    ("chim_nic_stats", "rsvd"): 120,
    ("chim_case_stats", "initiates"): 0,
    ("chim_case_stats", "initiate_failures"): 8,
    ("chim_case_stats", "terminates"): 16,
    ("chim_case_stats", "updates"): 24,
    ("chim_case_stats", "queries"): 32,
    ("chim_case_stats", "invalidates"): 40,
    ("chim_case_stats", "sends"): 48,
    ("chim_case_stats", "recvs"): 56,
    ("chim_case_stats", "forwards"): 64,
    ("chim_case_stats", "disconnects"): 72,
    ("chim_case_stats", "verdicts"): 80,
    ("chim_case_stats", "send_completions"): 88,
    ("chim_case_stats", "recv_completions"): 96,
    ("chim_case_stats", "forward_completions"): 104,
    ("chim_case_stats", "disconnect_completions"): 112,
    ("chim_case_stats", "indications"): 120,
    ("chim_case_stats", "events"): 128,
    ("chim_case_stats", "initiate_completions"): 136,
    ("chim_case_stats", "terminate_completions"): 144,
    ("chim_case_stats", "update_completions"): 152,
    ("chim_case_stats", "query_completions"): 160,
    ("chim_case_stats", "invalidate_completions"): 168,
    ("chim_case_stats", "buffered_in_bytes"): 176,
    ("chim_case_stats", "buffered_to_recv_bytes"): 184,
    ("chim_case_stats", "buffered_indicated_bytes"): 192,
    ("chim_case_stats", "buffered_out_bytes"): 200,
    ("chim_case_stats", "send_in_unacked_bytes"): 208,
    ("chim_case_stats", "send_in_rexmit_bytes"): 216,
    ("chim_case_stats", "send_in_unsent_bytes"): 224,
    ("chim_case_stats", "send_back_requests"): 232,
    ("chim_case_stats", "send_back_completed"): 240,
    ("chim_case_stats", "send_back_mixed"): 248,
    ("chim_case_stats", "send_back_unacked_bytes"): 256,
    ("chim_case_stats", "send_back_rexmit_bytes"): 264,
    ("chim_case_stats", "send_back_unsent_bytes"): 272,
    ("chim_case_stats", "recv_push"): 280,
    ("chim_case_stats", "recv_nonpush"): 288,
    ("chim_case_stats", "recv_zero"): 296,
    ("chim_case_stats", "verdict_accepted"): 304,
    ("chim_case_stats", "verdict_refused"): 312,
    ("chim_case_stats", "verdict_partial"): 320,
    ("chim_case_stats", "bulk_lists"): 328,
    ("chim_case_stats", "send_batches"): 336,
    ("chim_case_stats", "forward_batches"): 344,
    ("chim_case_stats", "forward_fragments"): 352,
    ("chim_case_stats", "forward_options"): 360,
    ("chim_case_stats", "forward_interface"): 368,
    ("chim_case_stats", "forward_initiate"): 376,
    ("chim_case_stats", "rexmit_segments"): 384,
    ("chim_case_stats", "target_rx_octets"): 392,
    ("chim_case_stats", "target_tx_octets"): 400,
    ("chim_case_stats", "rx_dropped_octets"): 408,
    ("chim_case_stats", "rsvd"): 416,
    ("chim_stats", "ip4"): 0,
    ("chim_stats", "ip6"): 80,
    ("chim_stats", "tcp4"): 160,
    ("chim_stats", "tcp6"): 224,
    ("chim_stats", "nic"): 288,
    ("chim_stats", "cases"): 416,
}

CHIM_PCI_VENDOR = chim_pci_id.CHIM_PCI_VENDOR
CHIM_PCI_DEVICE = chim_pci_id.CHIM_PCI_DEVICE
CHIM_PCI_REVISION = chim_pci_id.CHIM_PCI_REVISION
CHIM_BAR_REGS = chim_bar.CHIM_BAR_REGS
CHIM_BAR_MSIX = chim_bar.CHIM_BAR_MSIX
CHIM_BAR_REGS_SIZE = chim_bar.CHIM_BAR_REGS_SIZE
CHIM_MAGIC = chim_abi.CHIM_MAGIC
CHIM_ABI_MAJOR = chim_abi.CHIM_ABI_MAJOR
CHIM_ABI_MINOR = chim_abi.CHIM_ABI_MINOR
CHIM_REG_MAGIC = chim_reg.CHIM_REG_MAGIC
CHIM_REG_VERSION = chim_reg.CHIM_REG_VERSION
CHIM_REG_FEATURES_LO = chim_reg.CHIM_REG_FEATURES_LO
CHIM_REG_FEATURES_HI = chim_reg.CHIM_REG_FEATURES_HI
CHIM_REG_DRV_FEATURES_LO = chim_reg.CHIM_REG_DRV_FEATURES_LO
CHIM_REG_DRV_FEATURES_HI = chim_reg.CHIM_REG_DRV_FEATURES_HI
CHIM_REG_CTRL = chim_reg.CHIM_REG_CTRL
CHIM_REG_STATUS = chim_reg.CHIM_REG_STATUS
CHIM_REG_FATAL_CAUSE = chim_reg.CHIM_REG_FATAL_CAUSE
CHIM_REG_FATAL_RING = chim_reg.CHIM_REG_FATAL_RING
CHIM_REG_FATAL_INDEX = chim_reg.CHIM_REG_FATAL_INDEX
CHIM_REG_FATAL_RULE = chim_reg.CHIM_REG_FATAL_RULE
CHIM_REG_FATAL_ADDR_LO = chim_reg.CHIM_REG_FATAL_ADDR_LO
CHIM_REG_FATAL_ADDR_HI = chim_reg.CHIM_REG_FATAL_ADDR_HI
CHIM_REG_ISR = chim_reg.CHIM_REG_ISR
CHIM_REG_MAX_PAIRS = chim_reg.CHIM_REG_MAX_PAIRS
CHIM_REG_MAX_RING_LOG2 = chim_reg.CHIM_REG_MAX_RING_LOG2
CHIM_REG_MAX_CONNS = chim_reg.CHIM_REG_MAX_CONNS
CHIM_REG_MAX_PATHS = chim_reg.CHIM_REG_MAX_PATHS
CHIM_REG_MAX_NEIGHBORS = chim_reg.CHIM_REG_MAX_NEIGHBORS
CHIM_REG_MAX_SGE = chim_reg.CHIM_REG_MAX_SGE
CHIM_REG_MAX_BUFFERED = chim_reg.CHIM_REG_MAX_BUFFERED
CHIM_REG_MAX_SENDS = chim_reg.CHIM_REG_MAX_SENDS
CHIM_REG_MAX_RECVS = chim_reg.CHIM_REG_MAX_RECVS
CHIM_REG_MAX_RCV_WND = chim_reg.CHIM_REG_MAX_RCV_WND
CHIM_REG_MAX_MTU = chim_reg.CHIM_REG_MAX_MTU
CHIM_REG_MAX_BLOCK_LEN = chim_reg.CHIM_REG_MAX_BLOCK_LEN
CHIM_REG_MAX_NODES = chim_reg.CHIM_REG_MAX_NODES
CHIM_REG_MAX_VLANS = chim_reg.CHIM_REG_MAX_VLANS
CHIM_REG_MAX_SEND_LEN = chim_reg.CHIM_REG_MAX_SEND_LEN
CHIM_REG_MAX_IND_LEN = chim_reg.CHIM_REG_MAX_IND_LEN
CHIM_REG_MAC_LO = chim_reg.CHIM_REG_MAC_LO
CHIM_REG_MAC_HI = chim_reg.CHIM_REG_MAC_HI
CHIM_REG_LINK_SPEED = chim_reg.CHIM_REG_LINK_SPEED
CHIM_REG_ADMIN_SQ_LO = chim_reg.CHIM_REG_ADMIN_SQ_LO
CHIM_REG_ADMIN_SQ_HI = chim_reg.CHIM_REG_ADMIN_SQ_HI
CHIM_REG_ADMIN_SQ_CTL_LO = chim_reg.CHIM_REG_ADMIN_SQ_CTL_LO
CHIM_REG_ADMIN_SQ_CTL_HI = chim_reg.CHIM_REG_ADMIN_SQ_CTL_HI
CHIM_REG_ADMIN_CQ_LO = chim_reg.CHIM_REG_ADMIN_CQ_LO
CHIM_REG_ADMIN_CQ_HI = chim_reg.CHIM_REG_ADMIN_CQ_HI
CHIM_REG_ADMIN_CQ_CTL_LO = chim_reg.CHIM_REG_ADMIN_CQ_CTL_LO
CHIM_REG_ADMIN_CQ_CTL_HI = chim_reg.CHIM_REG_ADMIN_CQ_CTL_HI
CHIM_REG_ADMIN_SIZE = chim_reg.CHIM_REG_ADMIN_SIZE
CHIM_REG_TEST_SCRATCH = chim_reg.CHIM_REG_TEST_SCRATCH
CHIM_REG_TEST_IRQ = chim_reg.CHIM_REG_TEST_IRQ
CHIM_REG_DOORBELL = chim_reg.CHIM_REG_DOORBELL
CHIM_CTRL_ENABLE = chim_ctrl.CHIM_CTRL_ENABLE
CHIM_CTRL_RESET = chim_ctrl.CHIM_CTRL_RESET
CHIM_STATUS_READY = chim_dev_status.CHIM_STATUS_READY
CHIM_STATUS_FATAL = chim_dev_status.CHIM_STATUS_FATAL
CHIM_STATUS_LINK_UP = chim_dev_status.CHIM_STATUS_LINK_UP
CHIM_STATUS_PAUSED = chim_dev_status.CHIM_STATUS_PAUSED
CHIM_F_CSUM = chim_feature.CHIM_F_CSUM
CHIM_F_GUEST_CSUM = chim_feature.CHIM_F_GUEST_CSUM
CHIM_F_TSO4 = chim_feature.CHIM_F_TSO4
CHIM_F_TSO6 = chim_feature.CHIM_F_TSO6
CHIM_F_LRO = chim_feature.CHIM_F_LRO
CHIM_F_RSS = chim_feature.CHIM_F_RSS
CHIM_F_OFFLOAD_IPV4 = chim_feature.CHIM_F_OFFLOAD_IPV4
CHIM_F_OFFLOAD_IPV6 = chim_feature.CHIM_F_OFFLOAD_IPV6
CHIM_F_SACK = chim_feature.CHIM_F_SACK
CHIM_F_EXT_RTT_US = chim_feature.CHIM_F_EXT_RTT_US
CHIM_F_EXT_TS_US = chim_feature.CHIM_F_EXT_TS_US
CHIM_F_BUFFERED = chim_feature.CHIM_F_BUFFERED
CHIM_F_EXT_FINS = chim_feature.CHIM_F_EXT_FINS
CHIM_F_EXT_TIMERS = chim_feature.CHIM_F_EXT_TIMERS
CHIM_F_OCTETS = chim_feature.CHIM_F_OCTETS
CHIM_FATAL_NONE = chim_fatal.CHIM_FATAL_NONE
CHIM_FATAL_DMA = chim_fatal.CHIM_FATAL_DMA
CHIM_FATAL_DOORBELL = chim_fatal.CHIM_FATAL_DOORBELL
CHIM_FATAL_RING_CONFIG = chim_fatal.CHIM_FATAL_RING_CONFIG
CHIM_FATAL_PHASE = chim_fatal.CHIM_FATAL_PHASE
CHIM_FATAL_OPCODE = chim_fatal.CHIM_FATAL_OPCODE
CHIM_FATAL_CQ_INDEX = chim_fatal.CHIM_FATAL_CQ_INDEX
CHIM_FATAL_FENCE = chim_fatal.CHIM_FATAL_FENCE
CHIM_FATAL_BUFFER = chim_fatal.CHIM_FATAL_BUFFER
CHIM_FATAL_INTERNAL = chim_fatal.CHIM_FATAL_INTERNAL
CHIM_RULE_NONE = chim_rule.CHIM_RULE_NONE
CHIM_RULE_REG_H1 = chim_rule.CHIM_RULE_REG_H1
CHIM_RULE_REG_H2 = chim_rule.CHIM_RULE_REG_H2
CHIM_RULE_REG_H3 = chim_rule.CHIM_RULE_REG_H3
CHIM_RULE_RING_H1 = chim_rule.CHIM_RULE_RING_H1
CHIM_RULE_RING_H2 = chim_rule.CHIM_RULE_RING_H2
CHIM_RULE_RING_H3 = chim_rule.CHIM_RULE_RING_H3
CHIM_RULE_RING_H4 = chim_rule.CHIM_RULE_RING_H4
CHIM_RULE_RING_H5 = chim_rule.CHIM_RULE_RING_H5
CHIM_RULE_RING_H6 = chim_rule.CHIM_RULE_RING_H6
CHIM_RULE_RING_H7 = chim_rule.CHIM_RULE_RING_H7
CHIM_RULE_RING_H8 = chim_rule.CHIM_RULE_RING_H8
CHIM_RULE_OP_H1 = chim_rule.CHIM_RULE_OP_H1
CHIM_PAIRS_LIMIT = chim_limit.CHIM_PAIRS_LIMIT
CHIM_RING_LOG2_MIN = chim_limit.CHIM_RING_LOG2_MIN
CHIM_RING_LOG2_LIMIT = chim_limit.CHIM_RING_LOG2_LIMIT
CHIM_RING_NONE = chim_limit.CHIM_RING_NONE
CHIM_RSS_KEY_LEN = chim_limit.CHIM_RSS_KEY_LEN
CHIM_RSS_TABLE_MAX = chim_limit.CHIM_RSS_TABLE_MAX
CHIM_MAC_LIST_MAX = chim_limit.CHIM_MAC_LIST_MAX
CHIM_RING_ADMIN_SQ = chim_ring_id.CHIM_RING_ADMIN_SQ
CHIM_RING_ADMIN_CQ = chim_ring_id.CHIM_RING_ADMIN_CQ
CHIM_RING_PAIR0 = chim_ring_id.CHIM_RING_PAIR0
CHIM_RINGS_PER_PAIR = chim_ring_id.CHIM_RINGS_PER_PAIR
CHIM_RING_SQ = chim_ring_kind.CHIM_RING_SQ
CHIM_RING_CQ = chim_ring_kind.CHIM_RING_CQ
CHIM_RING_TX = chim_ring_kind.CHIM_RING_TX
CHIM_RING_RXB = chim_ring_kind.CHIM_RING_RXB
CHIM_RING_RXC = chim_ring_kind.CHIM_RING_RXC
CHIM_RING_IB = chim_ring_kind.CHIM_RING_IB
CHIM_RING_KINDS = chim_ring_kind.CHIM_RING_KINDS
CHIM_CTL_PHASE = chim_ctl.CHIM_CTL_PHASE
CHIM_CTL_OP_MASK = chim_ctl.CHIM_CTL_OP_MASK
CHIM_CTL_FLAGS_SHIFT = chim_ctl.CHIM_CTL_FLAGS_SHIFT
CHIM_CTL_SG_SHIFT = chim_ctl.CHIM_CTL_SG_SHIFT
CHIM_CTL_SG_MASK = chim_ctl.CHIM_CTL_SG_MASK
CHIM_SQE_SGES = chim_sge_count.CHIM_SQE_SGES
CHIM_SG_SGES = chim_sge_count.CHIM_SG_SGES
CHIM_VNET_F_NEEDS_CSUM = chim_vnet_flags.CHIM_VNET_F_NEEDS_CSUM
CHIM_VNET_F_DATA_VALID = chim_vnet_flags.CHIM_VNET_F_DATA_VALID
CHIM_VNET_GSO_NONE = chim_vnet_gso.CHIM_VNET_GSO_NONE
CHIM_VNET_GSO_TCPV4 = chim_vnet_gso.CHIM_VNET_GSO_TCPV4
CHIM_VNET_GSO_TCPV6 = chim_vnet_gso.CHIM_VNET_GSO_TCPV6
CHIM_VNET_GSO_ECN = chim_vnet_gso.CHIM_VNET_GSO_ECN
CHIM_OP_SG = chim_op.CHIM_OP_SG
CHIM_OP_FRAME = chim_op.CHIM_OP_FRAME
CHIM_OP_TX_FENCE = chim_op.CHIM_OP_TX_FENCE
CHIM_OP_SEND = chim_op.CHIM_OP_SEND
CHIM_OP_RECV = chim_op.CHIM_OP_RECV
CHIM_OP_FORWARD = chim_op.CHIM_OP_FORWARD
CHIM_OP_DISCONNECT = chim_op.CHIM_OP_DISCONNECT
CHIM_OP_VERDICT = chim_op.CHIM_OP_VERDICT
CHIM_OP_FENCE = chim_op.CHIM_OP_FENCE
CHIM_OP_CREATE_RING = chim_op.CHIM_OP_CREATE_RING
CHIM_OP_DESTROY_RING = chim_op.CHIM_OP_DESTROY_RING
CHIM_OP_SET_RX_MODE = chim_op.CHIM_OP_SET_RX_MODE
CHIM_OP_SET_RSS = chim_op.CHIM_OP_SET_RSS
CHIM_OP_SET_MTU = chim_op.CHIM_OP_SET_MTU
CHIM_OP_SET_COALESCE = chim_op.CHIM_OP_SET_COALESCE
CHIM_OP_GET_STATS = chim_op.CHIM_OP_GET_STATS
CHIM_OP_RESET_STATS = chim_op.CHIM_OP_RESET_STATS
CHIM_OP_SET_PARAMS = chim_op.CHIM_OP_SET_PARAMS
CHIM_OP_SET_VLANS = chim_op.CHIM_OP_SET_VLANS
CHIM_OP_INITIATE = chim_op.CHIM_OP_INITIATE
CHIM_OP_TERMINATE = chim_op.CHIM_OP_TERMINATE
CHIM_OP_UPDATE = chim_op.CHIM_OP_UPDATE
CHIM_OP_QUERY = chim_op.CHIM_OP_QUERY
CHIM_OP_INVALIDATE = chim_op.CHIM_OP_INVALIDATE
CHIM_OP_NCE_ANSWER = chim_op.CHIM_OP_NCE_ANSWER
CHIM_SEND_MORE = chim_send_flags.CHIM_SEND_MORE
CHIM_SEND_PUSH = chim_send_flags.CHIM_SEND_PUSH
CHIM_RECV_NONPUSH = chim_recv_flags.CHIM_RECV_NONPUSH
CHIM_FORWARD_CSUM_OK = chim_forward_flags.CHIM_FORWARD_CSUM_OK
CHIM_FORWARD_CAUSE_SHIFT = chim_forward_flags.CHIM_FORWARD_CAUSE_SHIFT
CHIM_FORWARD_CAUSE_MASK = chim_forward_flags.CHIM_FORWARD_CAUSE_MASK
CHIM_CAUSE_OTHER = chim_forward_cause.CHIM_CAUSE_OTHER
CHIM_CAUSE_FRAGMENTS = chim_forward_cause.CHIM_CAUSE_FRAGMENTS
CHIM_CAUSE_OPTIONS = chim_forward_cause.CHIM_CAUSE_OPTIONS
CHIM_CAUSE_INTERFACE = chim_forward_cause.CHIM_CAUSE_INTERFACE
CHIM_CAUSE_INITIATE = chim_forward_cause.CHIM_CAUSE_INITIATE
CHIM_DISCONNECT_GRACEFUL = chim_disconnect_flags.CHIM_DISCONNECT_GRACEFUL
CHIM_DISCONNECT_ABORTIVE = chim_disconnect_flags.CHIM_DISCONNECT_ABORTIVE
CHIM_CQ_SEND = chim_cq_type.CHIM_CQ_SEND
CHIM_CQ_RECV = chim_cq_type.CHIM_CQ_RECV
CHIM_CQ_FORWARD = chim_cq_type.CHIM_CQ_FORWARD
CHIM_CQ_DISCONNECT = chim_cq_type.CHIM_CQ_DISCONNECT
CHIM_CQ_OPENED = chim_cq_type.CHIM_CQ_OPENED
CHIM_CQ_LAST = chim_cq_type.CHIM_CQ_LAST
CHIM_CQ_INDICATE = chim_cq_type.CHIM_CQ_INDICATE
CHIM_CQ_EVENT = chim_cq_type.CHIM_CQ_EVENT
CHIM_CQ_ADMIN = chim_cq_type.CHIM_CQ_ADMIN
CHIM_CQ_LINK = chim_cq_type.CHIM_CQ_LINK
CHIM_CQ_PAUSE = chim_cq_type.CHIM_CQ_PAUSE
CHIM_CQ_RESUME = chim_cq_type.CHIM_CQ_RESUME
CHIM_CQ_UPLOAD_ALL = chim_cq_type.CHIM_CQ_UPLOAD_ALL
CHIM_CQ_NCE = chim_cq_type.CHIM_CQ_NCE
CHIM_EV_SEND_BACKLOG = chim_event.CHIM_EV_SEND_BACKLOG
CHIM_EV_DISCONNECT = chim_event.CHIM_EV_DISCONNECT
CHIM_EV_RETRIEVE = chim_event.CHIM_EV_RETRIEVE
CHIM_EV_ABORT = chim_event.CHIM_EV_ABORT
CHIM_UPR_LOW_ACTIVITY = chim_upload_reason.CHIM_UPR_LOW_ACTIVITY
CHIM_UPR_HIGH_DROP_RATE = chim_upload_reason.CHIM_UPR_HIGH_DROP_RATE
CHIM_UPR_SMALL_IO = chim_upload_reason.CHIM_UPR_SMALL_IO
CHIM_UPR_NO_PREPOSTING = chim_upload_reason.CHIM_UPR_NO_PREPOSTING
CHIM_UPR_URGENT_DATA = chim_upload_reason.CHIM_UPR_URGENT_DATA
CHIM_UPR_FRAGMENTATION = chim_upload_reason.CHIM_UPR_FRAGMENTATION
CHIM_UPR_OUT_OF_ORDER = chim_upload_reason.CHIM_UPR_OUT_OF_ORDER
CHIM_UPR_TIMEOUT = chim_upload_reason.CHIM_UPR_TIMEOUT
CHIM_UPR_INVALID_STATE = chim_upload_reason.CHIM_UPR_INVALID_STATE
CHIM_UPR_REQUESTED = chim_upload_reason.CHIM_UPR_REQUESTED
CHIM_UPR_HARDWARE = chim_upload_reason.CHIM_UPR_HARDWARE
CHIM_CQE_PUSH = chim_cqe_flags.CHIM_CQE_PUSH
CHIM_CQE_BUFFERED = chim_cqe_flags.CHIM_CQE_BUFFERED
CHIM_CQE_BATCH = chim_cqe_flags.CHIM_CQE_BATCH
CHIM_RX_FRAME = chim_rx_type.CHIM_RX_FRAME
CHIM_RX_MORE = chim_rx_type.CHIM_RX_MORE
CHIM_RX_CUTOVER = chim_rx_type.CHIM_RX_CUTOVER
CHIM_RX_F_HASH_L4 = chim_rx_flags.CHIM_RX_F_HASH_L4
CHIM_RX_F_HASH_L3 = chim_rx_flags.CHIM_RX_F_HASH_L3
CHIM_ST_SUCCESS = chim_status.CHIM_ST_SUCCESS
CHIM_ST_PARTIAL_SUCCESS = chim_status.CHIM_ST_PARTIAL_SUCCESS
CHIM_ST_FAILURE = chim_status.CHIM_ST_FAILURE
CHIM_ST_RESOURCES = chim_status.CHIM_ST_RESOURCES
CHIM_ST_TCP_ENTRIES = chim_status.CHIM_ST_TCP_ENTRIES
CHIM_ST_PATH_ENTRIES = chim_status.CHIM_ST_PATH_ENTRIES
CHIM_ST_NEIGHBOR_ENTRIES = chim_status.CHIM_ST_NEIGHBOR_ENTRIES
CHIM_ST_IP_ADDRESS_ENTRIES = chim_status.CHIM_ST_IP_ADDRESS_ENTRIES
CHIM_ST_HW_ADDRESS_ENTRIES = chim_status.CHIM_ST_HW_ADDRESS_ENTRIES
CHIM_ST_VLAN_ENTRIES = chim_status.CHIM_ST_VLAN_ENTRIES
CHIM_ST_TCP_XMIT_BUFFER = chim_status.CHIM_ST_TCP_XMIT_BUFFER
CHIM_ST_TCP_RCV_BUFFER = chim_status.CHIM_ST_TCP_RCV_BUFFER
CHIM_ST_TCP_RCV_WINDOW = chim_status.CHIM_ST_TCP_RCV_WINDOW
CHIM_ST_VLAN_MISMATCH = chim_status.CHIM_ST_VLAN_MISMATCH
CHIM_ST_PATH_MTU = chim_status.CHIM_ST_PATH_MTU
CHIM_ST_CONNECTION_REJECTED = chim_status.CHIM_ST_CONNECTION_REJECTED
CHIM_ST_UPLOAD_IN_PROGRESS = chim_status.CHIM_ST_UPLOAD_IN_PROGRESS
CHIM_ST_REQUEST_ABORTED = chim_status.CHIM_ST_REQUEST_ABORTED
CHIM_ST_INVALID_STATE = chim_status.CHIM_ST_INVALID_STATE
CHIM_ST_DATA_NOT_ACCEPTED = chim_status.CHIM_ST_DATA_NOT_ACCEPTED
CHIM_ST_DATA_PARTIALLY_ACCEPTED = chim_status.CHIM_ST_DATA_PARTIALLY_ACCEPTED
CHIM_ST_INVALID_OPCODE = chim_status.CHIM_ST_INVALID_OPCODE
CHIM_ST_INVALID_FIELD = chim_status.CHIM_ST_INVALID_FIELD
CHIM_ST_INVALID_HANDLE = chim_status.CHIM_ST_INVALID_HANDLE
CHIM_ST_INVALID_LIST = chim_status.CHIM_ST_INVALID_LIST
CHIM_ST_INVALID_SEQUENCE = chim_status.CHIM_ST_INVALID_SEQUENCE
CHIM_ST_BUFFER_TOO_SMALL = chim_status.CHIM_ST_BUFFER_TOO_SMALL
CHIM_ST_NOT_READY = chim_status.CHIM_ST_NOT_READY
CHIM_ST_LIMIT = chim_status.CHIM_ST_LIMIT
CHIM_ST_FENCE_TIMEOUT = chim_status.CHIM_ST_FENCE_TIMEOUT
CHIM_ST_DUPLICATE = chim_status.CHIM_ST_DUPLICATE
CHIM_ST_IN_USE = chim_status.CHIM_ST_IN_USE
CHIM_ST_BUSY = chim_status.CHIM_ST_BUSY
CHIM_ROLE_PLACEHOLDER = chim_role.CHIM_ROLE_PLACEHOLDER
CHIM_ROLE_LINKER = chim_role.CHIM_ROLE_LINKER
CHIM_ROLE_NEW = chim_role.CHIM_ROLE_NEW
CHIM_ROLE_OBJECT = chim_role.CHIM_ROLE_OBJECT
CHIM_NEIGHBOR_CONST = chim_state_type.CHIM_NEIGHBOR_CONST
CHIM_NEIGHBOR_CACHED = chim_state_type.CHIM_NEIGHBOR_CACHED
CHIM_NEIGHBOR_DELEGATED = chim_state_type.CHIM_NEIGHBOR_DELEGATED
CHIM_NEIGHBOR_ALL = chim_state_type.CHIM_NEIGHBOR_ALL
CHIM_PATH4_CONST = chim_state_type.CHIM_PATH4_CONST
CHIM_PATH4_CACHED = chim_state_type.CHIM_PATH4_CACHED
CHIM_PATH4_DELEGATED = chim_state_type.CHIM_PATH4_DELEGATED
CHIM_PATH4_ALL = chim_state_type.CHIM_PATH4_ALL
CHIM_PATH6_CONST = chim_state_type.CHIM_PATH6_CONST
CHIM_PATH6_CACHED = chim_state_type.CHIM_PATH6_CACHED
CHIM_PATH6_DELEGATED = chim_state_type.CHIM_PATH6_DELEGATED
CHIM_PATH6_ALL = chim_state_type.CHIM_PATH6_ALL
CHIM_TCP_CONST = chim_state_type.CHIM_TCP_CONST
CHIM_TCP_CACHED = chim_state_type.CHIM_TCP_CACHED
CHIM_TCP_DELEGATED = chim_state_type.CHIM_TCP_DELEGATED
CHIM_TCP_ALL = chim_state_type.CHIM_TCP_ALL
CHIM_NODE_NONE = chim_node_limit.CHIM_NODE_NONE
CHIM_TCP_TIMESTAMPS = chim_tcp_const_flags.CHIM_TCP_TIMESTAMPS
CHIM_TCP_SACK = chim_tcp_const_flags.CHIM_TCP_SACK
CHIM_TCP_WSCALE = chim_tcp_const_flags.CHIM_TCP_WSCALE
CHIM_TCP_TS_USEC = chim_tcp_const_flags.CHIM_TCP_TS_USEC
CHIM_TCP_KEEPALIVE = chim_tcp_cached_flags.CHIM_TCP_KEEPALIVE
CHIM_TCP_NAGLE = chim_tcp_cached_flags.CHIM_TCP_NAGLE
CHIM_TCP_KA_RESTART = chim_tcp_cached_flags.CHIM_TCP_KA_RESTART
CHIM_TCP_MAXRT_RESTART = chim_tcp_cached_flags.CHIM_TCP_MAXRT_RESTART
CHIM_TCP_UPDATE_RCV_WND = chim_tcp_cached_flags.CHIM_TCP_UPDATE_RCV_WND
CHIM_TCP_CLOSED = chim_tcp_state.CHIM_TCP_CLOSED
CHIM_TCP_LISTEN = chim_tcp_state.CHIM_TCP_LISTEN
CHIM_TCP_SYN_SENT = chim_tcp_state.CHIM_TCP_SYN_SENT
CHIM_TCP_SYN_RCVD = chim_tcp_state.CHIM_TCP_SYN_RCVD
CHIM_TCP_ESTABLISHED = chim_tcp_state.CHIM_TCP_ESTABLISHED
CHIM_TCP_FIN_WAIT1 = chim_tcp_state.CHIM_TCP_FIN_WAIT1
CHIM_TCP_FIN_WAIT2 = chim_tcp_state.CHIM_TCP_FIN_WAIT2
CHIM_TCP_CLOSE_WAIT = chim_tcp_state.CHIM_TCP_CLOSE_WAIT
CHIM_TCP_CLOSING = chim_tcp_state.CHIM_TCP_CLOSING
CHIM_TCP_LAST_ACK = chim_tcp_state.CHIM_TCP_LAST_ACK
CHIM_TCP_TIME_WAIT = chim_tcp_state.CHIM_TCP_TIME_WAIT
CHIM_TIMER_IDLE = chim_tick.CHIM_TIMER_IDLE
CHIM_BACKLOG_UNSUPPORTED = chim_tick.CHIM_BACKLOG_UNSUPPORTED
CHIM_FIN_RECEIVED = chim_fins.CHIM_FIN_RECEIVED
CHIM_FIN_SENT = chim_fins.CHIM_FIN_SENT
CHIM_RX_PROMISC = chim_rx_mode_flags.CHIM_RX_PROMISC
CHIM_RX_ALLMULTI = chim_rx_mode_flags.CHIM_RX_ALLMULTI
CHIM_RX_BROADCAST = chim_rx_mode_flags.CHIM_RX_BROADCAST
CHIM_RX_ENABLE = chim_rx_mode_flags.CHIM_RX_ENABLE
CHIM_STATS_IP4 = chim_stats_set.CHIM_STATS_IP4
CHIM_STATS_IP6 = chim_stats_set.CHIM_STATS_IP6
CHIM_STATS_TCP4 = chim_stats_set.CHIM_STATS_TCP4
CHIM_STATS_TCP6 = chim_stats_set.CHIM_STATS_TCP6
CHIM_STATS_NIC = chim_stats_set.CHIM_STATS_NIC
CHIM_STATS_CASES = chim_stats_set.CHIM_STATS_CASES
