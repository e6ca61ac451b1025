/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim.c - runs simulated connections: "sim --seed N [--runs K] [--peer engine|independent]
 * [--verbose]".
 *
 * "sim --bulk" sends a few megabytes over otherwise clean links at several loss rates and compares
 * the time with what RFC 5681's algorithms should take.
 *
 * Each run makes a world from its seed, lets two ends exchange two byte streams over a bad link
 * with hand-overs in the middle, and ends when both streams have arrived whole and both ends have
 * closed; the time limit is that of stop-and-wait. A run that fails prints one line with its reason
 * and the command that repeats it. Many runs together must have reached every counted case. Time is
 * virtual: nothing here waits.
 */
#include <stdarg.h>

#include "tests/sim.h"

#define MAX_STEPS	400000u
#define ENOUGH_RUNS	25u	/* in so many everything happens */
#define PAUSES		(30000 * SIM_MS)	/* hand-overs, probes, closing */
#define READ_PAUSE	(100 * SIM_MS)		/* of the program, per segment */
#define LOSS_PAUSE	(1000 * SIM_MS)		/* the first timeout of RFC 6298 */

uint32_t sim_rand(struct sim *s)
{
	uint64_t z = s->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32);
}

uint32_t sim_below(struct sim *s, uint32_t n)
{
	return n ? sim_rand(s) % n : 0;
}

bool sim_chance(struct sim *s, uint32_t per10000)
{
	return sim_below(s, 10000) < per10000;
}

void sim_fail(struct sim *s, const char *format, ...)
{
	va_list ap;

	if (s->failure)
		return;
	va_start(ap, format);
	vsnprintf(s->failure_text, sizeof(s->failure_text), format, ap);
	va_end(ap);
	s->failure = s->failure_text;
}

void sim_say(struct sim *s, const char *format, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	printf("%12.6f ", (double)s->now / 1e9);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

uint8_t sim_stream(const struct sim *s, unsigned writer, uint64_t pos)
{
	uint64_t z = (pos + 1) * 0x9e3779b97f4a7c15u ^ (s->seed * 2 + writer) * 0xd6e8feb86659fd93u;

	return (uint8_t)(z >> 40 ^ z >> 17);
}

void sim_compare(struct sim *s, unsigned writer, uint64_t pos, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint8_t want = sim_stream(s, writer, pos + i);

		if (p[i] == want)
			continue;
		sim_fail(s, "byte %" PRIu64 " of end %u's stream is %#x, not %#x", pos + i, writer,
			 p[i], want);
		return;
	}
	s->seen[SEEN_BYTES] += len;
	if (pos + len > s->set.total[writer])
		sim_fail(s, "more bytes than end %u wrote", writer);
}

static void choose_link(struct sim *s)
{
	struct sim_settings *t = &s->set;
	bool clean = sim_chance(s, 2000);

	t->delay = (1 + sim_below(s, sim_chance(s, 5000) ? 300 : 40000)) * 1000ull;
	t->jitter = t->delay * sim_below(s, 4);
	t->loss = clean ? 0 : sim_below(s, 501);
	t->dup = clean ? 0 : sim_below(s, 300);
	t->corrupt = clean ? 0 : sim_below(s, 200);
	t->reorder = clean ? 0 : sim_below(s, 2000);
	t->ns_per_byte = sim_chance(s, 5000) ? 1 + sim_below(s, 800) : 0;
	t->link_queue = sim_chance(s, 5000) ? 4 + sim_below(s, 60) : 100000;
	t->large_frames = sim_chance(s, 5000);
}

