/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_out.h - states from the engine to the host.
 */
#ifndef CHIMDEV_STATE_OUT_H
#define CHIMDEV_STATE_OUT_H

#include "objects/blocklist.h"

/* QUERY and TERMINATE: fill in and write what the node's type asks for. */
void chimdev_state_put_neighbor(ChimdevState *s, ChimdevList *l,
                                const ChimdevNode *n, int64_t now);
void chimdev_state_put_path(ChimdevState *s, ChimdevList *l,
                            const ChimdevNode *n);
void chimdev_state_query_tcp(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now);

/* TERMINATE of a TCP node: the driver's room, and what is handed back. */
typedef struct ChimdevTcpRoom {
    uint32_t sends;
    uint32_t buffered;
} ChimdevTcpRoom;

uint32_t chimdev_state_get_room(const ChimdevList *l, const ChimdevNode *n,
                                ChimdevTcpRoom *room);
void chimdev_state_hand_back(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now,
                             uint32_t *sends, uint32_t *buffered);

#endif /* CHIMDEV_STATE_OUT_H */
