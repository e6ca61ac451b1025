/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that the harness puts into the guest and gets out of it: what the main loop needs.
 * agent_file.c owns the open files.
 */
#ifndef CHIMNEY_AGENT_FILE_H
#define CHIMNEY_AGENT_FILE_H

#include "agent_frame.h"

/* Frames of the harness. */
void file_put_open(struct link *link, const struct frame *frame);
void file_put_data(const struct frame *frame);
void file_put_close(struct link *link, const struct frame *frame);
void file_get(struct link *link, const struct frame *frame);

/* Is a file being sent? Then file_pump() wants to be called as soon as the port has room. */
bool file_busy(void);
void file_pump(struct link *link);

/* The harness has gone: close everything. */
void file_close_all(void);

#endif
