/* SPDX-License-Identifier: GPL-2.0-only */
/* How long the policy leaves a refused socket alone. */
#ifndef CHIMDRV_BACKOFF_H
#define CHIMDRV_BACKOFF_H

#include <linux/types.h>

struct chimdrv_candidate;
struct chimdrv_od;
struct sock;

bool chimdrv_backoff_waits(const struct sock *sk);	/* any context */
bool chimdrv_backoff_card_full(const struct chimdrv_od *od);	/* any context */
void chimdrv_backoff_answer(struct chimdrv_od *od, const struct chimdrv_candidate *c);
void chimdrv_backoff_over(const struct sock *sk);
void chimdrv_backoff_came_back(const struct sock *sk);
void chimdrv_backoff_forget(void);

#endif /* CHIMDRV_BACKOFF_H */
