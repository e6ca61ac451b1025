/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_wire.c - parsing and building of headers. It covers the classes of malformed frames known
 * from other TCPs: option lengths, data offset, IP lengths, runts. Parsed frames lie in allocations
 * of their exact size, so that the address sanitizer sees a read of one byte too many.
 */
#include "wire.h"
#include "tests/test.h"

#define PAYLOAD 100

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 }, mac_b[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t ip_a[16] = { 10, 77, 0, 1, 0xfd, 0x77 }, ip_b[16] = { 10, 77, 0, 2, 9, 8, 7 };

struct sample {
	struct toe_hdr h;
	uint8_t *frame;
	uint32_t len, hlen;
	uint16_t l3, l4;
};

/* The slow way, from RFC 1071's text: 16-bit words in network order. */
static uint16_t slow_sum(uint32_t start, const uint8_t *p, size_t len)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void finish_tcp_csum(struct sample *s)
{
	uint16_t sum = (uint16_t)~toe_csum_fold(toe_csum_add(0, s->frame + s->l4, s->len - s->l4));

	memcpy(s->frame + s->l4 + 16, &sum, 2);
}

static struct sample make(bool ipv6, bool tagged, bool ts, unsigned nsacks, uint32_t payload)
{
	struct sample s = { .h = {
		.src_mac = mac_a, .dst_mac = mac_b, .tagged = tagged, .tci = 0x6123, .ipv6 = ipv6,
		.src = ip_a, .dst = ip_b, .ttl = 64, .tos = 0x12, .flow_label = 0xabcde,
		.ip_id = 0x8765, .src_port = 1234, .dst_port = 80, .seq = 0xfffffff0u,
		.ack = 0x12345678, .flags = TOE_ACK | TOE_PSH, .wnd = 0x4321, .has_ts = ts,
		.ts_val = 0xdeadbeef, .ts_ecr = 0x01020304, .nsacks = (uint8_t)nsacks,
		.sacks = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 0xfffffff8u } },
		.payload_len = payload,
	} };
	uint8_t buf[TOE_MAX_HEADER];

	s.hlen = toe_wire_build(&s.h, buf, &s.l3, &s.l4);
	s.len = s.hlen + payload;
	s.frame = malloc(s.len);
	memcpy(s.frame, buf, s.hlen);
	for (uint32_t i = 0; i < payload; i++)
		s.frame[s.hlen + i] = (uint8_t)(i * 7 + 1);
	finish_tcp_csum(&s);
	return s;
}

static enum toe_wire_verdict parse(const struct sample *s, struct toe_seg *seg)
{
	return toe_wire_parse(s->frame, s->len, 0, seg);
}

static void fix_ip_csum(struct sample *s)
{
	uint16_t sum;

	memset(s->frame + s->l3 + 10, 0, 2);
	sum = (uint16_t)~toe_csum_fold(toe_csum_add(0, s->frame + s->l3, 20));
	memcpy(s->frame + s->l3 + 10, &sum, 2);
}

static void check_fields(const struct sample *s, const struct toe_seg *seg)
{
	const struct toe_hdr *h = &s->h;
	unsigned fit = toe_wire_max_sacks(h->has_ts);

	CHECK(!memcmp(seg->src_mac, h->src_mac, 6) && !memcmp(seg->dst_mac, h->dst_mac, 6));
	CHECK(seg->tagged == h->tagged);
	CHECK_EQ(seg->tci, h->tagged ? h->tci : 0);
	CHECK(seg->ipv6 == h->ipv6);
	CHECK(!memcmp(seg->src, h->src, h->ipv6 ? 16 : 4));
	CHECK(!memcmp(seg->dst, h->dst, h->ipv6 ? 16 : 4));
	CHECK_EQ(seg->tos, h->tos);
	CHECK_EQ(seg->ip_len, s->len - s->l3);
	CHECK_EQ(seg->src_port, h->src_port);
	CHECK_EQ(seg->dst_port, h->dst_port);
	CHECK_EQ(seg->seq, h->seq);
	CHECK_EQ(seg->ack, h->ack);
	CHECK_EQ(seg->flags, h->flags);
	CHECK_EQ(seg->wnd, h->wnd);
	CHECK(seg->has_ts == h->has_ts);
	CHECK_EQ(seg->ts_val, h->has_ts ? h->ts_val : 0);
	CHECK_EQ(seg->ts_ecr, h->has_ts ? h->ts_ecr : 0);
	CHECK_EQ(seg->nsacks, h->nsacks < fit ? h->nsacks : fit);
	for (unsigned i = 0; i < seg->nsacks; i++) {
		CHECK_EQ(seg->sacks[i].start, h->sacks[i].start);
		CHECK_EQ(seg->sacks[i].end, h->sacks[i].end);
	}
	CHECK_EQ(seg->len, h->payload_len);
	CHECK(seg->payload == s->frame + s->hlen);
	CHECK(!seg->bad_options);
}

