/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h - puts a connection into a list: for an event, an indication, or something to send.
 */
#ifndef TOE_QUEUE_H
#define TOE_QUEUE_H

#include "toe_internal.h"

/* Queue a finished request; polling gives it back to the host. */
void toe_queue_req(struct toe_conn *c, struct toe_req *req, enum toe_status status);
void toe_queue_closed(struct toe_conn *c);
void toe_queue_aborted(struct toe_conn *c);
void toe_queue_backlog(struct toe_conn *c, uint32_t bytes);
void toe_queue_marker(struct toe_conn *c, struct toe_req *marker, bool *queued);
/* An indication may have become possible or impossible: put the connection into the right list. */
void toe_queue_events(struct toe_conn *c);
bool toe_queue_has_events(const struct toe_conn *c);
bool toe_queue_wants_indication(const struct toe_conn *c);

/* Something may be sendable: look at the connection in the next toe_output(). */
void toe_queue_output(struct toe_conn *c);
bool toe_queue_has_output(const struct toe_conn *c);

#endif /* TOE_QUEUE_H */
