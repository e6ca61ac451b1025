// SPDX-License-Identifier: GPL-2.0-only
/*
 * chimneyctl - look at and move connections between Linux TCP and the chimney card.
 * Speaks the generic netlink family "chimney" (chimney_genl.h) through libnl; all
 * words that people and scripts see are here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "../chimney_genl.h"
#include "chimney_abi.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_STATS	512
#define SHUTTLE_MIN_US	1000	/* how long do_shuttle() leaves a connection where it is */
#define SHUTTLE_HOST_US	30000
#define SHUTTLE_CARD_US	60000

static struct nl_sock *sock;
static int family;
static bool json;
static bool first = true;	/* no element of the JSON array has been printed */

#define STATUS_FAILED		1
#define STATUS_WRONG_USE	2

static void complain(const char *fmt, va_list ap)
{
	fprintf(stderr, "chimneyctl: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
}

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	exit(STATUS_FAILED);
}

static void wrong_use(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	exit(STATUS_WRONG_USE);
}

/* ------------------------------------------------------------------------ attributes */

static uint32_t get_u32(struct nlattr **a, int i)
{
	return a[i] ? nla_get_u32(a[i]) : 0;
}

static uint64_t get_u64(struct nlattr **a, int i)
{
	return a[i] ? nla_get_u64(a[i]) : 0;
}

static const char *get_str(struct nlattr **a, int i)
{
	return a[i] ? nla_get_string(a[i]) : "";
}

static struct nlattr **parse(struct nl_msg *msg, struct nlattr **a)
{
	struct genlmsghdr *g = nlmsg_data(nlmsg_hdr(msg));

	if (nla_parse(a, CHIMNEY_A_COUNT - 1, genlmsg_attrdata(g, 0), genlmsg_attrlen(g, 0), NULL))
		die("the driver's answer cannot be read");
	return a;
}

/* "10.77.0.2:5201" or "[fd77::2]:5201" */
static const char *endpoint(struct nlattr **a, int addr, int port, char *buf, size_t size)
{
	uint16_t af = a[CHIMNEY_A_FAMILY] ? nla_get_u16(a[CHIMNEY_A_FAMILY]) : AF_INET;
	char text[INET6_ADDRSTRLEN] = "?";
	uint16_t p = a[port] ? nla_get_u16(a[port]) : 0;

	if (a[addr])
		inet_ntop(af, nla_data(a[addr]), text, sizeof(text));
	snprintf(buf, size, af == AF_INET6 ? "[%s]:%u" : "%s:%u", text, p);
	return buf;
}

static bool parse_endpoint(const char *s, int *af, uint8_t *addr, uint16_t *port)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 3];
	const char *colon = strrchr(s, ':');
	char *end, *h = host;
	unsigned long p;

	if (!colon || (size_t)(colon - s) >= sizeof(host))
		return false;
	p = strtoul(colon + 1, &end, 10);
	if (*end || end == colon + 1 || !p || p > 65535)
		return false;
	memcpy(host, s, colon - s);
	host[colon - s] = 0;
	if (h[0] == '[' && h[strlen(h) - 1] == ']') {
		h[strlen(h) - 1] = 0;
		h++;
	}
	h[strcspn(h, "%")] = 0;		/* the interface: the addresses of both ends suffice */
	*af = strchr(h, ':') ? AF_INET6 : AF_INET;
	*port = p;
	if (inet_pton(*af, h, addr) != 1)
		return false;
	if (*af == AF_INET6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)addr)) {
		*af = AF_INET;		/* of a socket of IPv6: on the wire it is IPv4 */
		memmove(addr, addr + 12, 4);
	}
	return true;
}

static void put_tuple(struct nl_msg *msg, const char *local, const char *remote)
{
	uint8_t laddr[16], raddr[16];
	uint16_t lport, rport;
	int laf, raf, len;

	if (!parse_endpoint(local, &laf, laddr, &lport))
		wrong_use("\"%s\" is no local end: ADDRESS:PORT, IPv6 as [ADDRESS]:PORT", local);
	if (!parse_endpoint(remote, &raf, raddr, &rport))
		wrong_use("\"%s\" is no remote end: ADDRESS:PORT, IPv6 as [ADDRESS]:PORT", remote);
	if (laf != raf)
		wrong_use("both ends must be of one address family");
	len = laf == AF_INET6 ? 16 : 4;
	nla_put_u16(msg, CHIMNEY_A_FAMILY, laf);
	nla_put(msg, CHIMNEY_A_LADDR, len, laddr);
	nla_put(msg, CHIMNEY_A_RADDR, len, raddr);
	nla_put_u16(msg, CHIMNEY_A_LPORT, lport);
	nla_put_u16(msg, CHIMNEY_A_RPORT, rport);
}

