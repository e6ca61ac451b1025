// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves files over the port. Owns the table of open transfers; called by the agent's main loop
 * only. Files are written in place, not beside and renamed, because /proc and /sys are files here
 * too.
 */
#define _GNU_SOURCE
#include "agent_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRANSFERS_MAX 16

enum transfer_kind {
	TRANSFER_NONE,
	TRANSFER_PUT,
	TRANSFER_GET
};

struct transfer {
	enum transfer_kind kind;
	uint32_t id;
	int fd;
	int error; /* the first one; reported when the transfer ends */
	uint64_t moved;
	uint64_t limit;
};

static struct transfer transfers[TRANSFERS_MAX];

static struct transfer *transfer_find(enum transfer_kind kind, uint32_t id)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		if (transfers[i].kind == kind && (kind == TRANSFER_NONE || transfers[i].id == id))
			return &transfers[i];
	return NULL;
}

static void done(struct link *link, uint32_t id, int error, uint64_t moved)
{
	uint8_t payload[12];

	put_le32(payload, (uint32_t)error);
	put_le64(payload + 4, moved);
	link_queue(link, FRAME_DONE, id, payload, sizeof(payload));
}

static void transfer_end(struct transfer *t, struct link *link)
{
	/* Closing can bring the last write error. */
	if (t->fd >= 0 && close(t->fd) && !t->error)
		t->error = errno;
	done(link, t->id, t->error, t->moved);
	t->kind = TRANSFER_NONE;
}

/* The path of a frame, which follows a fixed part of head bytes. */
static bool frame_path(const struct frame *frame, size_t head, char path[PATH_MAX])
{
	size_t length;

	if (frame->length <= head)
		return false;
	length = frame->length - head;
	if (length >= PATH_MAX || memchr(frame->payload + head, '\0', length))
		return false;
	memcpy(path, frame->payload + head, length);
	path[length] = '\0';
	return true;
}

static void make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
}

static struct transfer *transfer_begin(struct link *link, const struct frame *frame,
				       enum transfer_kind kind, size_t head, char path[PATH_MAX])
{
	struct transfer *t = transfer_find(TRANSFER_NONE, 0);

	if (!frame_path(frame, head, path) || !t || transfer_find(kind, frame->id)) {
		done(link, frame->id, t ? EINVAL : EMFILE, 0);
		return NULL;
	}
	*t = (struct transfer){.kind = kind, .id = frame->id, .fd = -1};
	return t;
}

void file_put_open(struct link *link, const struct frame *frame)
{
	char path[PATH_MAX];
	struct transfer *t = transfer_begin(link, frame, TRANSFER_PUT, 4, path);
	mode_t mode;

	if (!t)
		return;
	mode = get_le32(frame->payload) & 07777;
	make_parents(path);
	t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, mode);
	if (t->fd < 0)
		t->error = errno;
	else if (fchmod(t->fd, mode) && errno != EPERM && errno != EOPNOTSUPP)
		t->error = errno;
}

void file_put_data(const struct frame *frame)
{
	struct transfer *t = transfer_find(TRANSFER_PUT, frame->id);
	size_t at = 0;

	while (t && !t->error && at < frame->length) {
		ssize_t n = write(t->fd, frame->payload + at, frame->length - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			t->error = n < 0 ? errno : EIO;
			break;
		}
		at += (size_t)n;
		t->moved += (uint64_t)n;
	}
}

void file_put_close(struct link *link, const struct frame *frame)
{
	struct transfer *t = transfer_find(TRANSFER_PUT, frame->id);

	/* Without an open transfer the open was refused, and has been answered. */
	if (t)
		transfer_end(t, link);
}

void file_get(struct link *link, const struct frame *frame)
{
	char path[PATH_MAX];
	struct transfer *t = transfer_begin(link, frame, TRANSFER_GET, 8, path);

	if (!t)
		return;
	t->limit = get_le64(frame->payload);
	t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0) {
		t->error = errno;
		transfer_end(t, link);
	}
}

bool file_busy(void)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		if (transfers[i].kind == TRANSFER_GET)
			return true;
	return false;
}

void file_pump(struct link *link)
{
	static uint8_t data[FRAME_PAYLOAD_MAX];

	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *t = &transfers[i];
		size_t want = sizeof(data);
		ssize_t n;

		if (t->kind != TRANSFER_GET || !link_has_room(link))
			continue;
		if (t->limit - t->moved < want)
			want = (size_t)(t->limit - t->moved);
		n = want ? read(t->fd, data, want) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0) {
			link_queue(link, FRAME_DATA, t->id, data, (size_t)n);
			t->moved += (uint64_t)n;
			continue;
		}
		/* A file that would block (a pipe, a log) ends where its contents end now. */
		if (n < 0 && errno != EAGAIN)
			t->error = errno;
		transfer_end(t, link);
	}
}

void file_close_all(void)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		if (transfers[i].kind != TRANSFER_NONE && transfers[i].fd >= 0)
			close(transfers[i].fd);
		transfers[i].kind = TRANSFER_NONE;
	}
}
