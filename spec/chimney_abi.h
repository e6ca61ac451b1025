/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * chimney_abi.h - the contract between the chimney PCI device and its driver.
 *
 * This header owns every number and every layout that crosses the PCI bus; the
 * rules that go with them are in the numbered chapters beside it. Everything is
 * little-endian, fields marked __be are in network order. Nothing here is code.
 * Sizes and offsets are asserted below each structure. A comment that ends in an
 * identifier (RING-D3, VAR-D5) names the rule or the requirement behind it.
 */
#ifndef CHIMNEY_ABI_H
#define CHIMNEY_ABI_H

#include <linux/types.h>

/* ------------------------------------------------------------- 1. identity */

enum chim_pci_id {
	CHIM_PCI_VENDOR		= 0x1234,
	CHIM_PCI_DEVICE		= 0xc41e,
	CHIM_PCI_REVISION	= 1,
};

enum chim_bar {
	CHIM_BAR_REGS		= 0,	/* 64 KiB, 32-bit registers */
	CHIM_BAR_MSIX		= 2,	/* MSI-X table and pending bits */
	CHIM_BAR_REGS_SIZE	= 0x10000,
};

enum chim_abi {
	CHIM_MAGIC		= 0x4d494843,	/* "CHIM" as bytes in memory */
	CHIM_ABI_MAJOR		= 1,
	CHIM_ABI_MINOR		= 1,
};

/* ------------------------------------------------------------ 2. registers */

/* Offsets in BAR 0. Each register is 32 bits and is accessed whole, 4-byte aligned (REG-H1). */
enum chim_reg {
	CHIM_REG_MAGIC		= 0x000,	/* RO CHIM_MAGIC */
	CHIM_REG_VERSION	= 0x004,	/* RO major << 16 | minor */
	CHIM_REG_FEATURES_LO	= 0x008,	/* RO enum chim_feature, bits 0..31 */
	CHIM_REG_FEATURES_HI	= 0x00c,	/* RO bits 32..63 */
	CHIM_REG_DRV_FEATURES_LO = 0x010,	/* RW accepted subset; fixed by CTRL.ENABLE */
	CHIM_REG_DRV_FEATURES_HI = 0x014,	/* RW */
	CHIM_REG_CTRL		= 0x018,	/* RW enum chim_ctrl */
	CHIM_REG_STATUS		= 0x01c,	/* RO enum chim_dev_status */
	CHIM_REG_FATAL_CAUSE	= 0x020,	/* RO enum chim_fatal; the first wins until reset */
	CHIM_REG_FATAL_RING	= 0x024,	/* RO ring id, or CHIM_RING_NONE */
	CHIM_REG_FATAL_INDEX	= 0x028,	/* RO free-running index of the entry at fault */
	CHIM_REG_FATAL_RULE	= 0x02c,	/* RO enum chim_rule that was broken */
	CHIM_REG_FATAL_ADDR_LO	= 0x030,	/* RO guest address of a failed DMA, else 0 */
	CHIM_REG_FATAL_ADDR_HI	= 0x034,	/* RO */
	CHIM_REG_ISR		= 0x038,	/* RW1C bit v: vector v is pending; INTx only */

	/* Limits, all RO and constant. */
	CHIM_REG_MAX_PAIRS	= 0x040,	/* I/O pairs, 1..CHIM_PAIRS_LIMIT */
	CHIM_REG_MAX_RING_LOG2	= 0x044,	/* log2 of the largest ring, in entries */
	CHIM_REG_MAX_CONNS	= 0x048,	/* TCP objects */
	CHIM_REG_MAX_PATHS	= 0x04c,	/* path objects */
	CHIM_REG_MAX_NEIGHBORS	= 0x050,	/* neighbor objects */
	CHIM_REG_MAX_SGE	= 0x054,	/* scatter elements of one command */
	CHIM_REG_MAX_BUFFERED	= 0x058,	/* bytes of BufferedData a connection may bring */
	CHIM_REG_MAX_SENDS	= 0x05c,	/* send requests outstanding per connection */
	CHIM_REG_MAX_RECVS	= 0x060,	/* receive requests outstanding per connection */
	CHIM_REG_MAX_RCV_WND	= 0x064,	/* largest InitialRcvWnd, bytes */
	CHIM_REG_MAX_MTU	= 0x068,	/* largest MTU, bytes without Ethernet header */
	CHIM_REG_MAX_BLOCK_LEN	= 0x06c,	/* largest block-list buffer, bytes */
	CHIM_REG_MAX_NODES	= 0x070,	/* nodes in one block list */
	CHIM_REG_MAX_VLANS	= 0x074,	/* distinct VLAN ids of offloaded neighbors */
	CHIM_REG_MAX_SEND_LEN	= 0x078,	/* bytes of one send request */
	CHIM_REG_MAX_IND_LEN	= 0x07c,	/* bytes of one receive indication */

	CHIM_REG_MAC_LO		= 0x080,	/* RO permanent MAC, bytes 0..3 */
	CHIM_REG_MAC_HI		= 0x084,	/* RO bytes 4..5 */
	CHIM_REG_LINK_SPEED	= 0x088,	/* RO Mbit/s, meaningful while STATUS.LINK_UP */

	/* The admin pair; writable while CTRL.ENABLE is 0. */
	CHIM_REG_ADMIN_SQ_LO	= 0x100,	/* RW base of struct chim_sqe[] */
	CHIM_REG_ADMIN_SQ_HI	= 0x104,
	CHIM_REG_ADMIN_SQ_CTL_LO = 0x108,	/* RW its struct chim_ring_ctl */
	CHIM_REG_ADMIN_SQ_CTL_HI = 0x10c,
	CHIM_REG_ADMIN_CQ_LO	= 0x110,	/* RW base of struct chim_cqe[] */
	CHIM_REG_ADMIN_CQ_HI	= 0x114,
	CHIM_REG_ADMIN_CQ_CTL_LO = 0x118,	/* RW its struct chim_ring_ctl */
	CHIM_REG_ADMIN_CQ_CTL_HI = 0x11c,
	CHIM_REG_ADMIN_SIZE	= 0x120,	/* RW log2 sizes: SQ bits 0..7, CQ bits 8..15 */

	/* Test registers (02-pci-registers.md): prove access, interrupt and DMA alone. */
	CHIM_REG_TEST_SCRATCH	= 0x200,	/* RW holds what is written */
	CHIM_REG_TEST_IRQ	= 0x204,	/* WO raises the vector whose number is written */

