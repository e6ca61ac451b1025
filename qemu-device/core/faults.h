/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faults.h - where a test can make the card break a rule.
 */
#ifndef CHIMDEV_FAULTS_H
#define CHIMDEV_FAULTS_H

#include "core/chimdev.h"

#define CHIMDEV_FAULT_RX 0x100u         /* with the type of an entry of RXC */

/* The property lives as long as the object. */
void chimdev_fault_property(ObjectClass *klass);
void chimdev_fault_init(ChimdevState *s);
void chimdev_fault_fini(ChimdevState *s);

/* True: the entry of that type that comes now is not to be published. */
bool chimdev_fault_withholds(ChimdevState *s, uint32_t type);
/* The status with which to answer the list, or SUCCESS: as it deserves. */
uint32_t chimdev_fault_list(ChimdevState *s, unsigned opcode);
/* True: a TERMINATE is to be told that it needs so many bytes. */
bool chimdev_fault_room(ChimdevState *s, uint32_t *bytes);
/* True: the register is to read 0. */
bool chimdev_fault_limit(ChimdevState *s, uint32_t reg);

#endif /* CHIMDEV_FAULTS_H */
