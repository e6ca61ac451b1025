/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * knobs.c - properties for tests of state operations.
 *
 * x-terminate-sends=return|complete|mix|turns: how a TERMINATE disposes of
 * unfinished sends (TRM-16). turns: each connection takes the next way.
 *
 * x-fail-initiate=STATUS[:N][+STATUS[:N]...]: new objects of the status's
 * layer fail with that status, all of them or only the N-th since reset. A
 * prefix (neighbor/, path/, tcp/) names another layer. It can be set while the
 * machine runs (qom-set), which restarts the count as a reset does; the empty
 * string ends all failures.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "commands/knobs.h"
#include "core/chimdev.h"
#include "core/refusal.h"
#include "toe.h"

typedef struct Failure {
    enum chimdev_layer layer;
    uint32_t status;
    unsigned nth;               /* 0: every one */
} Failure;

struct ChimdevKnobs {
    enum toe_stop_sends stop;
    bool turns;
    char *fail_initiate;        /* as it was set */
    GArray *failures;           /* of Failure: what it means */
    unsigned seen[CHIMDEV_LAYER_TCP + 1];
};

static const struct {
    const char *name;
    uint32_t status;
    enum chimdev_layer layer;
} statuses[] = {
    { "FAILURE", CHIM_ST_FAILURE, CHIMDEV_LAYER_TCP },
    { "RESOURCES", CHIM_ST_RESOURCES, CHIMDEV_LAYER_TCP },
    { "TCP_ENTRIES", CHIM_ST_TCP_ENTRIES, CHIMDEV_LAYER_TCP },
    { "PATH_ENTRIES", CHIM_ST_PATH_ENTRIES, CHIMDEV_LAYER_PATH },
    { "NEIGHBOR_ENTRIES", CHIM_ST_NEIGHBOR_ENTRIES, CHIMDEV_LAYER_NEIGHBOR },
    { "IP_ADDRESS_ENTRIES", CHIM_ST_IP_ADDRESS_ENTRIES, CHIMDEV_LAYER_PATH },
    { "HW_ADDRESS_ENTRIES", CHIM_ST_HW_ADDRESS_ENTRIES,
      CHIMDEV_LAYER_NEIGHBOR },
    { "VLAN_ENTRIES", CHIM_ST_VLAN_ENTRIES, CHIMDEV_LAYER_NEIGHBOR },
    { "TCP_XMIT_BUFFER", CHIM_ST_TCP_XMIT_BUFFER, CHIMDEV_LAYER_TCP },
    { "TCP_RCV_BUFFER", CHIM_ST_TCP_RCV_BUFFER, CHIMDEV_LAYER_TCP },
    { "TCP_RCV_WINDOW", CHIM_ST_TCP_RCV_WINDOW, CHIMDEV_LAYER_TCP },
    { "VLAN_MISMATCH", CHIM_ST_VLAN_MISMATCH, CHIMDEV_LAYER_NEIGHBOR },
    { "PATH_MTU", CHIM_ST_PATH_MTU, CHIMDEV_LAYER_PATH },
    { "CONNECTION_REJECTED", CHIM_ST_CONNECTION_REJECTED, CHIMDEV_LAYER_TCP },
    { "INVALID_STATE", CHIM_ST_INVALID_STATE, CHIMDEV_LAYER_TCP },
    { "INVALID_SEQUENCE", CHIM_ST_INVALID_SEQUENCE, CHIMDEV_LAYER_TCP },
    { "DUPLICATE", CHIM_ST_DUPLICATE, CHIMDEV_LAYER_TCP },
};

static bool parse_stop(ChimdevKnobs *k, const char *text, Error **errp)
{
    if (!text || !strcmp(text, "return")) {
        k->stop = TOE_STOP_RETURN;
    } else if (!strcmp(text, "complete")) {
        k->stop = TOE_STOP_COMPLETE;
    } else if (!strcmp(text, "mix")) {
        k->stop = TOE_STOP_MIX;
    } else if (!strcmp(text, "turns")) {
        k->turns = true;
    } else {
        error_setg(errp, "chimney: x-terminate-sends must be return, complete, "
                   "mix or turns, not '%s'", text);
        return false;
    }
    return true;
}

