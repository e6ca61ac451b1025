/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cc_cubic.h - CUBIC congestion control.
 */
#ifndef TOE_CC_CUBIC_H
#define TOE_CC_CUBIC_H

#include "cc.h"

extern const struct toe_cc_ops toe_cc_cubic;

#endif /* TOE_CC_CUBIC_H */
