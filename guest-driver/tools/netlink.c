// SPDX-License-Identifier: GPL-2.0-only
/*
 * Talk to the driver through the generic netlink family "chimney" with libnl, and end the
 * program when it cannot go on: die() or wrong_use().
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "netlink.h"

static struct nl_sock *sock;
static int family;
static int last_error;
static char last_text[192];

/* ------------------------------------------------------------------------------ endings */

static void complain(const char *fmt, va_list ap)
{
	fprintf(stderr, "chimneyctl: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	exit(STATUS_FAILED);
}

void wrong_use(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	exit(STATUS_WRONG_USE);
}

/* ------------------------------------------------------------------------ attributes */

uint32_t get_u32(struct nlattr **a, int i)
{
	return a[i] ? nla_get_u32(a[i]) : 0;
}

uint64_t get_u64(struct nlattr **a, int i)
{
	return a[i] ? nla_get_u64(a[i]) : 0;
}

const char *get_str(struct nlattr **a, int i)
{
	return a[i] ? nla_get_string(a[i]) : "";
}

struct nlattr **parse(struct nl_msg *msg, struct nlattr **a)
{
	struct genlmsghdr *g = nlmsg_data(nlmsg_hdr(msg));

	if (nla_parse(a, CHIMNEY_A_COUNT - 1, genlmsg_attrdata(g, 0), genlmsg_attrlen(g, 0), NULL))
		die("the driver's answer cannot be read");
	return a;
}

/* ---------------------------------------------------------------------------- requests */

struct nl_msg *request(int cmd, int flags)
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

static int on_error(struct sockaddr_nl *nla, struct nlmsgerr *e, void *arg)
{
	(void)nla;
	(void)arg;
	last_error = e->error;
	if (e->error == -ENOTCONN)
		snprintf(last_text, sizeof(last_text), "the connection is not offloaded");
	else if (e->error == -ENOENT)
		snprintf(last_text, sizeof(last_text), "no such established connection");
	else if (e->error == -EPROTONOSUPPORT)
		snprintf(last_text, sizeof(last_text), "%s", CHIMNEY_UNKNOWN_KERNEL);
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

/* Send, and pass every answer to fn. Ends the program if the driver refuses. */
void run(struct nl_msg *msg, int (*fn)(struct nl_msg *, void *), void *arg)
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

static int no_seq_check(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

/* Pass every event of the driver to fn, for as long as it can be heard. */
void listen_to_events(int (*fn)(struct nl_msg *, void *))
{
	int group = genl_ctrl_resolve_grp(sock, CHIMNEY_GENL_NAME, CHIMNEY_GENL_GROUP), err;

	if (group < 0 || nl_socket_add_membership(sock, group))
		die("cannot listen to events: %s", nl_geterror(group));
	nl_socket_modify_cb(sock, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, no_seq_check, NULL);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, fn, NULL);
	do {
		err = nl_recvmsgs_default(sock);
	} while (err >= 0 || err == -NLE_NOMEM);
	die("%s", nl_geterror(err));
}

void connect_driver(void)
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