	CHIM_REG_DOORBELL	= 0x1000,	/* WO one register per ring id, 4 bytes apart */
};

enum chim_ctrl {
	CHIM_CTRL_ENABLE	= 1u << 0,	/* 1: admin pair runs; 0->1 latches its registers */
	CHIM_CTRL_RESET		= 1u << 1,	/* write 1: full reset; reads 0 when done */
};

enum chim_dev_status {
	CHIM_STATUS_READY	= 1u << 0,	/* enabled and alive */
	CHIM_STATUS_FATAL	= 1u << 1,	/* stopped; see FATAL_*; reset needed */
	CHIM_STATUS_LINK_UP	= 1u << 2,
	CHIM_STATUS_PAUSED	= 1u << 3,	/* no further offloads, please (PAU-1) */
};

enum chim_feature {		/* bit numbers */
	CHIM_F_CSUM		= 0,	/* transmit checksum by virtio_net_hdr */
	CHIM_F_GUEST_CSUM	= 1,	/* arrivals may be CHIM_VNET_F_NEEDS_CSUM or DATA_VALID */
	CHIM_F_TSO4		= 2,
	CHIM_F_TSO6		= 3,
	CHIM_F_LRO		= 4,	/* arrivals may exceed the MTU, in chained buffers */
	CHIM_F_RSS		= 5,
	CHIM_F_OFFLOAD_IPV4	= 8,	/* CAP-3 */
	CHIM_F_OFFLOAD_IPV6	= 9,
	CHIM_F_SACK		= 10,
	CHIM_F_EXT_RTT_US	= 16,	/* srtt_us and rttvar_us of the delegated state are used */
	CHIM_F_EXT_TS_US	= 17,	/* CHIM_TCP_TS_USEC connections are taken */
	CHIM_F_BUFFERED	= 18,	/* BufferedData is taken at initiate */
	CHIM_F_EXT_FINS		= 19,	/* fins of the delegated state is used */
	/* 1.1: the delegated state has tlp_timeout_delta, delack_timeout_delta and idle_time */
	CHIM_F_EXT_TIMERS	= 20,
	CHIM_F_OCTETS	= 21,	/* the octets of struct chim_case_stats are counted */
};

/* Value of CHIM_REG_FATAL_CAUSE. */
enum chim_fatal {
	CHIM_FATAL_NONE		= 0,
	CHIM_FATAL_DMA		= 1,	/* read or write of guest memory failed */
	CHIM_FATAL_DOORBELL	= 2,	/* producer or consumer index impossible */
	CHIM_FATAL_RING_CONFIG	= 3,	/* admin pair registers impossible at enable */
	CHIM_FATAL_PHASE	= 4,	/* entry of a multi-entry command not published */
	CHIM_FATAL_OPCODE	= 5,	/* no such entry on that ring, completion unaddressable */
	CHIM_FATAL_CQ_INDEX	= 6,	/* driver's consumer index in chim_ring_ctl impossible */
	CHIM_FATAL_FENCE	= 7,	/* too many fences without a command */
	CHIM_FATAL_BUFFER	= 8,	/* frame or indication buffer descriptor impossible */
	CHIM_FATAL_INTERNAL	= 9,	/* a bug of the device; please report */
};

/* Rule named in CHIM_REG_FATAL_RULE: chapter << 8 | number in that chapter's driver rules. */
enum chim_rule {
	CHIM_RULE_NONE		= 0,
	CHIM_RULE_REG_H1	= 0x0201,	/* access size and alignment */
	CHIM_RULE_REG_H2	= 0x0202,	/* admin pair set up before ENABLE */
	CHIM_RULE_REG_H3	= 0x0203,	/* no doorbell of a ring that does not exist */
	CHIM_RULE_RING_H1	= 0x0301,	/* producer index never more than size ahead */
	CHIM_RULE_RING_H2	= 0x0302,	/* consumer index never beyond posted, never back */
	CHIM_RULE_RING_H3	= 0x0303,	/* a command's entries published before its first */
	CHIM_RULE_RING_H4	= 0x0304,	/* published entries do not change until consumed */
	CHIM_RULE_RING_H5	= 0x0305,	/* DMA can read and write ring and control block */
	CHIM_RULE_RING_H6	= 0x0306,	/* entry types belong to their ring */
	CHIM_RULE_RING_H7	= 0x0307,	/* buffers are RAM, >= 64 bytes, not beyond 2^64 */
	CHIM_RULE_RING_H8	= 0x0308,	/* verdict posted before index passes indication */
	CHIM_RULE_OP_H1		= 0x0501,	/* fences and commands pair up */
};

/* ---------------------------------------------------------------- 3. rings */

enum chim_limit {
	CHIM_PAIRS_LIMIT	= 16,
	CHIM_RING_LOG2_MIN	= 1,
	CHIM_RING_LOG2_LIMIT	= 12,
	CHIM_RING_NONE		= 0xffffffff,
	CHIM_RSS_KEY_LEN	= 40,
	CHIM_RSS_TABLE_MAX	= 128,
	CHIM_MAC_LIST_MAX	= 256,
};

/* Ring ids: the admin pair, then CHIM_RINGS_PER_PAIR ids per I/O pair from CHIM_RING_PAIR0 on. */
enum chim_ring_id {
	CHIM_RING_ADMIN_SQ	= 0,
	CHIM_RING_ADMIN_CQ	= 1,
	CHIM_RING_PAIR0		= 8,
	CHIM_RINGS_PER_PAIR	= 8,
};

/* Ring id of a pair's ring = CHIM_RING_PAIR0 + pair * CHIM_RINGS_PER_PAIR + kind. */
enum chim_ring_kind {
	CHIM_RING_SQ		= 0,	/* to device, struct chim_sqe: commands on connections */
	CHIM_RING_CQ		= 1,	/* to driver, chim_cqe: completions, indications, events */
	CHIM_RING_TX		= 2,	/* to device, struct chim_sqe: frames and fences */
	CHIM_RING_RXB		= 3,	/* to device, struct chim_buf: buffers for frames */
	CHIM_RING_RXC		= 4,	/* to driver, struct chim_rxe: received frames, cut-overs */
	CHIM_RING_IB		= 5,	/* to device, struct chim_buf: buffers for indications */
	CHIM_RING_KINDS		= 6,
};

/* MSI-X vector 0 serves the admin pair, vector 1 + p every ring of pair p. */

/*
 * One per ring, in guest memory, 128-byte aligned. Indices run freely modulo
 * 2^32; entry = index & (size - 1); the phase of an entry's first pass is 1.
 */
