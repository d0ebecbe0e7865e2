/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The indexes hold keys only: node, namespace and name of each bound pod; namespace and name of each
 * secret that a volume names, and the volume. A binding is for life, so a pod enters once and leaves
 * once; a volume is taken anew whenever it changes. They are made when a node first asks: no start
 * waits for them.
 */
#include "apiserver/node_pods.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/json.h"

#define KEY_BYTES_MAX ((size_t)4 << 10)
#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

struct node_pods {
	struct registry *registry;
	struct omap keys; /* node, NUL, namespace, NUL, name → this */
	struct omap secrets; /* namespace, NUL, name, NUL, volume → this */
	struct buf key;	  /* being looked for */
	struct store_watcher watcher, volume_watcher;
	bool is_made;
};

/* --- the index --- */

static struct str key_of(struct node_pods *pods, struct str node, struct str namespace_,
			 struct str name)
{
	buf_reset(&pods->key);
	buf_put_str(&pods->key, node);
	buf_put_char(&pods->key, '\0');
	if (namespace_.len) {
		buf_put_str(&pods->key, namespace_);
		buf_put_char(&pods->key, '\0');
	}
	buf_put_str(&pods->key, name);
	return buf_failed(&pods->key) ? STR_NONE : buf_str(&pods->key);
}

/* Most events are of pods that wait for a node or that are known: text tells without a tree. */
static bool may_be_bound(struct blob *value)
{
	return str_contains(blob_str(value), STR("\"nodeName\":\""));
}

static void learn(struct node_pods *pods, struct blob *value)
{
	const struct obj *pod = may_be_bound(value) ? obj_of(value, NULL) : NULL;
	struct str node = pod ? json_get_str(pod->root, "spec.nodeName") : STR_NONE, key;

	if (!node.len)
		return;
	key = key_of(pods, node, pod->namespace_, pod->name);
	if (key.len)
		(void)omap_put(&pods->keys, key, pods); /* there is nothing to give back */
}

static void forget(struct node_pods *pods, struct blob *value)
{
	const struct obj *pod = may_be_bound(value) ? obj_of(value, NULL) : NULL;
	struct str node = pod ? json_get_str(pod->root, "spec.nodeName") : STR_NONE, key;

	if (!node.len)
		return;
	key = key_of(pods, node, pod->namespace_, pod->name);
	(void)omap_remove(&pods->keys, key); /* likewise */
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct node_pods *pods = CONTAINER_OF(watcher, struct node_pods, watcher);

	if (event->type == STORE_DELETED)
		forget(pods, event->previous ? event->previous : event->value);
	else if (event->type == STORE_CREATED || !may_be_bound(event->previous))
		learn(pods, event->value);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	(void)watcher;
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of pods or volumes ended: %s", err->msg);
}

/* --- the secrets of volumes --- */

/* Where a volume names secrets that a node needs; the namespace defaults to the claim's. */
static const struct {
	const char *name, *namespace_;
} volume_secrets[] = {
	{ "spec.azureFile.secretName", "spec.azureFile.secretNamespace" },
	{ "spec.cephfs.secretRef.name", "spec.cephfs.secretRef.namespace" },
	{ "spec.cinder.secretRef.name", "spec.cinder.secretRef.namespace" },
	{ "spec.flexVolume.secretRef.name", "spec.flexVolume.secretRef.namespace" },
	{ "spec.rbd.secretRef.name", "spec.rbd.secretRef.namespace" },
	{ "spec.scaleIO.secretRef.name", "spec.scaleIO.secretRef.namespace" },
	{ "spec.iscsi.secretRef.name", "spec.iscsi.secretRef.namespace" },
	{ "spec.storageos.secretRef.name", "spec.storageos.secretRef.namespace" },
	{ "spec.csi.nodePublishSecretRef.name", "spec.csi.nodePublishSecretRef.namespace" },
	{ "spec.csi.nodeStageSecretRef.name", "spec.csi.nodeStageSecretRef.namespace" },
	{ "spec.csi.nodeExpandSecretRef.name", "spec.csi.nodeExpandSecretRef.namespace" },
};

static struct str secret_key(struct node_pods *pods, struct str namespace_, struct str name,
			     struct str volume)
{
	buf_reset(&pods->key);
	buf_put_str(&pods->key, namespace_);
	buf_put_char(&pods->key, '\0');
	buf_put_str(&pods->key, name);
	buf_put_char(&pods->key, '\0');
	buf_put_str(&pods->key, volume);
	return buf_failed(&pods->key) ? STR_NONE : buf_str(&pods->key);
}

static void take_volume(struct node_pods *pods, struct blob *value, bool is_there)
{
	const struct obj *volume = str_contains(blob_str(value), STR("ecret")) ?
					   obj_of(value, NULL) :
					   NULL;

	for (size_t i = 0; volume && i < ARRAY_COUNT(volume_secrets); i++) {
		struct str where = json_get_str(volume->root, volume_secrets[i].namespace_),
			   name = json_get_str(volume->root, volume_secrets[i].name), key;

		if (!name.len)
			continue;
		if (!where.len)
			where = json_get_str(volume->root, "spec.claimRef.namespace");
		key = secret_key(pods, where, name, volume->name);
		if (!key.len)
			continue;
		if (is_there)
			(void)omap_put(&pods->secrets, key, pods); /* there is nothing to give back */
		else
			(void)omap_remove(&pods->secrets, key); /* likewise */
	}
}