static void choose(struct sim *s, bool strict_peer)
{
	static const uint32_t tps[] = { 10, 100, 1000, 1000, 1000 };
	struct sim_settings *t = &s->set;
	uint32_t most;

	choose_link(s);
	t->strict_peer = strict_peer;
	t->ipv6 = sim_chance(s, 5000);
	t->vlan = sim_chance(s, 2000);
	t->timestamps = sim_chance(s, 6000);
	t->sack = sim_chance(s, 7000);
	t->wscale = sim_chance(s, 7000);
	t->ts_usec = sim_chance(s, 3000);
	t->mtu = sim_chance(s, 6000) ? 1500 : (t->ipv6 ? 1280 : 576) + sim_below(s, 7700);
	t->handovers = sim_below(s, 6);
	t->attacks = sim_chance(s, 3000) ? sim_below(s, 1000) : 0;
	t->side = sim_chance(s, 4000);
	t->tps = tps[sim_below(s, 5)];
	for (unsigned i = 0; i < 2; i++) {
		t->total[i] = sim_chance(s, 1000) ? sim_below(s, 3) :
			      sim_below(s, sim_chance(s, 1000) ? 1500000 : 120000);
		t->shift[i] = (uint8_t)(t->wscale ? sim_below(s, sim_chance(s, 1000) ? 15 : 9) : 0);
		most = t->wscale ? 200000 : 62000;
		t->wnd[i] = 3000 + sim_below(s, sim_chance(s, 3000) ? 4000 : most);
		if (t->wnd[i] >> t->shift[i] > 65535)
			t->wnd[i] = 65535u << t->shift[i];
		t->wnd[i] = (t->wnd[i] >> t->shift[i] ? t->wnd[i] >> t->shift[i] : 1)
			    << t->shift[i];
		t->isn[i] = sim_chance(s, 3000) ? 0u - sim_below(s, 60000) : sim_rand(s);
		t->ts[i] = sim_chance(s, 3000) ? 0u - sim_below(s, 3000) : sim_rand(s);
	}
}

static uint64_t earliest(struct sim *s)
{
	uint64_t t = SIM_NEVER;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t d = s->end[i]->ops->deadline(s->end[i]), l = sim_link_deadline(s, i);

		t = d < t ? d : t;
		t = l < t ? l : t;
	}
	return t;
}

static void turn(struct sim *s)
{
	for (unsigned i = 0; i < 2 && !s->failure; i++) {
		struct sim_frame *f;

		for (unsigned n = 0; n < 8 && !s->failure && (f = sim_link_take(s, i)); n++) {
			s->end[!i]->ops->input(s->end[!i], f);
			free(f);
		}
	}
	for (unsigned i = 0; i < 2 && !s->failure; i++)
		s->end[i]->ops->step(s->end[i]);
}

/* Square root; libm is not worth it. */
static double root(double x)
{
	double r = 1;

	for (unsigned i = 0; i < 40; i++)
		r = (r + x / r) / 2;
	return r;
}

static bool finished(struct sim *s)
{
	return s->end[0]->ops->done(s->end[0]) && s->end[1]->ops->done(s->end[1]);
}

/*
 * The time that a TCP needs with one segment in flight, of half a window at most, which waits for a
 * timeout whenever it or its ACK is lost, and whose reader takes its time. An engine needs less.
 */
static uint64_t allowed(const struct sim_settings *t)
{
	uint64_t round = 2 * (t->delay + t->jitter) + t->mtu * t->ns_per_byte + READ_PAUSE +
			 2 * (t->loss + t->corrupt) * LOSS_PAUSE / 10000;
	uint64_t time = PAUSES;

	for (unsigned i = 0; i < 2; i++) {
		uint32_t half = t->wnd[!i] / 2, mss = t->mtu - 100;

		time += (t->total[i] / (half < mss ? half : mss) + 1) * round;
	}
	return time;
}

static void loop(struct sim *s)
{
	s->allowed = allowed(&s->set);
	while (!s->failure && !finished(s)) {
		uint64_t next = earliest(s);

		if (next == SIM_NEVER)
			sim_fail(s, "both ends sleep for ever");
		else if (next > s->allowed)
			sim_fail(s, "not finished after %" PRIu64 " virtual seconds",
				 s->allowed / 1000000000);
		else if (++s->steps > MAX_STEPS)
			sim_fail(s, "not finished after %u steps", MAX_STEPS);
		else
			s->now = next > s->now ? next : s->now;
		if (!s->failure)
			turn(s);
	}
}