static unsigned long number(const char *what, const char *s, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (!*s || *end || n > max)
		wrong_use("%s must be a number up to %lu, not \"%s\"", what, max, s);
	return n;
}

/* ---------------------------------------------------------------------------- requests */

static struct nl_msg *request(int cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc_size(8192);

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, cmd,
				 CHIMNEY_GENL_VERSION))
		die("out of memory");
	return msg;
}

static const char *reason(int err)
{
	switch (-err) {
	case NLE_OBJ_NOTFOUND:
		return "no such connection";
	case NLE_PERM:
		return "not permitted; CAP_NET_ADMIN is needed";
	default:
		return nl_geterror(err);
	}
}

static int last_error;
static char last_text[128];

static int on_error(struct sockaddr_nl *nla, struct nlmsgerr *e, void *arg)
{
	(void)nla;
	(void)arg;
	last_error = e->error;
	if (e->error == -ENOTCONN)
		snprintf(last_text, sizeof(last_text), "the connection is not offloaded");
	else if (e->error == -ENOENT)
		snprintf(last_text, sizeof(last_text), "no such established connection");
	else if (e->error == -EPERM)
		snprintf(last_text, sizeof(last_text), "not permitted; CAP_NET_ADMIN is needed");
	else
		snprintf(last_text, sizeof(last_text), "%s", strerror(-e->error));
	return NL_STOP;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	(void)msg;
	*(bool *)arg = true;
	return NL_STOP;
}

/* Send, and give every answer to fn. Ends the program when the driver says no. */
static void run(struct nl_msg *msg, int (*fn)(struct nl_msg *, void *), void *arg)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	bool done = false;
	int err;

	if (!cb)
		die("out of memory");
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, fn, arg);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &done);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, &done);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, NULL);
	err = nl_send_auto(sock, msg);
	if (err < 0)
		die("cannot reach the driver: %s", nl_geterror(err));
	while (!done && !last_error) {
		err = nl_recvmsgs(sock, cb);
		if (err < 0 && !last_error)
			die("%s", reason(err));
	}
	nlmsg_free(msg);
	nl_cb_put(cb);
	if (last_error)
		die("%s", last_text);
}

/* ----------------------------------------------------------------------------- printing */

static void json_next(void)
{
	if (json) {
		printf(first ? "" : ",\n");
		first = false;
	}
}

static const char *mode_name(uint32_t mode)
{
	static const char * const names[] = { "none", "auto", "random" };

	return mode < 3 ? names[mode] : "unknown";
}

static int show_status(struct nl_msg *msg, void *arg)
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

static int show_conn(struct nl_msg *msg, void *arg)
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

static int show_query(struct nl_msg *msg, void *arg)
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

static int show_policy(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];

	(void)arg;
	parse(msg, a);
	printf(json ? "{\"policy\":\"%s\"}\n" : "policy %s\n",
	       mode_name(get_u32(a, CHIMNEY_A_MODE)));
	return NL_OK;
}

/* The statuses that a node of an INITIATE can have, by the specification's names. */
static const char *status_name(uint32_t status)
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

struct counts {
	uint32_t done, refused;
	uint32_t status;	/* the card's, if the reason is that the card refused; else 0 */
	char reason[64];
};

static int take_counts(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];
	struct counts *c = arg;

	parse(msg, a);
	c->done += get_u32(a, CHIMNEY_A_DONE);
	c->refused += get_u32(a, CHIMNEY_A_REFUSED);
	c->status = get_u32(a, CHIMNEY_A_STATUS);
	snprintf(c->reason, sizeof(c->reason), "%s", get_str(a, CHIMNEY_A_REASON));
	return NL_OK;
}

/* ------------------------------------------------------------------------------- stats */

static struct {
	char group[24];
	char name[48];
	uint64_t driver, device;
	bool has_driver, has_device;
} stat_rows[MAX_STATS];
static unsigned int stat_count;

