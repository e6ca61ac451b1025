/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that the agent runs for the harness: what the main loop needs to drive them.
 * agent_command.c owns the processes and their pipes, agent_spawn.c starts them.
 */
#ifndef CHIMNEY_AGENT_COMMAND_H
#define CHIMNEY_AGENT_COMMAND_H

#include "agent_frame.h"

#include <poll.h>

#define COMMANDS_MAX  128
#define COMMAND_PIPES 3

/* Frames of the harness. */
void command_exec(struct link *link, const struct frame *frame);
void command_stdin(struct link *link, const struct frame *frame);
void command_kill(const struct frame *frame);
void command_resize(const struct frame *frame);

/* Fill poll entries for the pipes that can make progress; returns how many (3 per command at most).
 */
size_t command_poll(struct pollfd *fds, const struct link *link);

/* Take in ended processes (after SIGCHLD), move bytes between pipes and frames, report exits. */
void command_reap(void);
void command_pump(struct link *link);

/* The harness has gone: kill everything that runs for it. */
void command_kill_all(void);

#endif