struct chim_ring_ctl {
	/* written by the driver */
	__le32 drv_index;	/* to device: producer; to driver: consumer */
	__le32 drv_event;	/* interrupt when the device's index passes this value */
	__le32 rsvd0[14];
	/* written by the device */
	__le32 dev_index;	/* to device: consumer; to driver: producer */
	__le32 dev_event;	/* doorbell when the driver's index passes this value */
	__le32 rsvd1[14];
};
_Static_assert(sizeof(struct chim_ring_ctl) == 128, "ABI");

/* First word of every entry. */
enum chim_ctl {
	CHIM_CTL_PHASE		= 1u << 31,
	CHIM_CTL_OP_MASK	= 0xff,		/* enum chim_op, chim_cq_type or chim_rx_type */
	CHIM_CTL_FLAGS_SHIFT	= 8,		/* 16 bits of flags, by opcode */
	CHIM_CTL_SG_SHIFT	= 24,		/* to device: CHIM_OP_SG entries following, 0..31 */
	CHIM_CTL_SG_MASK	= 0x1f,
};

/* One piece of guest memory. */
struct chim_sge {
	__le64 addr;
	__le32 len;		/* bytes; 0 ends a command's list */
	__le32 rsvd;
};
_Static_assert(sizeof(struct chim_sge) == 16, "ABI");

enum chim_sge_count {
	CHIM_SQE_SGES		= 2,	/* in the first entry of a command */
	CHIM_SG_SGES		= 3,	/* in each CHIM_OP_SG entry */
};

/* What QEMU's backends and Linux both speak: the fields of struct virtio_net_hdr. */
struct chim_vnet_hdr {
	__u8   flags;		/* enum chim_vnet_flags */
	__u8   gso_type;	/* enum chim_vnet_gso */
	__le16 hdr_len;
	__le16 gso_size;
	__le16 csum_start;
	__le16 csum_offset;
	__le16 num_buffers;	/* received frames: buffers used; sent frames: 0 */
};
_Static_assert(sizeof(struct chim_vnet_hdr) == 12, "ABI");

enum chim_vnet_flags {
	CHIM_VNET_F_NEEDS_CSUM	= 1,
	CHIM_VNET_F_DATA_VALID	= 2,
};

enum chim_vnet_gso {
	CHIM_VNET_GSO_NONE	= 0,
	CHIM_VNET_GSO_TCPV4	= 1,
	CHIM_VNET_GSO_TCPV6	= 4,
	CHIM_VNET_GSO_ECN	= 0x80,
};

/* Opcodes of entries that travel to the device. */
enum chim_op {
	CHIM_OP_SG		= 0x01,	/* continuation: struct chim_sqe_sg */

	/* TX ring */
	CHIM_OP_FRAME		= 0x10,	/* one frame; flags 0 */
	CHIM_OP_TX_FENCE	= 0x11,	/* all frames before it have left */

	/* SQ */
	CHIM_OP_SEND		= 0x20,	/* SND-1; enum chim_send_flags */
	CHIM_OP_RECV		= 0x21,	/* receive request; enum chim_recv_flags */
	CHIM_OP_FORWARD		= 0x22,	/* one segment, TCP header first; enum chim_forward_flags */
	CHIM_OP_DISCONNECT	= 0x23,	/* enum chim_disconnect_flags; data only when graceful */
	CHIM_OP_VERDICT		= 0x24,	/* refuse or partly accept an indication */
	CHIM_OP_FENCE		= 0x25,	/* last entry of a connection before a state operation */

	/* admin SQ: set-up */
	CHIM_OP_CREATE_RING	= 0x40,	/* struct chim_sqe.u.ring */
	CHIM_OP_DESTROY_RING	= 0x41,	/* .u.ring, ring only */
	CHIM_OP_SET_RX_MODE	= 0x42,	/* data: struct chim_rx_mode */
	CHIM_OP_SET_RSS		= 0x43,	/* data: struct chim_rss */
	CHIM_OP_SET_MTU		= 0x44,	/* .u.value: bytes */
	CHIM_OP_SET_COALESCE	= 0x45,	/* .u.coalesce */
	CHIM_OP_GET_STATS	= 0x46,	/* data: struct chim_stats, written by the device */
	CHIM_OP_RESET_STATS	= 0x47,	/* STT-3; .u.value: enum chim_stats_set mask */
	CHIM_OP_SET_PARAMS	= 0x48,	/* data: struct chim_params (CAP-5) */
	CHIM_OP_SET_VLANS	= 0x49,	/* .u.vlan: VLAN ids of the interface (VLN-4) */

	/* admin SQ: state operations; data: a block list */
	CHIM_OP_INITIATE	= 0x50,
	CHIM_OP_TERMINATE	= 0x51,
	CHIM_OP_UPDATE		= 0x52,
	CHIM_OP_QUERY		= 0x53,
	CHIM_OP_INVALIDATE	= 0x54,
	CHIM_OP_NCE_ANSWER	= 0x55,	/* .u.nce: answer to CHIM_CQ_NCE (M-11) */
};

enum chim_send_flags {
	CHIM_SEND_MORE		= 1u << 0,	/* more will follow: a partial segment may wait */
	CHIM_SEND_PUSH		= 1u << 1,	/* PSH on last segment of this request (SND-15) */
};

enum chim_recv_flags {
	CHIM_RECV_NONPUSH	= 1u << 0,	/* RRQ-9 */
};

enum chim_forward_flags {
	CHIM_FORWARD_CSUM_OK	= 1u << 0,	/* the host has verified the TCP checksum */
	CHIM_FORWARD_CAUSE_SHIFT = 4,		/* enum chim_forward_cause in bits 4..6 */
	CHIM_FORWARD_CAUSE_MASK	= 7,
};

/* Why the host had the segment (FWD-1): the smallest of several. For the counters only (OP-D27). */
enum chim_forward_cause {
	CHIM_CAUSE_OTHER	= 0,
	CHIM_CAUSE_FRAGMENTS	= 1,	/* it was reassembled */
	CHIM_CAUSE_OPTIONS	= 2,	/* it had IP options or extension headers */
	CHIM_CAUSE_INTERFACE	= 3,	/* it came on another interface */
	CHIM_CAUSE_INITIATE	= 4,	/* it came while the connection was being offloaded */
};

enum chim_disconnect_flags {
	CHIM_DISCONNECT_GRACEFUL = 1u << 0,
	CHIM_DISCONNECT_ABORTIVE = 1u << 1,
};

