// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parse and print the ends of connections, and parse numbers.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/attr.h>

#include "endpoint.h"
#include "netlink.h"

/* "10.77.0.2:5201" or "[fd77::2]:5201" */
const char *endpoint(struct nlattr **a, int addr, int port, char *buf, size_t size)
{
	uint16_t af = a[CHIMNEY_A_FAMILY] ? nla_get_u16(a[CHIMNEY_A_FAMILY]) : AF_INET;
	char text[INET6_ADDRSTRLEN] = "?";
	uint16_t p = a[port] ? nla_get_u16(a[port]) : 0;

	if (a[addr])
		inet_ntop(af, nla_data(a[addr]), text, sizeof(text));
	snprintf(buf, size, af == AF_INET6 ? "[%s]:%u" : "%s:%u", text, p);
	return buf;
}

static bool parse_endpoint(const char *s, int *af, uint8_t *addr, uint16_t *port)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 3];
	const char *colon = strrchr(s, ':');
	char *end, *h = host;
	unsigned long p;

	if (!colon || (size_t)(colon - s) >= sizeof(host))
		return false;
	p = strtoul(colon + 1, &end, 10);
	if (*end || end == colon + 1 || !p || p > 65535)
		return false;
	memcpy(host, s, colon - s);
	host[colon - s] = 0;
	if (h[0] == '[' && h[strlen(h) - 1] == ']') {
		h[strlen(h) - 1] = 0;
		h++;
	}
	h[strcspn(h, "%")] = 0;		/* drop the interface: the addresses suffice */
	*af = strchr(h, ':') ? AF_INET6 : AF_INET;
	*port = p;
	if (inet_pton(*af, h, addr) != 1)
		return false;
	if (*af == AF_INET6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)addr)) {
		*af = AF_INET;		/* an IPv6 socket's: on the wire it is IPv4 */
		memmove(addr, addr + 12, 4);
	}
	return true;
}

void put_tuple(struct nl_msg *msg, const char *local, const char *remote)
{
	uint8_t laddr[16], raddr[16];
	uint16_t lport, rport;
	int laf, raf, len;

	if (!parse_endpoint(local, &laf, laddr, &lport))
		wrong_use("\"%s\" is no local end: ADDRESS:PORT, IPv6 as [ADDRESS]:PORT", local);
	if (!parse_endpoint(remote, &raf, raddr, &rport))
		wrong_use("\"%s\" is no remote end: ADDRESS:PORT, IPv6 as [ADDRESS]:PORT", remote);
	if (laf != raf)
		wrong_use("both ends must be of one address family");
	len = laf == AF_INET6 ? 16 : 4;
	nla_put_u16(msg, CHIMNEY_A_FAMILY, laf);
	nla_put(msg, CHIMNEY_A_LADDR, len, laddr);
	nla_put(msg, CHIMNEY_A_RADDR, len, raddr);
	nla_put_u16(msg, CHIMNEY_A_LPORT, lport);
	nla_put_u16(msg, CHIMNEY_A_RPORT, rport);
}

unsigned long number(const char *what, const char *s, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (!*s || *end || n > max)
		wrong_use("%s must be a number up to %lu, not \"%s\"", what, max, s);
	return n;
}
