/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faults.h - the places where a test can make the card break a rule.
 */
#ifndef CHIMDEV_FAULTS_H
#define CHIMDEV_FAULTS_H

#include "core/chimdev.h"

#define CHIMDEV_FAULT_RX 0x100u         /* with the type of an entry of RXC */
#define CHIMDEV_FAULT_READY 0x200u      /* no entry, but STATUS.READY */

/* The property lives as long as the object. */
void chimdev_fault_property(ObjectClass *klass);
void chimdev_fault_init(ChimdevState *s);
void chimdev_fault_fini(ChimdevState *s);

/* True: the caller must not publish this entry of that type, or READY. */
bool chimdev_fault_withholds(ChimdevState *s, uint32_t type);
/* True: publish this entry of that type with another status. */
bool chimdev_fault_status(ChimdevState *s, uint32_t type, uint32_t *status);
/* The status to answer the list with; SUCCESS: process it as usual. */
uint32_t chimdev_fault_list(ChimdevState *s, unsigned opcode);
/* True: tell this TERMINATE that it needs *bytes bytes. */
bool chimdev_fault_room(ChimdevState *s, uint32_t *bytes);
/* True: the register is to read 0. */
bool chimdev_fault_limit(ChimdevState *s, uint32_t reg);

#endif /* CHIMDEV_FAULTS_H */
