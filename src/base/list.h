/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubly linked intrusive list. A head and a node are the same type; a node not on a list points to itself
 * after list_init or is all zero, and list_is_linked is false for both.
 */
#ifndef CUBE_BASE_LIST_H
#define CUBE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "base/attr.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_is_empty(const struct list *head) { return head->next == head || !head->next; }
static inline bool list_is_linked(const struct list *node) { return node->next && node->next != node; }
static inline void list_insert_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}
static inline void list_push_back(struct list *head, struct list *node) { list_insert_before(head, node); }
static inline void list_push_front(struct list *head, struct list *node) { list_insert_before(head->next, node); }
static inline void list_remove(struct list *node)
{
	if (!list_is_linked(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
/* First node, or NULL. */
static inline struct list *list_first(const struct list *head) { return list_is_empty(head) ? NULL : head->next; }
/* Moves all nodes of from, in their order, in front of those of head. */
static inline void list_splice_front(struct list *head, struct list *from)
{
	if (from->next == from)
		return;
	from->prev->next = head->next;
	head->next->prev = from->prev;
	from->next->prev = head;
	head->next = from->next;
	from->next = from->prev = from;
}

static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = list_first(head);

	if (node)
		list_remove(node);
	return node;
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)
/* Safe against removal of the current node only. */
#define LIST_FOR_EACH(node, head) \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
	     node = node##_next, node##_next = node->next)

#endif
