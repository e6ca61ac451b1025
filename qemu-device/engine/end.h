/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * end.h - how a connection ends here.
 */
#ifndef TOE_END_H
#define TOE_END_H

#include "toe_internal.h"

/* Ask for the upload; a mandatory reason halts the connection (EVT-6). */
void toe_end_retrieve(struct toe_conn *c, enum toe_reason why);
/* An RST, ours or the peer's, ended the connection: all requests complete with TOE_ABORTED. */
void toe_end_abort(struct toe_conn *c);
void toe_end_free(struct toe_conn *c);

#endif /* TOE_END_H */
