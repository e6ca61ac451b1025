/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers and events of the driver as people and scripts see them. */
#ifndef CHIMNEYCTL_SHOW_H
#define CHIMNEYCTL_SHOW_H

#include <stdbool.h>
#include <stdint.h>

struct nl_msg;

extern bool json;	/* --json */

const char *mode_name(uint32_t mode);
/* The statuses that a node of an INITIATE can have, by the specification's names. */
const char *status_name(uint32_t status);
int show_status(struct nl_msg *msg, void *arg);
int show_conn(struct nl_msg *msg, void *arg);
int show_query(struct nl_msg *msg, void *arg);
int show_policy(struct nl_msg *msg, void *arg);
int show_event(struct nl_msg *msg, void *arg);

#endif /* CHIMNEYCTL_SHOW_H */
