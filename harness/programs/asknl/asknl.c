// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * asknl - asks a family of generic netlink, or sets what a network interface has, for what no
 * program of a distribution does.
 *
 *   asknl do|dump FAMILY COMMAND [ATTRIBUTES]
 *   asknl link INTERFACE [ATTRIBUTES]
 *
 * COMMAND and INTERFACE are numbers, ATTRIBUTES those of the request as the kernel gets them, in
 * hexadecimal. Descriptor 100 is a dmabuf of ordinary memory, if the kernel has such.
 * Each answer is a line: "reply ATTRIBUTES"; or, as the last, "error ERRNO OFFSET TEXT": where in
 * ATTRIBUTES the one is that is at fault, -1 for none, and what the kernel says of it. asknl ends
 * with 0 when the kernel has answered, whatever that was; with 3 when there is no such family.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DMABUF = 100,
	DMABUF_BYTES = 1 << 20
};

static char request[4096], answer[1 << 17];
static int headers; /* their length in front of the attributes */

static void die(const char *what)
{
	fprintf(stderr, "asknl: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_netlink(int protocol)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("socket");
	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)))
		die("setsockopt");
	return fd;
}

/* @second: the header between that of netlink and the attributes. */
static void ask(int fd, int type, int flags, const void *second, size_t second_size,
		const void *attributes, size_t size)
{
	struct nlmsghdr *head = (struct nlmsghdr *)request;

	headers = NLMSG_HDRLEN + NLMSG_ALIGN(second_size);
	memset(request, 0, headers);
	head->nlmsg_len = headers + size;
	head->nlmsg_type = type;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	memcpy(NLMSG_DATA(head), second, second_size);
	memcpy(request + headers, attributes, size);
	if (send(fd, request, head->nlmsg_len, 0) < 0)
		die("send");
}

static void ask_family(int fd, int family, int flags, int command, const void *attributes,
		       size_t size)
{
	struct genlmsghdr genl = {.cmd = command, .version = 1};

	ask(fd, family, flags, &genl, sizeof(genl), attributes, size);
}

static struct nlattr *find(void *begin, int size, int type)
{
	char *at = begin;

	while (size >= NLA_HDRLEN) {
		struct nlattr *attribute = (struct nlattr *)at;

		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		at += NLA_ALIGN(attribute->nla_len);
		size -= NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}

/* Errors and the end of a dump look alike. */
static void print_error(struct nlmsghdr *head)
{
	const int *error = NLMSG_DATA(head);
	bool done = head->nlmsg_type == NLMSG_DONE;
	int skip = NLMSG_LENGTH(done ? sizeof(int) : sizeof(struct nlmsgerr));
	struct nlattr *text = NULL, *offset = NULL;

	if (!*error)
		return;
	if (head->nlmsg_flags & NLM_F_ACK_TLVS) {
		text = find((char *)head + skip, head->nlmsg_len - skip, NLMSGERR_ATTR_MSG);
		offset = find((char *)head + skip, head->nlmsg_len - skip, NLMSGERR_ATTR_OFFS);
	}
	printf("error %d %d %s\n", -*error,
	       offset ? (int)*(uint32_t *)((char *)offset + NLA_HDRLEN) - headers : -1,
	       text ? (char *)text + NLA_HDRLEN : "");
}

static void print_reply(const struct nlmsghdr *head)
{
	const unsigned char *bytes = (const unsigned char *)head;
	unsigned int i;

	printf("reply ");
	for (i = headers; i < head->nlmsg_len; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

/* Read answers to the last one; the number of the family, if that was what was asked. */
static int hear(int fd, bool print)
{
	int family = -1;

	for (;;) {
		ssize_t size = recv(fd, answer, sizeof(answer), 0);
		struct nlmsghdr *head = (struct nlmsghdr *)answer;

		if (size < 0)
			die("recv");
		for (; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
			struct nlattr *id;

			if (head->nlmsg_type == NLMSG_ERROR || head->nlmsg_type == NLMSG_DONE) {
				if (print)
					print_error(head);
				return family;
			}
			if (print) {
				print_reply(head);
				continue;
			}
			id = find((char *)head + headers, head->nlmsg_len - headers,
				  CTRL_ATTR_FAMILY_ID);
			if (id)
				family = *(uint16_t *)((char *)id + NLA_HDRLEN);
		}
	}
}

static int family_of(int fd, const char *name)
{
	char bytes[64] = {0};
	struct nlattr *attribute = (struct nlattr *)bytes;
	size_t size = strlen(name) + 1;

	if (size > GENL_NAMSIZ)
		return -1;
	attribute->nla_type = CTRL_ATTR_FAMILY_NAME;
	attribute->nla_len = NLA_HDRLEN + size;
	memcpy(bytes + NLA_HDRLEN, name, size);
	ask_family(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, bytes, NLA_ALIGN(attribute->nla_len));
	return hear(fd, false);
}

/* For requests that name a dmabuf. */
static void open_dmabuf(void)
{
	struct udmabuf_create create = {.flags = UDMABUF_FLAGS_CLOEXEC, .size = DMABUF_BYTES};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd = -1;

	create.memfd = memfd_create("asknl", MFD_ALLOW_SEALING);
	if (device >= 0 && !ftruncate(create.memfd, DMABUF_BYTES) &&
	    !fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(device, UDMABUF_CREATE, &create);
	if (fd >= 0)
		dup2(fd, DMABUF);
}

static int set_link(const char *interface, const void *attributes, size_t size)
{
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = atoi(interface)};
	int fd = open_netlink(NETLINK_ROUTE);

	ask(fd, RTM_SETLINK, 0, &link, sizeof(link), attributes, size);
	hear(fd, true);
	close(fd);
	return 0;
}

static int use_family(const char *kind, const char *name, const char *command,
		      const void *attributes, size_t size)
{
	int fd = open_netlink(NETLINK_GENERIC), family = family_of(fd, name);

	if (family < 0) {
		fprintf(stderr, "asknl: there is no family %s\n", name);
		return 3;
	}
	open_dmabuf();
	ask_family(fd, family, strcmp(kind, "dump") ? 0 : NLM_F_DUMP, atoi(command), attributes,
		   size);
	hear(fd, true);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	static unsigned char attributes[2048];
	bool link = argc > 1 && !strcmp(argv[1], "link");
	int words = link ? 3 : 4;
	const char *hex = argc > words ? argv[words] : "";
	size_t size = strlen(hex) / 2, i;

	if (argc < words || argc > words + 1 || size > sizeof(attributes)) {
		fprintf(stderr, "usage: asknl do|dump FAMILY COMMAND [ATTRIBUTES]\n"
				"       asknl link INTERFACE [ATTRIBUTES]\n");
		return 2;
	}
	for (i = 0; i < size; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &attributes[i]) != 1)
			return 2;
	return link ? set_link(argv[2], attributes, size) :
		      use_family(argv[1], argv[2], argv[3], attributes, size);
}