static enum chimdev_layer parse_layer(const char **text)
{
    if (strstart(*text, "neighbor/", text)) {
        return CHIMDEV_LAYER_NEIGHBOR;
    }
    if (strstart(*text, "path/", text)) {
        return CHIMDEV_LAYER_PATH;
    }
    return strstart(*text, "tcp/", text) ? CHIMDEV_LAYER_TCP
                                         : CHIMDEV_LAYER_NONE;
}

static bool parse_failure(GArray *failures, const char *text, Error **errp)
{
    const char *name = text;
    enum chimdev_layer layer = parse_layer(&name);
    const char *colon = strchr(name, ':');
    size_t len = colon ? (size_t)(colon - name) : strlen(name);
    Failure f = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        if (strlen(statuses[i].name) == len &&
            !strncmp(statuses[i].name, name, len)) {
            f.status = statuses[i].status;
            f.layer = layer ? layer : statuses[i].layer;
        }
    }
    if (!f.status ||
        (colon && (qemu_strtoui(colon + 1, NULL, 10, &f.nth) || !f.nth))) {
        error_setg(errp, "chimney: x-fail-initiate has no meaning for '%s'",
                   text);
        return false;
    }
    g_array_append_val(failures, f);
    return true;
}

/* Accept the whole value or none of it. */
static void set_failures(Object *obj, const char *value, Error **errp)
{
    ChimdevKnobs *k = CHIMDEV(obj)->knobs;
    g_auto(GStrv) parts = g_strsplit(value, "+", -1);
    g_autoptr(GArray) failures = g_array_new(false, false, sizeof(Failure));

    for (char **p = parts; *p; p++) {
        if (!parse_failure(failures, *p, errp)) {
            return;
        }
    }
    g_free(k->fail_initiate);
    k->fail_initiate = g_strdup(value);
    g_array_unref(k->failures);
    k->failures = g_steal_pointer(&failures);
    memset(k->seen, 0, sizeof(k->seen));
}

static char *get_failures(Object *obj, Error **errp)
{
    return g_strdup(CHIMDEV(obj)->knobs->fail_initiate);
}

/* A class property: qdev's own cannot be set once the device is realized. */
void chimdev_knobs_properties(ObjectClass *klass)
{
    object_class_property_add_str(klass, "x-fail-initiate", get_failures,
                                  set_failures);
    object_class_property_set_description(klass, "x-fail-initiate",
        "new objects that fail: [LAYER/]STATUS[:N][+...]");
}

void chimdev_knobs_init(ChimdevState *s)
{
    s->knobs = g_new0(ChimdevKnobs, 1);
    s->knobs->fail_initiate = g_strdup("");
    s->knobs->failures = g_array_new(false, false, sizeof(Failure));
}

bool chimdev_knobs_parse(ChimdevState *s, Error **errp)
{
    return parse_stop(s->knobs, s->terminate_sends, errp);
}

void chimdev_knobs_fini(ChimdevState *s)
{
    g_free(s->knobs->fail_initiate);
    g_array_unref(s->knobs->failures);
    g_free(s->knobs);
    s->knobs = NULL;
}

void chimdev_knobs_reset(ChimdevState *s)
{
    memset(s->knobs->seen, 0, sizeof(s->knobs->seen));
}

enum toe_stop_sends chimdev_knobs_stop(ChimdevState *s)
{
    ChimdevKnobs *k = s->knobs;
    enum toe_stop_sends stop = k->stop;

    if (k->turns) {
        k->stop = stop == TOE_STOP_MIX ? TOE_STOP_RETURN : stop + 1;
    }
    return stop;
}

uint32_t chimdev_knobs_fail(ChimdevState *s, enum chimdev_layer layer)
{
    unsigned nth = ++s->knobs->seen[layer];

    for (unsigned i = 0; i < s->knobs->failures->len; i++) {
        Failure *f = &g_array_index(s->knobs->failures, Failure, i);

        if (f->layer == layer && (!f->nth || f->nth == nth)) {
            return chimdev_refuse(s, CHIMDEV_WHY_KNOB, &(ChimdevRefused) {
                .field = "x-fail-initiate", .status = f->status,
            });
        }
    }
    return CHIM_ST_SUCCESS;
}