static void on_volume(struct store_watcher *watcher, const struct store_event *event)
{
	struct node_pods *pods = CONTAINER_OF(watcher, struct node_pods, volume_watcher);

	if (event->previous)
		take_volume(pods, event->previous, false);
	if (event->type != STORE_DELETED)
		take_volume(pods, event->value, true);
}

static bool take_volume_entry(void *arg, struct str key, const struct store_entry *entry)
{
	bool was_parsed = entry->value->parsed;

	(void)key;
	take_volume(arg, entry->value, true);
	if (!was_parsed)
		blob_forget(entry->value);
	return true;
}

static bool take_pod(void *arg, struct str key, const struct store_entry *entry)
{
	bool was_parsed = entry->value->parsed;

	(void)key;
	learn(arg, entry->value);
	if (!was_parsed)
		blob_forget(entry->value);
	return true;
}

static void make(struct node_pods *pods)
{
	struct store *store = pods->registry->store;
	AUTO_ARENA arena = { 0 };
	struct str prefix;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	prefix = registry_prefix(&arena, &kind_pod);
	store_walk(store, prefix, STR_NONE, take_pod, pods);
	store_watch(store, &pods->watcher, prefix, false, store_revision(store));
	prefix = registry_prefix(&arena, &kind_persistentvolume);
	store_walk(store, prefix, STR_NONE, take_volume_entry, pods);
	store_watch(store, &pods->volume_watcher, prefix, false, store_revision(store));
	pods->is_made = true;
}

struct node_pods *node_pods_new(struct registry *registry)
{
	struct node_pods *pods = NEW(struct node_pods);

	pods->registry = registry;
	omap_init(&pods->keys);
	omap_init(&pods->secrets);
	buf_init(&pods->key, KEY_BYTES_MAX);
	pods->watcher = (struct store_watcher){ .event = on_event, .end = on_end };
	pods->volume_watcher = (struct store_watcher){ .event = on_volume, .end = on_end };
	return pods;
}

void node_pods_free(struct node_pods *pods)
{
	if (!pods)
		return;
	omap_deinit(&pods->keys);
	omap_deinit(&pods->secrets);
	buf_deinit(&pods->key);
	mem_free(pods);
}

/* --- what a pod refers to --- */

struct path_list {
	const char *in;	       /* a list */
	const char *paths[16]; /* of names in its items */
};

static const struct path_list volume_paths[POD_REFERENCE_COUNT] = {
	[POD_SECRET] = { "spec.volumes",
			 { "secret.secretName", "azureFile.secretName", "cephfs.secretRef.name",
			   "cinder.secretRef.name", "flexVolume.secretRef.name",
			   "rbd.secretRef.name", "scaleIO.secretRef.name", "iscsi.secretRef.name",
			   "storageos.secretRef.name", "csi.nodePublishSecretRef.name" } },
	[POD_CONFIG_MAP] = { "spec.volumes", { "configMap.name" } },
	[POD_CLAIM] = { "spec.volumes", { "persistentVolumeClaim.claimName" } },
	[POD_RESOURCE_CLAIM] = { "spec.resourceClaims", { "resourceClaimName" } },
};

static const struct {
	const char *projected, *variable, *variables;
} source_paths[POD_REFERENCE_COUNT] = {
	[POD_SECRET] = { "secret.name", "valueFrom.secretKeyRef.name", "secretRef.name" },
	[POD_CONFIG_MAP] = { "configMap.name", "valueFrom.configMapKeyRef.name",
			     "configMapRef.name" },
};

struct visit {
	bool (*fn)(void *arg, struct str name);
	void *arg;
};

static bool see(const struct visit *v, struct str name)
{
	return !name.len || v->fn(v->arg, name);
}

static bool see_each(const struct visit *v, yyjson_val *list, const char *path)
{
	JSON_EACH (item, list)
		if (!see(v, json_get_str(item, path)))
			return false;
	return true;
}

static bool see_containers(const struct visit *v, const struct obj *pod, enum pod_reference what)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers",
					     "spec.ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		JSON_EACH (container, json_get(pod->root, lists[i]))
			if (!see_each(v, json_get(container, "env"), source_paths[what].variable) ||
			    !see_each(v, json_get(container, "envFrom"),
				      source_paths[what].variables))
				return false;
	return true;
}

static bool see_volumes(const struct visit *v, const struct obj *pod, enum pod_reference what)
{
	const struct path_list *list = &volume_paths[what];

	if (!list->in)
		return true;
	for (const char *const *path = list->paths; *path; path++)
		if (!see_each(v, json_get(pod->root, list->in), *path))
			return false;
	if (!source_paths[what].projected)
		return true;
	JSON_EACH (volume, json_get(pod->root, "spec.volumes"))
		if (!see_each(v, json_get(volume, "projected.sources"),
			      source_paths[what].projected))
			return false;
	return true;
}

