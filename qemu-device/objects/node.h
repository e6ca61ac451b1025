/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.h - a block list and its nodes.
 */
#ifndef CHIMDEV_NODE_H
#define CHIMDEV_NODE_H

#include "core/refusal.h"

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
    enum chimdev_why why;       /* it is refused, if it is, and ... */
    ChimdevRefused what;        /* ... what was found */
} ChimdevList;

/* Where a member of a node is in its list. */
static inline uint32_t chimdev_list_node_off(const ChimdevNode *n,
                                             size_t member)
{
    return sizeof(struct chim_block_list) +
           n->index * sizeof(struct chim_node) + member;
}

#define CHIMDEV_NODE(n, member) \
    .field = "chim_node." #member, .found = (n)->member, \
    .offset = chimdev_list_node_off(n, offsetof(struct chim_node, member))

/*
 * The list is refused for this: false. Of several reasons the first counts. n:
 * NULL, or the node at fault.
 */
bool chimdev_node_wrong(ChimdevList *l, const ChimdevNode *n,
                        enum chimdev_why why, ChimdevRefused what);
/* The list's nodes have layers and parents. */
bool chimdev_node_ok(ChimdevList *l, const ChimdevNode *n, unsigned opcode);

#endif /* CHIMDEV_NODE_H */
