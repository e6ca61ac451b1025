/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a socket may be offloaded, and why not. */
#ifndef CHIMDRV_CHECK_H
#define CHIMDRV_CHECK_H

#include <linux/types.h>

#include "offload/reason_types.h"

struct chimdrv_dev;
struct sock;

/* Socket lock, or RCU for a first look: may it be offloaded, and by which card? */
enum chimdrv_refusal chimdrv_check(struct sock *sk, struct chimdrv_dev **cd);
/* Socket owned and ours: check what may have changed since it was attached. */
enum chimdrv_refusal chimdrv_check_again(struct sock *sk);
enum chimdrv_refusal chimdrv_check_option(const struct sock *sk);
enum chimdrv_refusal chimdrv_check_bpf(const struct sock *sk);
bool chimdrv_check_paced(const struct sock *sk);	/* a rate that the target ignores */
/* Socket owned: the conditions that pass by themselves. */
enum chimdrv_refusal chimdrv_check_moment(struct sock *sk);

#endif /* CHIMDRV_CHECK_H */
