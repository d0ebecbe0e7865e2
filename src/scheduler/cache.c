/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node that goes away while pods are still on it stays as a shell without an object, so that
 * their accounting has a place; only nodes with an object are in cluster.nodes.
 */
#include "scheduler/cache.h"

#include "base/mem.h"

void cache_init(struct cache *cache)
{
	*cache = (struct cache){ .node_cap = 0 };
	map_init(&cache->nodes);
	map_init(&cache->pods);
	map_init(&cache->images);
	map_init(&cache->owners);
	cache->cluster.images = &cache->images;
	cache->cluster.owners = &cache->owners;
}

static void image_free(struct image_use *use)
{
	map_deinit(&use->nodes);
	mem_free(use);
}

static void owner_free(struct pod_owner *owner)
{
	mem_free(owner->counts);
	mem_free(owner);
}

void cache_deinit(struct cache *cache)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&cache->pods, &cursor, &key, &value))
		pod_state_free(value);
	cursor = 0;
	while (map_next(&cache->nodes, &cursor, &key, &value))
		node_state_free(value);
	cursor = 0;
	while (map_next(&cache->images, &cursor, &key, &value))
		image_free(value);
	cursor = 0;
	while (map_next(&cache->owners, &cursor, &key, &value))
		owner_free(value);
	map_deinit(&cache->owners);
	mem_free(cache->free_slots);
	map_deinit(&cache->pods);
	map_deinit(&cache->nodes);
	map_deinit(&cache->images);
	mem_free(cache->cluster.nodes);
	mem_free(cache->cluster.with_terms);
}

/* --- images --- */

static void image_put(struct cache *cache, struct node_state *node, struct str name,
		      int64_t size_bytes)
{
	struct image_use *use = map_get(&cache->images, name);

	if (!use) {
		use = NEW(struct image_use);
		map_init(&use->nodes);
		(void)map_put(&cache->images, name, use); /* was not there */
	}
	use->size_bytes = size_bytes;
	if (!map_put(&use->nodes, node->name, node))
		use->node_count++;
}

static void image_drop(struct cache *cache, struct node_state *node, struct str name)
{
	struct image_use *use = map_get(&cache->images, name);

	if (!use || !map_remove(&use->nodes, node->name))
		return;
	if (--use->node_count)
		return;
	(void)map_remove(&cache->images, name); /* it is this one */
	image_free(use);
}

static void images_set(struct cache *cache, struct node_state *node, const struct obj *to)
{
	yyjson_val *old = node->obj ? json_get(node->obj->root, "status.images") : NULL;
	yyjson_val *new_ = to ? json_get(to->root, "status.images") : NULL;

	if (json_equal(old, new_))
		return;
	JSON_EACH (image, old)
		JSON_EACH (name, yyjson_obj_get(image, "names"))
			image_drop(cache, node, json_str(name));
	JSON_EACH (image, new_)
		JSON_EACH (name, yyjson_obj_get(image, "names"))
			image_put(cache, node, json_str(name), json_get_int(image, "sizeBytes", 0));
}

/* --- nodes --- */

static struct node_state *node_of(struct cache *cache, struct str name)
{
	struct node_state *node = map_get(&cache->nodes, name);

	if (node)
		return node;
	node = node_state_new(name);
	node->slot = cache->free_slot_count ? cache->free_slots[--cache->free_slot_count]
					    : cache->slot_count++;
	(void)map_put(&cache->nodes, node->name, node); /* was not there */
	return node;
}

static void node_release(struct cache *cache, struct node_state *node)
{
	if (node->obj || node->pod_count)
		return;
	(void)map_remove(&cache->nodes, node->name); /* it is this node */
	cache->free_slots = mem_realloc_array(cache->free_slots, cache->slot_count,
					      sizeof(*cache->free_slots));
	cache->free_slots[cache->free_slot_count++] = node->slot;
	node_state_free(node);
}

static uint32_t node_changes(const struct obj *old, const struct obj *new_)
{
	uint32_t events = 0;

	if (!json_equal(old->labels, new_->labels))
		events |= EVENT_NODE_LABELS;
	if (!json_equal(json_get(old->root, "spec.taints"), json_get(new_->root, "spec.taints")) ||
	    json_get_bool(old->root, "spec.unschedulable", false) !=
		    json_get_bool(new_->root, "spec.unschedulable", false))
		events |= EVENT_NODE_TAINTS;
	if (!json_equal(json_get(old->root, "status.allocatable"),
			json_get(new_->root, "status.allocatable")))
		events |= EVENT_NODE_RESOURCES;
	return events;
}

