/* SPDX-License-Identifier: GPL-2.0-only */
/* Parse and print the ends of connections, and parse numbers. */
#ifndef CHIMNEYCTL_ENDPOINT_H
#define CHIMNEYCTL_ENDPOINT_H

#include <stddef.h>

struct nl_msg;
struct nlattr;

/* "10.77.0.2:5201" or "[fd77::2]:5201" */
const char *endpoint(struct nlattr **a, int addr, int port, char *buf, size_t size);
void put_tuple(struct nl_msg *msg, const char *local, const char *remote);
unsigned long number(const char *what, const char *s, unsigned long max);

#endif /* CHIMNEYCTL_ENDPOINT_H */