TEST(what_is_built_parses_to_the_same)
{
	for (unsigned v = 0; v < 8; v++)
		for (unsigned n = 0; n <= 4; n++)
			for (uint32_t len = 0; len < 70; len += 23) {
				struct sample s = make(v & 1, v & 2, v & 4, n, len);
				struct toe_seg seg;

				CHECK_EQ(parse(&s, &seg), TOE_WIRE_TCP);
				check_fields(&s, &seg);
				CHECK(toe_wire_csum_ok(&seg));
				CHECK(s.hlen <= TOE_MAX_HEADER);
				CHECK_EQ(s.hlen - s.l4, 20 + toe_wire_options_len(v & 4, n));
				free(s.frame);
			}
}

/* SND-22, SND-23 */
TEST(ipv4_header_says_what_was_asked)
{
	struct sample s = make(false, true, true, 0, PAYLOAD);
	const uint8_t *ip = s.frame + s.l3;

	CHECK_EQ(s.l3, 18);
	CHECK_EQ(s.frame[12] << 8 | s.frame[13], 0x8100);
	CHECK_EQ(s.frame[14] << 8 | s.frame[15], 0x6123);
	CHECK_EQ(s.frame[16] << 8 | s.frame[17], 0x0800);
	CHECK_EQ(ip[0], 0x45);
	CHECK_EQ(ip[2] << 8 | ip[3], 20 + 32 + PAYLOAD);
	CHECK_EQ(ip[4] << 8 | ip[5], 0x8765);
	CHECK_EQ(ip[6] << 8 | ip[7], 0x4000);	/* DF alone (SND-22) */
	CHECK_EQ(ip[8], 64);
	CHECK_EQ(ip[9], 6);
	CHECK_EQ(slow_sum(0, ip, 20), 0xffff);
	free(s.frame);
}

/* SND-17, SND-20: no extension header at all, so no fragment. SND-23 */
TEST(ipv6_header_says_what_was_asked)
{
	struct sample s = make(true, false, false, 1, PAYLOAD);
	const uint8_t *ip = s.frame + s.l3;

	CHECK_EQ((uint32_t)ip[0] << 24 | ip[1] << 16 | ip[2] << 8 | ip[3], 0x612abcdeu);
	CHECK_EQ(ip[4] << 8 | ip[5], 20 + 12 + PAYLOAD);
	CHECK_EQ(ip[6], 6);
	CHECK_EQ(ip[7], 64);
	free(s.frame);
}

TEST(partial_checksum_is_the_pseudo_header_sum)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct toe_hdr h = { .src_mac = mac_a, .dst_mac = mac_b, .ipv6 = v6, .src = ip_a,
				     .dst = ip_b, .payload_len = 1000, .flags = TOE_ACK };
		uint8_t buf[TOE_MAX_HEADER], tail[8] = { 0, 0, 1020 >> 8, 1020 & 255, 0, 0, 0, 6 };
		size_t alen = v6 ? 16 : 4;
		uint16_t l3, l4, want;

		toe_wire_build(&h, buf, &l3, &l4);
		want = slow_sum(slow_sum(slow_sum(0, ip_a, alen), ip_b, alen), tail, 8);
		CHECK_EQ(buf[l4 + 16] << 8 | buf[l4 + 17], want);
	}
}