/* An entry to the device, 64 bytes: admin SQ, SQ, TX. The layout of u follows from the opcode. */
struct chim_sqe {
	__le32 ctl;		/* enum chim_ctl */
	__le32 handle;		/* offload handle; 0 where none is meant */
	__le64 cookie;		/* echoed in the completion */
	union {
		struct {			/* FRAME */
			struct chim_vnet_hdr vnet;
			__le32 rsvd;
		} frame;
		struct {			/* SEND, RECV, FORWARD, DISCONNECT */
			__le32 len;		/* sum of the scatter list */
			__le32 prefilled;	/* RECV: bytes already in it (RRQ-14), else 0 */
			__le64 rsvd;
		} io;
		struct {			/* VERDICT */
			__le32 indication;	/* number from the indication */
			__le32 status;		/* DATA_NOT_ACCEPTED or DATA_PARTIALLY_ACCEPTED */
			__le32 consumed;	/* BytesConsumed */
			__le32 rsvd;
		} verdict;
		struct {			/* FENCE, TX_FENCE */
			__le32 id;
			__le32 rsvd[3];
		} fence;
		struct {			/* admin commands with a buffer in sge[0] */
			__le32 len;		/* bytes of the buffer */
			__le32 fence_id;	/* state operations; any value */
			__le32 fence_count;	/* FENCEs and TX_FENCEs to wait for; 0: none */
			__le32 flags;		/* rsvd, 0 */
		} admin;
		struct {			/* CREATE_RING, DESTROY_RING */
			__le32 ring;		/* ring id */
			__le32 log2_size;	/* ring at sge[0].addr, control at sge[1].addr */
			__le64 rsvd;
		} ring;
		struct {			/* SET_COALESCE: per pair, 0 = at once */
			__le32 pair;
			__le32 usecs;		/* an interrupt at most this late */
			__le32 frames;		/* or after so many entries; 0: no bound */
			__le32 rsvd;
		} coalesce;
		struct {			/* NCE_ANSWER */
			__le32 hrd;		/* ticks (NCE-8) */
			__le32 rsvd[3];
		} nce;
		struct {			/* SET_VLANS */
			__le32 count;		/* __le16 ids in sge[0]; 0: interface VLAN 0 */
			__le32 rsvd[3];
		} vlan;
		__le32 value;			/* SET_MTU, RESET_STATS */
	} u;
	struct chim_sge sge[CHIM_SQE_SGES];
};
_Static_assert(sizeof(struct chim_sqe) == 64, "ABI");
_Static_assert(__builtin_offsetof(struct chim_sqe, u) == 16, "ABI");
_Static_assert(__builtin_offsetof(struct chim_sqe, sge) == 32, "ABI");

/* Continuation of a scatter list: same phase rule, opcode CHIM_OP_SG. */
struct chim_sqe_sg {
	__le32 ctl;
	__le32 rsvd[3];
	struct chim_sge sge[CHIM_SG_SGES];
};
_Static_assert(sizeof(struct chim_sqe_sg) == 64, "ABI");

/* An entry of RXB or IB. Its index in the ring names the buffer from then on. */
struct chim_buf {
	__le32 ctl;		/* phase only */
	__le32 len;		/* bytes */
	__le64 addr;
};
_Static_assert(sizeof(struct chim_buf) == 16, "ABI");

/* Types of entries on a CQ and on the admin CQ. */
enum chim_cq_type {
	/* CQ, completions of commands on connections */
	CHIM_CQ_SEND		= 0x20,
	CHIM_CQ_RECV		= 0x21,
	CHIM_CQ_FORWARD		= 0x22,
	CHIM_CQ_DISCONNECT	= 0x23,
	/* CQ, markers of a connection's life on its pair */
	CHIM_CQ_OPENED		= 0x30,	/* first of a connection; handle valid from here (M-24) */
	CHIM_CQ_LAST		= 0x31,	/* last entry of a connection; info: fence id */
	/* CQ, indications and events */
	CHIM_CQ_INDICATE	= 0x38,
	CHIM_CQ_EVENT		= 0x39,	/* info: enum chim_event, info2: reason or bytes (EVT-1) */
	/* admin CQ */
	CHIM_CQ_ADMIN		= 0x40,	/* completion of an admin command; info: by opcode */
	CHIM_CQ_LINK		= 0x48,	/* info: 1 up, 0 down */
	CHIM_CQ_PAUSE		= 0x49,	/* PAU-1 */
	CHIM_CQ_RESUME		= 0x4a,	/* PAU-5 */
	CHIM_CQ_UPLOAD_ALL	= 0x4b,	/* PAU-7 */
	CHIM_CQ_NCE		= 0x4c,	/* NCE-6; handle: neighbor, info: NRD, info2: HRD, ticks */
};

enum chim_event {
	CHIM_EV_SEND_BACKLOG	= 1,
	CHIM_EV_DISCONNECT	= 2,
	CHIM_EV_RETRIEVE	= 3,
	CHIM_EV_ABORT		= 4,
};

enum chim_upload_reason {
	CHIM_UPR_LOW_ACTIVITY	= 1,
	CHIM_UPR_HIGH_DROP_RATE	= 2,
	CHIM_UPR_SMALL_IO	= 3,
	CHIM_UPR_NO_PREPOSTING	= 4,
	CHIM_UPR_URGENT_DATA	= 5,
	CHIM_UPR_FRAGMENTATION	= 6,
	CHIM_UPR_OUT_OF_ORDER	= 7,
	CHIM_UPR_TIMEOUT	= 8,
	CHIM_UPR_INVALID_STATE	= 9,
	CHIM_UPR_REQUESTED	= 10,
	CHIM_UPR_HARDWARE	= 11,
};

/* An entry of a CQ, 64 bytes. */
struct chim_cqe {
	__le32 ctl;		/* phase, enum chim_cq_type */
	__le32 status;		/* enum chim_status */
	__le64 cookie;		/* of the request; 0 for indications, events and markers */
	__le64 conn_cookie;	/* the driver's name of the connection or neighbor */
	__le32 handle;
	__le32 bytes;		/* SEND, DISCONNECT: acknowledged; RECV: valid; INDICATE: given */
	__le32 info;		/* by type */
	__le32 info2;		/* by type */
	__le32 seq;		/* RECV, INDICATE: of the first byte delivered; SEND: SND.UNA */
	__le32 ind_first;	/* INDICATE: index in IB of the first buffer used */
	__le16 ind_count;	/* INDICATE: buffers used, all full but the last */
	__le16 flags;		/* enum chim_cqe_flags */
	__le32 cwnd;		/* SEND: congestion window, bytes */
	__le32 srtt_us;		/* SEND: smoothed RTT, microseconds (not scaled) */
	__le32 rcv_rtt_us;	/* RECV, INDICATE: receiver's estimate, microseconds, 0 unknown */
};
_Static_assert(sizeof(struct chim_cqe) == 64, "ABI");

