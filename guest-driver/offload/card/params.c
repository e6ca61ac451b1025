// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the card its TCP parameters (PRM-1 to PRM-9), those of its network namespace:
 * by SET_PARAMS when the card goes up, and again, before the first connection of a card
 * that has none, if a sysctl has changed meanwhile (ADR 12).
 *
 * od->mutex held.
 */
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/neighbour.h>

#include "offload/card/params.h"
#include "nic/admin_cmds.h"
#include "offload/conn_types.h"
#include "offload/od.h"

#define SWS_TICKS	200
#define PUSH_TICKS	500	/* the card's own default: Linux TCP has no such timer */
#define STALE_TICKS	30000

static u32 reachable_ms(const struct neigh_parms *parms)
{
	return jiffies_to_msecs(NEIGH_VAR(parms, BASE_REACHABLE_TIME));
}

/* The shorter of the IPv4 and IPv6 times: the card has one for all of its neighbors. */
static u32 stale_ticks(const struct net_device *dev)
{
	struct in_device *in4;
	u32 ms = U32_MAX;

	rcu_read_lock();
	in4 = __in_dev_get_rcu(dev);
	if (in4)
		ms = reachable_ms(in4->arp_parms);
#if IS_ENABLED(CONFIG_IPV6)
	if (__in6_dev_get(dev))
		ms = min(ms, reachable_ms(__in6_dev_get(dev)->nd_parms));
#endif
	rcu_read_unlock();
	return ms && ms != U32_MAX ? ms : STALE_TICKS;
}

static struct chim_params wanted(const struct chimdrv_dev *cd)
{
	const struct netns_ipv4 *ipv4 = &dev_net(cd->net->netdev)->ipv4;

	return (struct chim_params) {
		.ticks_per_second = cpu_to_le32(CHIMDRV_TICKS),
		.ack_frequency = 2,
		.delayed_ack_ticks = min(jiffies_to_msecs(TCP_DELACK_MIN), 255u),
		.max_retransmissions = clamp_t(int, READ_ONCE(ipv4->sysctl_tcp_retries2), 1, 255),
		.doubt_retransmissions = clamp_t(int, READ_ONCE(ipv4->sysctl_tcp_retries1), 1, 255),
		.sws_prevention_ticks = cpu_to_le32(SWS_TICKS),
		.dup_ack_threshold =
			cpu_to_le32(clamp_t(int, READ_ONCE(ipv4->sysctl_tcp_reordering), 1, 255)),
		.push_ticks = cpu_to_le32(PUSH_TICKS),
		.nce_stale_ticks = cpu_to_le32(stale_ticks(cd->net->netdev)),
	};
}

/* While it has a connection, the card takes no parameters (OP-D24). */
static bool card_has_connections(struct chimdrv_od *od)
{
	struct chimdrv_conn *conn;
	bool has = false;

	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		if (test_bit(CHIMDRV_C_TARGET, &conn->bits) &&
		    (!test_bit(CHIMDRV_C_LET_GO, &conn->bits) ||
		     test_bit(CHIMDRV_C_ABANDONED, &conn->bits)))
			has = true;
	spin_unlock_bh(&od->lock);
	return has;
}

void chimdrv_params_tell(struct chimdrv_od *od)
{
	const struct chim_params p = wanted(od->cd);
	int err;

	if (!memcmp(&p, &od->params, sizeof(p)) || card_has_connections(od))
		return;
	err = chimdrv_admin_set_params(od->cd, &p);
	if (err)
		dev_warn_ratelimited(od->cd->dev, "the card does not take the TCP parameters: %d\n",
				     err);
	else
		od->params = p;
}
