/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.h - whether a received segment is acceptable.
 */
#ifndef TOE_VALIDATE_H
#define TOE_VALIDATE_H

#include "toe_internal.h"

enum toe_step {
	TOE_NEXT,	/* go on */
	TOE_DONE,	/* dealt with, or rightly dropped */
	TOE_RAW,	/* for the host, and nothing has changed */
};

/* Cuts the segment to the window. */
enum toe_step toe_validate(struct toe_conn *c, struct toe_seg *seg, uint64_t now);

#endif /* TOE_VALIDATE_H */
