/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of the sanitizers for the sanitized QEMU, linked in so that the
 * program can stand in for the plain one without a set environment. They can
 * still be overridden by ASAN_OPTIONS and UBSAN_OPTIONS.
 *
 * Leak checking is off: QEMU itself does not free everything when it exits.
 */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0:abort_on_error=1:disable_coredump=1";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:abort_on_error=1";
}
