/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a command for the harness: what an exec frame asks for, and the process with our ends of
 * its pipes or terminal that comes of it.
 */
#ifndef CHIMNEY_AGENT_SPAWN_H
#define CHIMNEY_AGENT_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#define STRINGS_MAX   1024u

#define EXEC_STDIN    1u /* the harness sends standard input; else it is /dev/null */
#define EXEC_MERGE    2u /* standard error goes where standard output goes */
#define EXEC_TERMINAL 4u /* all three are a terminal of its own */

/* What an exec frame asks for; all pointers go into the frame's copy. */
struct request {
	uint32_t flags;
	struct winsize size;
	char *cwd;
	char *argv[STRINGS_MAX + 1];
	char *envp[STRINGS_MAX + 1];
};

/* A process that has been started. */
struct spawned {
	pid_t pid;
	int in_fd; /* our ends of the pipes, -1 if there is none; they do not block */
	int out_fd[2];
};

/*
 * Flags, counts, the size of a terminal, then strings: directory, arguments, environment.
 * text is a copy of the frame's payload.
 */
bool request_parse(char *text, size_t length, struct request *req);

/* Rows and columns of a terminal, as frames have them. */
struct winsize request_size(const uint8_t *at);

/* 0 once the program runs, or the errno with which that failed. */
int spawn(const struct request *req, struct spawned *to);

/* Close it if it is open. */
void close_fd(int *fd);

#endif