static void describe(struct sim *s)
{
	const struct sim_settings *t = &s->set;

	printf("  at %.6f s, %s%s%s%s%s%s%s%s mtu %u, loss %u dup %u corrupt %u reorder %u "
	       "/10000, delay %.3f ms, "
	       "%llu ns/byte, %s frames, tps %u, bytes %llu and %llu\n",
	       (double)s->now / 1e9, t->ipv6 ? "IPv6" : "IPv4", t->vlan ? " vlan" : "",
	       t->timestamps ? " ts" : "", t->sack ? " sack" : "", t->wscale ? " wscale" : "",
	       t->ts_usec ? " us" : "", t->attacks ? " attacks" : "", t->side ? " side" : "",
	       t->mtu, t->loss, t->dup, t->corrupt, t->reorder, (double)t->delay / 1e6,
	       (unsigned long long)t->ns_per_byte, t->large_frames ? "large" : "small", t->tps,
	       (unsigned long long)t->total[0], (unsigned long long)t->total[1]);
	for (unsigned i = 0; i < 2; i++) {
		printf("  end %u: ", i);
		s->end[i]->ops->describe(s->end[i], stdout);
	}
}

/*
 * A bulk transfer with losses only: 100 Mbit/s, 10 ms of round-trip time. Mathis et al. give the
 * rate of such a TCP as about 1.2 MSS / (RTT sqrt(loss)) with every segment acknowledged and 0.9
 * with delayed ACKs; half of that must be reached, two fifths without SACK.
 */
static bool bulk(uint32_t loss, bool sack, uint64_t seed)
{
	struct sim s = { .seed = seed, .rng = seed };
	double expected, wire, took;
	bool ok;

	s.set = (struct sim_settings){
		.timestamps = true,
		.sack = sack,
		.wscale = true,
		.mtu = 1500,
		.loss = loss,
		.delay = 5 * SIM_MS,
		.ns_per_byte = 80,
		.link_queue = 100000,
		.tps = 1000,
		.total = {8000000, 0},
		.wnd = {262144, 262144},
		.shift = {7, 7},
		.eager = true,
	};
	s.end[0] = sim_host_create(&s, 0);
	s.end[1] = sim_host_create(&s, 1);
	loop(&s);
	took = (double)s.now / 1e9;
	wire = 8e6 * 1514 / 1448 * 80 / 1e9;
	expected = loss ? 8e6 * 0.010 * root((double)loss / 10000) / (0.9 * 1448) : 0;
	expected = (expected > wire ? expected : wire) + 0.3;
	/* without SACK many losses end in timeouts, which the formula ignores */
	ok = !s.failure && took <= (sack ? 2 : 2.5) * expected;
	printf("%s %u/10000 lost, %s: 8 MB in %.2f s, expected about %.2f; %" PRIu64
	       " frames, %" PRIu64 " lost%s%s\n",
	       ok ? "ok:    " : "FAILED:", loss, sack ? "SACK" : "no SACK", took, expected,
	       s.seen[SEEN_FRAMES], s.seen[SEEN_LOST], s.failure ? "; " : "",
	       s.failure ? s.failure : "");
	for (unsigned i = 0; i < 2; i++)
		s.end[i]->ops->destroy(s.end[i]);
	sim_link_clear(&s);
	return ok;
}

static int all_bulk(void)
{
	static const uint32_t loss[] = { 0, 1, 10, 50, 100, 300, 500 };
	bool ok = true;

	for (unsigned i = 0; i < sizeof(loss) / sizeof(loss[0]); i++) {
		ok &= bulk(loss[i], true, i + 1);
		ok &= bulk(loss[i], false, i + 1);
	}
	return ok ? 0 : 1;
}

/* What many runs have shown together. */
struct sim_sum {
	uint64_t seen[SEEN_KINDS];
	uint64_t longest;	/* virtual time */
	uint64_t share, seed;	/* most of what was allowed, per cent, and where */
};