enum chim_cqe_flags {
	CHIM_CQE_PUSH		= 1u << 0,	/* last byte came with PSH */
	CHIM_CQE_BUFFERED	= 1u << 1,	/* some bytes came as BufferedData (BRD-7) */
	CHIM_CQE_BATCH		= 1u << 2,	/* SND-3, FWD-3: the second of several together */
};

/*
 * INDICATE: info is the indication number (per connection, from 1 on), named by VERDICT. It is
 * taken when the driver's consumer index passes it without a verdict (RING-H8). After its FENCE the
 * driver takes all up to LAST by sequence number; those that its consumer index has not passed when
 * the device acts on TERMINATE count as refused and are in BufferedData as well (OP-D12, M-12).
 */

enum chim_rx_type {
	CHIM_RX_FRAME		= 0x10,	/* first buffer of a frame */
	CHIM_RX_MORE		= 0x11,	/* further buffer of the same frame */
	CHIM_RX_CUTOVER		= 0x12,	/* the target has taken a connection's tuple; cookie */
};

/* An entry of an RXC ring, 32 bytes. */
struct chim_rxe {
	__le32 ctl;		/* phase, enum chim_rx_type, enum chim_rx_flags */
	__le32 len;		/* bytes in this buffer */
	union {
		struct {
			struct chim_vnet_hdr vnet;	/* FRAME; num_buffers >= 1 */
			__le32 hash;			/* Toeplitz, 0 if none */
		} frame;
		__le64 cookie;				/* CUTOVER */
	} u;
	__le32 buf;		/* index in RXB of the buffer */
	__le32 rsvd;
};
_Static_assert(sizeof(struct chim_rxe) == 32, "ABI");

enum chim_rx_flags {		/* in ctl, from CHIM_CTL_FLAGS_SHIFT */
	CHIM_RX_F_HASH_L4	= 1u << 0,
	CHIM_RX_F_HASH_L3	= 1u << 1,
};

/* --------------------------------------------------------------- 4. status */

/* Never reused. Comments name the requirement of the catalogue. */
enum chim_status {
	CHIM_ST_SUCCESS			= 0,	/* STC-1, STC-17 */
	CHIM_ST_PARTIAL_SUCCESS		= 1,	/* STC-2 */
	CHIM_ST_FAILURE			= 2,	/* STC-3 */
	CHIM_ST_RESOURCES		= 3,	/* STC-4 */
	CHIM_ST_TCP_ENTRIES		= 4,	/* STC-5 */
	CHIM_ST_PATH_ENTRIES		= 5,	/* STC-6 */
	CHIM_ST_NEIGHBOR_ENTRIES	= 6,	/* STC-7 */
	CHIM_ST_IP_ADDRESS_ENTRIES	= 7,	/* STC-8 */
	CHIM_ST_HW_ADDRESS_ENTRIES	= 8,	/* STC-9 */
	CHIM_ST_VLAN_ENTRIES		= 9,	/* STC-10 */
	CHIM_ST_TCP_XMIT_BUFFER		= 10,	/* STC-11 */
	CHIM_ST_TCP_RCV_BUFFER		= 11,	/* STC-12 */
	CHIM_ST_TCP_RCV_WINDOW		= 12,	/* STC-13 */
	CHIM_ST_VLAN_MISMATCH		= 13,	/* STC-14 */
	CHIM_ST_PATH_MTU		= 14,	/* STC-15 */
	CHIM_ST_CONNECTION_REJECTED	= 15,	/* STC-16 */
	CHIM_ST_UPLOAD_IN_PROGRESS	= 16,	/* STC-18 */
	CHIM_ST_REQUEST_ABORTED		= 17,	/* STC-19 */
	CHIM_ST_INVALID_STATE		= 18,	/* STC-20 */
	CHIM_ST_DATA_NOT_ACCEPTED	= 19,	/* STC-21 */
	CHIM_ST_DATA_PARTIALLY_ACCEPTED	= 20,	/* STC-22 */
	/* of the ring interface itself */
	CHIM_ST_INVALID_OPCODE		= 32,
	CHIM_ST_INVALID_FIELD		= 33,	/* a field or reserved bit out of range */
	CHIM_ST_INVALID_HANDLE		= 34,	/* stale, forged or of another layer (SEC-5) */
	CHIM_ST_INVALID_LIST		= 35,	/* list cyclic, mislayered, out of bounds (SEC-4) */
	CHIM_ST_INVALID_SEQUENCE	= 36,	/* sequence numbers contradict each other (SEC-4) */
	CHIM_ST_BUFFER_TOO_SMALL	= 37,	/* info: bytes needed; nothing has changed */
	CHIM_ST_NOT_READY		= 38,	/* ring or pair missing, or exists already */
	CHIM_ST_LIMIT			= 39,	/* an announced limit exceeded */
	CHIM_ST_FENCE_TIMEOUT		= 40,	/* fences did not come; nothing has changed */
	CHIM_ST_DUPLICATE		= 41,	/* the tuple is offloaded already */
	CHIM_ST_IN_USE			= 42,	/* object still has dependents */
	CHIM_ST_BUSY			= 43,	/* another state operation on it is running */
};

/* ---------------------------------------------------------- 5. block lists */

enum chim_role {
	CHIM_ROLE_PLACEHOLDER	= 0,	/* TRE-9 */
	CHIM_ROLE_LINKER	= 1,	/* TRE-10; handle != 0 */
	CHIM_ROLE_NEW		= 2,	/* TRE-11; initiate: handle 0 in, device writes it */
	CHIM_ROLE_OBJECT	= 3,	/* terminate, update, query, invalidate: handle != 0 */
};

enum chim_state_type {
	CHIM_NEIGHBOR_CONST	= 1,
	CHIM_NEIGHBOR_CACHED	= 2,
	CHIM_NEIGHBOR_DELEGATED	= 3,
	CHIM_NEIGHBOR_ALL	= 4,
	CHIM_PATH4_CONST	= 5,
	CHIM_PATH4_CACHED	= 6,
	CHIM_PATH4_DELEGATED	= 7,
	CHIM_PATH4_ALL		= 8,
	CHIM_PATH6_CONST	= 9,
	CHIM_PATH6_CACHED	= 10,
	CHIM_PATH6_DELEGATED	= 11,
	CHIM_PATH6_ALL		= 12,
	CHIM_TCP_CONST		= 13,
	CHIM_TCP_CACHED		= 14,
	CHIM_TCP_DELEGATED	= 15,
	CHIM_TCP_ALL		= 17,
};

