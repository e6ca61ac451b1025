/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io.h - commands on connections, and the requests that they become.
 */
#ifndef CHIMDEV_IO_H
#define CHIMDEV_IO_H

#include "chimdev.h"

ChimdevPass chimdev_io_run(ChimdevPair *p);
/*
 * Everything published at this moment. False: the completion ring has no room
 * for it.
 */
bool chimdev_io_drain(ChimdevPair *p);

/*
 * A request with room for nsge elements, in the device's list. NULL: no
 * memory.
 */
ChimdevReq *chimdev_req_new(ChimdevState *s, const ChimdevAt *at,
                            unsigned nsge);
void chimdev_req_free(ChimdevState *s, ChimdevReq *r);
void chimdev_req_free_all(ChimdevState *s);

#endif /* CHIMDEV_IO_H */
