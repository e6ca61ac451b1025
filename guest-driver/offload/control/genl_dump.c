// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps, netlink answers of many messages: the cards with their state, the counters of
 * driver and card side by side, the connections.
 *
 * Process context. Cards are walked under chimdrv_devs_lock; a connection is held by a
 * reference while it is shown, and read without its locks.
 */
#include "chimney_genl.h"
#include "nic/admin_cmds.h"
#include "nic/devs.h"
#include "offload/conn.h"
#include "offload/control/genl.h"
#include "offload/control/genl_dump.h"
#include "offload/control/policy.h"
#include "offload/control/stats.h"
#include "offload/life/refusals.h"
#include "offload/od.h"
#include "offload/reasons.h"

#define DEV_PREFIX	"t_"	/* the target's counts of the cases */
#define NIC_PREFIX	"nic_"

/* -------------------------------------------------------------------------------- cards */

/* A card's message is larger than the buffer that a dump gets by default. */
int chimdrv_genl_dump_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = 24576;
	return 0;
}

/* One message per card of the caller's namespace; cb->args[0] counts cards. */
static int dump_cards(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      int (*fill)(struct sk_buff *msg, struct chimdrv_dev *cd))
{
	struct chimdrv_dev *cd;
	long i = 0;
	void *hdr;

	mutex_lock(&chimdrv_devs_lock);
	list_for_each_entry(cd, &chimdrv_devs, list) {
		if (i++ < cb->args[0] || !chimdrv_od(cd) || !cd->net ||
		    !net_eq(dev_net(cd->net->netdev), sock_net(skb->sk)))
			continue;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &chimdrv_genl_family, NLM_F_MULTI, cmd);
		if (!hdr || nla_put_u32(skb, CHIMNEY_A_IFINDEX, cd->net->netdev->ifindex) ||
		    nla_put_string(skb, CHIMNEY_A_IFNAME, cd->net->netdev->name) ||
		    fill(skb, cd)) {
			if (hdr)
				genlmsg_cancel(skb, hdr);
			i--;
			break;
		}
		genlmsg_end(skb, hdr);
	}
	mutex_unlock(&chimdrv_devs_lock);
	cb->args[0] = i;
	return skb->len;
}

static int put_reason(struct sk_buff *msg, const char *group, const char *name, u64 n)
{
	struct nlattr *nest;

	if (!n)
		return 0;
	nest = nla_nest_start(msg, CHIMNEY_A_STAT);
	if (!nest || nla_put_string(msg, CHIMNEY_A_GROUP, group) ||
	    nla_put_string(msg, CHIMNEY_A_NAME, name) ||
	    nla_put_u64_64bit(msg, CHIMNEY_A_DRIVER, n, CHIMNEY_A_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/* Why sockets were refused and why connections went back: only the reasons that occurred. */
static int fill_reasons(struct sk_buff *msg, struct chimdrv_od *od)
{
	unsigned int i;
	int err = 0;

	for (i = 1; i < CHIMDRV_NO_COUNT && !err; i++)
		err = put_reason(msg, "refused", chimdrv_refusal_name(i),
				 atomic64_read(&od->count.refused[i]));
	for (i = 1; i < CHIMDRV_WHY_COUNT && !err; i++)
		err = put_reason(msg, "why", chimdrv_why_name(i),
				 atomic64_read(&od->count.why[i]));
	return err;
}

static int fill_status(struct sk_buff *msg, struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);

	if ((test_bit(CHIMDRV_DEV_PAUSED, &cd->bits) && nla_put_flag(msg, CHIMNEY_A_PAUSED)) ||
	    (!od->up && nla_put_flag(msg, CHIMNEY_A_DOWN)))
		return -EMSGSIZE;
	return nla_put_u32(msg, CHIMNEY_A_CONNS, READ_ONCE(od->nconns)) ?:
	       nla_put_u32(msg, CHIMNEY_A_MAX_CONNS, cd->limits.conns) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_FEATURES, cd->features, CHIMNEY_A_PAD) ?:
	       nla_put_u32(msg, CHIMNEY_A_MODE, chimdrv_policy_get()) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_IN,
				 atomic64_read(&od->count.bytes_in), CHIMNEY_A_PAD) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_OUT,
				 atomic64_read(&od->count.bytes_out), CHIMNEY_A_PAD) ?:
	       fill_reasons(msg, od);
}

