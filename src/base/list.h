/*
 * list.h: intrusive doubly linked list. A node that is on no list points at itself.
 */
#ifndef TG_BASE_LIST_H
#define TG_BASE_LIST_H

#include <stdbool.h>

#include "base/defs.h"

struct list {
	struct list *next, *prev;
};

/* The object that a node is embedded in. */
#define list_entry(node, type, member) TG_CONTAINER_OF(node, type, member)

#define list_foreach(it, head)         for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_foreach_safe(it, tmp, head)                                    \
	for (struct list *it = (head)->next, *tmp = it->next; it != (head); \
		it = tmp, tmp = it->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_after(struct list *at, struct list *n)
{
	n->next = at->next;
	n->prev = at;
	at->next->prev = n;
	at->next = n;
}

static inline void list_push_front(struct list *head, struct list *n)
{
	list_insert_after(head, n);
}

static inline void list_push_back(struct list *head, struct list *n)
{
	list_insert_after(head->prev, n);
}

/* Off its list, if any; may be called twice. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* First node taken off, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	list_del(n);
	return n;
}

#endif
