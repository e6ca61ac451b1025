/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.h - why a node has its status.
 */
#ifndef CHIMDEV_EXPLAIN_H
#define CHIMDEV_EXPLAIN_H

#include "objects/blocklist.h"

/* The node was refused with n->status: by INITIATE, or by UPDATE. */
void chimdev_explain(ChimdevState *s, const ChimdevList *l,
                     const ChimdevNode *n);

#endif /* CHIMDEV_EXPLAIN_H */
