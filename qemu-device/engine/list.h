/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list.h - intrusive lists: the links lie inside the listed objects.
 */
#ifndef TOE_LIST_H
#define TOE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct toe_link {
	struct toe_link *prev, *next;
};

static inline void toe_list_init(struct toe_link *l)
{
	l->prev = l;
	l->next = l;
}

static inline bool toe_list_empty(const struct toe_link *l)
{
	return l->next == l;
}

static inline void toe_list_append(struct toe_link *head, struct toe_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Leaves l a list of its own, so that removing twice does no harm. */
static inline void toe_list_remove(struct toe_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	toe_list_init(l);
}

#define toe_container(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif /* TOE_LIST_H */
