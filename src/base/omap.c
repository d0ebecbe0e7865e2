/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordered map: a treap. Each node has a random priority, a parent's is never below its child's, which keeps the
 * expected depth logarithmic for every order of keys. The key lies in the node. Priorities come from a random seed,
 * so that no choice of keys can unbalance it; nothing a caller sees depends on them.
 */
#include <sys/auxv.h>
#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"

/* Expected depth is about 1.4 log2(n) * 1.5; 2^32 nodes deeper than this do not happen. */
#define DEPTH_MAX 512

struct omap_node {
	struct omap_node *left, *right;
	void *value;
	uint32_t priority;
	uint32_t key_len;
	char key[];
};

void omap_init(struct omap *m)
{
	uint32_t random;

	memcpy(&random, (const void *)getauxval(AT_RANDOM), sizeof(random));
	*m = (struct omap){ .seed = random | 1 };
}

void omap_deinit(struct omap *m)
{
	struct omap_node *node = m->root;

	/* Rotates left children away, so that no stack is needed. */
	while (node) {
		struct omap_node *left = node->left, *next;

		if (left) {
			node->left = left->right;
			left->right = node;
			node = left;
			continue;
		}
		next = node->right;
		mem_free(node);
		node = next;
	}
	omap_init(m);
}

static struct str node_key(const struct omap_node *node)
{
	return (struct str){ node->key, node->key_len };
}

static struct omap_node *find(struct omap_node *node, struct str key)
{
	while (node) {
		int order = str_cmp(key, node_key(node));

		if (order == 0)
			return node;
		node = order < 0 ? node->left : node->right;
	}
	return NULL;
}

void *omap_get(const struct omap *m, struct str key)
{
	struct omap_node *node = find(m->root, key);

	return node ? node->value : NULL;
}

static void *replace(struct omap_node *node, void *value)
{
	void *replaced = node->value;

	node->value = value;
	return replaced;
}

static uint32_t next_priority(struct omap *m)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 17;
	m->seed ^= m->seed << 5;
	return m->seed;
}

static struct omap_node *new_node(uint32_t priority, struct str key, void *value)
{
	struct omap_node *node;

	ASSERT(key.len < UINT32_MAX);
	node = mem_alloc(sizeof(*node) + key.len + 1);
	node->left = node->right = NULL;
	node->value = value;
	node->priority = priority;
	node->key_len = (uint32_t)key.len;
	if (key.len)
		memcpy(node->key, key.ptr, key.len);
	node->key[key.len] = '\0';
	return node;
}

/* Parts the tree into keys below and above key, which is not in it. */
static void split(struct omap_node *tree, struct str key, struct omap_node **ret_below, struct omap_node **ret_above)
{
	while (tree) {
		if (str_cmp(node_key(tree), key) < 0) {
			*ret_below = tree;
			ret_below = &tree->right;
			tree = tree->right;
		} else {
			*ret_above = tree;
			ret_above = &tree->left;
			tree = tree->left;
		}
	}
	*ret_below = *ret_above = NULL;
}

void *omap_put(struct omap *m, struct str key, void *value)
{
	struct omap_node *node, **link = &m->root;
	uint32_t priority;
	int order;

	ASSERT(value);
	if (!m->seed)
		omap_init(m);
	priority = next_priority(m);
	while (*link && (*link)->priority >= priority) {
		order = str_cmp(key, node_key(*link));
		if (order == 0)
			return replace(*link, value);
		link = order < 0 ? &(*link)->left : &(*link)->right;
	}
	node = find(*link, key); /* below where it would go: few are */
	if (node)
		return replace(node, value);
	node = new_node(priority, key, value);
	split(*link, key, &node->left, &node->right);
	*link = node;
	m->count++;
	return NULL;
}

/* Every key of left is below every key of right. */
static void merge(struct omap_node **link, struct omap_node *left, struct omap_node *right)
{
	while (left && right) {
		if (left->priority >= right->priority) {
			*link = left;
			link = &left->right;
			left = left->right;
		} else {
			*link = right;
			link = &right->left;
			right = right->left;
		}
	}
	*link = left ? left : right;
}

void *omap_remove(struct omap *m, struct str key)
{
	struct omap_node **link = &m->root, *node;
	void *removed;

	while (*link) {
		int order = str_cmp(key, node_key(*link));

		if (order == 0)
			break;
		link = order < 0 ? &(*link)->left : &(*link)->right;
	}
	node = *link;
	if (!node)
		return NULL;
	merge(link, node->left, node->right);
	removed = node->value;
	mem_free(node);
	m->count--;
	return removed;
}

/* The first node with key > from, or >= from when equal is wanted. */
static const struct omap_node *bound(const struct omap *m, struct str from, bool equal)
{
	const struct omap_node *node = m->root, *best = NULL;

	while (node) {
		int order = str_cmp(node_key(node), from);

		if (order > 0 || (order == 0 && equal)) {
			best = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

static bool give(const struct omap_node *node, struct str *ret_key, void **ret_value)
{
	if (!node)
		return false;
	*ret_key = node_key(node);
	*ret_value = node->value;
	return true;
}

bool omap_at_least(const struct omap *m, struct str from, struct str *ret_key, void **ret_value)
{
	return give(bound(m, from, true), ret_key, ret_value);
}

bool omap_after(const struct omap *m, struct str from, struct str *ret_key, void **ret_value)
{
	return give(bound(m, from, false), ret_key, ret_value);
}

void omap_walk_range(const struct omap *m, struct str from, struct str prefix,
		     bool (*fn)(void *arg, struct str key, void *value), void *arg)
{
	const struct omap_node *stack[DEPTH_MAX], *node = m->root;
	size_t depth = 0;

	if (str_cmp(from, prefix) < 0)
		from = prefix;
	while (node) {
		if (str_cmp(node_key(node), from) >= 0) {
			ASSERT(depth < DEPTH_MAX);
			stack[depth++] = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	while (depth) {
		node = stack[--depth];
		if (!str_has_prefix(node_key(node), prefix) || !fn(arg, node_key(node), node->value))
			return;
		for (node = node->right; node; node = node->left) {
			ASSERT(depth < DEPTH_MAX);
			stack[depth++] = node;
		}
	}
}

void omap_walk_prefix(const struct omap *m, struct str prefix,
		      bool (*fn)(void *arg, struct str key, void *value), void *arg)
{
	omap_walk_range(m, prefix, prefix, fn, arg);
}
