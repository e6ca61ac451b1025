/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h - what puts a connection into a list: an event, an indication, something to send.
 */
#ifndef TOE_QUEUE_H
#define TOE_QUEUE_H

#include "toe_internal.h"

/* A finished request; it is the host's again when polled. */
void toe_event_req(struct toe_conn *c, struct toe_req *req, enum toe_status status);
void toe_event_closed(struct toe_conn *c);
void toe_event_aborted(struct toe_conn *c);
void toe_event_backlog(struct toe_conn *c, uint32_t bytes);
void toe_event_marker(struct toe_conn *c, struct toe_req *marker, bool *queued);
/* An indication may have become possible, or impossible: put the connection where it belongs. */
void toe_event_kick(struct toe_conn *c);
bool toe_event_pending(const struct toe_conn *c);
bool toe_deliver_wants_indication(const struct toe_conn *c);

/* Something may be sendable: look at the connection in the next toe_output(). */
void toe_output_kick(struct toe_conn *c);
bool toe_output_queued(const struct toe_conn *c);

#endif /* TOE_QUEUE_H */