enum chim_node_limit {
	CHIM_NODE_NONE		= 0xffffffff,	/* no next, no dependent */
};

/* A block list: header, node_count nodes, then states, chains, scatter lists at stated offsets. */
struct chim_block_list {
	__le32 length;		/* bytes in all */
	__le32 node_count;
	__le32 root;		/* index of the root node */
	__le32 revision;	/* STA-6: 1 */
};
_Static_assert(sizeof(struct chim_block_list) == 16, "ABI");

struct chim_node {
	__u8   role;		/* enum chim_role */
	__u8   type;		/* enum chim_state_type */
	__le16 pair;		/* TCP, initiate: I/O pair of the connection */
	__le32 next;		/* index of the next of the same layer, or CHIM_NODE_NONE (TRE-2) */
	__le32 dependent;	/* index of the first dependent, or CHIM_NODE_NONE (TRE-3) */
	__le32 handle;		/* index and generation; 0 is no handle (M-7) */
	__le64 cookie;		/* the driver's name, echoed in events and completions */
	__le32 status;		/* written by the device: enum chim_status (INI-2) */
	__le32 info;		/* written by the device: BUFFER_TOO_SMALL bytes needed, else 0 */
	__le32 state_off;	/* offset of the state structures in the list, multiple of 8 */
	__le32 state_len;	/* their length in bytes */
	__le32 rsvd[6];
};
_Static_assert(sizeof(struct chim_node) == 64, "ABI");

/* STA-5: first in every state structure. */
struct chim_state_hdr {
	__le32 length;		/* bytes, this header included */
	__le32 options;		/* 0 */
};
_Static_assert(sizeof(struct chim_state_hdr) == 8, "ABI");

struct chim_neighbor_const {
	struct chim_state_hdr hdr;
	__u8   src_mac[6];	/* VAR-N1; zero: the interface's */
	__le16 vlan_id;		/* VAR-N2; 0: not significant */
};
_Static_assert(sizeof(struct chim_neighbor_const) == 16, "ABI");

struct chim_neighbor_cached {
	struct chim_state_hdr hdr;
	__u8   dst_mac[6];	/* VAR-N3 */
	__le16 rsvd0;
	__le32 hrd;		/* VAR-N4 ticks */
	__le32 rsvd1;
};
_Static_assert(sizeof(struct chim_neighbor_cached) == 24, "ABI");

struct chim_neighbor_delegated {
	struct chim_state_hdr hdr;
	__le32 nrd;		/* VAR-N5 ticks */
	__le32 rsvd;
};
_Static_assert(sizeof(struct chim_neighbor_delegated) == 16, "ABI");

struct chim_path_const {
	struct chim_state_hdr hdr;
	__u8   src[16];		/* VAR-P1 network order; IPv4 in the first 4 bytes, rest 0 */
	__u8   dst[16];		/* VAR-P2 */
};
_Static_assert(sizeof(struct chim_path_const) == 40, "ABI");

struct chim_path_cached {
	struct chim_state_hdr hdr;
	__le32 path_mtu;	/* VAR-P3 bytes */
	__le32 rsvd;
};
_Static_assert(sizeof(struct chim_path_cached) == 16, "ABI");

struct chim_path_delegated {	/* VAR-P4: empty */
	struct chim_state_hdr hdr;
};
_Static_assert(sizeof(struct chim_path_delegated) == 8, "ABI");

enum chim_tcp_const_flags {
	CHIM_TCP_TIMESTAMPS	= 1u << 0,
	CHIM_TCP_SACK		= 1u << 1,
	CHIM_TCP_WSCALE		= 1u << 2,
	CHIM_TCP_TS_USEC	= 1u << 8,	/* timestamps in microseconds (CHIM_F_EXT_TS_US) */
};

struct chim_tcp_const {
	struct chim_state_hdr hdr;
	__le16 flags;		/* VAR-C1 */
	__be16 remote_port;	/* VAR-C2 */
	__be16 local_port;	/* VAR-C3 */
	__u8   snd_wscale;	/* VAR-C4 0..14: of windows the peer announces */
	__u8   rcv_wscale;	/* VAR-C5 0..14: of windows we announce */
	__le16 remote_mss;	/* VAR-C6 bytes: largest payload + options the peer takes */
	__le16 rsvd;
	__le32 hash;		/* VAR-C7 RSS hash */
};
_Static_assert(sizeof(struct chim_tcp_const) == 24, "ABI");

enum chim_tcp_cached_flags {
	CHIM_TCP_KEEPALIVE	= 1u << 0,
	CHIM_TCP_NAGLE		= 1u << 1,
	CHIM_TCP_KA_RESTART	= 1u << 2,	/* UPD-8; update only */
	CHIM_TCP_MAXRT_RESTART	= 1u << 3,	/* UPD-9; update only */
	CHIM_TCP_UPDATE_RCV_WND	= 1u << 4,	/* UPD-7; update only */
};

struct chim_tcp_cached {
	struct chim_state_hdr hdr;
	__le16 flags;		/* VAR-K1 */
	__u8   ka_probe_count;	/* VAR-K4 */
	__u8   ttl;		/* VAR-K9 TTL or hop limit */
	__u8   tos;		/* VAR-K10 TOS or traffic class */
	__u8   user_priority;	/* VAR-K11 0..7 */
	__le16 rsvd0;
	__le32 initial_rcv_wnd;	/* VAR-K2 bytes */
	__le32 rcv_ind_size;	/* VAR-K3 bytes, 0: unspecified */
	__le32 ka_timeout;	/* VAR-K5 ticks */
	__le32 ka_interval;	/* VAR-K6 ticks */
	__le32 max_rt;		/* VAR-K7 ticks; 0: by count, 0xffffffff: no limit */
	__le32 flow_label;	/* VAR-K8 20 bits */
};
_Static_assert(sizeof(struct chim_tcp_cached) == 40, "ABI");

enum chim_tcp_state {
	CHIM_TCP_CLOSED		= 0,
	CHIM_TCP_LISTEN		= 1,
	CHIM_TCP_SYN_SENT	= 2,
	CHIM_TCP_SYN_RCVD	= 3,
	CHIM_TCP_ESTABLISHED	= 4,
	CHIM_TCP_FIN_WAIT1	= 5,
	CHIM_TCP_FIN_WAIT2	= 6,
	CHIM_TCP_CLOSE_WAIT	= 7,
	CHIM_TCP_CLOSING	= 8,
	CHIM_TCP_LAST_ACK	= 9,
	CHIM_TCP_TIME_WAIT	= 10,
};

