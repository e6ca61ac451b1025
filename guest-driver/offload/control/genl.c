// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "chimney": its events, and its commands, each a few calls
 * into the files that do the work (offload.c, upload.c, update.c, sq.c). genl_select.c
 * chooses the sockets, genl_dump.c makes the dumps.
 *
 * Commands run in parallel, in process context, with no lock held.
 */
#include "offload/control/genl.h"
#include "chimney_abi.h"
#include "chimney_genl.h"
#include "offload/ask.h"
#include "offload/card/send.h"
#include "offload/card/sq.h"
#include "offload/card/state_export.h"
#include "offload/card/stateop.h"
#include "offload/conn.h"
#include "offload/control/genl_dump.h"
#include "offload/control/genl_select.h"
#include "offload/control/policy.h"
#include "offload/kernel.h"
#include "offload/life/candidate.h"
#include "offload/life/candidate_types.h"
#include "offload/life/notify.h"
#include "offload/life/offload.h"
#include "offload/reasons.h"
#include "offload/socket/attach.h"
#include "offload/socket/valves.h"

#define OFFLOAD_TRIES	10	/* for conditions that pass by themselves */
#define UPLOAD_MS	20000	/* per socket: the card's deadlines, and an owner's time */

static const struct nla_policy chimney_policy_attrs[CHIMNEY_A_COUNT] = {
	[CHIMNEY_A_IFINDEX]	= { .type = NLA_U32 },
	[CHIMNEY_A_FAMILY]	= { .type = NLA_U16 },
	[CHIMNEY_A_LADDR]	= { .type = NLA_BINARY, .len = 16 },
	[CHIMNEY_A_RADDR]	= { .type = NLA_BINARY, .len = 16 },
	[CHIMNEY_A_LPORT]	= { .type = NLA_U16 },
	[CHIMNEY_A_RPORT]	= { .type = NLA_U16 },
	[CHIMNEY_A_ALL]		= { .type = NLA_FLAG },
	[CHIMNEY_A_PORT]	= { .type = NLA_U16 },
	[CHIMNEY_A_PID]		= { .type = NLA_U32 },
	[CHIMNEY_A_ABORTIVE]	= { .type = NLA_FLAG },
	[CHIMNEY_A_MODE]	= { .type = NLA_U32 },
};

/* ------------------------------------------------------------------------------ answers */

