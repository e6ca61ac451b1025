/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tagger - the switch between a trunk port and an access port of one VLAN, for peers whose kernel
 * has no VLAN devices: what comes from the card with the VLAN's tag, or tags one behind the other,
 * goes to the tap without, and back. All other frames pass between the card and a second tap. The
 * card's side is a datagram socket of QEMU's.
 *
 *   tagger LOCAL REMOTE TAGS TAP-TAGGED TAP-PLAIN
 *
 * TAGS are 8 hexadecimal digits each, as on the wire: 8100004d is VLAN 77. Their priorities are
 * not looked at. Prints "ready" when it is; ends with its standard input.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ADDRESSES = 12,
	TAG = 4,
	TAGS_MAX = 2,
	FRAME_MAX = 65536,
	BATCH = 64
};

static uint8_t tags[TAGS_MAX * TAG];
static ssize_t tags_len;
static struct sockaddr_un remote = {.sun_family = AF_UNIX};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_tap(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		die(name);
	return fd;
}

static int open_socket(const char *path)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(local.sun_path, sizeof(local.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)))
		die(path);
	return fd;
}

static bool parse_tags(const char *text)
{
	size_t n = strlen(text) / 2;

	if (!n || n > sizeof(tags) || n % TAG || strlen(text) % 2)
		return false;
	for (size_t i = 0; i < n; i++)
		if (sscanf(text + 2 * i, "%2hhx", &tags[i]) != 1)
			return false;
	tags_len = (ssize_t)n;
	return true;
}

static bool tagged(const uint8_t *frame, ssize_t len)
{
	if (len < ADDRESSES + tags_len)
		return false;
	for (ssize_t i = 0; i < tags_len; i++) {
		uint8_t mask = i % TAG == 2 ? 0xf : 0xff;

		if ((frame[ADDRESSES + i] & mask) != (tags[i] & mask))
			return false;
	}
	return true;
}

/* Either may be full or not there yet: the network loses frames, and TCP knows. */
static void put(int fd, const uint8_t *frame, size_t len)
{
	if (write(fd, frame, len) < 0)
		return;
}

static void from_card(int card, int tap_tagged, int tap_plain)
{
	static uint8_t frame[FRAME_MAX];

	for (int i = 0; i < BATCH; i++) {
		ssize_t len = recv(card, frame, sizeof(frame), 0);

		if (len <= 0)
			return;
		if (tagged(frame, len)) {
			memmove(frame + tags_len, frame, ADDRESSES);
			put(tap_tagged, frame + tags_len, (size_t)(len - tags_len));
		} else {
			put(tap_plain, frame, (size_t)len);
		}
	}
}

static void from_tap(int tap, int card, bool tag)
{
	static uint8_t room[FRAME_MAX + sizeof(tags)];
	uint8_t *frame = room + tags_len;

	for (int i = 0; i < BATCH; i++) {
		ssize_t len = read(tap, frame, FRAME_MAX);
		uint8_t *out = frame;

		if (len < ADDRESSES)
			return;
		if (tag) {
			out = room;
			memmove(out, frame, ADDRESSES);
			memcpy(out + ADDRESSES, tags, (size_t)tags_len);
			len += tags_len;
		}
		if (sendto(card, out, (size_t)len, 0, (struct sockaddr *)&remote, sizeof(remote)) <
		    0)
			return;
	}
}

int main(int argc, char **argv)
{
	struct pollfd p[4] = {{.fd = 0}};

	if (argc != 6 || !parse_tags(argv[3])) {
		fputs("usage: tagger LOCAL REMOTE TAGS TAP-TAGGED TAP-PLAIN\n", stderr);
		return 2;
	}
	snprintf(remote.sun_path, sizeof(remote.sun_path), "%s", argv[2]);
	p[1].fd = open_socket(argv[1]);
	p[2].fd = open_tap(argv[4]);
	p[3].fd = open_tap(argv[5]);
	for (int i = 0; i < 4; i++)
		p[i].events = POLLIN;
	puts("ready");
	fflush(stdout);
	while (poll(p, 4, -1) > 0) {
		if (p[0].revents)
			return 0;
		if (p[1].revents)
			from_card(p[1].fd, p[2].fd, p[3].fd);
		if (p[2].revents)
			from_tap(p[2].fd, p[1].fd, true);
		if (p[3].revents)
			from_tap(p[3].fd, p[1].fd, false);
	}
	die("poll");
}
