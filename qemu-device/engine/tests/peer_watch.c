/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer_watch.c - reads frames for the independent TCP, and checks each frame that the engine sends:
 * header fields, checksums, IP IDs, windows, acknowledgements, timestamps, SACK blocks and the
 * bytes themselves.
 */
#include "tests/peer.h"

static uint32_t be(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static uint32_t ones_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i += 2)
		sum += be(p + i, 2);
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum > 0xffff)
		sum = sum % 0x10000 + sum / 0x10000;
	return sum;
}

int64_t peer_offset(const struct peer *p, unsigned writer, uint32_t seq, uint64_t base)
{
	uint32_t at = seq - p->sim->set.isn[writer] - (uint32_t)base;

	return (int64_t)base + (at < 0x80000000u ? (int64_t)at : (int64_t)at - 0x100000000ll);
}

static const char *parse_options(const uint8_t *o, uint32_t n, struct peer_seg *g)
{
	for (uint32_t i = 0; i < n;) {
		uint32_t len;

		if (o[i] == 0)
			return NULL;
		if (o[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= n || o[i + 1] < 2 || i + o[i + 1] > n)
			return "an option has no sense";
		len = o[i + 1];
		if (o[i] == 8 && len == 10) {
			g->has_ts = true;
			g->ts_val = be(o + i + 2, 4);
			g->ts_ecr = be(o + i + 6, 4);
		} else if (o[i] == 5 && len >= 10 && len <= 34 && len % 8 == 2) {
			for (g->nsacks = 0; g->nsacks < len / 8; g->nsacks++) {
				g->sack[g->nsacks][0] = be(o + i + 2 + 8 * g->nsacks, 4);
				g->sack[g->nsacks][1] = be(o + i + 6 + 8 * g->nsacks, 4);
			}
		} else {
			return "an option nobody asked for";
		}
		i += len;
	}
	return NULL;
}

static const char *parse_tcp(struct peer *p, const uint8_t *t, uint32_t n, uint32_t pseudo,
			     struct peer_seg *g)
{
	if (n < 20 || t[12] / 16 < 5 || t[12] / 16 * 4u > n)
		return "data offset wrong";
	if (ones_sum(pseudo + 6 + n % 65536 + n / 65536, t, n) != 0xffff)
		return "TCP checksum wrong";
	if (be(t, 2) != SIM_PORT(!p->end.id) || be(t + 2, 2) != SIM_PORT(p->end.id))
		return "ports wrong";
	g->seq = be(t + 4, 4);
	g->ack = be(t + 8, 4);
	g->win = be(t + 14, 2);
	g->fin = t[13] & 1;
	g->syn = t[13] & 2;
	g->rst = t[13] & 4;
	g->psh = t[13] & 8;
	g->ack_flag = t[13] & 16;
	g->urg = t[13] & 32;
	g->tcp_header = t[12] / 16 * 4u;
	g->data = t + g->tcp_header;
	g->len = n - g->tcp_header;
	return parse_options(t + 20, g->tcp_header - 20, g);
}

static const char *parse_ip(struct peer *p, const uint8_t *ip, uint32_t n, struct peer_seg *g)
{
	const struct sim_settings *t = &p->sim->set;
	unsigned me = p->end.id;

	if (t->ipv6) {
		if (n < 40 || ip[0] / 16 != 6 || ip[6] != 6 || be(ip + 4, 2) > n - 40)
			return "IPv6 header wrong";
		if (memcmp(ip + 8, sim_addr6[!me], 16) || memcmp(ip + 24, sim_addr6[me], 16))
			return "addresses wrong";
		g->ttl = ip[7];
		return parse_tcp(p, ip + 40, be(ip + 4, 2), ones_sum(0, ip + 8, 32), g);
	}
	if (n < 20 || ip[0] != 0x45 || ip[9] != 6 || be(ip + 2, 2) > n || be(ip + 2, 2) < 20)
		return "IPv4 header wrong";
	if (ones_sum(0, ip, 20) != 0xffff)
		return "IPv4 checksum wrong";
	if (be(ip + 6, 2) != 0x4000)
		return "DF not set, or a fragment";
	if (memcmp(ip + 12, sim_addr4[!me], 4) || memcmp(ip + 16, sim_addr4[me], 4))
		return "addresses wrong";
	g->ip_id = be(ip + 4, 2);
	g->ttl = ip[8];
	return parse_tcp(p, ip + 20, be(ip + 2, 2) - 20, ones_sum(0, ip + 12, 8), g);
}

bool peer_parse(struct peer *p, const uint8_t *frame, uint32_t len, struct peer_seg *g,
		const char **why)
{
	const struct sim_settings *t = &p->sim->set;
	uint32_t at = 12;

	memset(g, 0, sizeof(*g));
	*why = "a runt";
	if (len < 18)
		return false;
	*why = "MAC addresses wrong";
	if (memcmp(frame, sim_mac[p->end.id], 6) || memcmp(frame + 6, sim_mac[!p->end.id], 6))
		return false;
	*why = "VLAN tag wrong";
	if (t->vlan) {
		if (be(frame + 12, 2) != 0x8100 || (be(frame + 14, 2) & 0x1fff) != SIM_VLAN)
			return false;
		at = 16;
	}
	*why = "EtherType wrong";
	if (be(frame + at, 2) != (t->ipv6 ? 0x86ddu : 0x0800u))
		return false;
	*why = parse_ip(p, frame + at + 2, len - at - 2, g);
	return !*why;
}

/* ---- what the engine may send */

static const char *check_blocks(struct peer *p, const struct peer_seg *g, uint64_t ack)
{
	uint64_t b[PEER_SACKS][2];

	if (g->nsacks && !p->sim->set.sack)
		return "SACK without having agreed on it";
	for (unsigned i = 0; i < g->nsacks; i++) {
		bool may_be_dsack = i == 0;

		if (g->sack[i][0] == g->sack[i][1] || (int32_t)(g->sack[i][1] - g->sack[i][0]) < 0)
			return "an empty SACK block";
		if (peer_offset(p, 1, g->sack[i][0], ack) < 0 && !may_be_dsack)
			return "a SACK block before the stream";
		b[i][0] = (uint64_t)peer_offset(p, 1, g->sack[i][0], ack);
		b[i][1] = (uint64_t)peer_offset(p, 1, g->sack[i][1], ack);
		if ((int64_t)b[i][1] > (int64_t)p->max)
			return "a SACK block of what was never sent";
		if (b[i][0] <= ack && !may_be_dsack)
			return "a SACK block of what is acknowledged";
		/* The first may be a DSACK, which may lie anywhere. The others must not overlap. */
		for (unsigned k = 1; k < i; k++)
			if (b[i][0] < b[k][1] && b[k][0] < b[i][1])
				return "SACK blocks that overlap";
	}
	return NULL;
}

static const char *check_ack(struct peer *p, const struct peer_seg *g)
{
	const struct sim_settings *t = &p->sim->set;
	int64_t ack = peer_offset(p, 1, g->ack, p->seen.ack);
	uint64_t edge;

	if (!g->ack_flag)
		return "no ACK flag";
	if (ack < (int64_t)p->seen.ack)
		return "an acknowledgement that went back";
	if (ack > (int64_t)p->max)
		return "an acknowledgement of what was never sent";
	edge = (uint64_t)ack + ((uint64_t)g->win << t->shift[0]);
	/* RFC 7323 2.4 lets the edge go back by less than the scale's unit. */
	if (edge + (1u << t->shift[0]) - 1 < p->seen.edge)
		return "a right window edge that moved left";
	if (edge > (uint64_t)ack + t->wnd[0] + (1u << t->shift[0]))
		return "a window larger than agreed";
	p->seen.ack = (uint64_t)ack;
	if (edge > p->seen.edge)
		p->seen.edge = edge;
	return check_blocks(p, g, p->seen.ack);
}

static const char *check_time(struct peer *p, const struct peer_seg *g)
{
	if (g->has_ts != p->sim->set.timestamps)
		return "timestamps do not go as agreed";
	if (!g->has_ts)
		return NULL;
	if (p->seen.any && (int32_t)(g->ts_val - p->seen.ts) < 0)
		return "a timestamp that went back";
	if ((int32_t)(g->ts_ecr - p->last_ts) > 0)
		return "an echo of a timestamp that was never sent";
	p->seen.ts = g->ts_val;
	return NULL;
}

static const char *check_data(struct peer *p, const struct peer_seg *g)
{
	const struct sim_settings *t = &p->sim->set;
	int64_t at = peer_offset(p, 0, g->seq, p->seen.max);
	uint64_t end = (uint64_t)at + g->len + g->fin;

	if (at < -1 || (at == -1 && (g->len > 1 || g->fin)))
		return "a segment before the stream";
	if (at > (int64_t)p->seen.max)
		return "a gap in what was sent";
	if (at == -1)
		return NULL;		/* keepalive probe before the first byte */
	if ((g->len && (uint64_t)at + g->len > t->total[0]) || end > t->total[0] + 1)
		return "more bytes than the stream has";
	if (g->fin && (uint64_t)at + g->len != t->total[0])
		return "FIN in the wrong place";
	if (g->len || g->fin) {
		/* One octet beyond the window is a probe. */
		if (end > p->edge && !(end == p->edge + 1 && (uint64_t)at == p->edge))
			return "bytes beyond the window";
	}
	if (g->len)
		sim_compare(p->sim, 0, (uint64_t)at, g->data, g->len);
	if (end > p->seen.max)
		p->seen.max = end;
	return NULL;
}

static const char *check_id(struct peer *p, const struct peer_seg *g, uint16_t gso_size)
{
	uint32_t n = gso_size && g->len > gso_size ? (g->len + gso_size - 1u) / gso_size : 1;

	if (p->sim->set.ipv6)
		return NULL;
	if (g->ip_id < 0x8000 || g->ip_id + n - 1 > 0xffff)
		return "an IP ID outside of the upper half";
	if (p->seen.any && p->seen.moves == p->sim->seen[SEEN_HANDOVERS] &&
	    g->ip_id != p->seen.id_first + p->seen.id_count && g->ip_id != 0x8000)
		return "an IP ID out of turn";
	p->seen.id_first = g->ip_id;
	p->seen.id_count = n;
	p->seen.moves = p->sim->seen[SEEN_HANDOVERS];
	return NULL;
}

void peer_watch(struct sim *s, const uint8_t *frame, uint32_t len, uint16_t gso_size)
{
	struct peer *p = (struct peer *)s->end[1];
	struct peer_seg g;
	const char *why;

	if (!p)
		return;
	if (peer_parse(p, frame, len, &g, &why)) {
		why = g.rst ? "RST" : g.syn ? "SYN" : g.urg ? "URG" : NULL;
		if (!why && g.ttl != 64)
			why = "TTL wrong";
		if (!why && g.len && gso_size && g.len <= gso_size)
			why = "gso_size for one segment";
		if (!why && (gso_size && g.len > gso_size ? gso_size : g.len) >
				    p->mss - (g.tcp_header - 20))
			why = "a segment larger than the MSS allows";
		why = why ? why : check_time(p, &g);
		why = why ? why : check_ack(p, &g);
		why = why ? why : check_data(p, &g);
		why = why ? why : check_id(p, &g, gso_size);
		p->seen.any = true;
	}
	if (why)
		sim_fail(s, "the engine sent %s (seq +%" PRId64 ", %u bytes, ack +%" PRId64 ")",
			 why, peer_offset(p, 0, g.seq, p->seen.max), g.len,
			 peer_offset(p, 1, g.ack, p->seen.ack));
}
