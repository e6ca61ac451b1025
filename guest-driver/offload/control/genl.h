/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family. */
#ifndef CHIMDRV_GENL_H
#define CHIMDRV_GENL_H

#include <net/genetlink.h>

int chimdrv_genl_init(void);
void chimdrv_genl_exit(void);

extern struct genl_family chimdrv_genl_family;

#endif /* CHIMDRV_GENL_H */
