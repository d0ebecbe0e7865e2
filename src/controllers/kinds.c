/* SPDX-License-Identifier: Apache-2.0 */
/* One informer per stored kind that can be listed, watched and deleted. */
#include "controllers/kinds.h"

#include "base/mem.h"

static bool is_wanted(const struct kind *kind, const struct kinds_options *options)
{
	unsigned needed = VERB_LIST | VERB_WATCH | VERB_DELETE;

	if ((kind->flags & (KIND_UNSERVED | KIND_OFF_BY_DEFAULT)) || kind_stored(kind) != kind ||
	    (kind->verbs & needed) != needed)
		return false;
	if (options->namespaced_only && !kind_is_namespaced(kind))
		return false;
	return !options->without_events || !str_eq(kind->name, STR("Event"));
}

static void change_told(struct informer_handler *handler, const struct obj *old,
			const struct obj *new_)
{
	struct kinds_entry *entry = CONTAINER_OF(handler, struct kinds_entry, handler);

	entry->kinds->changed(entry, old, new_);
}

void kinds_start(struct kinds *kinds, struct controller *controller,
		 const struct kinds_options *options,
		 void (*changed)(struct kinds_entry *entry, const struct obj *old,
				 const struct obj *new_))
{
	kinds->controller = controller;
	kinds->changed = changed;
	kinds->entries = mem_calloc(kind_count, sizeof(*kinds->entries));
	for (size_t i = 0; i < kind_count; i++) {
		struct kinds_entry *entry = &kinds->entries[kinds->count];

		if (!is_wanted(kind_table[i], options))
			continue;
		kinds->count++;
		entry->kind = kind_table[i];
		entry->kinds = kinds;
		entry->informer = client_informer(controller->client, entry->kind, NULL);
		if (options->by_namespace)
			entry->by_namespace = informer_add_index(entry->informer,
								 index_by_namespace);
		if (options->by_owner)
			entry->by_owner = informer_add_index(entry->informer,
							     index_by_any_owner_uid);
		queue_need(&controller->queue, entry->informer);
		entry->handler.on_change = change_told;
	}
	/* Only now, so that the first change finds all kinds. */
	for (size_t i = 0; i < kinds->count; i++)
		informer_add_handler(kinds->entries[i].informer, &kinds->entries[i].handler);
}

void kinds_stop(struct kinds *kinds)
{
	for (size_t i = 0; i < kinds->count; i++)
		informer_remove_handler(kinds->entries[i].informer, &kinds->entries[i].handler);
	mem_free(kinds->entries);
	kinds->entries = NULL;
	kinds->count = 0;
}

struct kinds_entry *kinds_find(const struct kinds *kinds, struct str api_version, struct str name)
{
	struct str group, version;

	if (!str_cut(api_version, '/', &group, &version))
		group = STR_NONE;
	for (size_t i = 0; i < kinds->count; i++)
		if (str_eq(kinds->entries[i].kind->name, name) &&
		    str_eq(kinds->entries[i].kind->group, group))
			return &kinds->entries[i];
	return NULL;
}
