/* SPDX-License-Identifier: Apache-2.0 */
/* One informer per stored kind that can be listed, watched and deleted, and one that tells of new
 * ones. */
#include "controllers/kinds.h"

#include "api/custom.h"
#include "api/kind_set.h"
#include "base/mem.h"

static bool is_wanted(const struct kind *kind, const struct kinds_options *options)
{
	unsigned needed = VERB_LIST | VERB_WATCH | VERB_DELETE;
	const struct custom_version *custom = custom_version_of(kind);

	if (options->scaled_custom_only && (!custom || !custom->scale.spec_replicas))
		return false;
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

static struct kinds_entry *add_kind(struct kinds *kinds, const struct kind *kind)
{
	struct kinds_entry *entry = NEW(struct kinds_entry);
	struct controller *controller = kinds->controller;

	if (kinds->count == kinds->room) {
		kinds->room = kinds->room ? kinds->room * 2 : 128;
		kinds->entries = mem_realloc_array(kinds->entries, kinds->room,
						   sizeof(kinds->entries[0]));
	}
	entry->index = kinds->count;
	kinds->entries[kinds->count++] = entry;
	entry->kind = kind;
	entry->kinds = kinds;
	entry->informer = client_informer(controller->client, kind, NULL);
	if (kinds->options.by_namespace)
		entry->by_namespace = informer_add_index(entry->informer, index_by_namespace);
	if (kinds->options.by_owner)
		entry->by_owner = informer_add_index(entry->informer, index_by_any_owner_uid);
	queue_need(&controller->queue, entry->informer);
	entry->handler.on_change = change_told;
	return entry;
}

/* Whether its kind is watched already, perhaps since before it was deleted and made anew. */
static bool is_watched(const struct kinds *kinds, const struct kind *kind)
{
	for (size_t i = 0; i < kinds->count; i++)
		if (kinds->entries[i]->custom && custom_kind_same(kinds->entries[i]->kind, kind))
			return true;
	return false;
}

static void definition_told(struct informer_handler *handler, const struct obj *old,
			    const struct obj *new_)
{
	struct kinds *kinds = CONTAINER_OF(handler, struct kinds, definition_handler);
	struct custom_resource *custom;
	struct kinds_entry *entry;
	const struct kind *kind;

	(void)old; /* its kind may come back */
	if (!new_ || !custom_is_established(new_->root))
		return;
	custom = custom_resource_new(new_, NULL);
	kind = custom ? kind_stored(&custom->versions[0].kind) : NULL;
	if (!kind || kind_is_built_in(kind->group, kind->plural) ||
	    !is_wanted(kind, &kinds->options) || is_watched(kinds, kind)) {
		custom_resource_unref(custom);
		return;
	}
	entry = add_kind(kinds, kind);
	entry->custom = custom;
	informer_add_handler(entry->informer, &entry->handler);
}

void kinds_start(struct kinds *kinds, struct controller *controller,
		 const struct kinds_options *options,
		 void (*changed)(struct kinds_entry *entry, const struct obj *old,
				 const struct obj *new_))
{
	kinds->controller = controller;
	kinds->changed = changed;
	kinds->options = *options;
	for (size_t i = 0; i < kind_count; i++)
		if (is_wanted(kind_table[i], options))
			(void)add_kind(kinds, kind_table[i]); /* its handler comes below */
	/* Only now, so that the first change finds all kinds. */
	for (size_t i = 0; i < kinds->count; i++)
		informer_add_handler(kinds->entries[i]->informer, &kinds->entries[i]->handler);
	kinds->definitions = client_informer(controller->client, &kind_customresourcedefinition,
					     NULL);
	queue_need(&controller->queue, kinds->definitions);
	kinds->definition_handler.on_change = definition_told;
	informer_add_handler(kinds->definitions, &kinds->definition_handler);
}

void kinds_stop(struct kinds *kinds)
{
	if (kinds->definitions)
		informer_remove_handler(kinds->definitions, &kinds->definition_handler);
	for (size_t i = 0; i < kinds->count; i++) {
		informer_remove_handler(kinds->entries[i]->informer, &kinds->entries[i]->handler);
		custom_resource_unref(kinds->entries[i]->custom);
		mem_free(kinds->entries[i]);
	}
	mem_free(kinds->entries);
	kinds->entries = NULL;
	kinds->count = kinds->room = 0;
}

struct kinds_entry *kinds_find(const struct kinds *kinds, struct str api_version, struct str name)
{
	struct str group, version;

	if (!str_cut(api_version, '/', &group, &version))
		group = STR_NONE;
	for (size_t i = 0; i < kinds->count; i++)
		if (str_eq(kinds->entries[i]->kind->name, name) &&
		    str_eq(kinds->entries[i]->kind->group, group))
			return kinds->entries[i];
	return NULL;
}
