/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * translate.h - between the engine's terms and the ABI's.
 */
#ifndef CHIMDEV_TRANSLATE_H
#define CHIMDEV_TRANSLATE_H

#include "core/chimdev.h"
#include "toe.h"

/*
 * The status of a data operation, or of a state operation where the layer does
 * not matter.
 */
uint32_t chimdev_translate_status(enum toe_status st);
/* Statuses of an INITIATE node of that layer. */
uint32_t chimdev_translate_initiate(enum toe_status st,
                                    enum chimdev_layer layer);
uint32_t chimdev_translate_req_flags(enum toe_req_kind kind, uint32_t flags);
uint32_t chimdev_translate_params(const struct chim_params *p,
                                  struct toe_params *t);

#endif /* CHIMDEV_TRANSLATE_H */
