/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep.h - keepalive and the validation period after blind attacks.
 */
#ifndef TOE_KEEP_H
#define TOE_KEEP_H

#include "toe_internal.h"

/* An acceptable segment came: restart keepalive and end the validation period (BRA-13). */
void toe_keep_segment(struct toe_conn *c, uint64_t now);
void toe_keep_challenged(struct toe_conn *c, uint64_t now);	/* BRA-8 */
void toe_keep_restart(struct toe_conn *c, uint64_t now);
/* KaTimeout has changed: it counts from when the peer was last heard. */
void toe_keep_moved(struct toe_conn *c, uint64_t now);
void toe_keep_expired(struct toe_conn *c, uint64_t now);

#endif /* TOE_KEEP_H */
