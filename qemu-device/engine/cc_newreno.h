/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cc_newreno.h - NewReno congestion control.
 */
#ifndef TOE_CC_NEWRENO_H
#define TOE_CC_NEWRENO_H

#include "cc.h"

extern const struct toe_cc_ops toe_cc_newreno;

#endif /* TOE_CC_NEWRENO_H */
