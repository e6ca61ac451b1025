/* SPDX-License-Identifier: GPL-2.0-only */
/* Path MTU by ICMP. */
#ifndef CHIMDRV_PMTU_H
#define CHIMDRV_PMTU_H

struct nf_hook_state;
struct sk_buff;

/* In the hook, RCU: an ICMP packet whose header begins at @offset. */
void chimdrv_pmtu_icmp(struct sk_buff *skb, unsigned int offset, const struct nf_hook_state *state);
void chimdrv_pmtu_icmp6(struct sk_buff *skb, unsigned int offset,
			const struct nf_hook_state *state);

#endif /* CHIMDRV_PMTU_H */
