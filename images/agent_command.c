// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs commands: owns the processes, their pipes and what is buffered for their standard input.
 * Called by the agent's main loop only. agent_spawn.c starts each, in a session of its own. A
 * command that hangs costs its table entry and nothing else: no call here waits for it.
 */
#define _GNU_SOURCE
#include "agent_command.h"

#include "agent_spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STDIN_MAX	 (256u * 1024u)

#define END_OF_INPUT	 4 /* what a user types at a terminal for it: Ctrl-D */

#define KILL_LEADER_ONLY 1u

struct command {
	bool used;
	bool ended;
	bool stdin_eof;
	bool terminal; /* in_fd and out_fd[0] are both the terminal's other end */
	uint32_t id;
	pid_t pid;
	int in_fd; /* our ends of the pipes, -1 when closed */
	int out_fd[2];
	uint8_t *in_data;
	size_t in_used;
	uint32_t in_credit; /* bytes taken by the command and not yet reported as room */
	int status;
	struct rusage usage;
	uint64_t started_ns;
	uint64_t ended_ns;
};

static struct command commands[COMMANDS_MAX];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct command *command_find(uint32_t id)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].used && commands[i].id == id)
			return &commands[i];
	return NULL;
}

static struct command *command_new(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (!commands[i].used)
			return &commands[i];
	return NULL;
}

static void command_release(struct command *cmd)
{
	close_fd(&cmd->in_fd);
	close_fd(&cmd->out_fd[0]);
	close_fd(&cmd->out_fd[1]);
	free(cmd->in_data);
	memset(cmd, 0, sizeof(*cmd));
}

/* An error frame ends the id it names: a number for programs, a sentence for people. */
static void refuse(struct link *link, uint32_t id, int error, const char *what)
{
	uint8_t payload[4 + 256];
	size_t length = strnlen(what, 256);

	put_le32(payload, (uint32_t)error);
	memcpy(payload + 4, what, length);
	link_queue(link, FRAME_ERROR, id, payload, 4 + length);
}

static int start(struct command *cmd, const struct request *req)
{
	struct spawned process;
	int error;

	if (req->flags & (EXEC_STDIN | EXEC_TERMINAL)) {
		cmd->in_data = malloc(STDIN_MAX);
		if (!cmd->in_data)
			return ENOMEM;
	}
	error = spawn(req, &process);
	if (error) {
		free(cmd->in_data);
		cmd->in_data = NULL;
		return error;
	}
	cmd->terminal = req->flags & EXEC_TERMINAL;
	cmd->pid = process.pid;
	cmd->in_fd = process.in_fd;
	memcpy(cmd->out_fd, process.out_fd, sizeof(cmd->out_fd));
	return 0;
}

void command_exec(struct link *link, const struct frame *frame)
{
	static struct request req;
	static char text[FRAME_PAYLOAD_MAX];
	struct command *cmd = command_new();
	uint8_t pid[4];
	int error;

	memcpy(text, frame->payload, frame->length);
	if (!request_parse(text, frame->length, &req)) {
		refuse(link, frame->id, EINVAL, "malformed exec frame");
		return;
	}
	if (!cmd || command_find(frame->id)) {
		refuse(link, frame->id, EBUSY, cmd ? "id is in use" : "too many commands at once");
		return;
	}
	error = start(cmd, &req);
	if (error) {
		refuse(link, frame->id, error, strerror(error));
		return;
	}
	cmd->used = true;
	cmd->id = frame->id;
	cmd->started_ns = now_ns();
	put_le32(pid, (uint32_t)cmd->pid);
	link_queue(link, FRAME_STARTED, cmd->id, pid, sizeof(pid));
}

void command_stdin(struct link *link, const struct frame *frame)
{
	struct command *cmd = command_find(frame->id);

	/* Input for a command that has just ended is no mistake of the harness. */
	if (!cmd)
		return;
	if (frame->length == 0 && !cmd->terminal) {
		cmd->stdin_eof = true;
		return;
	}
	if (frame->length == 0) {
		if (cmd->in_used < STDIN_MAX)
			cmd->in_data[cmd->in_used++] = END_OF_INPUT;
		return;
	}
	if (!cmd->in_data || cmd->stdin_eof || frame->length > STDIN_MAX - cmd->in_used) {
		refuse(link, 0, EOVERFLOW, "standard input without room");
		return;
	}
	memcpy(cmd->in_data + cmd->in_used, frame->payload, frame->length);
	cmd->in_used += frame->length;
}

void command_kill(const struct frame *frame)
{
	struct command *cmd = command_find(frame->id);
	int signal_number;

	if (!cmd || cmd->ended || frame->length < 8)
		return;
	signal_number = (int)get_le32(frame->payload);
	if (get_le32(frame->payload + 4) & KILL_LEADER_ONLY)
		kill(cmd->pid, signal_number);
	else
		kill(-cmd->pid, signal_number);
}

