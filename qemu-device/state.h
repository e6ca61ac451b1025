/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.h - the translation between the ABI and the engine.
 */
#ifndef CHIMDEV_STATE_H
#define CHIMDEV_STATE_H

#include "blocklist.h"

/*
 * Statuses of data operations, and of state operations where the layer does
 * not matter.
 */
uint32_t chimdev_state_status(enum toe_status st);
/* Statuses of an INITIATE node of that layer. */
uint32_t chimdev_state_initiate_status(enum toe_status st,
                                       enum chimdev_layer layer);
uint32_t chimdev_state_req_flags(enum toe_req_kind kind, uint32_t flags);
uint32_t chimdev_state_params(const struct chim_params *p,
                              struct toe_params *t);

/*
 * INITIATE: the states behind a node. Each returns the node's status; the
 * fields' own limits are the engine's to check.
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

/* QUERY and TERMINATE: fill in and write what the node's type asks for. */
void chimdev_state_put_neighbor(ChimdevState *s, ChimdevList *l,
                                const ChimdevNode *n, int64_t now);
void chimdev_state_put_path(ChimdevState *s, ChimdevList *l,
                            const ChimdevNode *n);
void chimdev_state_query_tcp(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now);

/* TERMINATE of a TCP node: room that the driver gave, and what comes back. */
typedef struct ChimdevTcpRoom {
    uint32_t sends;
    uint32_t buffered;
} ChimdevTcpRoom;

uint32_t chimdev_state_get_room(const ChimdevList *l, const ChimdevNode *n,
                                ChimdevTcpRoom *room);
void chimdev_state_hand_back(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now,
                             uint32_t *sends, uint32_t *buffered);

#endif /* CHIMDEV_STATE_H */
