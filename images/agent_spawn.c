// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts commands: reads what an exec frame asks for, makes the pipes or the terminal, and runs the
 * program in a session of its own, so that a kill reaches what it started. Knows no running
 * commands; those are agent_command.c's.
 */
#define _GNU_SOURCE
#include "agent_spawn.h"

#include "agent_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Take the next string of an exec frame; NULL when the frame ends before it does. */
static char *next_string(char **at, const char *end)
{
	char *string = *at;
	char *nul = memchr(string, '\0', (size_t)(end - string));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return string;
}

static bool parse_strings(char **at, const char *end, size_t count, char **list)
{
	for (size_t i = 0; i < count; i++) {
		list[i] = next_string(at, end);
		if (!list[i])
			return false;
	}
	list[count] = NULL;
	return true;
}

struct winsize request_size(const uint8_t *at)
{
	return (struct winsize){ .ws_row = get_le16(at), .ws_col = get_le16(at + 2) };
}

bool request_parse(char *text, size_t length, struct request *req)
{
	const uint8_t *head = (const uint8_t *)text;
	const char *end = text + length;
	size_t argc, envc;
	char *at = text + 8;

	if (length < 8)
		return false;
	req->flags = get_le32(head);
	if (req->flags & EXEC_TERMINAL) {
		if (length < 12)
			return false;
		req->size = request_size(head + 8);
		at += 4;
	}
	argc = get_le16(head + 4);
	envc = get_le16(head + 6);
	if (argc == 0 || argc > STRINGS_MAX || envc > STRINGS_MAX)
		return false;
	req->cwd = next_string(&at, end);
	return req->cwd && parse_strings(&at, end, argc, req->argv) &&
	       parse_strings(&at, end, envc, req->envp);
}

static void child_setup(const struct request *req, const int in[2], const int out[2],
			const int err[2])
{
	sigset_t none;
	int stdin_fd = in[0] >= 0 ? in[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);

	setsid();
	if (req->flags & EXEC_TERMINAL)
		ioctl(stdin_fd, TIOCSCTTY, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(stdin_fd, STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(req->flags & (EXEC_MERGE | EXEC_TERMINAL) ? out[1] : err[1], STDERR_FILENO);
	for (char *const *e = req->envp; *e; e++)
		putenv(*e);
}

/* Only returns when the program could not be started: writes errno for the parent to read. */
static void child_run(const struct request *req, const int in[2], const int out[2],
		      const int err[2], int report_fd)
{
	int error;

	child_setup(req, in, out, err);
	if (*req->cwd == '\0' || chdir(req->cwd) == 0)
		execvp(req->argv[0], req->argv);
	error = errno;
	if (write(report_fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Fork and wait until the exec has happened. 0, or the errno with which it failed. */
static int run(const struct request *req, pid_t *pid, const int in[2], const int out[2],
	       const int err[2])
{
	int report[2];
	int error = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC))
		return errno;
	*pid = fork();
	if (*pid < 0) {
		error = errno;
		close(report[0]);
		close(report[1]);
		return error;
	}
	if (*pid == 0)
		child_run(req, in, out, err, report[1]);
	close(report[1]);
	do
		n = read(report[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == sizeof(error)) {
		waitpid(*pid, NULL, 0);
		return error;
	}
	return 0;
}

static void close_pipe(int p[2])
{
	close_fd(&p[0]);
	close_fd(&p[1]);
}

/* A terminal whose one side is the command's, for input and output, and whose other is ours. */
static int open_terminal(const struct winsize *size, int in[2], int out[2])
{
	char path[64];

	in[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in[1] < 0 || grantpt(in[1]) || unlockpt(in[1]) ||
	    ptsname_r(in[1], path, sizeof(path)) || ioctl(in[1], TIOCSWINSZ, size))
		return errno;
	out[0] = fcntl(in[1], F_DUPFD_CLOEXEC, 0);
	in[0] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	out[1] = fcntl(in[0], F_DUPFD_CLOEXEC, 0);
	return out[0] < 0 || in[0] < 0 || out[1] < 0 ? errno : 0;
}

static int open_pipes(const struct request *req, int in[2], int out[2], int err[2])
{
	if (req->flags & EXEC_TERMINAL)
		return open_terminal(&req->size, in, out);
	if ((req->flags & EXEC_STDIN && pipe2(in, O_CLOEXEC)) || pipe2(out, O_CLOEXEC) ||
	    (!(req->flags & EXEC_MERGE) && pipe2(err, O_CLOEXEC)))
		return errno;
	return 0;
}

int spawn(const struct request *req, struct spawned *to)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
	int error = open_pipes(req, in, out, err);

	if (!error)
		error = run(req, &to->pid, in, out, err);
	if (error) {
		close_pipe(in);
		close_pipe(out);
		close_pipe(err);
		return error;
	}
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&err[1]);
	to->in_fd = in[1];
	to->out_fd[0] = out[0];
	to->out_fd[1] = err[0];
	for (size_t i = 0; i < 2; i++)
		if (to->out_fd[i] >= 0)
			fcntl(to->out_fd[i], F_SETFL, O_NONBLOCK);
	if (to->in_fd >= 0)
		fcntl(to->in_fd, F_SETFL, O_NONBLOCK);
	return 0;
}