TEST(checksum_equals_the_slow_one)
{
	struct test_rng r = { 1 };
	uint8_t buf[2100];

	for (int i = 0; i < 3000; i++) {
		size_t len = test_below(&r, sizeof(buf) - 8), at = test_below(&r, 8), cut;
		uint16_t got;
		uint8_t as_bytes[2];

		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = i & 1 ? 0xff : (uint8_t)test_rand(&r);
		cut = test_below(&r, (uint32_t)len + 1) & ~1u;
		got = toe_csum_fold(toe_csum_add(toe_csum_add(0, buf + at, cut), buf + at + cut,
						 len - cut));
		memcpy(as_bytes, &got, 2);
		CHECK_EQ(as_bytes[0] << 8 | as_bytes[1], slow_sum(0, buf + at, len));
	}
}

/* NSP-15 */
TEST(every_flipped_bit_of_a_segment_is_noticed)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct sample s = make(v6, false, true, 1, 30);
		/* From the addresses (or the IPv4 header) on, everything is under some checksum. */
		uint32_t from = v6 ? s.l3 + 8u : s.l3;

		for (uint32_t bit = from * 8; bit < s.len * 8; bit++) {
			struct toe_seg seg;

			s.frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
			CHECK(parse(&s, &seg) != TOE_WIRE_TCP || !toe_wire_csum_ok(&seg));
			s.frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		free(s.frame);
	}
}

TEST(every_truncation_is_noticed)
{
	for (unsigned v = 0; v < 4; v++) {
		struct sample s = make(v & 1, v & 2, true, 3, 30);

		for (uint32_t len = 0; len < s.len; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			struct toe_seg seg;
			enum toe_wire_verdict got;

			memcpy(cut, s.frame, len);
			got = toe_wire_parse(cut, len, 0, &seg);
			CHECK_EQ(got, len < s.l3 ? TOE_WIRE_OTHER : TOE_WIRE_TRUNCATED);
			free(cut);
		}
		free(s.frame);
	}
}

TEST(ethernet_padding_is_cut_off)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct sample s = make(v6, false, false, 0, 0);
		uint8_t *padded = calloc(1, s.len + 60);
		struct toe_seg seg;

		memcpy(padded, s.frame, s.len);
		memset(padded + s.len, 0x5a, 60);
		CHECK_EQ(toe_wire_parse(padded, s.len + 60, 0, &seg), TOE_WIRE_TCP);
		CHECK_EQ(seg.len, 0);
		CHECK_EQ(seg.ip_len, s.len - s.l3);
		CHECK(toe_wire_csum_ok(&seg));
		free(padded);
		free(s.frame);
	}
}

TEST(ip_total_length_lies_are_refused)
{
	struct sample s = make(false, false, false, 0, 10);

	for (uint32_t total = 0; total < 70; total++) {
		enum toe_wire_verdict want = TOE_WIRE_TCP;
		struct toe_seg seg;

		s.frame[s.l3 + 2] = (uint8_t)(total >> 8);
		s.frame[s.l3 + 3] = (uint8_t)total;
		fix_ip_csum(&s);
		if (total < 20)
			want = TOE_WIRE_BAD_IP;
		else if (total < 40 || total > 50)
			want = TOE_WIRE_TRUNCATED;
		CHECK_EQ(parse(&s, &seg), want);
		if (want == TOE_WIRE_TCP)
			CHECK_EQ(seg.len, total - 40);
	}
	free(s.frame);
}

TEST(ipv6_payload_length_lies_are_refused)
{
	struct sample s = make(true, false, false, 0, 10);

	for (uint32_t len = 0; len < 60; len++) {
		struct toe_seg seg;

		s.frame[s.l3 + 5] = (uint8_t)len;
		CHECK_EQ(parse(&s, &seg), len < 20 || len > 30 ? TOE_WIRE_TRUNCATED : TOE_WIRE_TCP);
	}
	free(s.frame);
}

TEST(data_offset_lies_are_refused)
{
	for (uint32_t payload = 0; payload < 60; payload += 10)
		for (uint32_t doff = 0; doff < 16; doff++) {
			struct sample s = make(payload & 1, false, false, 0, payload);
			struct toe_seg seg;
			bool bad = doff < 5 || doff * 4 > 20 + payload;

			s.frame[s.l4 + 12] = (uint8_t)(doff << 4);
			CHECK_EQ(parse(&s, &seg), bad ? TOE_WIRE_BAD_TCP : TOE_WIRE_TCP);
			if (!bad)
				CHECK_EQ(seg.len, 20 + payload - doff * 4);
			free(s.frame);
		}
}

