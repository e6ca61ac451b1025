/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence.h - fences that come before their command, and the windows that
 * they hold.
 */
#ifndef CHIMDEV_FENCE_H
#define CHIMDEV_FENCE_H

#include "core/chimdev.h"

/* What is noted of them lives as long as the object. */
void chimdev_fence_init(ChimdevState *s);
void chimdev_fence_fini(ChimdevState *s);

/*
 * A fence has come that no operation waits for. False: it is late, its command
 * has been answered.
 */
bool chimdev_fence_early(ChimdevState *s, uint32_t id, const ChimdevAt *at);
/* OP-D31: o's window does not open until release, by its id or for o alone. */
void chimdev_fence_hold(ChimdevState *s, ChimdevObj *o, uint32_t id);
void chimdev_fence_release(ChimdevState *s, uint32_t id);
void chimdev_fence_forget(ChimdevObj *o);
/* How many fences of that id have come, most at most; they are used up. */
uint32_t chimdev_fence_take(ChimdevState *s, uint32_t id, uint32_t most);
void chimdev_fence_expect(ChimdevState *s, uint32_t id);
void chimdev_fence_drop(ChimdevState *s, uint32_t id, uint32_t missing);
void chimdev_fence_reset(ChimdevState *s);

#endif /* CHIMDEV_FENCE_H */
