/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocklist.h - a block list, copied out of guest memory and checked.
 */
#ifndef CHIMDEV_BLOCKLIST_H
#define CHIMDEV_BLOCKLIST_H

#include "core/chimdev.h"

typedef struct ChimdevNode {
    /* as the driver wrote it, in host order */
    uint8_t role, type;
    uint16_t pair;
    uint32_t next, dependent;
    uint32_t handle;
    uint64_t cookie;
    uint32_t state_off, state_len;
    /* found by the walk */
    uint32_t index;
    uint32_t parent;            /* index, or CHIM_NODE_NONE */
    uint8_t depth;              /* dependent links from the root */
    uint8_t layer;              /* enum chimdev_layer */
    bool reached;
    /* of the operation */
    uint32_t status, info;
    bool in;                    /* new object: offloaded by this command */
    bool done;                  /* TERMINATE: its status is final */
    ChimdevObj *obj;
} ChimdevNode;

typedef struct ChimdevList {
    uint8_t *buf;               /* our copy */
    uint32_t len;
    uint32_t count, root;
    ChimdevNode *node;
    uint32_t *order;            /* nodes reached, in the order of TRE-15 */
    unsigned norder;
    ChimdevAt at;               /* where it lies in the guest */
    unsigned nsge;
    struct chim_sge *sge;
} ChimdevList;

/*
 * Copy and check the list of a state operation. On failure *out stays NULL and
 * the status is the command's.
 */
uint32_t chimdev_list_read(ChimdevState *s, unsigned opcode,
                           const ChimdevAt *at, const struct chim_sge *sge,
                           unsigned nsge, uint32_t len, ChimdevList **out);
void chimdev_list_free(ChimdevState *s, ChimdevList *l);

/* A structure behind a node, at an offset of its type's shape. */
static inline const void *chimdev_list_state(const ChimdevList *l,
                                             const ChimdevNode *n, int off)
{
    return l->buf + n->state_off + off;
}

uint64_t chimdev_list_sge_bytes(const ChimdevList *l, uint32_t off,
                                uint32_t count);

/* Part of our copy back into the guest's. */
void chimdev_list_write(ChimdevState *s, ChimdevList *l, uint32_t off,
                        const void *data, uint32_t len);
/* Status and info of every node reached, and the handles of new objects. */
void chimdev_list_write_results(ChimdevState *s, ChimdevList *l);
void chimdev_list_write_result(ChimdevState *s, ChimdevList *l,
                               const ChimdevNode *n);

/*
 * The state structures of a type: const, cached, delegated, each absent or at
 * an offset behind the first.
 */
typedef struct ChimdevShape {
    uint8_t layer;
    bool ipv6;
    int k, c, d;                /* offsets of the three; -1: absent */
    uint32_t len;
} ChimdevShape;
const ChimdevShape *chimdev_list_shape(uint8_t type);

#endif /* CHIMDEV_BLOCKLIST_H */