/* NSP-3, NSP-4, NSP-8 */
TEST(frames_of_others_are_left_alone)
{
	static const uint16_t types[] = {0x0806, 0x88cc, 0x86de, 0x05dc, 0x0026, 0x9100, 0x88a8, 0};
	struct toe_seg seg;

	for (size_t i = 0; i < 8; i++) {
		struct sample s = make(false, false, false, 0, 10);

		s.frame[12] = (uint8_t)(types[i] >> 8);
		s.frame[13] = (uint8_t)types[i];
		CHECK_EQ(parse(&s, &seg), TOE_WIRE_OTHER);
		free(s.frame);
	}
	for (int v6 = 0; v6 < 2; v6++)
		for (unsigned proto = 0; proto < 256; proto++) {
			struct sample s = make(v6, true, false, 0, 10);

			s.frame[s.l3 + (v6 ? 6 : 9)] = (uint8_t)proto;
			if (!v6)
				fix_ip_csum(&s);
			CHECK_EQ(parse(&s, &seg), proto == 6 ? TOE_WIRE_TCP : TOE_WIRE_OTHER);
			free(s.frame);
		}
}

TEST(stacked_tags_are_left_alone)
{
	struct sample s = make(false, true, false, 0, 10);
	struct toe_seg seg;

	s.frame[16] = 0x81;
	s.frame[17] = 0x00;
	CHECK_EQ(parse(&s, &seg), TOE_WIRE_OTHER);
	free(s.frame);
}

/* NSP-1, NSP-2, RFC-10 */
TEST(fragments_and_ip_options_are_left_alone)
{
	static const uint16_t frag[] = { 0x2000, 0x0001, 0x1fff, 0x2005, 0x6000 };
	struct toe_seg seg;

	for (size_t i = 0; i < 5; i++) {
		struct sample s = make(false, false, false, 0, 10);

		s.frame[s.l3 + 6] = (uint8_t)(frag[i] >> 8);
		s.frame[s.l3 + 7] = (uint8_t)frag[i];
		fix_ip_csum(&s);
		CHECK_EQ(parse(&s, &seg), TOE_WIRE_OTHER);
		free(s.frame);
	}
	for (unsigned ihl = 0; ihl < 16; ihl++) {
		struct sample s = make(false, false, false, 0, 60);

		s.frame[s.l3] = (uint8_t)(0x40 | ihl);
		fix_ip_csum(&s);
		CHECK_EQ(parse(&s, &seg), ihl < 5 ? TOE_WIRE_BAD_IP :
			 ihl > 5 ? TOE_WIRE_OTHER : TOE_WIRE_TCP);
		free(s.frame);
	}
}

TEST(wrong_version_and_header_checksum_are_refused)
{
	struct toe_seg seg;

	for (unsigned version = 0; version < 16; version++) {
		struct sample s = make(false, false, false, 0, 10);

		s.frame[s.l3] = (uint8_t)(version << 4 | 5);
		fix_ip_csum(&s);
		CHECK_EQ(parse(&s, &seg), version == 4 ? TOE_WIRE_TCP : TOE_WIRE_BAD_IP);
		free(s.frame);
		s = make(true, false, false, 0, 10);
		s.frame[s.l3] = (uint8_t)(version << 4);
		CHECK_EQ(parse(&s, &seg), version == 6 ? TOE_WIRE_TCP : TOE_WIRE_BAD_IP);
		CHECK(seg.ipv6);
		free(s.frame);
	}
	struct sample s = make(false, false, false, 0, 10);

	s.frame[s.l3 + 10] ^= 1;
	CHECK_EQ(parse(&s, &seg), TOE_WIRE_BAD_IP);
	free(s.frame);
}

