/* SPDX-License-Identifier: GPL-2.0-only */
/* The upper layer protocol. */
#ifndef CHIMDRV_ULP_H
#define CHIMDRV_ULP_H

int chimdrv_ulp_init(void);
void chimdrv_ulp_exit(void);

#endif /* CHIMDRV_ULP_H */
