/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faults.c - x-fault: a card that breaks the rules, for tests of drivers.
 *
 * x-fault=FAULT[:N][+FAULT[:N]...], every time, or only the N-th time since
 * the value was set (qom-set works while the machine runs):
 *
 *   OPENED, CUTOVER, LAST, SEND, RECV, FORWARD   the entry is not published
 *   FORWARD/STATUS         the entry is published with STATUS
 *   READY                  an enabled card does not become ready
 *   INITIATE/STATUS, TERMINATE/STATUS, UPDATE/STATUS
 *                          the list is answered with STATUS, and nothing done
 *   ROOM/BYTES             a TERMINATE of connections is answered with
 *                          BUFFER_TOO_SMALL, and asks for so many bytes
 *   LIMIT/SEND_LEN, LIMIT/NODES, LIMIT/SENDS     the register reads 0
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "core/chimdev.h"
#include "core/faults.h"

enum fault_kind {
    FAULT_ENTRY, FAULT_STATUS, FAULT_LIST, FAULT_ROOM, FAULT_LIMIT
};

typedef struct Fault {
    enum fault_kind kind;
    uint32_t key;               /* type of the entry, opcode, or register */
    uint32_t value;             /* status, or bytes */
    unsigned nth;               /* 0: every one */
    unsigned seen;
} Fault;

struct ChimdevFaults {
    char *text;                 /* as it was set */
    GArray *list;               /* of Fault: what it means */
};

typedef struct Name {
    const char *name;
    uint32_t value;
} Name;

static const struct {
    const char *name;
    enum fault_kind kind;
    uint32_t key;
} faults[] = {
    { "OPENED", FAULT_ENTRY, CHIM_CQ_OPENED },
    { "CUTOVER", FAULT_ENTRY, CHIM_RX_CUTOVER | CHIMDEV_FAULT_RX },
    { "LAST", FAULT_ENTRY, CHIM_CQ_LAST },
    { "SEND", FAULT_ENTRY, CHIM_CQ_SEND },
    { "RECV", FAULT_ENTRY, CHIM_CQ_RECV },
    { "FORWARD", FAULT_ENTRY, CHIM_CQ_FORWARD },
    { "FORWARD/", FAULT_STATUS, CHIM_CQ_FORWARD },
    { "READY", FAULT_ENTRY, CHIMDEV_FAULT_READY },
    { "INITIATE/", FAULT_LIST, CHIM_OP_INITIATE },
    { "TERMINATE/", FAULT_LIST, CHIM_OP_TERMINATE },
    { "UPDATE/", FAULT_LIST, CHIM_OP_UPDATE },
    { "ROOM/", FAULT_ROOM, CHIM_OP_TERMINATE },
    { "LIMIT/SEND_LEN", FAULT_LIMIT, CHIM_REG_MAX_SEND_LEN },
    { "LIMIT/NODES", FAULT_LIMIT, CHIM_REG_MAX_NODES },
    { "LIMIT/SENDS", FAULT_LIMIT, CHIM_REG_MAX_SENDS },
};

static const Name statuses[] = {
    { "FAILURE", CHIM_ST_FAILURE },
    { "RESOURCES", CHIM_ST_RESOURCES },
    { "BUSY", CHIM_ST_BUSY },
    { "INVALID_FIELD", CHIM_ST_INVALID_FIELD },
    { "INVALID_LIST", CHIM_ST_INVALID_LIST },
    { "FENCE_TIMEOUT", CHIM_ST_FENCE_TIMEOUT },
    { "UPLOAD_IN_PROGRESS", CHIM_ST_UPLOAD_IN_PROGRESS },
};

static bool parse_status(const char *text, uint32_t *status)
{
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        if (!strcmp(statuses[i].name, text)) {
            *status = statuses[i].value;
            return true;
        }
    }
    return false;
}