/* Several cards add up. */
static void add_stat(struct nlattr **s)
{
	const char *group = get_str(s, CHIMNEY_A_GROUP), *name = get_str(s, CHIMNEY_A_NAME);
	unsigned int i;

	for (i = 0; i < stat_count; i++)
		if (!strcmp(stat_rows[i].name, name) && !strcmp(stat_rows[i].group, group))
			break;
	if (i == MAX_STATS)
		return;
	if (i == stat_count) {
		stat_count++;
		snprintf(stat_rows[i].name, sizeof(stat_rows[i].name), "%s", name);
		snprintf(stat_rows[i].group, sizeof(stat_rows[i].group), "%s", group);
	}
	stat_rows[i].driver += get_u64(s, CHIMNEY_A_DRIVER);
	stat_rows[i].device += get_u64(s, CHIMNEY_A_DEVICE);
	stat_rows[i].has_driver |= !!s[CHIMNEY_A_DRIVER];
	stat_rows[i].has_device |= !!s[CHIMNEY_A_DEVICE];
}

static int take_stats(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *g = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *s[CHIMNEY_A_COUNT], *pos;
	int rem;

	(void)arg;
	nla_for_each_attr(pos, genlmsg_attrdata(g, 0), genlmsg_attrlen(g, 0), rem)
		if (nla_type(pos) == CHIMNEY_A_STAT &&
		    !nla_parse_nested(s, CHIMNEY_A_COUNT - 1, pos, NULL))
			add_stat(s);
	return NL_OK;
}

static void json_side(const char *side, bool device)
{
	const char *comma = "";
	unsigned int i;

	printf("\"%s\":{", side);
	for (i = 0; i < stat_count; i++) {
		if (*stat_rows[i].group ||
		    !(device ? stat_rows[i].has_device : stat_rows[i].has_driver))
			continue;
		printf("%s\"%s\":%" PRIu64, comma, stat_rows[i].name,
		       device ? stat_rows[i].device : stat_rows[i].driver);
		comma = ",";
	}
}

static void json_group(const char *group)
{
	const char *comma = "";
	unsigned int i;

	printf(",\"%s\":{", group);
	for (i = 0; i < stat_count; i++) {
		if (strcmp(stat_rows[i].group, group))
			continue;
		printf("%s\"%s\":%" PRIu64, comma, stat_rows[i].name, stat_rows[i].driver);
		comma = ",";
	}
	printf("}");
}

static void print_stats(void)
{
	unsigned int i;

	if (json) {
		printf("{");
		json_side("driver", false);
		json_group("refused");
		json_group("refused_no_card");
		json_group("why");
		printf("},");
		json_side("device", true);
		printf("}}\n");
		return;
	}
	printf("%-32s %20s %20s\n", "", "driver", "device");
	for (i = 0; i < stat_count; i++) {
		char name[80], drv[24] = "-", dev[24] = "-";

		snprintf(name, sizeof(name), "%.23s%s%.47s", stat_rows[i].group,
			 *stat_rows[i].group ? " " : "", stat_rows[i].name);
		if (stat_rows[i].has_driver)
			snprintf(drv, sizeof(drv), "%" PRIu64, stat_rows[i].driver);
		if (stat_rows[i].has_device)
			snprintf(dev, sizeof(dev), "%" PRIu64, stat_rows[i].device);
		printf("%-32s %20s %20s\n", name, drv, dev);
	}
}

/* ---------------------------------------------------------------------------- commands */

static int cmd_dump(int cmd, int (*fn)(struct nl_msg *, void *))
{
	printf(json ? "[" : "");
	run(request(cmd, NLM_F_DUMP), fn, NULL);
	printf(json ? "]\n" : "");
	return 0;
}

static int do_status(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("status takes no argument");
	return cmd_dump(CHIMNEY_CMD_STATUS, show_status);
}

static int do_list(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("list takes no argument");
	return cmd_dump(CHIMNEY_CMD_LIST, show_conn);
}

static int do_stats(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("stats takes no argument");
	run(request(CHIMNEY_CMD_STATS, NLM_F_DUMP), take_stats, NULL);
	print_stats();
	return 0;
}

/* LOCAL REMOTE | all | --port N | --pid N */
static void put_selector(struct nl_msg *msg, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "all"))
		nla_put_flag(msg, CHIMNEY_A_ALL);
	else if (argc == 2 && !strcmp(argv[0], "--port"))
		nla_put_u16(msg, CHIMNEY_A_PORT, number("--port", argv[1], 65535));
	else if (argc == 2 && !strcmp(argv[0], "--pid"))
		nla_put_u32(msg, CHIMNEY_A_PID, number("--pid", argv[1], 4194304));
	else if (argc == 2)
		put_tuple(msg, argv[0], argv[1]);
	else
		wrong_use("which connections? LOCAL REMOTE, --port N, --pid N or all");
}

static struct counts ask(int cmd, int argc, char **argv)
{
	struct nl_msg *msg = request(cmd, 0);
	struct counts c = { 0 };

