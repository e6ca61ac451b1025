// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ask connection tracking whether it rewrites the packets of a connection or has a helper
 * that reads them, and tell it that it will not see the segments that the target sends
 * and receives: it must neither call the next one that it sees invalid nor take the
 * connection for silent and forget it.
 *
 * The tracker may not be loaded, so nothing here needs one of its symbols. When its module
 * ends, it declares all entries dead and waits until nobody has one, with locks held that
 * keep network namespaces from coming and going. It tells nobody, so a work looks for that.
 *
 * ct->lock is held while the windows are made liberal. conn->tracked is written while the
 * socket is owned for its offload, and cleared under slock.
 */
#include <linux/netfilter.h>
#include <linux/workqueue.h>
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_extend.h>
#include <net/netfilter/nf_conntrack_helper.h>
#endif

#include "offload/socket/conntrack.h"
#include "offload/conn.h"
#include "offload/conn_types.h"

#define LONG	(INT_MAX / 2)	/* jiffies; the tracker compares modulo 2^32 */
#define ENDED	(10 * HZ)	/* what the tracker itself gives a connection that was reset */
#define LOOK	(HZ / 2)	/* between looks for its end */

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
/* With stale windows the tracker would call the first segments after the upload invalid. */
static void be_liberal(struct nf_conn *ct)
{
	if (nf_ct_protonum(ct) != IPPROTO_TCP)
		return;
	spin_lock_bh(&ct->lock);
	ct->proto.tcp.seen[0].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	ct->proto.tcp.seen[1].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	spin_unlock_bh(&ct->lock);
}

/* A helper reads the payload. */
static bool has_helper(const struct nf_conn *ct)
{
	const struct nf_ct_ext *ext = ct->ext;
	const struct nf_conn_help *help;

	if (!ext || !nf_ct_ext_exist(ct, NF_CT_EXT_HELPER) || !nf_ct_is_confirmed(ct))
		return false;
	help = (const void *)ext + ext->offset[NF_CT_EXT_HELPER];
	return rcu_access_pointer(help->helper);
}

static bool has_synproxy(const struct nf_conn *ct)
{
#if IS_ENABLED(CONFIG_NETFILTER_SYNPROXY)
	return nf_ct_ext_exist(ct, NF_CT_EXT_SYNPROXY);
#else
	return false;
#endif
}

/* Any context, RCU. The reason why the connection of this segment may not be offloaded. */
enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);
	unsigned long status;

	if (!ct || nf_ct_is_template(ct))
		return CHIMDRV_NO_NONE;
	status = READ_ONCE(ct->status);
	if (status & IPS_NAT_MASK)
		return CHIMDRV_NO_NAT;
	if ((status & IPS_SEQ_ADJUST) || has_synproxy(ct))
		return CHIMDRV_NO_REWRITTEN;
	if (has_helper(ct))
		return CHIMDRV_NO_HELPER;
	return CHIMDRV_NO_NONE;
}

/* Any context, RCU. From here on the tracker misses segments of the connection. */
void chimdrv_conntrack_liberal(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	if (ct && !nf_ct_is_template(ct))
		be_liberal(ct);
}

static bool let_go_if_dead(struct chimdrv_conn *conn)
{
	bool dead;

	spin_lock_bh(&conn->sk->sk_lock.slock);
	dead = !conn->tracked.entry || nf_ct_is_dying(conn->tracked.entry);
	if (dead)
		chimdrv_conntrack_let_go(conn, false);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	return dead;
}

/* Let go of the dead. At the end of the tracker all are, so one that lives answers for all. */
static bool any_lives(void)
{
	struct chimdrv_conn *conn;
	unsigned long id = 0;
	bool lives = false;

	while (!lives && (conn = chimdrv_conn_next(&id))) {
		if (READ_ONCE(conn->tracked.entry))
			lives = !let_go_if_dead(conn);
		chimdrv_conn_put(conn);
		cond_resched();
	}
	return lives;
}

static void look_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look_work_fn);

static void look_work_fn(struct work_struct *work)
{
	if (any_lives())
		schedule_delayed_work(&look_work, LOOK);
}

void chimdrv_conntrack_exit(void)
{
	cancel_delayed_work_sync(&look_work);
}

/* The segment has just given the entry the time that silence may last. */
void chimdrv_conntrack_keep(struct chimdrv_conn *conn, const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	if (!ct || nf_ct_is_template(ct) || conn->tracked.entry ||
	    test_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status))
		return;
	nf_conntrack_get(&ct->ct_general);
	conn->tracked.usual = nf_ct_expires(ct);
	WRITE_ONCE(ct->timeout, nfct_time_stamp + LONG);
	WRITE_ONCE(conn->tracked.entry, ct);
	schedule_delayed_work(&look_work, LOOK);
}

void chimdrv_conntrack_seen(const struct chimdrv_conn *conn)
{
	if (conn->tracked.entry)
		WRITE_ONCE(conn->tracked.entry->timeout, nfct_time_stamp + LONG);
}

void chimdrv_conntrack_let_go(struct chimdrv_conn *conn, bool ended)
{
	struct nf_conn *ct = conn->tracked.entry;
	u32 left = conn->tracked.usual;

	if (!ct)
		return;
	conn->tracked.entry = NULL;
	if (ended)
		left = min_t(u32, left, ENDED);
	WRITE_ONCE(ct->timeout, nfct_time_stamp + left);
	nf_conntrack_put(&ct->ct_general);
}
#else
void chimdrv_conntrack_exit(void)
{
}

void chimdrv_conntrack_liberal(const struct sk_buff *skb)
{
}

void chimdrv_conntrack_keep(struct chimdrv_conn *conn, const struct sk_buff *skb)
{
}

void chimdrv_conntrack_seen(const struct chimdrv_conn *conn)
{
}

void chimdrv_conntrack_let_go(struct chimdrv_conn *conn, bool ended)
{
}

enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb)
{
	return CHIMDRV_NO_NONE;
}
#endif
