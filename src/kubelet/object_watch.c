/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConfigMaps and Secrets that pods refer to, each watched by name for as long as a pod needs it, so
 * that the kubelet holds and may read nothing else. A change pokes the pods of its namespace that
 * refer to it.
 */
#include "base/mem.h"
#include "kubelet/kubelet_internal.h"

struct object_watch {
	struct api_watch watch;
	struct kubelet *kubelet;
	const struct obj *obj; /* counted; NULL = does not exist */
	char *key, *namespace_, *field_selector;
	size_t use_count;
	bool synced;
};

static char *key_of(bool is_secret, struct str namespace_, struct str name)
{
	return mem_printf("%c/" STR_FMT "/" STR_FMT, is_secret ? 's' : 'c', STR_ARG(namespace_),
			  STR_ARG(name));
}

static bool pod_uses(const struct pod *pod, const struct object_watch *w)
{
	for (size_t i = 0; i < pod->watch_count; i++)
		if (pod->watches[i] == w)
			return true;
	return false;
}

static void tell_pods(struct object_watch *w, bool changed)
{
	struct kubelet *k = w->kubelet;
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&k->pods, &cursor, &uid, &value)) {
		struct pod *pod = value;

		if (!pod_uses(pod, w))
			continue;
		if (changed)
			pod_contents_changed(pod);
		else
			pod_poke(pod);
	}
}

static void on_event(struct api_watch *watch, const struct api_event *event)
{
	struct object_watch *w = CONTAINER_OF(watch, struct object_watch, watch);
	bool was_synced = w->synced;

	switch (event->type) {
	case API_EVENT_ADDED:
	case API_EVENT_MODIFIED:
		obj_unref(w->obj);
		w->obj = obj_ref(event->obj);
		break;
	case API_EVENT_DELETED:
		obj_unref(w->obj);
		w->obj = NULL;
		break;
	case API_EVENT_SYNCED:
		w->synced = true;
		if (!was_synced)
			tell_pods(w, false);
		return;
	case API_EVENT_PROGRESS:
		return;
	}
	if (was_synced)
		tell_pods(w, true);
}

struct object_watch *object_watch_get(struct kubelet *k, bool is_secret, struct str namespace_,
				      struct str name)
{
	char *key = key_of(is_secret, namespace_, name);
	struct object_watch *w = map_get(&k->object_watches, str_from(key));

	if (w) {
		mem_free(key);
		w->use_count++;
		return w;
	}
	w = NEW(struct object_watch);
	w->kubelet = k;
	w->key = key;
	w->namespace_ = str_dup_c(namespace_);
	w->field_selector = mem_printf("metadata.name=" STR_FMT, STR_ARG(name));
	w->use_count = 1;
	w->watch = (struct api_watch){
		.kind = is_secret ? k->kind_secret : k->kind_config_map,
		.namespace_ = str_from(w->namespace_),
		.field_selector = str_from(w->field_selector),
		.on_event = on_event,
		.owner = w,
	};
	(void)map_put(&k->object_watches, str_from(key), w); /* was not there */
	k->client->transport->ops->watch_start(k->client->transport, &w->watch);
	return w;
}

void object_watch_put(struct object_watch *w)
{
	struct kubelet *k = w->kubelet;

	if (--w->use_count > 0)
		return;
	k->client->transport->ops->watch_stop(k->client->transport, &w->watch);
	(void)map_remove(&k->object_watches, str_from(w->key)); /* it is there */
	obj_unref(w->obj);
	mem_free(w->key);
	mem_free(w->namespace_);
	mem_free(w->field_selector);
	mem_free(w);
}

const struct obj *object_watch_find(struct kubelet *k, bool is_secret, struct str namespace_,
				    struct str name)
{
	AUTO_FREE char *key = key_of(is_secret, namespace_, name);
	struct object_watch *w = map_get(&k->object_watches, str_from(key));

	return w ? w->obj : NULL;
}

bool object_watch_is_synced(const struct object_watch *w)
{
	return w->synced;
}
