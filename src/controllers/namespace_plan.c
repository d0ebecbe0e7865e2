/* SPDX-License-Identifier: Apache-2.0 */
/* The five conditions of a namespace on its way out, in upstream's words. */
#include "controllers/namespace.h"

#include <stdlib.h>
#include "codec/json.h"

static int compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str remaining_text(const struct namespace_view *view, struct arena *arena)
{
	size_t count = view->count + view->other_count;
	struct str *texts = arena_array(arena, count + 1, sizeof(*texts));

	for (size_t i = 0; i < view->other_count; i++)
		texts[view->count + i] = str_printf_in(
			arena, STR_FMT "." STR_FMT " has %zu resource instances",
			STR_ARG(view->others[i].resource), STR_ARG(view->others[i].group),
			view->others[i].count);
	for (size_t i = 0; i < view->count; i++)
		texts[i] = str_printf_in(arena, STR_FMT "." STR_FMT " has %zu resource instances",
					 STR_ARG(view->remains[i].kind->plural),
					 STR_ARG(view->remains[i].kind->group),
					 view->remains[i].object_count);
	qsort(texts, count, sizeof(*texts), compare);
	return str_printf_in(arena, "Some resources are remaining: " STR_FMT,
			     STR_ARG(str_join_in(arena, texts, count, STR(", "))));
}

struct finalizer_count {
	struct str name;
	size_t count;
};

static size_t count_finalizers(const struct namespace_view *view, struct finalizer_count *counts,
			       size_t max)
{
	size_t used = 0;

	for (size_t i = 0; i < view->count; i++)
		for (size_t k = 0; k < view->remains[i].object_count; k++)
			JSON_EACH (finalizer,
				   obj_get(view->remains[i].objects[k]->object)->finalizers) {
				struct str name = json_str(finalizer);
				size_t n = 0;

				while (n < used && !str_eq(counts[n].name, name))
					n++;
				if (n == used && used < max)
					counts[used++] = (struct finalizer_count){ name, 0 };
				if (n < used)
					counts[n].count++;
			}
	return used;
}

static struct str finalizers_text(struct finalizer_count *counts, size_t count, struct arena *arena)
{
	struct str *texts = arena_array(arena, count + 1, sizeof(*texts));

	for (size_t i = 0; i < count; i++)
		texts[i] = str_printf_in(arena, STR_FMT " in %zu resource instances",
					 STR_ARG(counts[i].name), counts[i].count);
	qsort(texts, count, sizeof(*texts), compare);
	return str_printf_in(arena,
			     "Some content in the namespace has finalizers remaining: " STR_FMT,
			     STR_ARG(str_join_in(arena, texts, count, STR(", "))));
}

static struct str discovery_text(const struct namespace_view *view, struct arena *arena)
{
	struct str *texts = arena_array(arena, view->unknown_count, sizeof(*texts));

	for (size_t i = 0; i < view->unknown_count; i++)
		texts[i] = str_printf_in(arena, STR_FMT ": stale GroupVersion discovery: " STR_FMT,
					 STR_ARG(view->unknown[i]), STR_ARG(view->unknown[i]));
	qsort(texts, view->unknown_count, sizeof(*texts), compare);
	return str_printf_in(
		arena,
		"Discovery failed for some groups, %zu failing: unable to retrieve the "
		"complete list of server APIs: " STR_FMT,
		view->unknown_count,
		STR_ARG(str_join_in(arena, texts, view->unknown_count, STR(", "))));
}

void namespace_plan(const struct namespace_view *view, struct arena *arena,
		    struct namespace_plan *ret_plan)
{
	struct finalizer_count counts[32];
	size_t finalizers = count_finalizers(view, counts, ARRAY_COUNT(counts));
	struct namespace_plan plan = {
		.finalize = view->count == 0 && view->unknown_count == 0 && !view->is_asking &&
			    view->other_count == 0 && !view->failures.len,
		.conditions = {
			{ "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
			  STR("All resources successfully discovered") },
			{ "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
			  STR("All legacy kube types successfully parsed") },
			{ "NamespaceDeletionContentFailure", false, "ContentDeleted",
			  STR("All content successfully deleted, may be waiting on finalization") },
			{ "NamespaceContentRemaining", false, "ContentRemoved",
			  STR("All content successfully removed") },
			{ "NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers",
			  STR("All content-preserving finalizers finished") },
		},
	};

	for (size_t i = 0; i < view->count; i++)
		plan.pods_only |= view->remains[i].kind == &kind_pod;
	if (view->unknown_count) {
		plan.conditions[0].is_true = true;
		plan.conditions[0].reason = "DiscoveryFailed";
		plan.conditions[0].message = discovery_text(view, arena);
	}
	if (view->failures.len) {
		plan.conditions[2].is_true = true;
		plan.conditions[2].reason = "ContentDeletionFailed";
		plan.conditions[2].message = str_printf_in(
			arena, "Failed to delete all resource types: " STR_FMT,
			STR_ARG(view->failures));
	}
	if (view->count || view->other_count) {
		plan.conditions[3].is_true = true;
		plan.conditions[3].reason = "SomeResourcesRemain";
		plan.conditions[3].message = remaining_text(view, arena);
	}
	if (finalizers) {
		plan.conditions[4].is_true = true;
		plan.conditions[4].reason = "SomeFinalizersRemain";
		plan.conditions[4].message = finalizers_text(counts, finalizers, arena);
	}
	*ret_plan = plan;
}