static struct sk_buff *reply_new(struct genl_info *info, u8 cmd, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	*hdr = genlmsg_put_reply(msg, info, &chimdrv_genl_family, 0, cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* @status: the card's, or 0. */
static int reply_counts(struct genl_info *info, u8 cmd, u32 done, u32 refused, const char *reason,
			u32 status)
{
	struct sk_buff *msg;
	void *hdr;

	msg = reply_new(info, cmd, &hdr);
	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, CHIMNEY_A_DONE, done) ||
	    nla_put_u32(msg, CHIMNEY_A_REFUSED, refused) ||
	    (reason && nla_put_string(msg, CHIMNEY_A_REASON, reason)) ||
	    (status && nla_put_u32(msg, CHIMNEY_A_STATUS, status))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* ---------------------------------------------------------------------- offload, upload */

/* Can anything be handed over? chimneyctl says the sentence for this error too. */
static int kernel_ok(struct genl_info *info)
{
	if (chimdrv_kernel_ok())
		return 0;
	GENL_SET_ERR_MSG(info, CHIMNEY_UNKNOWN_KERNEL);
	return -EPROTONOSUPPORT;
}

static int cmd_offload(struct sk_buff *skb, struct genl_info *info)
{
	u32 done = 0, refused = 0, status = 0, tries;
	struct chimdrv_candidate *c, *next;
	const char *reason = NULL;
	struct chimdrv_selection s;
	LIST_HEAD(again);
	LIST_HEAD(end);
	int err = kernel_ok(info);

	if (err)
		return err;
	err = chimdrv_genl_select(&s, info, false);
	for (tries = 0; !err && tries < OFFLOAD_TRIES && !list_empty(&s.list); tries++) {
		if (tries)
			msleep(20);
		chimdrv_offload_list(&s.list);
		list_for_each_entry_safe(c, next, &s.list, node)
			if (c->err != -EAGAIN)
				list_move_tail(&c->node, &end);
	}
	list_splice_tail_init(&s.list, &end);
	list_for_each_entry(c, &end, node) {
		chimdrv_candidate_note(c, true);
		if (!c->err) {
			done++;
			continue;
		}
		refused++;
		if (!reason) {
			reason = chimdrv_refusal_name(c->refusal);
			status = c->status;
		}
	}
	if (!done && !refused)
		reason = s.others ? chimdrv_refusal_name(CHIMDRV_NO_ALREADY) : "none-found";
	chimdrv_genl_select_free(&end);
	return err ?: reply_counts(info, CHIMNEY_CMD_OFFLOAD, done, refused, reason, status);
}

static int cmd_upload(struct sk_buff *skb, struct genl_info *info)
{
	const char *reason = NULL;
	u32 done = 0, refused = 0;
	struct chimdrv_candidate *c;
	struct chimdrv_selection s;
	int err = chimdrv_genl_select(&s, info, true);

	/* ask for all, then wait for all: the worker takes them in batches */
	list_for_each_entry(c, &s.list, node) {
		c->conn = chimdrv_attach_conn_get(c->sk);
		if (c->conn) {
			chimdrv_ask_upload(c->conn, CHIMDRV_WHY_REQUEST);
		} else {
			refused++;
			reason = "not-offloaded";
		}
	}
	list_for_each_entry(c, &s.list, node) {
		if (!c->conn)
			continue;
		if (!chimdrv_ask_wait(c->conn, msecs_to_jiffies(UPLOAD_MS))) {
			done++;
		} else {	/* it comes back when its owner lets go */
			refused++;
			reason = chimdrv_refusal_name(CHIMDRV_NO_OWNED);
		}
		chimdrv_conn_put(c->conn);
	}
	if (!done && !refused)
		reason = s.others ? "not-offloaded" : "none-found";
	chimdrv_genl_select_free(&s.list);
	return err ?: reply_counts(info, CHIMNEY_CMD_UPLOAD, done, refused, reason, 0);
}

/* --------------------------------------------------------- operations on one connection */

/* The one connection that a tuple names. */
static struct chimdrv_conn *conn_by_info(struct genl_info *info, int *err)
{
	struct chimdrv_conn *conn;
	struct sock *sk;

	local_bh_disable();
	sk = chimdrv_genl_find_sock(genl_info_net(info), info);
	local_bh_enable();
	*err = -ENOENT;
	if (!sk) {
		GENL_SET_ERR_MSG(info, "no such established connection");
		return NULL;
	}
	conn = chimdrv_attach_conn_get(sk);
	sock_put(sk);
	if (!conn)
		GENL_SET_ERR_MSG(info, "the connection is not offloaded");
	*err = 0;
	return conn;
}

/* Owned, slock: a FIN, behind everything written so far (DIS-3). */
static int disconnect_end(struct chimdrv_conn *conn)
{
	int err = -EAGAIN;

	if (test_bit(CHIMDRV_C_OWN_FIN, &conn->bits) || test_bit(CHIMDRV_C_RESET, &conn->bits))
		return -EALREADY;
	if (conn->state != CHIMDRV_OFFLOADED || test_bit(CHIMDRV_C_QUIET, &conn->bits))
		return -EAGAIN;
	chimdrv_send_post(conn);
	if (conn->snd.posted_seq == tcp_sk(conn->sk)->write_seq)
		err = chimdrv_sq_disconnect(conn, CHIM_DISCONNECT_GRACEFUL);
	if (!err)
		chimdrv_valves_end(conn);
	return err;
}

/* Owned, slock: an RST, also instead of a FIN that waits for the peer's window. */
static int disconnect_abort(struct chimdrv_conn *conn)
{
	int err;

	if (test_bit(CHIMDRV_C_RESET, &conn->bits))
		return -EALREADY;
	if (conn->state != CHIMDRV_OFFLOADED ||
	    (test_bit(CHIMDRV_C_QUIET, &conn->bits) && !test_bit(CHIMDRV_C_OWN_FIN, &conn->bits)))
		return -EAGAIN;
	err = chimdrv_sq_disconnect(conn, CHIM_DISCONNECT_ABORTIVE);
	if (!err)
		set_bit(CHIMDRV_C_RESET, &conn->bits);
	return err;
}

/* A graceful or abortive close by the target itself; an upload does the rest. */
static int cmd_disconnect(struct sk_buff *skb, struct genl_info *info)
{
	u32 flags = info->attrs[CHIMNEY_A_ABORTIVE] ? CHIM_DISCONNECT_ABORTIVE :
						      CHIM_DISCONNECT_GRACEFUL;
	struct chimdrv_conn *conn;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	lock_sock(conn->sk);
	spin_lock_bh(&conn->sk->sk_lock.slock);
	err = flags & CHIM_DISCONNECT_ABORTIVE ? disconnect_abort(conn) : disconnect_end(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	release_sock(conn->sk);
	chimdrv_conn_put(conn);
	return err ?: reply_counts(info, CHIMNEY_CMD_DISCONNECT, 1, 0, NULL, 0);
}

static int cmd_update(struct sk_buff *skb, struct genl_info *info)
{
	struct chimdrv_conn *conn;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	chimdrv_ask_update(conn);
	chimdrv_conn_put(conn);
	return reply_counts(info, CHIMNEY_CMD_UPDATE, 1, 0, NULL, 0);
}

static int put_query(struct sk_buff *msg, const struct chimdrv_tcp_state *s)
{
	return nla_put_u32(msg, CHIMNEY_A_Q_STATE, s->state) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_RCV_NXT, s->rcv_nxt) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_RCV_WND, s->rcv_wnd) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_UNA, s->snd_una) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_NXT, s->snd_nxt) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_MAX, s->snd_max) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_WND, s->snd_wnd) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_CWND, s->cwnd) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SSTHRESH, s->ssthresh) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SRTT_US, s->srtt_us / 8) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SEND_BACKLOG, s->send_backlog) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_RECEIVE_BACKLOG, s->receive_backlog);
}