	put_selector(msg, argc, argv);
	run(msg, take_counts, &c);
	return c;
}

static int move(int cmd, const char *verb, int argc, char **argv)
{
	struct counts c = ask(cmd, argc, argv);
	const char *status = c.status ? status_name(c.status) : "";

	if (json)
		printf("{\"done\":%u,\"refused\":%u,\"reason\":\"%s\",\"status\":\"%s\"}\n",
		       c.done, c.refused, c.reason, status);
	else if (c.refused)
		printf("%u %s, %u not (%s%s%s)\n", c.done, verb, c.refused, c.reason,
		       *status ? ": " : "", status);
	else if (!c.done)
		printf("0 %s (%s)\n", verb, c.reason);
	else
		printf("%u %s\n", c.done, verb);
	return c.done ? 0 : STATUS_FAILED;
}

static int do_offload(int argc, char **argv)
{
	return move(CHIMNEY_CMD_OFFLOAD, "offloaded", argc, argv);
}

static int do_upload(int argc, char **argv)
{
	return move(CHIMNEY_CMD_UPLOAD, "uploaded", argc, argv);
}

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

/* The same moments for the same seed: splitmix64. */
static uint64_t roll(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Over and back until a signal ends it; what cannot move now may move the next time. */
static int do_shuttle(int argc, char **argv)
{
	static const int ways[] = { CHIMNEY_CMD_OFFLOAD, CHIMNEY_CMD_UPLOAD };
	static const unsigned int spans[] = { SHUTTLE_HOST_US, SHUTTLE_CARD_US };
	unsigned int done[2] = { 0 }, refused = 0, i;
	struct sigaction act = { .sa_handler = on_signal };
	uint64_t state;
	struct counts c;

	if (argc < 2)
		wrong_use("shuttle: SEED, and which connections");
	state = number("the seed", argv[0], UINT32_MAX);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	for (i = 0; !ended; i = !i) {
		usleep(SHUTTLE_MIN_US + roll(&state) % spans[i]);
		c = ask(ways[i], argc - 1, argv + 1);
		done[i] += c.done;
		refused += c.refused;
	}
	printf(json ? "{\"offloads\":%u,\"uploads\":%u,\"refused\":%u}\n" :
	       "%u offloads, %u uploads, %u refused\n", done[0], done[1], refused);
	return 0;
}

static int single(int cmd, const char *what, int argc, char **argv,
		  int (*fn)(struct nl_msg *, void *), bool abortive)
{
	struct nl_msg *msg = request(cmd, 0);
	struct counts c = { 0 };

	if (argc != 2)
		wrong_use("%s: LOCAL REMOTE", what);
	put_tuple(msg, argv[0], argv[1]);
	if (abortive)
		nla_put_flag(msg, CHIMNEY_A_ABORTIVE);
	run(msg, fn ? fn : take_counts, &c);
	if (!fn && json)
		printf("{\"done\":%u}\n", c.done);
	return 0;
}

static int do_disconnect(int argc, char **argv)
{
	bool abortive = argc && !strcmp(argv[0], "--abort");

	return single(CHIMNEY_CMD_DISCONNECT, "disconnect", argc - abortive, argv + abortive, NULL,
		      abortive);
}

static int do_update(int argc, char **argv)
{
	return single(CHIMNEY_CMD_UPDATE, "update", argc, argv, NULL, false);
}

static int do_query(int argc, char **argv)
{
	return single(CHIMNEY_CMD_QUERY, "query", argc, argv, show_query, false);
}

static int do_invalidate(int argc, char **argv)
{
	return single(CHIMNEY_CMD_INVALIDATE, "invalidate", argc, argv, NULL, false);
}

/* Only random takes a seed. */
static bool is_mode(const char *word, uint32_t mode)
{
	size_t len = strlen(mode_name(mode));

	return !strncmp(word, mode_name(mode), len) &&
	       (!word[len] || (mode == CHIMNEY_POLICY_RANDOM && word[len] == ':'));
}

static int do_policy(int argc, char **argv)
{
	struct nl_msg *msg = request(CHIMNEY_CMD_POLICY, 0);
	uint32_t mode;

	if (argc) {
		for (mode = 0; mode < 3; mode++)
			if (is_mode(argv[0], mode))
				break;
		if (mode == 3 || argc > 1)
			wrong_use("policy: none, auto or random[:SEED]");
		nla_put_u32(msg, CHIMNEY_A_MODE, mode);
		if (strchr(argv[0], ':'))
			nla_put_u32(msg, CHIMNEY_A_SEED,
				    number("the seed", strchr(argv[0], ':') + 1, UINT32_MAX));
	}
	run(msg, show_policy, NULL);
	return 0;
}

static int show_event(struct nl_msg *msg, void *arg)
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

static int no_seq_check(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

static int do_watch(int argc, char **argv)
{
	int group = genl_ctrl_resolve_grp(sock, CHIMNEY_GENL_NAME, CHIMNEY_GENL_GROUP), err;

	(void)argv;
	if (argc)
		wrong_use("watch takes no argument");
	if (group < 0 || nl_socket_add_membership(sock, group))
		die("cannot listen to events: %s", nl_geterror(group));
	nl_socket_modify_cb(sock, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, no_seq_check, NULL);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, show_event, NULL);
	do {
		err = nl_recvmsgs_default(sock);
	} while (err >= 0 || err == -NLE_NOMEM);
	die("%s", nl_geterror(err));
	return 1;
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *args;
	const char *help;
} commands[] = {
	{ "status", do_status, "", "state, connections and bytes of each card" },
	{ "list", do_list, "", "every connection that is with a card or on its way" },
	{ "offload", do_offload, "WHICH",
	  "hand connections to the card; those that cannot go are counted" },
	{ "upload", do_upload, "WHICH", "take connections back to Linux TCP" },
	{ "shuttle", do_shuttle, "SEED WHICH",
	  "hand connections over and back at random moments until a signal ends it" },
	{ "query", do_query, "LOCAL REMOTE", "the card's view of one connection" },
	{ "update", do_update, "LOCAL REMOTE", "tell the card the socket's options again" },
	{ "invalidate", do_invalidate, "LOCAL REMOTE",
	  "the card stops sending; the connection comes back" },
	{ "disconnect", do_disconnect, "[--abort] LOCAL REMOTE",
	  "let the card close the connection: FIN, or RST with --abort" },
	{ "policy", do_policy, "[none|auto|random[:SEED]]",
	  "which connections go without being asked for; random moves them over and back" },
	{ "stats", do_stats, "",
	  "counters of driver and card side by side, with the reasons of refusals\n"
	  "                                        "
	  "(connections, by the last reason) and of uploads" },
	{ "watch", do_watch, "", "print hand-overs as they happen" },
};

#define COMMANDS ARRAY_SIZE(commands)

static int usage(void)
{
	unsigned int i;

	printf("usage: chimneyctl COMMAND [ARG...] [--json]\n\n"
	       "Look at TCP connections and move them between Linux TCP and the chimney card.\n"
	       "WHICH is LOCAL REMOTE (ADDRESS:PORT each, IPv6 as [ADDRESS]:PORT), --port N\n"
	       "(local port), --pid N or all. offload and upload end with 0 if a connection has\n"
	       "moved, else with 1 and the reason; wrong use ends with 2.\n\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s %-26s %s\n", commands[i].name, commands[i].args, commands[i].help);
	return 0;
}

static int help_of(unsigned int i)
{
	printf("usage: chimneyctl %s %s\n\n%s\n", commands[i].name, commands[i].args,
	       commands[i].help);
	return 0;
}

static void connect_driver(void)
{
	sock = nl_socket_alloc();
	if (!sock || genl_connect(sock))
		die("cannot open a netlink socket");
	nl_socket_set_msg_buf_size(sock, 65536);
	nl_socket_set_buffer_size(sock, 1 << 20, 1 << 16);
	family = genl_ctrl_resolve(sock, CHIMNEY_GENL_NAME);
	if (family < 0)
		die("the driver is not loaded (modprobe chimney)");
}

/* An option that some command takes, or no option at all. */
static bool is_known(const char *word)
{
	static const char * const names[] = { "--port", "--pid", "--abort" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i]))
			return true;
	return word[0] != '-';
}

int main(int argc, char **argv)
{
	char *args[16];
	bool help = false;
	unsigned int i;
	int n = 0;

	for (i = 1; i < (unsigned int)argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			help = true;
		else if (!is_known(argv[i]))
			wrong_use("there is no option %s; see chimneyctl --help", argv[i]);
		else if (n < 16)
			args[n++] = argv[i];
	}
	if (!n && help)
		return usage();
	if (!n)
		wrong_use("which command? See chimneyctl --help");
	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(args[0], commands[i].name))
			break;
	if (i == COMMANDS)
		wrong_use("no command \"%s\"; see chimneyctl --help", args[0]);
	if (help)
		return help_of(i);
	connect_driver();
	return commands[i].fn(n - 1, args + 1);
}
