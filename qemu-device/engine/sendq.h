/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sendq.h - the queue of send requests.
 */
#ifndef TOE_SENDQ_H
#define TOE_SENDQ_H

#include "toe_internal.h"

/* Initialize a new request. Returns whether the connection takes requests at all. */
enum toe_status toe_sendq_begin(struct toe_conn *c, struct toe_req *req, enum toe_req_kind kind,
				uint64_t now);
/* Whether len more bytes, or a FIN, may be queued. */
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

/* Gather up to max bytes from seq, not past a request end that wants PSH. */
void toe_sendq_gather(struct toe_conn *c, uint32_t seq, uint32_t max, struct toe_gather *g);
/* How many bytes the host should keep queued (STA-19). */
uint32_t toe_sendq_backlog(const struct toe_conn *c);

#endif /* TOE_SENDQ_H */