static int cmd_query(struct sk_buff *skb, struct genl_info *info)
{
	struct chim_tcp_delegated d;
	struct chimdrv_tcp_state s = { };
	struct chimdrv_conn *conn;
	struct sk_buff *msg;
	void *hdr;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	err = chimdrv_stateop_one(conn, CHIM_OP_QUERY, CHIM_TCP_DELEGATED, sizeof(d), &d);
	if (err)
		goto out;
	chimdrv_state_import(conn->cd, &s, &d);
	err = -ENOMEM;
	msg = reply_new(info, CHIMNEY_CMD_QUERY, &hdr);
	if (!msg)
		goto out;
	err = chimdrv_genl_put_conn(msg, conn) ?: put_query(msg, &s);
	if (err) {
		nlmsg_free(msg);
		goto out;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
out:
	chimdrv_conn_put(conn);
	return err;
}

/* Afterwards the card itself asks for the upload (INV-6). */
static int cmd_invalidate(struct sk_buff *skb, struct genl_info *info)
{
	struct chimdrv_conn *conn;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	err = chimdrv_stateop_one(conn, CHIM_OP_INVALIDATE, CHIM_TCP_DELEGATED, 0, NULL);
	chimdrv_conn_put(conn);
	return err ?: reply_counts(info, CHIMNEY_CMD_INVALIDATE, 1, 0, NULL, 0);
}

static int cmd_policy(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (info->attrs[CHIMNEY_A_MODE]) {
		u32 mode = nla_get_u32(info->attrs[CHIMNEY_A_MODE]);

		err = mode ? kernel_ok(info) : 0;
		if (!err)
			err = chimdrv_policy_set(mode);
		if (err)
			return err;
	}
	msg = reply_new(info, CHIMNEY_CMD_POLICY, &hdr);
	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, CHIMNEY_A_MODE, chimdrv_policy_get())) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* ------------------------------------------------------------------------------- events */

/* Any context but hard interrupt. Builds nothing if nobody listens. */
static void tell(struct chimdrv_conn *conn, u32 event)
{
	struct net *net = sock_net(conn->sk);
	struct sk_buff *msg;
	void *hdr;

	if (!genl_has_listeners(&chimdrv_genl_family, net, 0))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_ATOMIC);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &chimdrv_genl_family, 0, CHIMNEY_CMD_EVENT);
	if (!hdr || chimdrv_genl_put_conn(msg, conn) || nla_put_u32(msg, CHIMNEY_A_EVENT, event) ||
	    (event == CHIMNEY_EVENT_UPLOADED &&
	     nla_put_string(msg, CHIMNEY_A_REASON, chimdrv_why_name(conn->back.reason)))) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast_netns(&chimdrv_genl_family, net, msg, 0, 0, GFP_ATOMIC);
}

/* --------------------------------------------------------------------------- the family */

static const struct genl_ops chimney_ops[] = {
	{ .cmd = CHIMNEY_CMD_STATUS, .start = chimdrv_genl_dump_start,
	  .dumpit = chimdrv_genl_dump_status },
	{ .cmd = CHIMNEY_CMD_LIST, .dumpit = chimdrv_genl_dump_list },
	{ .cmd = CHIMNEY_CMD_STATS, .start = chimdrv_genl_dump_start,
	  .dumpit = chimdrv_genl_dump_stats },
	{ .cmd = CHIMNEY_CMD_OFFLOAD, .doit = cmd_offload, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_UPLOAD, .doit = cmd_upload, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_DISCONNECT, .doit = cmd_disconnect, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_UPDATE, .doit = cmd_update, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_QUERY, .doit = cmd_query, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_INVALIDATE, .doit = cmd_invalidate, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_POLICY, .doit = cmd_policy, .flags = GENL_ADMIN_PERM },
};

static const struct genl_multicast_group chimney_groups[] = {
	{ .name = CHIMNEY_GENL_GROUP },
};

struct genl_family chimdrv_genl_family = {
	.name		= CHIMNEY_GENL_NAME,
	.version	= CHIMNEY_GENL_VERSION,
	.maxattr	= CHIMNEY_A_COUNT - 1,
	.policy		= chimney_policy_attrs,
	.module		= THIS_MODULE,
	.netnsok	= true,
	.parallel_ops	= true,
	.ops		= chimney_ops,
	.n_ops		= ARRAY_SIZE(chimney_ops),
	.resv_start_op	= CHIMNEY_CMD_STATUS,
	.mcgrps		= chimney_groups,
	.n_mcgrps	= ARRAY_SIZE(chimney_groups),
};

int chimdrv_genl_init(void)
{
	int err = genl_register_family(&chimdrv_genl_family);

	if (!err)
		chimdrv_notify_register(tell);
	return err;
}

void chimdrv_genl_exit(void)
{
	chimdrv_notify_register(NULL);
	genl_unregister_family(&chimdrv_genl_family);
}