/* One option at each place of each option area, with each length that could hurt. */
TEST(option_length_lies_do_no_harm)
{
	static const uint8_t lens[] = { 0, 1, 2, 3, 9, 10, 11, 18, 26, 34, 40, 41, 42, 255 };

	for (unsigned area = 4; area <= 40; area += 4)
		for (unsigned at = 0; at < area; at++)
			for (unsigned kind = 0; kind < 256; kind++)
				for (size_t l = 0; l < sizeof(lens); l++) {
					uint32_t len = 20 + area;
					uint8_t *tcp = calloc(1, len);
					struct toe_seg seg;

					tcp[12] = (uint8_t)(len / 4 << 4);
					memset(tcp + 20, 1, area);
					tcp[20 + at] = (uint8_t)kind;
					if (at + 1 < area)
						tcp[20 + at + 1] = lens[l];
					CHECK_EQ(toe_wire_parse_tcp(tcp, len, &seg), TOE_WIRE_TCP);
					if (kind > 1)
						CHECK(seg.bad_options ==
						      (at + 1 == area || lens[l] < 2 ||
						       lens[l] > area - at));
					CHECK(seg.nsacks <= TOE_MAX_SACKS);
					CHECK(!seg.has_ts || (kind == 8 && lens[l] == 10));
					CHECK(!seg.nsacks || (kind == 5 && lens[l] >= 10));
					free(tcp);
				}
}

TEST(unknown_options_are_skipped)
{
	static const uint8_t opts[] = { 253, 6, 1, 2, 3, 4, 2, 4, 5, 0xb4, 1, 1,
					8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 0, 200 };
	uint8_t tcp[20 + sizeof(opts)] = { 0 };
	struct toe_seg seg;

	tcp[12] = (uint8_t)(sizeof(tcp) / 4 << 4);
	memcpy(tcp + 20, opts, sizeof(opts));
	CHECK_EQ(toe_wire_parse_tcp(tcp, sizeof(tcp), &seg), TOE_WIRE_TCP);
	CHECK(seg.has_ts && !seg.bad_options);
	CHECK_EQ(seg.ts_val, 7);
	CHECK_EQ(seg.ts_ecr, 9);
	CHECK_EQ(seg.len, 0);
}

TEST(urgent_pointer_and_all_flags_come_through)
{
	uint8_t tcp[20] = { [12] = 0x5f, [13] = 0xff, [18] = 0xff, [19] = 0xfe };
	struct toe_seg seg;

	CHECK_EQ(toe_wire_parse_tcp(tcp, sizeof(tcp), &seg), TOE_WIRE_TCP);
	CHECK_EQ(seg.flags, 0x1ff);
	CHECK_EQ(seg.urg, 0xfffe);
	CHECK_EQ(toe_seg_space(&seg), 2);
	for (uint32_t len = 0; len < 20; len++)
		CHECK_EQ(toe_wire_parse_tcp(tcp, len, &seg), TOE_WIRE_TRUNCATED);
}

TEST(large_frames_count_as_their_segments)
{
	struct sample s = make(false, false, true, 0, 3000);
	struct toe_seg seg;

	CHECK_EQ(toe_wire_parse(s.frame, s.len, 1448, &seg), TOE_WIRE_TCP);
	CHECK_EQ(toe_seg_count(&seg), 3);
	CHECK_EQ(toe_wire_parse(s.frame, s.len, 1500, &seg), TOE_WIRE_TCP);
	CHECK_EQ(toe_seg_count(&seg), 2);
	CHECK_EQ(toe_wire_parse(s.frame, s.len, 0, &seg), TOE_WIRE_TCP);
	CHECK_EQ(toe_seg_count(&seg), 1);
	free(s.frame);
}

TEST(random_bytes_are_read_within_their_bounds)
{
	struct test_rng r = { 3 };

	for (int i = 0; i < 200000; i++) {
		uint32_t len = test_below(&r, 120);
		uint8_t *frame = malloc(len ? len : 1);
		struct toe_seg seg;

		for (uint32_t k = 0; k < len; k++)
			frame[k] = (uint8_t)test_rand(&r);
		if (len > 14) {		/* get past the first questions most of the time */
			static const uint8_t kinds[3][3] = {
				{8, 0, 0x45}, {0x86, 0xdd, 0x60}, {0x81, 0, 0}};
			const uint8_t *k = kinds[test_below(&r, 3)];

			memcpy(frame + 12, k, 2);
			frame[14] = k[2];
		}
		if (toe_wire_parse(frame, len, 0, &seg) == TOE_WIRE_TCP) {
			CHECK(seg.payload + seg.len <= frame + len);
			toe_wire_csum_ok(&seg);
		}
		if (toe_wire_parse_tcp(frame, len, &seg) == TOE_WIRE_TCP)
			CHECK(seg.payload + seg.len == frame + len);
		free(frame);
	}
}
