/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Default options for the sanitized QEMU, linked in so that it can replace the
 * plain program without environment variables. ASAN_OPTIONS and UBSAN_OPTIONS
 * still override them.
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