uint32_t cache_node_set(struct cache *cache, const struct obj *obj)
{
	struct node_state *node = node_of(cache, obj->name);
	uint32_t events = node->obj ? node_changes(node->obj, obj) : EVENT_NODE_ADDED;
	struct cluster *cluster = &cache->cluster;

	if (!node->obj) {
		if (cluster->node_count == cache->node_cap) {
			cache->node_cap = cache->node_cap ? cache->node_cap * 2 : 8;
			cluster->nodes = mem_realloc_array(cluster->nodes, cache->node_cap,
							   sizeof(*cluster->nodes));
		}
		node->index = cluster->node_count;
		cluster->nodes[cluster->node_count++] = node;
	}
	images_set(cache, node, obj);
	node_state_set(node, obj);
	return events;
}

void cache_node_remove(struct cache *cache, struct str name)
{
	struct node_state *node = map_get(&cache->nodes, name), *moved;

	if (!node || !node->obj)
		return;
	moved = cache->cluster.nodes[--cache->cluster.node_count];
	cache->cluster.nodes[node->index] = moved;
	moved->index = node->index;
	images_set(cache, node, NULL);
	node_state_set(node, NULL);
	node_release(cache, node);
}

/* --- pods --- */

static void terms_add(struct cache *cache, struct pod_state *pod)
{
	struct cluster *cluster = &cache->cluster;

	if (!pod->affinity_count && !pod->anti_affinity_count && !pod->preferred_count)
		return;
	if (cluster->with_terms_count == cache->with_terms_cap) {
		cache->with_terms_cap = cache->with_terms_cap ? cache->with_terms_cap * 2 : 8;
		cluster->with_terms = mem_realloc_array(cluster->with_terms, cache->with_terms_cap,
							sizeof(*cluster->with_terms));
	}
	cluster->with_terms[cluster->with_terms_count++] = pod;
	pod->term_position = cluster->with_terms_count;
}

static void terms_remove(struct cache *cache, struct pod_state *pod)
{
	struct pod_state *moved;

	if (!pod->term_position)
		return;
	moved = cache->cluster.with_terms[--cache->cluster.with_terms_count];
	cache->cluster.with_terms[pod->term_position - 1] = moved;
	moved->term_position = pod->term_position;
	pod->term_position = 0;
}

/* Pods on their way out do not count: they make room for the next. */
static void owner_add(struct cache *cache, struct pod_state *pod)
{
	struct pod_owner *owner = map_get(&cache->owners, pod->controller_uid);
	size_t slot = pod->node->slot;

	if (pod->deleting || !pod->controller_uid.len)
		return;
	if (!owner) {
		owner = NEW(struct pod_owner);
		(void)map_put(&cache->owners, pod->controller_uid, owner); /* was not there */
	}
	if (slot >= owner->room) {
		owner->counts = mem_realloc_array(owner->counts, cache->slot_count,
						  sizeof(*owner->counts));
		memset(owner->counts + owner->room, 0,
		       (cache->slot_count - owner->room) * sizeof(*owner->counts));
		owner->room = cache->slot_count;
	}
	owner->counts[slot]++;
	owner->pod_count++;
	pod->counted = true;
}

static void owner_remove(struct cache *cache, struct pod_state *pod)
{
	struct pod_owner *owner;

	if (!pod->counted)
		return;
	owner = map_get(&cache->owners, pod->controller_uid);
	pod->counted = false;
	owner->counts[pod->node->slot]--;
	if (--owner->pod_count)
		return;
	(void)map_remove(&cache->owners, pod->controller_uid); /* it is this one */
	owner_free(owner);
}

static void place(struct cache *cache, struct pod_state *pod, struct node_state *node)
{
	node_add_pod(node, pod);
	owner_add(cache, pod);
	terms_add(cache, pod);
	(void)map_put(&cache->pods, pod->uid, pod); /* nobody else is there */
}

bool cache_pod_remove(struct cache *cache, struct str uid)
{
	struct pod_state *pod = map_remove(&cache->pods, uid);
	struct node_state *node;

	if (!pod)
		return false;
	node = pod->node;
	terms_remove(cache, pod);
	owner_remove(cache, pod);
	node_remove_pod(node, pod);
	pod_state_free(pod);
	node_release(cache, node);
	return true;
}

uint32_t cache_pod_set(struct cache *cache, const struct obj *obj)
{
	struct pod_state *old = map_get(&cache->pods, obj->uid), *pod = pod_state_new(obj);
	uint32_t events = old && !old->assumed ? 0 : EVENT_POD_PLACED;

	if (old && (!json_equal(old->labels, pod->labels) || old->deleting != pod->deleting ||
		    pod->request.cpu_milli < old->request.cpu_milli ||
		    pod->request.memory < old->request.memory))
		events |= EVENT_POD_CHANGED;
	if (old)
		(void)cache_pod_remove(cache, obj->uid); /* it is there */
	place(cache, pod, node_of(cache, pod->node_name));
	return events;
}

bool cache_has_pod(const struct cache *cache, struct str uid)
{
	return map_get(&cache->pods, uid) != NULL;
}

void cache_assume(struct cache *cache, struct pod_state *pod, struct node_state *node)
{
	pod->assumed = true;
	pod->node_name = node->name;
	place(cache, pod, node);
}
