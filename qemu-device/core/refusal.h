/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal.h - what the card refuses, by one code for each reason.
 */
#ifndef CHIMDEV_REFUSAL_H
#define CHIMDEV_REFUSAL_H

#include "core/chimdev.h"
#include "core/refusal_codes.h"

/*
 * Where something was refused, and what was found there. What does not apply
 * stays zero. Strings live as long as the program.
 */
typedef struct ChimdevRefused {
    const ChimdevAt *at;        /* the entry that it began with */
    uint32_t node;              /* index in its block list + 1 */
    const char *field;
    uint32_t offset;            /* of field: in BAR 0, the entry, or the list */
    uint64_t found;             /* with one of the next two */
    const char *allowed;
    bool ranged;                /* least to most is allowed */
    uint64_t least, most;
    uint32_t status;            /* enum chim_status, or ... */
    uint32_t cause;             /* ... enum chim_fatal */
} ChimdevRefused;

#define CHIMDEV_IN(type, member) \
    .field = #type "." #member, .offset = offsetof(struct type, member)
#define CHIMDEV_RANGE(low, high) .ranged = true, .least = low, .most = high

/* Returns what->status. */
uint32_t chimdev_refuse(ChimdevState *s, enum chimdev_why why,
                        const ChimdevRefused *what);
/* A field and what it may hold: a multiple of align, or a number between. */
typedef struct ChimdevBound {
    const char *field;
    uint32_t offset;
    uint64_t found;
    uint64_t least, most;
    unsigned align;
} ChimdevBound;

#define CHIMDEV_BOUND(type, member, value, low, high) \
    { #type "." #member, offsetof(struct type, member), value, low, high }

/* True: a field breaks its bound; the first that does goes into *what. */
bool chimdev_bound_broken(const ChimdevBound *b, size_t n,
                          ChimdevRefused *what);
/* Refuse the first that does; what.offset is added. SUCCESS: none does. */
uint32_t chimdev_refuse_field(ChimdevState *s, enum chimdev_why why,
                              ChimdevRefused what, const ChimdevBound *b,
                              size_t n);

/* How many there were; a caller can see whether others have said why. */
uint64_t chimdev_refusals_total(const ChimdevState *s);
/* The log may owe the number of lines that it has left out. */
void chimdev_refusals_settle(ChimdevState *s);

/* They live as long as the object: a reset forgets none. */
void chimdev_refusals_property(ObjectClass *klass);
void chimdev_refusals_init(ChimdevState *s);
void chimdev_refusals_fini(ChimdevState *s);

#endif /* CHIMDEV_REFUSAL_H */