/* One run; true if it passed. */
static bool run(uint64_t seed, bool strict_peer, bool verbose, struct sim_sum *sum)
{
	struct sim s = {
		.seed = seed, .rng = seed * 0x2545f4914f6cdd1du + strict_peer, .verbose = verbose};
	bool ok;

	choose(&s, strict_peer);
	s.end[0] = sim_host_create(&s, 0);
	s.end[1] = strict_peer ? sim_peer_create(&s, 1) : sim_host_create(&s, 1);
	loop(&s);
	ok = !s.failure;
	if (!ok) {
		printf("FAILED seed %" PRIu64 ": %s; again: sim%s --seed %" PRIu64 " --verbose\n",
		       seed, s.failure, strict_peer ? " --peer independent" : "", seed);
		describe(&s);
	} else if (verbose) {
		describe(&s);
	}
	for (unsigned i = 0; i < 2; i++)
		s.end[i]->ops->destroy(s.end[i]);
	sim_link_clear(&s);
	for (unsigned i = 0; i < SEEN_KINDS; i++)
		sum->seen[i] += s.seen[i];
	if (s.now > sum->longest)
		sum->longest = s.now;
	if (s.now * 100 / s.allowed > sum->share) {
		sum->share = s.now * 100 / s.allowed;
		sum->seed = seed;
	}
	return ok;
}

static const char *const seen_names[SEEN_KINDS] = {
	"bytes", "frames", "hand-overs", "lost", "corrupted", "doubled", "overtaken",
	"closed windows",
};

/* Whether whatever the runs are for has happened in them. */
static bool everything(const struct sim_sum *sum)
{
	bool all = true;

	for (unsigned i = 0; i < SEEN_KINDS; i++) {
		if (sum->seen[i])
			continue;
		fprintf(stderr, "sim: the runs showed nothing: no %s\n", seen_names[i]);
		all = false;
	}
	return all;
}

static void tell(const struct sim_sum *sum, uint64_t seed, uint64_t runs, uint64_t failed)
{
	printf("%s: %" PRIu64 " runs from seed %" PRIu64 ", %" PRIu64 " failed",
	       failed ? "FAIL" : "ok", runs, seed, failed);
	for (unsigned i = 0; i < SEEN_KINDS; i++)
		printf("%s %" PRIu64 " %s", i ? "," : ";", sum->seen[i], seen_names[i]);
	printf("; at most %.1f virtual seconds, and %" PRIu64
	       " %% of those allowed, seed %" PRIu64 "\n",
	       (double)sum->longest / 1e9, sum->share, sum->seed);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = text ? strtoull(text, &end, 0) : 0;

	if (!text || !*text || *end) {
		fprintf(stderr, "sim: a number is missing\n");
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, runs = 1, failed = 0;
	struct sim_sum sum = { 0 };
	bool verbose = false, strict_peer = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seed"))
			seed = number(argv[++i]);
		else if (!strcmp(argv[i], "--runs"))
			runs = number(argv[++i]);
		else if (!strcmp(argv[i], "--bulk"))
			return all_bulk();
		else if (!strcmp(argv[i], "--verbose"))
			verbose = true;
		else if (!strcmp(argv[i], "--peer") && argv[i + 1] &&
			 !strcmp(argv[i + 1], "independent"))
			strict_peer = argv[++i];
		else if (!strcmp(argv[i], "--peer") && argv[i + 1] &&
			 !strcmp(argv[i + 1], "engine"))
			i++;
		else {
			fprintf(stderr,
				"usage: sim [--seed N] [--runs K] [--peer engine|independent] "
				"[--verbose]\n");
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t k = 0; k < runs && failed < 10; k++)
		failed += !run(seed + k, strict_peer, verbose, &sum);
	failed += runs >= ENOUGH_RUNS && !everything(&sum);
	tell(&sum, seed, runs, failed);
	return failed ? 1 : 0;
}