enum chim_tick {
	CHIM_TIMER_IDLE		= 0xffffffff,	/* TimeoutDelta of a timer not running (STA-16) */
	CHIM_BACKLOG_UNSUPPORTED = 0xffffffff,	/* STA-18 */
};

/* One request of a send chain. Initiate: by the driver; terminate: by the device (M-1). */
struct chim_send_ref {
	__le64 cookie;
	__le32 len;		/* bytes of the request */
	__le32 done;		/* terminate: bytes of it acknowledged (TRM-21); initiate: 0 */
	__le32 sge_off;		/* initiate: offset of its struct chim_sge[], multiple of 8 */
	__le32 sge_count;	/* initiate */
	__le32 flags;		/* enum chim_send_flags */
	__le32 rsvd;
};
_Static_assert(sizeof(struct chim_send_ref) == 32, "ABI");

/* Which FINs the sequence numbers count; no state says it once the connection is CLOSED. */
enum chim_fins {
	CHIM_FIN_RECEIVED	= 1u << 0,	/* RCV.NXT counts the peer's */
	CHIM_FIN_SENT		= 1u << 1,	/* SND.MAX counts the target's */
};

/* Fields marked I are valid at initiate, T at terminate, Q at query; others always (M-16). */
struct chim_tcp_delegated {
	struct chim_state_hdr hdr;
	__u8   state;			/* VAR-D1 enum chim_tcp_state */
	__u8   dup_ack_count;		/* VAR-D19 */
	__u8   snd_wnd_probe_count;	/* VAR-D20 */
	__u8   ka_probe_count;		/* VAR-D21 */
	__u8   rexmit_count;		/* VAR-D23 */
	__u8   rsvd0;
	__le16 flags;			/* VAR-D2, 0 */
	__le32 rcv_nxt;			/* VAR-D3 */
	__le32 rcv_wnd;			/* VAR-D4 bytes: right edge offered minus rcv_nxt */
	__le32 snd_una;			/* VAR-D5 */
	__le32 snd_nxt;			/* VAR-D6 */
	__le32 snd_max;			/* VAR-D7 */
	__le32 snd_wnd;			/* VAR-D8 bytes, unscaled */
	__le32 max_snd_wnd;		/* VAR-D9 bytes, unscaled */
	__le32 snd_wl1;			/* VAR-D10 */
	__le32 cwnd;			/* VAR-D11 bytes */
	__le32 ssthresh;		/* VAR-D12 bytes; 0xffffffff: unset */
	__le16 srtt;			/* VAR-D13 ticks x 8, saturated; 0: none yet */
	__le16 rttvar;			/* VAR-D14 ticks x 4, saturated */
	__le32 ts_recent;		/* VAR-D15 */
	__le32 ts_recent_age;		/* VAR-D16 ticks */
	__le32 ts_time;			/* VAR-D17 giver's timestamp clock, connection's unit */
	__le32 total_rt;		/* VAR-D18 ticks */
	__le32 ka_timeout_delta;	/* VAR-D22 ticks or CHIM_TIMER_IDLE */
	__le32 rexmit_timeout_delta;	/* VAR-D24 ticks or CHIM_TIMER_IDLE */
	__le32 dwnd;			/* VAR-D29, 0 */
	__le32 send_backlog_size;	/* VAR-D26 Q bytes */
	__le32 receive_backlog_size;	/* VAR-D28 Q bytes */
	/* send chain, I and T: struct chim_send_ref[] */
	__le32 send_off;		/* offset from the start of the list, multiple of 8 */
	__le32 send_count;		/* I: requests given; T in: room; T out: handed back */
	__le32 send_head;		/* VAR-D25: index of the first request with data */
	__le32 send_tail;		/* VAR-D25: index of the last */
	/* BufferedData, I and T: struct chim_sge[] */
	__le32 buffered_off;		/* offset of the scatter list in the list, multiple of 8 */
	__le32 buffered_sges;		/* elements */
	__le32 buffered_len;		/* VAR-D27 bytes; I: given; T in: room; T out: written */
	/* extension fields */
	__le32 srtt_us;			/* microseconds x 8; CHIM_F_EXT_RTT_US */
	__le32 rttvar_us;		/* microseconds x 4; CHIM_F_EXT_RTT_US */
	__le32 last_ts_val;		/* T, Q: last timestamp value sent, connection's unit */
	__le32 rexmit_segments;		/* T, Q: segments that the target has retransmitted on it */
	__le32 fins;			/* T, Q: enum chim_fins; CHIM_F_EXT_FINS */
	/* CHIM_F_EXT_TIMERS; deltas are ticks or CHIM_TIMER_IDLE, 0 is due now */
	__le32 tlp_timeout_delta;	/* to the tail loss probe */
	__le32 delack_timeout_delta;	/* until an ACK that is owed has to leave; idle: none is */
	/* ticks since an acceptable segment of the peer came last */
	__le32 idle_time;
	__le32 rsvd1;
};
_Static_assert(sizeof(struct chim_tcp_delegated) == 160, "ABI");
_Static_assert(__builtin_offsetof(struct chim_tcp_delegated, rcv_nxt) == 16, "ABI");

/* ------------------------------------------------------------ 6. set-up data */

enum chim_rx_mode_flags {
	CHIM_RX_PROMISC		= 1u << 0,
	CHIM_RX_ALLMULTI	= 1u << 1,
	CHIM_RX_BROADCAST	= 1u << 2,
	CHIM_RX_ENABLE		= 1u << 3,	/* 0: no frame is received */
};

struct chim_rx_mode {
	__le32 flags;		/* enum chim_rx_mode_flags */
	__le16 uni_count;	/* entries of mac[] that are unicast, first */
	__le16 multi_count;	/* then multicast */
	__u8   mac[CHIM_MAC_LIST_MAX][8];	/* 6 bytes each, 2 reserved */
};
_Static_assert(sizeof(struct chim_rx_mode) == 8 + 8 * CHIM_MAC_LIST_MAX, "ABI");

struct chim_rss {
	__le32 table_len;	/* power of two, 1..CHIM_RSS_TABLE_MAX; 1 with entry 0: RSS off */
	__le32 rsvd;
	__u8   key[CHIM_RSS_KEY_LEN];
	__u8   table[CHIM_RSS_TABLE_MAX];	/* pair numbers */
};
_Static_assert(sizeof(struct chim_rss) == 176, "ABI");

