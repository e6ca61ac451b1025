// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's agent: does what the harness asks over a virtio-serial port (images/PROTOCOL.md).
 * This file owns the port and the main loop; commands, files and frames have files of their own. It
 * is started by init, and works as well in a disk image of the user's own. One thread, one poll,
 * nothing that waits for a command.
 */
#define _GNU_SOURCE
#include "agent_command.h"
#include "agent_file.h"
#include "agent_frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Told to init, which then knows that this guest has no port for an agent. */
#define EXIT_NO_PORT 3

#define RECONNECT_MS 20

static struct link port;

/* The device file of the port with our name; false when there is none. */
static bool find_port(char *path, size_t size)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char name_path[512], name[64] = "";
		FILE *f;

		snprintf(name_path, sizeof(name_path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		f = fopen(name_path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f)) {
			name[strcspn(name, "\n")] = '\0';
			found = strcmp(name, AGENT_PORT) == 0;
		}
		fclose(f);
		if (found)
			snprintf(path, size, "/dev/%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/*
 * A connection begins with nothing running. The end of the one before need not have been seen here:
 * the harness may be back sooner than this process looks.
 */
static void forget_all(void)
{
	command_kill_all();
	file_close_all();
}

static void say_hello(const struct frame *frame)
{
	uint8_t payload[16 + FRAME_NONCE_SIZE + sizeof(((struct utsname *)0)->release)];
	struct timespec up;
	struct utsname name;
	size_t length;

	if (frame->length != FRAME_NONCE_SIZE)
		return;
	uname(&name);
	clock_gettime(CLOCK_BOOTTIME, &up);
	put_le32(payload, AGENT_VERSION);
	put_le32(payload + 4, FRAME_PAYLOAD_MAX);
	put_le64(payload + 8, (uint64_t)up.tv_sec * 1000000000u + (uint64_t)up.tv_nsec);
	length = strlen(name.release);
	memcpy(payload + 16, frame->payload, FRAME_NONCE_SIZE);
	memcpy(payload + 16 + FRAME_NONCE_SIZE, name.release, length);
	link_queue(&port, FRAME_HELLO, 0, payload, 16 + FRAME_NONCE_SIZE + length);
}

static void answer_done(uint32_t id)
{
	static const uint8_t fine[12];

	link_queue(&port, FRAME_DONE, id, fine, sizeof(fine));
}

/*
 * The answer should reach the harness, but a harness that does not read must not keep the machine
 * up.
 */
static void power_off(uint32_t id)
{
	answer_done(id);
	for (int i = 0; i < 50 && port.out_used && link_flush(&port); i++)
		usleep(10000);
	sync();
	reboot(RB_POWER_OFF);
}

static void handle(const struct frame *frame)
{
	static const char unknown[] = "\0\0\0\0unknown frame type";

	switch (frame->type) {
	case FRAME_EXEC:
		command_exec(&port, frame);
		break;
	case FRAME_STDIN:
		command_stdin(&port, frame);
		break;
	case FRAME_KILL:
		command_kill(frame);
		break;
	case FRAME_RESIZE:
		command_resize(frame);
		break;
	case FRAME_PUT_OPEN:
		file_put_open(&port, frame);
		break;
	case FRAME_PUT_DATA:
		file_put_data(frame);
		break;
	case FRAME_PUT_CLOSE:
		file_put_close(&port, frame);
		break;
	case FRAME_GET:
		file_get(&port, frame);
		break;
	case FRAME_PING:
		link_queue(&port, FRAME_PONG, frame->id, frame->payload, frame->length);
		break;
	case FRAME_SYNC:
		sync();
		answer_done(frame->id);
		break;
	case FRAME_POWEROFF:
		power_off(frame->id);
		break;
	case FRAME_OPEN:
		forget_all();
		say_hello(frame);
		break;
	case FRAME_CLOSE:
		forget_all();
		break;
	default:
		link_queue(&port, FRAME_ERROR, frame->id, unknown, sizeof(unknown) - 1);
	}
}

/* Every frame causes at most one answer of at most one frame's size, for which there is room. */
static bool room_for_answer(void)
{
	return port.out_used + FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX <= sizeof(port.out);
}

static void handle_all(void)
{
	struct frame frame;

	while (room_for_answer() && link_next(&port, &frame)) {
		handle(&frame);
		link_consume(&port, &frame);
	}
}

/*
 * A port without a harness at its other end reports a hang-up at once, for ever: look again now and
 * then.
 */
static void wait_for_harness(void)
{
	struct pollfd fd = {port.fd, POLLOUT, 0};

	while (poll(&fd, 1, 0) >= 0 && fd.revents & POLLHUP)
		usleep(RECONNECT_MS * 1000);
}

/* Serve until the harness hangs up. */
static void serve(int signals)
{
	static struct pollfd fds[2 + COMMANDS_MAX * COMMAND_PIPES];

	for (;;) {
		bool busy = file_busy() && link_has_room(&port);
		struct signalfd_siginfo info;
		size_t n = 2;

		fds[0] = (struct pollfd){port.fd, 0, 0};
		fds[0].events =
			(short)((room_for_answer() ? POLLIN : 0) | (port.out_used ? POLLOUT : 0));
		fds[1] = (struct pollfd){signals, POLLIN, 0};
		n += command_poll(fds + n, &port);
		if (poll(fds, n, busy ? 0 : -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents && read(signals, &info, sizeof(info)) > 0)
			command_reap();
		if (fds[0].revents & POLLIN && !link_fill(&port))
			return;
		if (fds[0].revents & POLLHUP)
			return;
		handle_all();
		command_pump(&port);
		file_pump(&port);
		if (!link_flush(&port))
			return;
	}
}

static int open_signals(void)
{
	sigset_t mask;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(void)
{
	int signals = open_signals();
	char path[512];

	if (!find_port(path, sizeof(path))) {
		fprintf(stderr, "agent: no virtio-serial port named %s\n", AGENT_PORT);
		return EXIT_NO_PORT;
	}
	port.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port.fd < 0 || signals < 0) {
		fprintf(stderr, "agent: %s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	for (;;) {
		link_reset(&port);
		wait_for_harness();
		serve(signals);
		forget_all();
	}
}
