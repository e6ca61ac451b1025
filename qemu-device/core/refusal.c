/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal.c - what the card refuses: each time a line of the log, a trace event
 * and a record. The property "refusals" shows the newest records.
 *
 * A guest decides how often this is called, so the log is bounded: by virtual
 * time, which makes it the same in every run. Records and events are not.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/log.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/refusal.h"
#include "trace.h"

enum {
    KEPT = 64,                  /* records */
    LINES = 64,                 /* of the log, in a second of virtual time */
};

typedef struct Record {
    enum chimdev_why why;
    int64_t time;
    bool placed;                /* ring and entry mean something */
    uint32_t ring, entry;
    ChimdevRefused what;        /* without at */
} Record;

struct ChimdevRefusals {
    uint64_t total;
    Record last[KEPT];          /* the n-th is at (n - 1) % KEPT */
    int64_t window_end;         /* of the second, and ... */
    unsigned lines;             /* ... its lines so far */
    uint64_t left_out;          /* lines; not said yet */
};

void chimdev_refusals_init(ChimdevState *s)
{
    s->refusals = g_new0(ChimdevRefusals, 1);
}

void chimdev_refusals_fini(ChimdevState *s)
{
    g_free(s->refusals);
    s->refusals = NULL;
}

uint64_t chimdev_refusals_total(const ChimdevState *s)
{
    return s->refusals->total;
}

/* ---------------------------------------- the log */

static bool has_found(const ChimdevRefused *w)
{
    return w->allowed || w->ranged;
}

static char *allowed(const ChimdevRefused *w)
{
    if (w->allowed) {
        return g_strdup(w->allowed);
    }
    return w->least == w->most ?
           g_strdup_printf("%" PRIu64, w->most) :
           g_strdup_printf("%" PRIu64 "..%" PRIu64, w->least, w->most);
}

static void say(const Record *r)
{
    const ChimdevRefused *w = &r->what;
    g_autoptr(GString) line = g_string_new(chimdev_refusal_name(r->why));

    g_string_append_printf(line, ": %s", chimdev_refusal_text(r->why));
    if (r->placed) {
        g_string_append_printf(line, ", ring %u entry %u", r->ring, r->entry);
    }
    if (w->node) {
        g_string_append_printf(line, ", node %u", w->node - 1);
    }
    if (w->field) {
        g_string_append_printf(line, ", %s at 0x%x", w->field, w->offset);
    }
    if (has_found(w)) {
        g_autofree char *range = allowed(w);

        g_string_append_printf(line, w->allowed ? ", found 0x%" PRIx64
                               : ", found %" PRIu64, w->found);
        g_string_append_printf(line, ", allowed %s", range);
    }
    if (w->cause) {
        g_string_append_printf(line, ", fatal cause %u", w->cause);
    } else if (w->status) {
        g_string_append_printf(line, ", status %u", w->status);
    }
    qemu_log_mask(LOG_GUEST_ERROR, "chimney: %s\n", line->str);
}

void chimdev_refusals_settle(ChimdevState *s)
{
    ChimdevRefusals *f = s->refusals;

    if (f->left_out) {
        qemu_log_mask(LOG_GUEST_ERROR, "chimney: %" PRIu64 " lines are left "
                      "out\n", f->left_out);
        f->left_out = 0;
    }
}

static bool may_say(ChimdevState *s, int64_t now)
{
    ChimdevRefusals *f = s->refusals;

    if (now >= f->window_end) {
        chimdev_refusals_settle(s);
        f->window_end = now + NANOSECONDS_PER_SECOND;
        f->lines = 0;
    }
    if (f->lines == LINES) {
        f->left_out++;
        return false;
    }
    f->lines++;
    return true;
}

/* ---------------------------------------- the one place */

uint32_t chimdev_refuse(ChimdevState *s, enum chimdev_why why,
                        const ChimdevRefused *what)
{
    ChimdevRefusals *f = s->refusals;
    Record *r = &f->last[f->total++ % KEPT];

    *r = (Record) {
        .why = why,
        .time = chimdev_now(s),
        .placed = what->at && what->at->ring != CHIM_RING_NONE,
        .ring = what->at ? what->at->ring : CHIM_RING_NONE,
        .entry = what->at ? what->at->index : 0,
        .what = *what,
    };
    r->what.at = NULL;
    trace_chimdev_refused(chimdev_refusal_name(why), r->ring, r->entry,
                          what->field ? what->field : "", what->found,
                          what->status, what->cause);
    if (qemu_loglevel_mask(LOG_GUEST_ERROR) && may_say(s, r->time)) {
        say(r);
    }
    return what->status;
}

