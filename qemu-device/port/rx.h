/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rx.h - received frames, placed into the receive rings.
 */
#ifndef CHIMDEV_RX_H
#define CHIMDEV_RX_H

#include "port/vnet.h"

/* A frame or CUTOVER that waits for RXC room, or in nic.c for a run's end. */
struct ChimdevRxWait {
    QSIMPLEQ_ENTRY(ChimdevRxWait) next;
    ChimdevVnet vnet;
    uint32_t hash;
    uint32_t hash_flags;
    uint64_t cookie;                    /* CUTOVER */
    uint32_t len;                       /* 0: a CUTOVER */
    uint8_t data[];
};

void chimdev_rx_cutover(ChimdevState *s, uint32_t hash, uint64_t cookie);
void chimdev_rx_deliver(ChimdevPair *p, const ChimdevRxWait *w,
                        const uint8_t *data);
void chimdev_rx_drain(ChimdevPair *p);
bool chimdev_rx_full(const ChimdevPair *p);
bool chimdev_rx_cutover_room(const ChimdevPair *p);
bool chimdev_rx_possible(ChimdevState *s, const uint8_t *data, uint32_t len);
void chimdev_rx_reset(ChimdevPair *p);
/* Count a lost received frame; n is the counter that says why. */
void chimdev_rx_count_lost(ChimdevState *s, __le64 *n, uint32_t len);

#endif /* CHIMDEV_RX_H */
