/* Intrusive doubly linked list. A struct list is the head; a struct node lives inside each member, which is on at
 * most one list per node. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct node {
	struct node *prev, *next; /* both NULL when on no list */
};

struct list {
	struct node head;
};

/* The member around a node. */
#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Walk a list; the second form allows the current member to be removed. */
/* NOLINTBEGIN(bugprone-macro-parentheses): pos is the name that is declared */
#define list_for_each(pos, list) \
	for (struct node *pos = (list)->head.next; pos != &(list)->head; pos = pos->next)
#define list_for_each_safe(pos, list)                                                             \
	for (struct node *pos = (list)->head.next, *pos##_next = pos->next; pos != &(list)->head; \
		pos = pos##_next, pos##_next = pos->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *l)
{
	l->head.prev = l->head.next = &l->head;
}

static inline bool list_empty(const struct list *l)
{
	return l->head.next == &l->head;
}

static inline struct node *list_first(const struct list *l)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): not seen that what frees a member takes it off the list first */
	return list_empty(l) ? NULL : l->head.next;
}

static inline bool node_linked(const struct node *n)
{
	return n->next != NULL;
}

static inline void list_add_before(struct node *at, struct node *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void list_push(struct list *l, struct node *n)
{
	list_add_before(&l->head, n);
}

static inline void list_push_front(struct list *l, struct node *n)
{
	list_add_before(l->head.next, n);
}

/* Take a node off its list; harmless when it is on none. */
static inline void list_remove(struct node *n)
{
	if (n->next == NULL)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* Take off and return the first node, NULL when empty. */
static inline struct node *list_pop(struct list *l)
{
	struct node *n = list_first(l);

	if (n != NULL)
		list_remove(n);
	return n;
}

#endif
