/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recovery.h - loss, timeouts and the shared timer.
 */
#ifndef TOE_RECOVERY_H
#define TOE_RECOVERY_H

#include "toe_internal.h"

struct toe_ack_info {
	uint32_t acked;		/* bytes newly acknowledged, FIN included */
	uint32_t flight;	/* before */
	bool     dup;		/* duplicate in the sense of RFC 5681 */
	bool     sacked;	/* told something new by SACK */
};

uint32_t toe_recovery_pipe(const struct toe_conn *c);
void toe_recovery_ack(struct toe_conn *c, const struct toe_ack_info *a, uint64_t now);
void toe_recovery_timeout(struct toe_conn *c, uint64_t now);
/* Arm or stop the shared timer as the current state needs (TMR-28). restart: progress was made. */
void toe_recovery_arm(struct toe_conn *c, bool restart, uint64_t now);
/* A non-zero or zero window came in an acceptable ACK. */
void toe_recovery_window(struct toe_conn *c, uint32_t old_wnd, bool zero_answer, uint64_t now);
void toe_recovery_tlp(struct toe_conn *c, uint64_t now);
/* After a smaller path MTU: what is in flight is lost, but not by congestion. */
void toe_recovery_restart(struct toe_conn *c);
void toe_recovery_sent(struct toe_conn *c, uint32_t seq, uint32_t space, bool rexmit, uint64_t now);
uint64_t toe_recovery_total_rt(const struct toe_conn *c, uint64_t now);
/* When the next owner of the connection must probe the tail; or TOE_NO_DEADLINE. */
uint64_t toe_recovery_tlp_at(const struct toe_conn *c);

#endif /* TOE_RECOVERY_H */
