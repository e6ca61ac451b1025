/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deliver.h - delivery of received data to requests and indications.
 */
#ifndef TOE_DELIVER_H
#define TOE_DELIVER_H

#include "toe_internal.h"

/*
 * Take a segment's data, cut to the window: place it in requests, buffer it, or leave it for an
 * indication.
 */
void toe_deliver_segment(struct toe_conn *c, uint32_t seq, const uint8_t *data, uint32_t len,
			 bool push, uint64_t now, struct toe_rcv_result *res);
void toe_deliver_push_timer(struct toe_conn *c);
/* The peer's FIN comes next: raise the event if everything before it is consumed. */
void toe_deliver_fin(struct toe_conn *c);
void toe_deliver_fail(struct toe_conn *c, enum toe_status status);
void toe_deliver_indicate(struct toe_conn *c, uint32_t room, struct toe_event *ev);

#endif /* TOE_DELIVER_H */
