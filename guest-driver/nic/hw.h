/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers of a card, and what happens when it fails or goes. */
#ifndef CHIMDRV_HW_H
#define CHIMDRV_HW_H

#include "nic/nic.h"

static inline bool chimdrv_dev_alive(const struct chimdrv_dev *cd)
{
	return !test_bit(CHIMDRV_DEV_FAILED, &cd->bits);
}

u32 chimdrv_hw_read(struct chimdrv_dev *cd, unsigned int reg);
void chimdrv_hw_write(struct chimdrv_dev *cd, unsigned int reg, u32 value);
void chimdrv_hw_doorbell(struct chimdrv_dev *cd, u32 ring, u32 index);
extern const struct pci_device_id chimdrv_hw_ids[];
int chimdrv_hw_map(struct chimdrv_dev *cd);
/* Netdev features on this card that can be switched. */
netdev_features_t chimdrv_hw_netdev_features(const struct chimdrv_dev *cd);
int chimdrv_hw_identify(struct chimdrv_dev *cd);
int chimdrv_hw_reset(struct chimdrv_dev *cd);
int chimdrv_hw_enable(struct chimdrv_dev *cd);
bool chimdrv_hw_check(struct chimdrv_dev *cd);	/* false and failed: fatal or gone */
bool chimdrv_hw_link(struct chimdrv_dev *cd);
bool chimdrv_hw_paused(struct chimdrv_dev *cd);
u32 chimdrv_hw_speed(struct chimdrv_dev *cd);
u32 chimdrv_hw_isr(struct chimdrv_dev *cd);	/* INTx: read and acknowledge */
/* @feature: enum chim_feature. */
bool chimdrv_hw_has(const struct chimdrv_dev *cd, unsigned int feature);
/*
 * Any context: stop using the card. fail_work stops it, logs one line with @why (a
 * constant string) and the fatal registers, and starts recovery.
 */
void chimdrv_dev_fail(struct chimdrv_dev *cd, const char *why);	/* any context */
void chimdrv_dev_fail_wait(struct chimdrv_dev *cd);	/* card not alive: wait for its fail_work */
void chimdrv_hw_report(struct chimdrv_dev *cd, const char *why);

#endif /* CHIMDRV_HW_H */
