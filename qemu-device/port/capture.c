/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.c - property x-pcapng: writes the frames on the wire, with the side
 * that sent each, to a pcapng file.
 *
 * Three interfaces: host (the TX rings), target (the engine), received. Large
 * frames are written as the backend gets them. A hand-over becomes a comment
 * on the next frame, because Wireshark shows it there.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/iov.h"
#include "qapi/error.h"
#include "qemu/timer.h"
#include "system/system.h"
#include "core/chimdev.h"
#include "port/capture.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    OPT_COMMENT = 1,
    OPT_IF_NAME = 2,
    OPT_FLAGS = 2,
    OPT_IF_TSRESOL = 9,
    MAX_COMMENTS = 64,
};

struct ChimdevCapture {
    FILE *file;
    uint32_t snaplen;           /* bytes of a frame at most; 0: all */
    Notifier exit;
    GPtrArray *comments;
};

/* Blocks are in the host's byte order; the section header says which one. */
static void put32(GByteArray *b, uint32_t v)
{
    g_byte_array_append(b, (const guint8 *)&v, 4);
}

static void put_option(GByteArray *b, uint16_t code, const void *data,
                       uint16_t len)
{
    static const guint8 zero[4];
    uint16_t head[2] = { code, len };

    g_byte_array_append(b, (const guint8 *)head, 4);
    g_byte_array_append(b, data, len);
    g_byte_array_append(b, zero, -len & 3);
}

static void write_block(ChimdevCapture *c, uint32_t type, GByteArray *body)
{
    uint32_t len = body->len + 12;
    uint32_t head[2] = { type, len };

    if (fwrite(head, sizeof(head), 1, c->file) != 1 ||
        fwrite(body->data, body->len, 1, c->file) != 1 ||
        fwrite(&len, sizeof(len), 1, c->file) != 1) {
        clearerr(c->file);      /* a full disk ends the capture, not the VM */
    }
}

static void write_head(ChimdevCapture *c)
{
    static const char *const name[] = { "host", "target", "received" };
    g_autoptr(GByteArray) b = g_byte_array_new();
    const uint8_t ns = 9;

    put32(b, 0x1a2b3c4d);
    put32(b, 1);                /* version 1.0 */
    put32(b, UINT32_MAX);       /* length unknown */
    put32(b, UINT32_MAX);
    write_block(c, BLOCK_SECTION, b);
    for (unsigned i = 0; i < ARRAY_SIZE(name); i++) {
        g_byte_array_set_size(b, 0);
        put32(b, 1);            /* Ethernet */
        put32(b, c->snaplen);
        put_option(b, OPT_IF_NAME, name[i], strlen(name[i]));
        put_option(b, OPT_IF_TSRESOL, &ns, 1);
        put_option(b, 0, NULL, 0);
        write_block(c, BLOCK_INTERFACE, b);
    }
}

static void at_exit(Notifier *n, void *data)
{
    ChimdevCapture *c = container_of(n, ChimdevCapture, exit);

    fflush(c->file);
}

ChimdevCapture *chimdev_capture_open(const char *path, uint32_t snaplen,
                                     Error **errp)
{
    FILE *f = fopen(path, "wb");
    ChimdevCapture *c;

    if (!f) {
        error_setg_file_open(errp, errno, path);
        return NULL;
    }
    c = g_new0(ChimdevCapture, 1);
    c->file = f;
    c->snaplen = snaplen;
    c->comments = g_ptr_array_new_with_free_func(g_free);
    c->exit.notify = at_exit;
    qemu_add_exit_notifier(&c->exit);
    write_head(c);
    fflush(f);
    return c;
}

void chimdev_capture_frame(ChimdevCapture *c, enum chimdev_origin from,
                           const struct iovec *iov, unsigned niov)
{
    g_autoptr(GByteArray) b = NULL;
    uint64_t now;
    uint32_t flags = from == CHIMDEV_RECEIVED ? 1 : 2;  /* in, out */
    size_t len, kept, left;

    if (!c) {
        return;
    }
    len = iov_size(iov, niov);
    kept = c->snaplen ? MIN(len, c->snaplen) : len;
    left = kept;
    now = qemu_clock_get_ns(QEMU_CLOCK_HOST);
    b = g_byte_array_sized_new(kept + 256);
    put32(b, from);
    put32(b, now >> 32);
    put32(b, now);
    put32(b, kept);
    put32(b, len);
    for (unsigned i = 0; i < niov && left; i++) {
        size_t n = MIN(left, iov[i].iov_len);

        g_byte_array_append(b, iov[i].iov_base, n);
        left -= n;
    }
    g_byte_array_append(b, (const guint8 *)"\0\0\0", -kept & 3);
    put_option(b, OPT_FLAGS, &flags, 4);
    for (unsigned i = 0; i < c->comments->len; i++) {
        const char *text = c->comments->pdata[i];

        put_option(b, OPT_COMMENT, text, strlen(text));
    }
    put_option(b, 0, NULL, 0);
    write_block(c, BLOCK_PACKET, b);
    if (c->comments->len) {
        g_ptr_array_set_size(c->comments, 0);
        fflush(c->file);
    }
}

void chimdev_capture_comment(ChimdevCapture *c, const char *fmt, ...)
{
    va_list ap;

    if (!c || c->comments->len >= MAX_COMMENTS) {
        return;
    }
    va_start(ap, fmt);
    g_ptr_array_add(c->comments, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

void chimdev_capture_flush(ChimdevCapture *c)
{
    if (c) {
        fflush(c->file);
    }
}

void chimdev_capture_close(ChimdevCapture *c)
{
    if (!c) {
        return;
    }
    qemu_remove_exit_notifier(&c->exit);
    fclose(c->file);
    g_ptr_array_free(c->comments, true);
    g_free(c);
}