/* Parse what follows the fault's name. */
static bool parse_value(Fault *f, const char *text)
{
    switch (f->kind) {
    case FAULT_STATUS:
    case FAULT_LIST:
        return parse_status(text, &f->value);
    case FAULT_ROOM:
        return !qemu_strtoui(text, NULL, 10, &f->value);
    default:
        return !*text;
    }
}

static bool parse(const char *text, Fault *f)
{
    g_auto(GStrv) part = g_strsplit(text, ":", 2);
    const char *rest;

    if (!part[0] ||
        (part[1] && (qemu_strtoui(part[1], NULL, 10, &f->nth) || !f->nth))) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        f->kind = faults[i].kind;
        f->key = faults[i].key;
        if (strstart(part[0], faults[i].name, &rest) && parse_value(f, rest)) {
            return true;
        }
    }
    return false;
}

/* Accept the whole value or none of it. */
static void set_faults(Object *obj, const char *value, Error **errp)
{
    ChimdevFaults *all = CHIMDEV(obj)->faults;
    g_auto(GStrv) parts = g_strsplit(value, "+", -1);
    g_autoptr(GArray) list = g_array_new(false, false, sizeof(Fault));

    for (char **p = parts; *p; p++) {
        Fault f = { 0 };

        if (!parse(*p, &f)) {
            error_setg(errp, "chimney: x-fault has no meaning for '%s'", *p);
            return;
        }
        g_array_append_val(list, f);
    }
    g_free(all->text);
    all->text = g_strdup(value);
    g_array_unref(all->list);
    all->list = g_steal_pointer(&list);
}

static char *get_faults(Object *obj, Error **errp)
{
    return g_strdup(CHIMDEV(obj)->faults->text);
}

/* A class property: qdev's own cannot be set once the device is realized. */
void chimdev_fault_property(ObjectClass *klass)
{
    object_class_property_add_str(klass, "x-fault", get_faults, set_faults);
    object_class_property_set_description(klass, "x-fault",
        "rules that the card breaks: FAULT[:N][+...]");
}

void chimdev_fault_init(ChimdevState *s)
{
    s->faults = g_new0(ChimdevFaults, 1);
    s->faults->text = g_strdup("");
    s->faults->list = g_array_new(false, false, sizeof(Fault));
}

void chimdev_fault_fini(ChimdevState *s)
{
    g_free(s->faults->text);
    g_array_unref(s->faults->list);
    g_free(s->faults);
    s->faults = NULL;
}

/* The fault that strikes this time, or NULL. */
static const Fault *strikes(ChimdevState *s, enum fault_kind kind, uint32_t key)
{
    const Fault *found = NULL;

    for (unsigned i = 0; i < s->faults->list->len; i++) {
        Fault *f = &g_array_index(s->faults->list, Fault, i);

        if (f->kind == kind && f->key == key) {
            f->seen++;
            if (!f->nth || f->nth == f->seen) {
                found = f;
            }
        }
    }
    return found;
}

bool chimdev_fault_withholds(ChimdevState *s, uint32_t type)
{
    return strikes(s, FAULT_ENTRY, type);
}

bool chimdev_fault_status(ChimdevState *s, uint32_t type, uint32_t *status)
{
    const Fault *f = strikes(s, FAULT_STATUS, type);

    if (f) {
        *status = f->value;
    }
    return f;
}

uint32_t chimdev_fault_list(ChimdevState *s, unsigned opcode)
{
    const Fault *f = strikes(s, FAULT_LIST, opcode);

    return f ? f->value : CHIM_ST_SUCCESS;
}

bool chimdev_fault_room(ChimdevState *s, uint32_t *bytes)
{
    const Fault *f = strikes(s, FAULT_ROOM, CHIM_OP_TERMINATE);

    if (f) {
        *bytes = f->value;
    }
    return f;
}

bool chimdev_fault_limit(ChimdevState *s, uint32_t reg)
{
    return strikes(s, FAULT_LIMIT, reg);
}
