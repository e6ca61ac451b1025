// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's network at boot: names, addresses, routes. Owns which interface is eth0, whatever the
 * order in which drivers were loaded. Works by ioctl and sysctl only, because every program started
 * at boot costs its time in every test.
 */
#define _GNU_SOURCE
#include "init_net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUEST_ADDRESS4 "10.77.0.2"
#define GUEST_MASK4    "255.255.255.0"
#define GUEST_GATEWAY4 "10.77.0.1"
#define GUEST_ADDRESS6 "fd77::2"
#define GUEST_PREFIX6  64
#define GUEST_GATEWAY6 "fd77::1"

#define CARDS_MAX      16

#define LINK_STEP_MS   5
#define LINK_WAIT_MS   3000

struct card {
	char name[IFNAMSIZ];
	char place[512]; /* path of the device below /sys/devices: sorts by PCI address */
};

/* As the kernel's linux/ipv6.h has it; that header and netinet/in.h do not go together. */
struct in6_ifreq {
	struct in6_addr addr;
	uint32_t prefix_length;
	int ifindex;
};

static void complain(const char *what, const char *name)
{
	printf("init: %s %s: %s\n", what, name, strerror(errno));
	fflush(stdout);
}

static void write_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		complain("sysctl", path);
	close(fd);
}

static struct ifreq request(const char *name)
{
	struct ifreq req = {0};

	memcpy(req.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return req;
}

static void set_up(int fd, const char *name)
{
	struct ifreq req = request(name);

	if (ioctl(fd, SIOCGIFFLAGS, &req) == 0) {
		req.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &req) == 0)
			return;
	}
	complain("cannot bring up", name);
}

static int by_place(const void *a, const void *b)
{
	return strcmp(((const struct card *)a)->place, ((const struct card *)b)->place);
}

static bool is_ethernet(int fd, const char *name)
{
	struct ifreq req = request(name);

	return ioctl(fd, SIOCGIFHWADDR, &req) == 0 && req.ifr_hwaddr.sa_family == ARPHRD_ETHER;
}

/* Ethernet interfaces with a device behind them, in the order of the bus. */
static int find_cards(int fd, struct card *cards)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	int n = 0;

	while (dir && n < CARDS_MAX && (entry = readdir(dir))) {
		char path[512];
		char *device;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= IFNAMSIZ)
			continue;
		snprintf(path, sizeof(path), "/sys/class/net/%s/device", entry->d_name);
		device = realpath(path, NULL);
		if (device && is_ethernet(fd, entry->d_name)) {
			strcpy(cards[n].name, entry->d_name);
			snprintf(cards[n].place, sizeof(cards[n].place), "%s", device);
			n++;
		}
		free(device);
	}
	if (dir)
		closedir(dir);
	qsort(cards, (size_t)n, sizeof(*cards), by_place);
	return n;
}

static void rename_card(int fd, struct card *card, const char *name)
{
	struct ifreq req = request(card->name);

	memcpy(req.ifr_newname, name, strlen(name) + 1);
	if (ioctl(fd, SIOCSIFNAME, &req))
		complain("cannot rename", card->name);
	else
		strcpy(card->name, name);
}

/* Drivers load in any order; names must not depend on it. Two passes, as a name may still be taken.
 */
static void name_cards(int fd, struct card *cards, int n)
{
	char name[IFNAMSIZ];
	bool ordered = true;

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "eth%d", i);
		ordered = ordered && strcmp(cards[i].name, name) == 0;
	}
	for (int pass = 0; !ordered && pass < 2; pass++)
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), pass ? "eth%d" : "card%d", i);
			rename_card(fd, &cards[i], name);
		}
}

static struct sockaddr ip4(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr addr;

	inet_pton(AF_INET, text, &in.sin_addr);
	memcpy(&addr, &in, sizeof(addr));
	return addr;
}

static void address4(int fd, const char *name)
{
	struct ifreq req = request(name);
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

	req.ifr_addr = ip4(GUEST_ADDRESS4);
	if (ioctl(fd, SIOCSIFADDR, &req))
		complain("no IPv4 address on", name);
	req.ifr_netmask = ip4(GUEST_MASK4);
	if (ioctl(fd, SIOCSIFNETMASK, &req))
		complain("no IPv4 mask on", name);
	route.rt_dst = ip4("0.0.0.0");
	route.rt_genmask = ip4("0.0.0.0");
	route.rt_gateway = ip4(GUEST_GATEWAY4);
	if (ioctl(fd, SIOCADDRT, &route))
		complain("no IPv4 route by", name);
}

static void address6(const char *name)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct in6_ifreq req = {.prefix_length = GUEST_PREFIX6,
				.ifindex = (int)if_nametoindex(name)};
	/* struct in6_rtmsg of linux/ipv6_route.h */
	struct {
		struct in6_addr dst, src, gateway;
		uint32_t type;
		uint16_t dst_len, src_len;
		uint32_t metric;
		unsigned long info;
		uint32_t flags;
		int ifindex;
	} route = {.metric = 1024, .flags = RTF_UP | RTF_GATEWAY, .ifindex = req.ifindex};

	if (fd < 0) {
		complain("no IPv6 for", name);
		return;
	}
	inet_pton(AF_INET6, GUEST_ADDRESS6, &req.addr);
	if (ioctl(fd, SIOCSIFADDR, &req))
		complain("no IPv6 address on", name);
	inet_pton(AF_INET6, GUEST_GATEWAY6, &route.gateway);
	if (ioctl(fd, SIOCADDRT, &route))
		complain("no IPv6 route by", name);
	close(fd);
}

static bool link_is_up(const char *name)
{
	char path[64], state[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	f = fopen(path, "re");
	if (f && !fgets(state, sizeof(state), f))
		state[0] = '\0';
	if (f)
		fclose(f);
	return strncmp(state, "up", 2) == 0 || strncmp(state, "unknown", 7) == 0;
}

/*
 * A link that comes up just before its interface is noticed by the kernel up to a second late, and
 * until then IPv6 addresses do not work. Asking for the state of the link makes it look at once.
 */
static void wait_for_link(int fd, const char *name)
{
	struct ethtool_value get = {.cmd = ETHTOOL_GLINK};
	struct ifreq req = request(name);

	for (int ms = 0; ms < LINK_WAIT_MS && !link_is_up(name); ms += LINK_STEP_MS) {
		req.ifr_data = (void *)&get;
		ioctl(fd, SIOCETHTOOL, &req);
		usleep(LINK_STEP_MS * 1000);
	}
	if (!link_is_up(name)) {
		printf("init: %s has no link after %d ms\n", name, LINK_WAIT_MS);
		fflush(stdout);
	}
}

void net_defaults(void)
{
	/*
	 * Addresses are usable at once: nobody else is on this wire, and a second's wait per boot
	 * is long.
	 */
	write_sysctl("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/dad_transmits", "0");
	/* The kernel delays an address by a random part of this one, duplicate detection or not. */
	write_sysctl("/proc/sys/net/ipv6/conf/default/router_solicitation_delay", "0");
	/* A router's announcements would add addresses that no test knows of. */
	write_sysctl("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_ra", "0");
}

void net_up(void)
{
	static struct card cards[CARDS_MAX];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n;

	if (fd < 0) {
		complain("no sockets", "at all");
		return;
	}
	set_up(fd, "lo");
	n = find_cards(fd, cards);
	name_cards(fd, cards, n);
	if (n > 0) {
		set_up(fd, cards[0].name);
		address4(fd, cards[0].name);
		address6(cards[0].name);
		wait_for_link(fd, cards[0].name);
	}
	close(fd);
}