/* PRM-1 .. PRM-11 */
struct chim_params {
	__le32 ticks_per_second;	/* 10, 100 or 1000 */
	__u8   ack_frequency;		/* segments */
	__u8   delayed_ack_ticks;
	__u8   max_retransmissions;
	__u8   doubt_retransmissions;
	__le32 sws_prevention_ticks;
	__le32 dup_ack_threshold;
	__le32 push_ticks;
	__le32 nce_stale_ticks;
	__le32 congestion_algorithm;	/* 0 */
	__le32 rsvd;
};
_Static_assert(sizeof(struct chim_params) == 32, "ABI");

enum chim_stats_set {
	CHIM_STATS_IP4		= 1u << 0,
	CHIM_STATS_IP6		= 1u << 1,
	CHIM_STATS_TCP4		= 1u << 2,
	CHIM_STATS_TCP6		= 1u << 3,
	CHIM_STATS_NIC		= 1u << 4,
	CHIM_STATS_CASES	= 1u << 5,
};

struct chim_ip_stats {		/* CTR-1 .. CTR-10 */
	__le64 in_receives;
	__le64 in_octets;
	__le64 in_delivers;
	__le64 out_requests;
	__le64 out_octets;
	__le64 in_header_errors;
	__le64 in_truncated;
	__le64 in_discards;
	__le64 out_discards;
	__le64 out_no_routes;
};
_Static_assert(sizeof(struct chim_ip_stats) == 80, "ABI");

struct chim_tcp_stats {		/* CTR-11 .. CTR-17 */
	__le64 in_segments;
	__le64 out_segments;
	__le64 currently_established;
	__le64 reset_established;
	__le64 retransmitted_segments;
	__le64 in_errors;
	__le64 out_resets;
	__le64 rsvd;
};
_Static_assert(sizeof(struct chim_tcp_stats) == 64, "ABI");

struct chim_nic_stats {
	__le64 rx_frames;
	__le64 rx_bytes;
	__le64 rx_multicast;
	__le64 rx_no_buffer;
	__le64 rx_filtered;
	__le64 rx_too_long;
	__le64 tx_frames;
	__le64 tx_bytes;
	__le64 tx_dropped;
	__le64 doorbells;
	__le64 interrupts;
	__le64 rx_offloaded_frames;	/* frames that the target took */
	__le64 tx_offloaded_frames;	/* frames that the target made */
	__le64 rx_offloaded_bytes;	/* their payload, once it is in order */
	__le64 tx_offloaded_bytes;	/* payload, retransmissions included */
	__le64 rsvd;
};
_Static_assert(sizeof(struct chim_nic_stats) == 128, "ABI");

/* How often the target saw each case of the founding rules; the driver keeps the same set. */
struct chim_case_stats {
	__le64 initiates;		/* connections offloaded */
	__le64 initiate_failures;
	__le64 terminates;		/* connections uploaded */
	__le64 updates;			/* commands, as the next two */
	__le64 queries;
	__le64 invalidates;
	__le64 sends;
	__le64 recvs;
	__le64 forwards;
	__le64 disconnects;
	__le64 verdicts;
	__le64 send_completions;
	__le64 recv_completions;
	__le64 forward_completions;
	__le64 disconnect_completions;
	__le64 indications;
	__le64 events;
	__le64 initiate_completions;	/* of commands, whatever the lists held; as the next four */
	__le64 terminate_completions;
	__le64 update_completions;
	__le64 query_completions;
	__le64 invalidate_completions;
	__le64 buffered_in_bytes;	/* BufferedData at initiate (BRD-1) */
	__le64 buffered_to_recv_bytes;	/* of it, placed into receive requests (BRD-7) */
	__le64 buffered_indicated_bytes; /* of it, indicated (BRD-7) */
	__le64 buffered_out_bytes;	/* BufferedData at terminate (TRM-26) */
	__le64 send_in_unacked_bytes;	/* [SndUna, SndNxt) at initiate (OSD-9) */
	__le64 send_in_rexmit_bytes;	/* [SndNxt, SndMax) at initiate (OSD-10) */
	__le64 send_in_unsent_bytes;	/* behind SndMax at initiate (OSD-11) */
	__le64 send_back_requests;	/* requests handed back at terminate (TRM-17) */
	__le64 send_back_completed;	/* completed UPLOAD_IN_PROGRESS at terminate (TRM-16) */
	__le64 send_back_mixed;		/* connections with some of either kind (TRM-16) */
	__le64 send_back_unacked_bytes;	/* of requests handed back, in [SndUna, SndNxt) (TRM-20) */
	__le64 send_back_rexmit_bytes;	/* of them, in [SndNxt, SndMax) */
	__le64 send_back_unsent_bytes;	/* of them, behind SndMax */
	__le64 recv_push;		/* push requests completed */
	__le64 recv_nonpush;
	__le64 recv_zero;		/* zero-byte requests completed */
	__le64 verdict_accepted;	/* indications taken whole */
	__le64 verdict_refused;
	__le64 verdict_partial;
	__le64 bulk_lists;		/* state operations with more than one TCP node */
	__le64 send_batches;		/* runs of send completions of several connection calls */
	__le64 forward_batches;		/* the same, of forward completions */
	__le64 forward_fragments;	/* forwards by enum chim_forward_cause, without OTHER */
	__le64 forward_options;
	__le64 forward_interface;
	__le64 forward_initiate;
	__le64 rexmit_segments;		/* segments retransmitted by the target */
	/* CHIM_F_OCTETS: whole frames, large ones as the target takes and makes them */
	__le64 target_rx_octets;	/* of rx_offloaded_frames */
	__le64 target_tx_octets;	/* of tx_offloaded_frames */
	__le64 rx_dropped_octets;	/* of rx_filtered, rx_too_long and rx_no_buffer */
	__le64 rsvd[4];
};
_Static_assert(sizeof(struct chim_case_stats) == 448, "ABI");

struct chim_stats {
	struct chim_ip_stats ip4;
	struct chim_ip_stats ip6;
	struct chim_tcp_stats tcp4;
	struct chim_tcp_stats tcp6;
	struct chim_nic_stats nic;
	struct chim_case_stats cases;
};
_Static_assert(sizeof(struct chim_stats) == 2 * 80 + 2 * 64 + 128 + 448, "ABI");

#endif /* CHIMNEY_ABI_H */