int chimdrv_genl_dump_status(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_cards(skb, cb, CHIMNEY_CMD_STATUS, fill_status);
}

/* ----------------------------------------------------------------------------- counters */

static int put_stat(struct sk_buff *msg, const char *name, const u64 *driver, const u64 *device)
{
	struct nlattr *nest = nla_nest_start(msg, CHIMNEY_A_STAT);

	if (!nest || nla_put_string(msg, CHIMNEY_A_NAME, name) ||
	    (driver && nla_put_u64_64bit(msg, CHIMNEY_A_DRIVER, *driver, CHIMNEY_A_PAD)) ||
	    (device && nla_put_u64_64bit(msg, CHIMNEY_A_DEVICE, *device, CHIMNEY_A_PAD)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static const char *plain_name(const char *device_name)
{
	if (!strncmp(device_name, DEV_PREFIX, strlen(DEV_PREFIX)))
		return device_name + strlen(DEV_PREFIX);
	if (!strncmp(device_name, NIC_PREFIX, strlen(NIC_PREFIX)))
		return device_name + strlen(NIC_PREFIX);
	return device_name;
}

/* The driver's value of one of the card's cases, or -1. */
static int driver_case(const char *device_name)
{
	unsigned int i;

	if (strncmp(device_name, DEV_PREFIX, strlen(DEV_PREFIX)))
		return -1;
	for (i = 0; i < chimdrv_stats_plain(); i++)
		if (!strcmp(chimdrv_stats_name(i) + strlen(CHIMDRV_DRV_PREFIX),
			    device_name + strlen(DEV_PREFIX)))
			return i;
	return -1;
}

static int fill_stats(struct sk_buff *msg, struct chimdrv_dev *cd)
{
	unsigned int ndrv = chimdrv_stats_plain(), ndev = chimdrv_admin_stat_count(), i;
	unsigned int all = chimdrv_stats_count();
	u64 *drv = kcalloc(all + ndev, sizeof(*drv), GFP_KERNEL), *dev;
	const char *name;
	bool have_dev;
	int err = 0, k;

	if (!drv)
		return -ENOMEM;
	dev = drv + all;
	chimdrv_stats_read(cd, drv);
	have_dev = !chimdrv_admin_get_stats(cd, dev);
	for (i = 0; i < ndev && have_dev && !err; i++) {
		name = chimdrv_admin_stat_name(i);
		k = driver_case(name);
		err = put_stat(msg, plain_name(name), k < 0 ? NULL : &drv[k], &dev[i]);
	}
	for (i = 0; i < ndrv && !err; i++) {
		name = chimdrv_stats_name(i) + strlen(CHIMDRV_DRV_PREFIX);
		for (k = 0; k < (int)ndev && have_dev; k++)
			if (driver_case(chimdrv_admin_stat_name(k)) == (int)i)
				break;
		if (!have_dev || k == (int)ndev)
			err = put_stat(msg, name, &drv[i], NULL);
	}
	kfree(drv);
	return err ?: fill_reasons(msg, chimdrv_od(cd));
}

/* The message for no card: refusals of sockets whose route leads to no card of ours. */
static int dump_no_card(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned int i;
	int err = 0;
	void *hdr;

	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &chimdrv_genl_family, NLM_F_MULTI, CHIMNEY_CMD_STATS);
	if (!hdr)
		return -EMSGSIZE;
	for (i = 1; i < CHIMDRV_NO_COUNT && !err; i++)
		err = put_reason(skb, "refused_no_card", chimdrv_refusal_name(i),
				 chimdrv_refusals_no_card(i));
	if (err)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return err;
}

/* cb->args[1]: the message for no card is out. It counts for the machine: only init_net gets it. */
int chimdrv_genl_dump_stats(struct sk_buff *skb, struct netlink_callback *cb)
{
	if (!cb->args[1] && net_eq(sock_net(skb->sk), &init_net) && dump_no_card(skb, cb))
		return skb->len;
	cb->args[1] = 1;
	return dump_cards(skb, cb, CHIMNEY_CMD_STATS, fill_stats);
}

/* -------------------------------------------------------------------------- connections */

static int put_tuple(struct sk_buff *msg, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	bool v6 = false;
	int err = 0;

#if IS_ENABLED(CONFIG_IPV6)
	v6 = sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
	if (v6)
		err = nla_put_in6_addr(msg, CHIMNEY_A_LADDR, &sk->sk_v6_rcv_saddr) ?:
		      nla_put_in6_addr(msg, CHIMNEY_A_RADDR, &sk->sk_v6_daddr);
#endif
	if (!v6)
		err = nla_put_in_addr(msg, CHIMNEY_A_LADDR, inet->inet_rcv_saddr) ?:
		      nla_put_in_addr(msg, CHIMNEY_A_RADDR, inet->inet_daddr);
	return err ?: nla_put_u16(msg, CHIMNEY_A_FAMILY, v6 ? AF_INET6 : AF_INET) ?:
	       nla_put_u16(msg, CHIMNEY_A_LPORT, ntohs(inet->inet_sport)) ?:
	       nla_put_u16(msg, CHIMNEY_A_RPORT, ntohs(inet->inet_dport));
}

int chimdrv_genl_put_conn(struct sk_buff *msg, const struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	return put_tuple(msg, conn->sk) ?:
	       nla_put_u32(msg, CHIMNEY_A_IFINDEX, conn->cd->net->netdev->ifindex) ?:
	       nla_put_string(msg, CHIMNEY_A_STATE,
			      chimdrv_conn_state_name(READ_ONCE(conn->state))) ?:
	       nla_put_u32(msg, CHIMNEY_A_HANDLE, conn->handle) ?:
	       nla_put_u32(msg, CHIMNEY_A_PAIR, conn->pair->number) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_IN, conn->bytes_in, CHIMNEY_A_PAD) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_OUT, conn->bytes_out, CHIMNEY_A_PAD) ?:
	       nla_put_u32(msg, CHIMNEY_A_SENDQ, READ_ONCE(tp->write_seq) -
						 READ_ONCE(tp->snd_una)) ?:
	       nla_put_u32(msg, CHIMNEY_A_RECVQ, READ_ONCE(tp->rcv_nxt) -
						 READ_ONCE(tp->copied_seq)) ?:
	       nla_put_u32(msg, CHIMNEY_A_POSTED, READ_ONCE(conn->snd.posted_bytes)) ?:
	       nla_put_u32(msg, CHIMNEY_A_HELD, skb_queue_len_lockless(&conn->fwd.hold));
}

/* One message per connection; cb->args[0]: name of the last one shown. */
int chimdrv_genl_dump_list(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long id = cb->args[0];
	struct chimdrv_conn *conn;
	void *hdr;

	while ((conn = chimdrv_conn_next(&id))) {
		if (net_eq(sock_net(conn->sk), sock_net(skb->sk))) {
			hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
					  &chimdrv_genl_family, NLM_F_MULTI, CHIMNEY_CMD_LIST);
			if (!hdr || chimdrv_genl_put_conn(skb, conn)) {
				if (hdr)
					genlmsg_cancel(skb, hdr);
				chimdrv_conn_put(conn);
				break;
			}
			genlmsg_end(skb, hdr);
		}
		cb->args[0] = id;
		chimdrv_conn_put(conn);
	}
	return skb->len;
}
