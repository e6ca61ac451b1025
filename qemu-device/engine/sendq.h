/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sendq.h - the queue of send requests.
 */
#ifndef TOE_SENDQ_H
#define TOE_SENDQ_H

#include "toe_internal.h"

/* A request as it comes; and whether the connection takes any. */
enum toe_status toe_sendq_begin(struct toe_conn *c, struct toe_req *req, enum toe_req_kind kind,
				uint64_t now);
/* Whether so many bytes, or a FIN, may follow what is queued. */
enum toe_status toe_sendq_room(const struct toe_conn *c, uint32_t len);
void toe_sendq_append(struct toe_conn *c, struct toe_req *req);
/* SND.UNA moved: complete what it has passed. */
void toe_sendq_acked(struct toe_conn *c);
/* Take all requests out, completing each with status. */
void toe_sendq_fail(struct toe_conn *c, enum toe_status status);
void toe_sendq_stop(struct toe_conn *c, enum toe_stop_sends how);

struct toe_gather {
	struct toe_piece pieces[TOE_MAX_PIECES];
	uint8_t  npieces;
	uint32_t len;
	bool     push;		/* the last byte wants PSH */
	bool     more;		/* the last byte ends a request that said MORE */
	bool     req_end;	/* the last byte ends a request */
	bool     full;		/* ended because of the number of pieces */
};

/* Up to max bytes from seq on, not across a request end that wants PSH. */
void toe_sendq_gather(struct toe_conn *c, uint32_t seq, uint32_t max, struct toe_gather *g);
/* How much the host does well to keep queued (STA-19). */
uint32_t toe_sendq_backlog(const struct toe_conn *c);

#endif /* TOE_SENDQ_H */
