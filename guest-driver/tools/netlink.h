/* SPDX-License-Identifier: GPL-2.0-only */
/* Talk to the driver, and end the program when that fails. */
#ifndef CHIMNEYCTL_NETLINK_H
#define CHIMNEYCTL_NETLINK_H

#include <stdint.h>

#include <netlink/netlink.h>

#include "../chimney_genl.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define STATUS_FAILED		1
#define STATUS_WRONG_USE	2

void die(const char *fmt, ...);
void wrong_use(const char *fmt, ...);

uint32_t get_u32(struct nlattr **a, int i);
uint64_t get_u64(struct nlattr **a, int i);
const char *get_str(struct nlattr **a, int i);
struct nlattr **parse(struct nl_msg *msg, struct nlattr **a);

void connect_driver(void);
struct nl_msg *request(int cmd, int flags);
/* Send, and pass every answer to fn. Ends the program if the driver refuses. */
void run(struct nl_msg *msg, int (*fn)(struct nl_msg *, void *), void *arg);
/* Pass every event to fn. Ends the program when the driver can no longer be heard. */
void listen_to_events(int (*fn)(struct nl_msg *, void *));

#endif /* CHIMNEYCTL_NETLINK_H */
