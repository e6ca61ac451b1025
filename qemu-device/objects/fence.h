/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence.h - fences that arrive before their command, and the receive windows
 * that fences hold.
 */
#ifndef CHIMDEV_FENCE_H
#define CHIMDEV_FENCE_H

#include "core/chimdev.h"

/* The table lives as long as the object. */
void chimdev_fence_init(ChimdevState *s);
void chimdev_fence_fini(ChimdevState *s);

/*
 * A fence has come that no operation waits for. False: it is late, its command
 * has been answered; or one id too many, which is fatal.
 */
bool chimdev_fence_early(ChimdevState *s, uint32_t id, const ChimdevAt *at);
/* OP-D31: keep o's window from opening until release(id) or forget(o). */
void chimdev_fence_hold(ChimdevState *s, ChimdevObj *o, uint32_t id);
void chimdev_fence_release(ChimdevState *s, uint32_t id);
void chimdev_fence_forget(ChimdevObj *o);
/* Use up fences that have come with this id, at most most. Their number. */
uint32_t chimdev_fence_take(ChimdevState *s, uint32_t id, uint32_t most);
void chimdev_fence_expect(ChimdevState *s, uint32_t id);
void chimdev_fence_drop(ChimdevState *s, uint32_t id, uint32_t missing);
void chimdev_fence_reset(ChimdevState *s);

#endif /* CHIMDEV_FENCE_H */
