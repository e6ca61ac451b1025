/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.h - captures to a pcapng file (x-pcapng).
 */
#ifndef CHIMDEV_CAPTURE_H
#define CHIMDEV_CAPTURE_H

#include "core/chimdev.h"

enum chimdev_origin {
    CHIMDEV_FROM_HOST, CHIMDEV_FROM_TARGET, CHIMDEV_RECEIVED,
};

ChimdevCapture *chimdev_capture_open(const char *path, uint32_t snaplen,
                                     Error **errp);
void chimdev_capture_frame(ChimdevCapture *c, enum chimdev_origin from,
                           const struct iovec *iov, unsigned niov);
void chimdev_capture_comment(ChimdevCapture *c, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);
void chimdev_capture_flush(ChimdevCapture *c);
void chimdev_capture_close(ChimdevCapture *c);

#endif /* CHIMDEV_CAPTURE_H */
