/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_in.h - states from the host to the engine.
 */
#ifndef CHIMDEV_STATE_IN_H
#define CHIMDEV_STATE_IN_H

#include "objects/blocklist.h"
#include "toe.h"

/*
 * INITIATE: the states behind a node. Each returns the node's status; the
 * engine checks the limits of the fields.
 */
uint32_t chimdev_state_get_neighbor(ChimdevState *s, const ChimdevList *l,
                                    const ChimdevNode *n,
                                    struct toe_neigh_state *t);
uint32_t chimdev_state_get_path(ChimdevState *s, const ChimdevList *l,
                                const ChimdevNode *n,
                                struct toe_path_state *t);

typedef struct ChimdevTcpIn {
    struct toe_tcp_const k;
    struct toe_tcp_cached c;
    struct toe_tcp_delegated d;
    uint32_t sends;             /* requests with data ... */
    uint32_t send_off;          /* ... from the first of them on */
    uint32_t buffered_off, buffered_sges, buffered_len;
} ChimdevTcpIn;

uint32_t chimdev_state_get_tcp(ChimdevState *s, const ChimdevList *l,
                               const ChimdevNode *n, ChimdevTcpIn *t);
/* The i-th request of the chain, or the node's status. */
uint32_t chimdev_state_get_send(ChimdevState *s, const ChimdevList *l,
                                const ChimdevTcpIn *t, uint32_t i,
                                ChimdevReq **out);

/* UPDATE: cached variables. Each returns the node's status. */
uint32_t chimdev_state_get_neighbor_cached(const ChimdevList *l,
                                           const ChimdevNode *n,
                                           uint8_t mac[6], uint32_t *hrd);
uint32_t chimdev_state_get_path_cached(const ChimdevList *l,
                                       const ChimdevNode *n, uint32_t *mtu);
uint32_t chimdev_state_get_tcp_cached(const ChimdevList *l,
                                      const ChimdevNode *n,
                                      struct toe_tcp_cached *c, bool update);

#endif /* CHIMDEV_STATE_IN_H */
