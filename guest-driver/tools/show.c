// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the driver's answers and events, for people or as JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "chimney_abi.h"
#include "endpoint.h"
#include "netlink.h"
#include "show.h"

bool json;
static bool first = true;	/* nothing in the JSON array yet */

static void json_next(void)
{
	if (json) {
		printf(first ? "" : ",\n");
		first = false;
	}
}

const char *mode_name(uint32_t mode)
{
	static const char * const names[] = { "none", "auto" };

	return mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

int show_status(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];
	const char *state;

	(void)arg;
	parse(msg, a);
	state = a[CHIMNEY_A_DOWN] ? "down" : a[CHIMNEY_A_PAUSED] ? "paused" : "up";
	json_next();
	printf(json ? "{\"ifname\":\"%s\",\"state\":\"%s\",\"connections\":%u,"
		      "\"max_connections\":%u,\"features\":%" PRIu64 ",\"policy\":\"%s\","
		      "\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64 "}" :
		      "%s: %s, %u of %u connections, features 0x%" PRIx64 ", policy %s, %" PRIu64
		      " bytes in, %" PRIu64 " bytes out\n",
	       get_str(a, CHIMNEY_A_IFNAME), state, get_u32(a, CHIMNEY_A_CONNS),
	       get_u32(a, CHIMNEY_A_MAX_CONNS), get_u64(a, CHIMNEY_A_FEATURES),
	       mode_name(get_u32(a, CHIMNEY_A_MODE)), get_u64(a, CHIMNEY_A_BYTES_IN),
	       get_u64(a, CHIMNEY_A_BYTES_OUT));
	return NL_OK;
}

static void print_conn(struct nlattr **a)
{
	char l[80], r[80];

	endpoint(a, CHIMNEY_A_LADDR, CHIMNEY_A_LPORT, l, sizeof(l));
	endpoint(a, CHIMNEY_A_RADDR, CHIMNEY_A_RPORT, r, sizeof(r));
	if (json)
		printf("\"local\":\"%s\",\"remote\":\"%s\",\"state\":\"%s\",\"handle\":%u,"
		       "\"pair\":%u,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64 ","
		       "\"sendq\":%u,\"recvq\":%u,\"posted\":%u,\"held\":%u",
		       l, r, get_str(a, CHIMNEY_A_STATE),
		       get_u32(a, CHIMNEY_A_HANDLE), get_u32(a, CHIMNEY_A_PAIR),
		       get_u64(a, CHIMNEY_A_BYTES_IN), get_u64(a, CHIMNEY_A_BYTES_OUT),
		       get_u32(a, CHIMNEY_A_SENDQ), get_u32(a, CHIMNEY_A_RECVQ),
		       get_u32(a, CHIMNEY_A_POSTED), get_u32(a, CHIMNEY_A_HELD));
	else
		printf("%-28s %-28s %-11s handle %x pair %u in %" PRIu64 " out %" PRIu64
		       " sendq %u recvq %u posted %u held %u", l, r, get_str(a, CHIMNEY_A_STATE),
		       get_u32(a, CHIMNEY_A_HANDLE), get_u32(a, CHIMNEY_A_PAIR),
		       get_u64(a, CHIMNEY_A_BYTES_IN), get_u64(a, CHIMNEY_A_BYTES_OUT),
		       get_u32(a, CHIMNEY_A_SENDQ), get_u32(a, CHIMNEY_A_RECVQ),
		       get_u32(a, CHIMNEY_A_POSTED), get_u32(a, CHIMNEY_A_HELD));
}

int show_conn(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];

	(void)arg;
	parse(msg, a);
	json_next();
	printf(json ? "{" : "");
	print_conn(a);
	printf(json ? "}" : "\n");
	return NL_OK;
}

/* As RFC 9293 names them. */
static const char *tcp_state_name(uint32_t state)
{
	static const char * const names[] = {
		"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
		"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

int show_query(struct nl_msg *msg, void *arg)
{
	static const struct {
		int attr;
		const char *name;
	} q[] = {
		{ CHIMNEY_A_Q_RCV_NXT, "rcv_nxt" }, { CHIMNEY_A_Q_RCV_WND, "rcv_wnd" },
		{ CHIMNEY_A_Q_SND_UNA, "snd_una" }, { CHIMNEY_A_Q_SND_NXT, "snd_nxt" },
		{ CHIMNEY_A_Q_SND_MAX, "snd_max" }, { CHIMNEY_A_Q_SND_WND, "snd_wnd" },
		{ CHIMNEY_A_Q_CWND, "cwnd" }, { CHIMNEY_A_Q_SSTHRESH, "ssthresh" },
		{ CHIMNEY_A_Q_SRTT_US, "srtt_us" }, { CHIMNEY_A_Q_SEND_BACKLOG, "send_backlog" },
		{ CHIMNEY_A_Q_RECEIVE_BACKLOG, "receive_backlog" },
	};
	struct nlattr *a[CHIMNEY_A_COUNT];
	unsigned int i;

	(void)arg;
	parse(msg, a);
	printf(json ? "{" : "");
	print_conn(a);
	printf(json ? ",\"tcp_state\":\"%s\"" : "\n  tcp_state %s",
	       tcp_state_name(get_u32(a, CHIMNEY_A_Q_STATE)));
	for (i = 0; i < ARRAY_SIZE(q); i++)
		printf(json ? ",\"%s\":%u" : "\n  %s %u", q[i].name, get_u32(a, q[i].attr));
	printf(json ? "}\n" : "\n");
	return NL_OK;
}

int show_policy(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];

	(void)arg;
	parse(msg, a);
	printf(json ? "{\"policy\":\"%s\"}\n" : "policy %s\n",
	       mode_name(get_u32(a, CHIMNEY_A_MODE)));
	return NL_OK;
}

/* Names in the specification of the statuses that a node of an INITIATE can have. */
const char *status_name(uint32_t status)
{
#define N(name) \
	[CHIM_ST_##name] = #name
	static const char * const names[] = {
		N(FAILURE), N(RESOURCES), N(TCP_ENTRIES), N(PATH_ENTRIES), N(NEIGHBOR_ENTRIES),
		N(IP_ADDRESS_ENTRIES), N(HW_ADDRESS_ENTRIES), N(VLAN_ENTRIES),
		N(TCP_XMIT_BUFFER), N(TCP_RCV_BUFFER), N(TCP_RCV_WINDOW), N(VLAN_MISMATCH),
		N(PATH_MTU), N(CONNECTION_REJECTED), N(INVALID_STATE), N(INVALID_HANDLE),
		N(INVALID_SEQUENCE), N(DUPLICATE), N(BUSY),
	};
#undef N
	static char number[24];

	if (status < ARRAY_SIZE(names) && names[status])
		return names[status];
	snprintf(number, sizeof(number), "status %" PRIu32, status);
	return number;
}

int show_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];
	bool up;

	(void)arg;
	parse(msg, a);
	up = get_u32(a, CHIMNEY_A_EVENT) == CHIMNEY_EVENT_UPLOADED;
	printf(json ? "{\"event\":\"%s\",\"reason\":\"%s\"," : "%-9s %-14s ",
	       up ? "uploaded" : "offloaded", get_str(a, CHIMNEY_A_REASON));
	print_conn(a);
	printf(json ? "}\n" : "\n");
	fflush(stdout);
	return NL_OK;
}
