/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stateop.h - state operations and the fences that they wait for.
 */
#ifndef CHIMDEV_STATEOP_H
#define CHIMDEV_STATEOP_H

#include "chimdev.h"

/* The test knobs among the properties; they live as long as the object. */
void chimdev_op_knob_properties(ObjectClass *klass);
void chimdev_op_init_knobs(ChimdevState *s);
bool chimdev_op_parse_knobs(ChimdevState *s, Error **errp);
void chimdev_op_free_knobs(ChimdevState *s);

/*
 * A state operation came in on the admin SQ. False: too many are under way,
 * nothing has happened.
 */
bool chimdev_op_possible(const ChimdevState *s);
void chimdev_op_new(ChimdevState *s, const ChimdevCmd *cmd);
/* Act on those whose fences have come. */
void chimdev_op_start(ChimdevState *s, int64_t now);
/* Complete those whose work is done. */
void chimdev_op_finish(ChimdevState *s, int64_t now);
/* One of its entries has been published. */
void chimdev_op_posted(ChimdevOp *op);
int64_t chimdev_op_deadline(const ChimdevState *s);
void chimdev_op_reset(ChimdevState *s);

/* A fence has come. False: no operation waits for it. */
bool chimdev_op_fence(ChimdevState *s, uint32_t id);

/* fence.c */
/* False: it is late, its command has been answered. */
bool chimdev_fence_seen(ChimdevState *s, uint32_t id, const ChimdevAt *at);
/* OP-D31: o's window does not open until release, by its id or for o alone. */
void chimdev_fence_hold(ChimdevState *s, ChimdevObj *o, uint32_t id);
void chimdev_fence_release(ChimdevState *s, uint32_t id);
void chimdev_fence_forget(ChimdevObj *o);
/* How many fences of that id have come, most at most; they are used up. */
uint32_t chimdev_fence_take(ChimdevState *s, uint32_t id, uint32_t most);
void chimdev_fence_expect(ChimdevState *s, uint32_t id);
void chimdev_fence_drop(ChimdevState *s, uint32_t id, uint32_t missing);
void chimdev_fence_reset(ChimdevState *s);

#endif /* CHIMDEV_STATEOP_H */
