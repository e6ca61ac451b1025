/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family "chimney", shared by driver and chimneyctl. Only names and
 * numbers, and one sentence that both say; the comment beside an attribute says its type.
 */
#ifndef CHIMNEY_GENL_H
#define CHIMNEY_GENL_H

#define CHIMNEY_GENL_NAME	"chimney"
#define CHIMNEY_GENL_VERSION	1
#define CHIMNEY_GENL_GROUP	"events"

/* What EPROTONOSUPPORT says for OFFLOAD and for a POLICY that hands over; also in the log. */
#define CHIMNEY_UNKNOWN_KERNEL							\
	"the driver has not been checked with this kernel, so it hands no connection over; " \
	"its parameter any_kernel=1 overrides that"

enum chimney_cmd {
	CHIMNEY_CMD_UNSPEC,
	CHIMNEY_CMD_STATUS,	/* dump: one message per card */
	CHIMNEY_CMD_LIST,	/* dump: one message per connection */
	/* selector: tuple, PORT, PID or ALL; answer: DONE, REFUSED, of a refusal REASON, STATUS */
	CHIMNEY_CMD_OFFLOAD,
	CHIMNEY_CMD_UPLOAD,	/* the same, without STATUS */
	CHIMNEY_CMD_DISCONNECT,	/* tuple, ABORTIVE; answer: DONE, REFUSED */
	CHIMNEY_CMD_UPDATE,	/* tuple; the same answer */
	CHIMNEY_CMD_QUERY,	/* tuple; answer: a connection with Q_ attributes */
	CHIMNEY_CMD_INVALIDATE,	/* tuple; answer: DONE, REFUSED */
	CHIMNEY_CMD_POLICY,	/* MODE; without it: read; answer: MODE */
	CHIMNEY_CMD_STATS,	/* dump: one message per card, STAT nests */
	CHIMNEY_CMD_EVENT,	/* multicast */
	CHIMNEY_CMD_COUNT,
};

enum chimney_attr {
	CHIMNEY_A_UNSPEC,
	CHIMNEY_A_PAD,
	CHIMNEY_A_IFINDEX,	/* u32 */
	CHIMNEY_A_IFNAME,	/* string */
	CHIMNEY_A_FAMILY,	/* u16 AF_INET, AF_INET6 */
	CHIMNEY_A_LADDR,	/* 4 or 16 bytes */
	CHIMNEY_A_RADDR,
	CHIMNEY_A_LPORT,	/* u16, host order */
	CHIMNEY_A_RPORT,
	CHIMNEY_A_ALL,		/* flag */
	CHIMNEY_A_PORT,		/* u16: every connection with this local port */
	CHIMNEY_A_PID,		/* u32: every connection of this process */
	CHIMNEY_A_ABORTIVE,	/* flag */
	CHIMNEY_A_DONE,		/* u32 connections */
	CHIMNEY_A_REFUSED,	/* u32 connections */
	CHIMNEY_A_REASON,	/* string: first refusal, or why it was uploaded */
	CHIMNEY_A_MODE,		/* u32 enum chimney_policy */
	CHIMNEY_A_UNUSED,	/* was the number of a seed */
	CHIMNEY_A_STATE,	/* string */
	CHIMNEY_A_HANDLE,	/* u32 */
	CHIMNEY_A_PAIR,		/* u32 */
	CHIMNEY_A_BYTES_IN,	/* u64 */
	CHIMNEY_A_BYTES_OUT,	/* u64 */
	CHIMNEY_A_SENDQ,	/* u32 bytes in the write queue */
	CHIMNEY_A_RECVQ,	/* u32 bytes unread */
	CHIMNEY_A_POSTED,	/* u32 bytes with the target */
	CHIMNEY_A_HELD,		/* u32 segments */
	CHIMNEY_A_CONNS,	/* u32 offloaded now */
	CHIMNEY_A_MAX_CONNS,	/* u32 */
	CHIMNEY_A_FEATURES,	/* u64 */
	CHIMNEY_A_PAUSED,	/* flag */
	CHIMNEY_A_DOWN,		/* flag */
	CHIMNEY_A_STAT,		/* nest: NAME, DRIVER, DEVICE; of a set of reasons also GROUP */
	CHIMNEY_A_GROUP,	/* string */
	CHIMNEY_A_NAME,		/* string */
	CHIMNEY_A_DRIVER,	/* u64 */
	CHIMNEY_A_DEVICE,	/* u64 */
	CHIMNEY_A_EVENT,	/* u32 enum chimney_event */
	CHIMNEY_A_Q_STATE,	/* u32 enum chim_tcp_state; the others u32 too */
	CHIMNEY_A_Q_RCV_NXT,
	CHIMNEY_A_Q_RCV_WND,
	CHIMNEY_A_Q_SND_UNA,
	CHIMNEY_A_Q_SND_NXT,
	CHIMNEY_A_Q_SND_MAX,
	CHIMNEY_A_Q_SND_WND,
	CHIMNEY_A_Q_CWND,
	CHIMNEY_A_Q_SSTHRESH,
	CHIMNEY_A_Q_SRTT_US,
	CHIMNEY_A_Q_SEND_BACKLOG,
	CHIMNEY_A_Q_RECEIVE_BACKLOG,
	CHIMNEY_A_STATUS,	/* u32 enum chim_status: the card's word, if it refused */
	CHIMNEY_A_COUNT,
};

enum chimney_policy {
	CHIMNEY_POLICY_NONE,	/* only what somebody asks for */
	CHIMNEY_POLICY_AUTO,	/* every eligible connection */
};

enum chimney_event {
	CHIMNEY_EVENT_OFFLOADED = 1,
	CHIMNEY_EVENT_UPLOADED,
};

#endif /* CHIMNEY_GENL_H */