void command_resize(const struct frame *frame)
{
	struct command *cmd = command_find(frame->id);
	struct winsize size;

	if (!cmd || !cmd->terminal || cmd->in_fd < 0 || frame->length < 4)
		return;
	size = request_size(frame->payload);
	ioctl(cmd->in_fd, TIOCSWINSZ, &size);
}

void command_kill_all(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *cmd = &commands[i];

		if (!cmd->used)
			continue;
		/*
		 * Not yet reaped, so the group id cannot belong to anybody else. Reaped later,
		 * without waiting.
		 */
		if (!cmd->ended)
			kill(-cmd->pid, SIGKILL);
		command_release(cmd);
	}
}

void command_reap(void)
{
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		for (size_t i = 0; i < COMMANDS_MAX; i++) {
			struct command *cmd = &commands[i];

			if (!cmd->used || cmd->ended || cmd->pid != pid)
				continue;
			cmd->ended = true;
			cmd->ended_ns = now_ns();
			cmd->status = status;
			cmd->usage = usage;
		}
	}
}

size_t command_poll(struct pollfd *fds, const struct link *link)
{
	bool room = link_has_room(link);
	size_t n = 0;

	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *cmd = &commands[i];

		if (!cmd->used)
			continue;
		for (size_t k = 0; room && k < 2; k++)
			if (cmd->out_fd[k] >= 0)
				fds[n++] = (struct pollfd){cmd->out_fd[k], POLLIN, 0};
		if (cmd->in_fd >= 0 && cmd->in_used)
			fds[n++] = (struct pollfd){cmd->in_fd, POLLOUT, 0};
	}
	return n;
}

/*
 * Feed standard input. A command that no longer reads gets the rest thrown away, as a pipe would
 * do.
 */
static void pump_stdin(struct command *cmd, struct link *link)
{
	ssize_t n = 0;

	if (cmd->in_used) {
		n = cmd->in_fd >= 0 ? write(cmd->in_fd, cmd->in_data, cmd->in_used) : -1;
		if (n < 0 && (cmd->in_fd < 0 || errno == EPIPE || errno == EIO)) {
			close_fd(&cmd->in_fd);
			n = (ssize_t)cmd->in_used;
		}
	}
	if (n > 0) {
		cmd->in_used -= (size_t)n;
		memmove(cmd->in_data, cmd->in_data + n, cmd->in_used);
		cmd->in_credit += (uint32_t)n;
	}
	if (cmd->stdin_eof && cmd->in_used == 0)
		close_fd(&cmd->in_fd);
	if (cmd->in_credit && link_has_room(link)) {
		uint8_t room[4];

		put_le32(room, cmd->in_credit);
		link_queue(link, FRAME_STDIN_ROOM, cmd->id, room, sizeof(room));
		cmd->in_credit = 0;
	}
}

/* Stream one output. True when nothing is left in the pipe for now. */
static bool pump_output(struct command *cmd, size_t which, struct link *link)
{
	static uint8_t data[FRAME_PAYLOAD_MAX];

	while (cmd->out_fd[which] >= 0) {
		ssize_t n;

		if (!link_has_room(link))
			return false;
		n = read(cmd->out_fd[which], data, sizeof(data));
		if (n < 0 && errno == EAGAIN)
			return true;
		/* The end of a terminal, when nobody has it open any more, is an error. */
		if (n <= 0) {
			close_fd(&cmd->out_fd[which]);
			break;
		}
		link_queue(link, which ? FRAME_STDERR : FRAME_STDOUT, cmd->id, data, (size_t)n);
	}
	return true;
}

static uint64_t timeval_us(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static void report_exit(struct command *cmd, struct link *link)
{
	uint8_t payload[40];

	put_le32(payload, WIFEXITED(cmd->status) ? (uint32_t)WEXITSTATUS(cmd->status) : 0);
	put_le32(payload + 4, WIFSIGNALED(cmd->status) ? (uint32_t)WTERMSIG(cmd->status) : 0);
	put_le64(payload + 8, cmd->ended_ns - cmd->started_ns);
	put_le64(payload + 16, timeval_us(cmd->usage.ru_utime));
	put_le64(payload + 24, timeval_us(cmd->usage.ru_stime));
	put_le64(payload + 32, (uint64_t)cmd->usage.ru_maxrss);
	link_queue(link, FRAME_EXIT, cmd->id, payload, sizeof(payload));
}

void command_pump(struct link *link)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *cmd = &commands[i];
		bool empty;

		if (!cmd->used)
			continue;
		pump_stdin(cmd, link);
		empty = pump_output(cmd, 0, link);
		empty = pump_output(cmd, 1, link) && empty;
		/*
		 * The end of the process ends the command: what it left running may hold the pipes
		 * open for ever, so only what is in them now is still sent.
		 */
		if (cmd->ended && empty && link_has_room(link)) {
			report_exit(cmd, link);
			command_release(cmd);
		}
	}
}
