/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a socket is not offloaded, and why a connection goes back. Each reason is shown
 * and counted by its name (reasons.c, counters.h).
 */
#ifndef CHIMDRV_REASON_TYPES_H
#define CHIMDRV_REASON_TYPES_H

/* Why a socket was not offloaded; counted by refusals.c, shown by name. */
#define CHIMDRV_REFUSALS(X)						\
	X(NONE, "none") X(STATE, "not-established") X(ULP, "has-ulp")	\
	X(PROTO, "foreign-proto") X(ORPHAN, "orphan") X(REPAIR, "repair") \
	X(URGENT, "urgent") X(SIGNED, "md5-or-ao") X(FILTER, "filter")	\
	X(FASTOPEN, "fastopen") X(XFRM, "ipsec") X(TIMESTAMPING, "tx-timestamps") \
	X(ROUTE, "route") X(DEVICE, "not-our-device") X(NEIGHBOR, "neighbor") \
	X(OPTIONS, "ip-options") X(PACING, "pacing") X(CONGESTION, "congestion-control") \
	X(OOO, "out-of-order") X(RECOVERY, "recovery") X(DRAIN, "frames-in-flight") \
	X(PAUSED, "paused") X(DOWN, "card-down") X(USEC, "usec-timestamps") \
	X(FAMILY, "family") X(SENDS, "send-queue") \
	X(UNREADABLE, "unreadable-memory") X(MEMORY, "memory") X(BPF, "bpf") \
	X(BUSY, "busy") X(OWNED, "socket-owned") X(ECN, "ecn") X(CARD, "card-refused") \
	X(MTU, "mtu") X(MIN_TTL, "min-ttl") X(VLAN, "vlan") X(ENCAP, "encapsulation") \
	X(TRANSPARENT, "transparent") X(NAT, "nat") X(REWRITTEN, "rewritten") \
	X(HELPER, "conntrack-helper") X(BLOCKED, "blocked") X(ALREADY, "already-offloaded") \
	X(LATE, "card-late") X(FRAGMENTS, "may-be-fragmented") X(METRIC, "route-metric") \
	X(TIMEOUTS, "thin-timeouts") X(PROBING, "mtu-probing") \
	X(KERNEL, "unknown-kernel") X(MPTCP, "mptcp") X(LIMITS, "timer-limits") \
	X(TX_DELAY, "tx-delay") X(WINDOW, "window") X(PSP, "psp")

#define X(id, name) CHIMDRV_NO_##id,
enum chimdrv_refusal { CHIMDRV_REFUSALS(X) CHIMDRV_NO_COUNT };
#undef X

/* Why a connection went back. */
#define CHIMDRV_WHYS(X)							\
	X(NONE, "none") X(REQUEST, "requested") X(CLOSE, "close")	\
	X(SHUTDOWN, "shutdown") X(DISCONNECT, "disconnect") X(DESTROY, "destroy") \
	X(SOCKOPT, "socket-option") X(URGENT, "urgent-data") X(PEER_FIN, "peer-fin") \
	X(PEER_RST, "peer-rst") X(CARD, "card-asked") X(NEIGHBOR, "neighbor") \
	X(ROUTE, "route") X(LINK, "link") X(CARD_DOWN, "card-down") \
	X(FILTER, "filter") X(UNREADABLE, "unreadable-memory") X(MTU, "mtu") \
	X(PACING, "pacing") X(XFRM, "ipsec") X(NAT, "nat") X(REWRITTEN, "rewritten") \
	X(HELPER, "conntrack-helper") X(LATE, "card-late") \
	X(TIMESTAMPING, "tx-timestamps")

#define X(id, name) CHIMDRV_WHY_##id,
enum chimdrv_why { CHIMDRV_WHYS(X) CHIMDRV_WHY_COUNT };
#undef X

#endif /* CHIMDRV_REASON_TYPES_H */
