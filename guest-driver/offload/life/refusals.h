/* SPDX-License-Identifier: GPL-2.0-only */
/* The book of refused sockets. */
#ifndef CHIMDRV_REFUSALS_H
#define CHIMDRV_REFUSALS_H

#include <linux/types.h>

#include "offload/reason_types.h"

struct chimdrv_od;
struct sock;

/*
 * Any context but hard interrupt. @od NULL: the route leads to no card of ours. A
 * socket is counted once, under its last reason, until it is offloaded.
 */
void chimdrv_refusals_note(const struct sock *sk, struct chimdrv_od *od,
			   enum chimdrv_refusal why);
void chimdrv_refusals_carried(const struct sock *sk);	/* it was offloaded after all */
u64 chimdrv_refusals_no_card(enum chimdrv_refusal why);	/* sockets whose route led to no card */
void chimdrv_refusals_forget(struct chimdrv_od *od);	/* the card goes */
void chimdrv_refusals_exit(void);

#endif /* CHIMDRV_REFUSALS_H */
