/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delack.h - when received data is acknowledged.
 */
#ifndef TOE_DELACK_H
#define TOE_DELACK_H

#include "toe_internal.h"

void toe_delack_now(struct toe_conn *c);
/* Limit the rate of ACKs for segments without data, so that two ends never keep each other busy. */
void toe_delack_rarely(struct toe_conn *c, uint64_t now);
/* The ACK of a segment whose data has been taken. */
void toe_delack_schedule(struct toe_conn *c, const struct toe_seg *seg,
			 const struct toe_rcv_result *res, uint64_t now);

#endif /* TOE_DELACK_H */
