/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocklist.h - a block list, copied out of guest memory and checked.
 */
#ifndef CHIMDEV_BLOCKLIST_H
#define CHIMDEV_BLOCKLIST_H

#include "objects/node.h"
#include "objects/shape.h"

/*
 * Copy and check the list of a state operation. On failure *out stays NULL and
 * the returned status answers the command.
 */
uint32_t chimdev_list_read(ChimdevState *s, unsigned opcode,
                           const ChimdevAt *at, const struct chim_sge *sge,
                           unsigned nsge, uint32_t len, ChimdevList **out);
void chimdev_list_free(ChimdevState *s, ChimdevList *l);

/* The structure behind a node at an offset from its type's shape. */
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
/* Write status and info of every node reached, and new objects' handles. */
void chimdev_list_write_results(ChimdevState *s, ChimdevList *l);
void chimdev_list_write_result(ChimdevState *s, ChimdevList *l,
                               const ChimdevNode *n);

#endif /* CHIMDEV_BLOCKLIST_H */
