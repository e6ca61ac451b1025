/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of a card's offload half. Names are those of ethtool -S and chimneyctl,
 * in this order; chimdrv_count() of od.h counts.
 */
#ifndef CHIMDRV_COUNTERS_H
#define CHIMDRV_COUNTERS_H

#include <linux/atomic.h>

#include "offload/reason_types.h"

/*
 * Counters of the driver's side of each case: names of struct chim_case_stats,
 * then the driver's own.
 */
#define CHIMDRV_CASES(X)						\
	X(initiates) X(initiate_failures) X(terminates) X(updates) X(queries) X(invalidates) \
	X(sends) X(recvs) X(forwards) X(disconnects) X(verdicts) X(send_completions) \
	X(recv_completions) X(forward_completions) X(disconnect_completions) X(indications) \
	X(events) X(initiate_completions) X(terminate_completions) X(update_completions) \
	X(query_completions) X(invalidate_completions) X(buffered_in_bytes) \
	X(buffered_to_recv_bytes) \
	X(buffered_indicated_bytes) X(buffered_out_bytes) X(send_in_unacked_bytes) \
	X(send_in_rexmit_bytes) X(send_in_unsent_bytes) X(send_back_requests) \
	X(send_back_completed) X(send_back_mixed) X(send_back_unacked_bytes) \
	X(send_back_rexmit_bytes) X(send_back_unsent_bytes) X(recv_push) X(recv_nonpush) \
	X(recv_zero) X(verdict_accepted) X(verdict_refused) X(verdict_partial) X(bulk_lists) \
	X(send_batches) X(forward_batches) X(forward_fragments) X(forward_options) \
	X(forward_interface) X(forward_initiate) X(rexmit_segments)
#define CHIMDRV_OWN(X)							\
	X(held_segments) X(held_replayed) X(held_dropped) X(stragglers) X(gate_xmits) X(leaks) \
	X(lost_connections) X(owed_acks) X(abandoned_connections) X(late_markers) \
	X(late_pending) X(bad_entries) X(bytes_in) X(bytes_out) X(connections) \
	X(upload_in_flight) X(upload_unread) X(upload_unsent) X(upload_all) \
	X(frag_pages) X(frag_reuses) X(card_resets) X(collapses)

struct chimdrv_counters {
#define X(name) atomic64_t name;
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
	atomic64_t refused[CHIMDRV_NO_COUNT];	/* sockets; written by refusals.c */
	atomic64_t why[CHIMDRV_WHY_COUNT];
};

#endif /* CHIMDRV_COUNTERS_H */
