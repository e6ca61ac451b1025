/* SPDX-License-Identifier: GPL-2.0-only */
/* Print the driver's answers and events, for people or as JSON. */
#ifndef CHIMNEYCTL_SHOW_H
#define CHIMNEYCTL_SHOW_H

#include <stdbool.h>
#include <stdint.h>

struct nl_msg;

extern bool json;	/* --json */

const char *mode_name(uint32_t mode);
/* Names in the specification of the statuses that a node of an INITIATE can have. */
const char *status_name(uint32_t status);
int show_status(struct nl_msg *msg, void *arg);
int show_conn(struct nl_msg *msg, void *arg);
int show_query(struct nl_msg *msg, void *arg);
int show_policy(struct nl_msg *msg, void *arg);
int show_event(struct nl_msg *msg, void *arg);

#endif /* CHIMNEYCTL_SHOW_H */