bool chimdev_bound_broken(const ChimdevBound *b, size_t n,
                          ChimdevRefused *what)
{
    for (size_t i = 0; i < n; i++, b++) {
        if (b->align ? !(b->found % b->align) :
                       b->found >= b->least && b->found <= b->most) {
            continue;
        }
        what->field = b->field;
        what->offset += b->offset;
        what->found = b->found;
        what->allowed = !b->align ? NULL : b->align == 8 ? "a multiple of 8" :
                        b->align == 64 ? "a multiple of 64" :
                                         "a multiple of 128";
        what->ranged = !b->align;
        what->least = b->least;
        what->most = b->most;
        return true;
    }
    return false;
}

uint32_t chimdev_refuse_field(ChimdevState *s, enum chimdev_why why,
                              ChimdevRefused what, const ChimdevBound *b,
                              size_t n)
{
    return chimdev_bound_broken(b, n, &what) ? chimdev_refuse(s, why, &what)
                                             : CHIM_ST_SUCCESS;
}

/* ---------------------------------------- the property */

static bool show_int(Visitor *v, const char *name, int64_t value, Error **errp)
{
    return visit_type_int64(v, name, &value, errp);
}

static bool show_text(Visitor *v, const char *name, const char *text,
                      Error **errp)
{
    g_autofree char *copy = g_strdup(text);

    return visit_type_str(v, name, &copy, errp);
}

static bool show_found(Visitor *v, const ChimdevRefused *w, Error **errp)
{
    g_autofree char *range = NULL;
    uint64_t found = w->found;

    if (!has_found(w)) {
        return true;
    }
    range = allowed(w);
    return visit_type_uint64(v, "found", &found, errp) &&
           show_text(v, "allowed", range, errp);
}

/* Members that mean nothing are left out. */
static bool show_members(Visitor *v, const Record *r, uint64_t number,
                         Error **errp)
{
    const ChimdevRefused *w = &r->what;

    return show_int(v, "number", number, errp) &&
           show_int(v, "time", r->time, errp) &&
           show_text(v, "code", chimdev_refusal_name(r->why), errp) &&
           show_text(v, "text", chimdev_refusal_text(r->why), errp) &&
           (!r->placed || (show_int(v, "ring", r->ring, errp) &&
                           show_int(v, "entry", r->entry, errp))) &&
           (!w->node || show_int(v, "node", w->node - 1, errp)) &&
           (!w->field || (show_text(v, "field", w->field, errp) &&
                          show_int(v, "offset", w->offset, errp))) &&
           show_found(v, w, errp) &&
           (!w->status || show_int(v, "status", w->status, errp)) &&
           (!w->cause || show_int(v, "cause", w->cause, errp));
}

static bool show_record(Visitor *v, const Record *r, uint64_t number,
                        Error **errp)
{
    bool ok;

    if (!visit_start_struct(v, NULL, NULL, 0, errp)) {
        return false;
    }
    ok = show_members(v, r, number, errp) && visit_check_struct(v, errp);
    visit_end_struct(v, NULL);
    return ok;
}

static bool show_last(Visitor *v, const ChimdevRefusals *f, Error **errp)
{
    uint64_t first = f->total > KEPT ? f->total - KEPT : 0;
    bool ok = true;

    if (!visit_start_list(v, "last", NULL, 0, errp)) {
        return false;
    }
    for (uint64_t n = first; ok && n < f->total; n++) {
        ok = show_record(v, &f->last[n % KEPT], n + 1, errp);
    }
    ok = ok && visit_check_list(v, errp);
    visit_end_list(v, NULL);
    return ok;
}

static void get_refusals(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    const ChimdevRefusals *f = CHIMDEV(obj)->refusals;

    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    if (show_int(v, "total", f->total, errp) && show_last(v, f, errp)) {
        visit_check_struct(v, errp);
    }
    visit_end_struct(v, NULL);
}

void chimdev_refusals_property(ObjectClass *klass)
{
    object_class_property_add(klass, "refusals", "ChimneyRefusals",
                              get_refusals, NULL, NULL, NULL);
    object_class_property_set_description(klass, "refusals",
        "what the card has refused, the newest last");
}
