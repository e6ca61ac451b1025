/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h - what puts a connection into a list: an event, an indication, something to send.
 */
#ifndef TOE_QUEUE_H
#define TOE_QUEUE_H

#include "toe_internal.h"

/* A finished request; it is the host's again when polled. */
void toe_queue_req(struct toe_conn *c, struct toe_req *req, enum toe_status status);
void toe_queue_closed(struct toe_conn *c);
void toe_queue_aborted(struct toe_conn *c);
void toe_queue_backlog(struct toe_conn *c, uint32_t bytes);
void toe_queue_marker(struct toe_conn *c, struct toe_req *marker, bool *queued);
/* An indication may have become possible, or impossible: put the connection where it belongs. */
void toe_queue_events(struct toe_conn *c);
bool toe_queue_has_events(const struct toe_conn *c);
bool toe_queue_wants_indication(const struct toe_conn *c);

/* Something may be sendable: look at the connection in the next toe_output(). */
void toe_queue_output(struct toe_conn *c);
bool toe_queue_has_output(const struct toe_conn *c);

#endif /* TOE_QUEUE_H */
