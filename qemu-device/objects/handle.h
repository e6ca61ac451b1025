/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handle.h - offloaded objects by handle.
 */
#ifndef CHIMDEV_HANDLE_H
#define CHIMDEV_HANDLE_H

#include "core/chimdev.h"

/* An offloaded object; owned by handle.c. */
struct ChimdevObj {
    uint8_t layer;                      /* enum chimdev_layer; 0: free */
    bool ipv6;
    bool stopping;                      /* TERMINATE has begun */
    uint16_t generation;
    uint32_t handle;
    uint64_t cookie;
    ChimdevObj *parent;
    unsigned deps;
    ChimdevPair *pair;                  /* TCP */
    ChimdevOp *op;                      /* the operation that runs on it */
    union {
        struct toe_neigh *neigh;
        struct toe_path *path;
        struct toe_conn *conn;
        void *any;
    } u;
    uint64_t number;                    /* TCP: its name in the capture ... */
    uint16_t local_port, remote_port;   /* ... and its ports there */
    bool sends_completed;               /* TCP: some by UPLOAD_IN_PROGRESS */
    bool held;                          /* TCP: its window, by the fence ... */
    uint32_t held_by;                   /* ... of this id; fence.c */
    QLIST_ENTRY(ChimdevObj) held_next;
    uint16_t vlan_id;                   /* neighbor */
    uint8_t src_mac[6];                 /* neighbor; zero: the interface's */
};

void chimdev_obj_init(ChimdevState *s);
void chimdev_obj_fini(ChimdevState *s);
void chimdev_obj_reset(ChimdevState *s);

/* NULL: no object of that layer is free. A parent counts its dependents. */
ChimdevObj *chimdev_obj_new(ChimdevState *s, enum chimdev_layer layer,
                            ChimdevObj *parent, uint64_t cookie);
void chimdev_obj_free(ChimdevState *s, ChimdevObj *o);
/* NULL: the handle is 0, stale, forged or of another layer. */
ChimdevObj *chimdev_obj_get(ChimdevState *s, uint32_t handle,
                            enum chimdev_layer layer);

#endif /* CHIMDEV_HANDLE_H */
