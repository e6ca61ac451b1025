/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admin.h - the admin pair.
 */
#ifndef CHIMDEV_ADMIN_H
#define CHIMDEV_ADMIN_H

#include "core/chimdev.h"

bool chimdev_admin_enable(ChimdevState *s);
void chimdev_admin_init(ChimdevState *s);
ChimdevPass chimdev_admin_run(ChimdevState *s);
void chimdev_admin_link(ChimdevState *s);
void chimdev_admin_reset(ChimdevState *s);

#endif /* CHIMDEV_ADMIN_H */