/* Claims that are made for a volume of the pod are named after both. */
static bool see_ephemeral_claims(const struct visit *v, const struct obj *pod)
{
	char text[512];

	JSON_EACH (volume, json_get(pod->root, "spec.volumes")) {
		struct str name = json_get_str(volume, "name");

		if (!json_get(volume, "ephemeral"))
			continue;
		(void)snprintf(text, sizeof(text), STR_FMT "-" STR_FMT, STR_ARG(pod->name),
			       STR_ARG(name));
		if (!see(v, str_from(text)))
			return false;
	}
	return true;
}

bool pod_each_reference(const struct obj *pod, enum pod_reference what,
			bool (*fn)(void *arg, struct str name), void *arg)
{
	struct visit v = { fn, arg };

	if (what == POD_ACCOUNT)
		return see(&v, json_get_str(pod->root, "spec.serviceAccountName"));
	if (source_paths[what].variable && !see_containers(&v, pod, what))
		return false;
	if (!see_volumes(&v, pod, what))
		return false;
	if (what == POD_SECRET)
		return see_each(&v, json_get(pod->root, "spec.imagePullSecrets"), "name");
	if (what == POD_CLAIM)
		return see_ephemeral_claims(&v, pod);
	if (what == POD_RESOURCE_CLAIM)
		return see_each(&v, json_get(pod->root, "status.resourceClaimStatuses"),
				"resourceClaimName") &&
		       see(&v,
			   json_get_str(pod->root,
					"status.extendedResourceClaimStatus.resourceClaimName"));
	return true;
}

/* --- questions --- */

struct walk {
	struct node_pods *pods;
	struct str prefix; /* node and NUL */
	bool (*fn)(struct walk *walk, const struct obj *pod);
	enum pod_reference what;
	struct str namespace_, name;
	bool is_found;
};

static bool walk_key(void *arg, struct str key, void *value)
{
	struct walk *w = arg;
	struct str rest = str_slice(key, w->prefix.len, key.len), namespace_, name;
	const struct obj *pod;

	(void)value;
	if (!str_cut(rest, '\0', &namespace_, &name))
		return true;
	pod = registry_get(w->pods->registry, &kind_pod, namespace_, name);
	if (!pod || json_key(pod->annotations, STR(MIRROR_ANNOTATION)))
		return true;
	return w->fn(w, pod);
}

static bool is_it(void *arg, struct str name)
{
	struct walk *w = arg;

	w->is_found = str_eq(name, w->name);
	return !w->is_found;
}

static bool look_for_name(struct walk *w, const struct obj *pod)
{
	return pod_each_reference(pod, w->what, is_it, w);
}

/* Pods of one namespace, or of all when it is empty. */
static bool ask(struct walk *w, struct str node, struct str namespace_)
{
	AUTO_ARENA arena = { 0 };
	struct str key;

	if (!w->pods->is_made)
		make(w->pods);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	key = str_in(&arena, key_of(w->pods, node, namespace_, STR_NONE));
	if (!key.len)
		return false;
	w->prefix = str_slice(key, 0, node.len + 1);
	omap_walk_prefix(&w->pods->keys, key, walk_key, w);
	return w->is_found;
}

bool node_pods_refer(struct node_pods *pods, struct str node, enum pod_reference what,
		     struct str namespace_, struct str name)
{
	struct walk w = { .pods = pods, .fn = look_for_name, .what = what, .name = name };

	return namespace_.len && name.len && ask(&w, node, namespace_);
}

bool node_pods_reach_volume(struct node_pods *pods, struct str node, struct str volume)
{
	const struct obj *obj = registry_get(pods->registry, &kind_persistentvolume, STR_NONE,
					     volume);

	return obj && node_pods_refer(pods, node, POD_CLAIM,
				      json_get_str(obj->root, "spec.claimRef.namespace"),
				      json_get_str(obj->root, "spec.claimRef.name"));
}

struct volume_walk {
	struct node_pods *pods;
	struct str node;
	size_t prefix_len;
	bool is_found;
};

static bool look_at_volume(void *arg, struct str key, void *value)
{
	struct volume_walk *w = arg;

	(void)value;
	w->is_found = node_pods_reach_volume(w->pods, w->node,
					     str_slice(key, w->prefix_len, key.len));
	return !w->is_found;
}

bool node_pods_reach_volume_secret(struct node_pods *pods, struct str node, struct str namespace_,
				   struct str name)
{
	AUTO_ARENA arena = { 0 };
	struct volume_walk w = { .pods = pods, .node = node };
	struct str key;

	if (!namespace_.len || !name.len)
		return false;
	if (!pods->is_made)
		make(pods);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	/* ends with NUL: what follows it in a key is a volume's name */
	key = str_in(&arena, secret_key(pods, namespace_, name, STR_NONE));
	w.prefix_len = key.len;
	if (key.len)
		omap_walk_prefix(&pods->secrets, key, look_at_volume, &w);
	return w.is_found;
}
