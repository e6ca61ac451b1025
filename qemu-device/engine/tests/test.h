/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test.h - the engine's unit test framework. A file has TEST(name) bodies; test.c has main, which
 * runs all of them, or those named on the command line, and prints one TAP line per test. A failed
 * CHECK ends its test. "--list" prints the names.
 */
#ifndef TOE_TEST_H
#define TOE_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define TEST(id)								\
	static void id(void);							\
	static struct test test_of_##id = { #id, id, NULL };			\
	__attribute__((constructor)) static void register_##id(void)		\
	{									\
		test_register(&test_of_##id);					\
	}									\
	static void id(void)

#define CHECK(cond)								\
	do {									\
		if (!(cond))							\
			test_fail(__FILE__, __LINE__, "%s", #cond);		\
	} while (0)

#define CHECK_EQ(a, b)                                                                       \
	do {                                                                                 \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                             \
                                                                                             \
		if (a_ != b_)                                                                \
			test_fail(__FILE__, __LINE__,                                        \
				  "%s is %" PRIu64 " (%#" PRIx64 "), expected %s = %" PRIu64 \
				  " (%#" PRIx64 ")",                                         \
				  #a, a_, a_, #b, b_, b_);                                   \
	} while (0)

#define CHECK_NULL(s)								\
	do {									\
		const char *s_ = (s);						\
										\
		if (s_)								\
			test_fail(__FILE__, __LINE__, "%s: %s", #s, s_);	\
	} while (0)

/* Numbers for randomized tests: the same on every run and machine. */
struct test_rng {
	uint64_t s;
};

static inline uint32_t test_rand(struct test_rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32);
}

static inline uint32_t test_below(struct test_rng *r, uint32_t n)
{
	return n ? test_rand(r) % n : 0;
}

#endif /* TOE_TEST_H */
