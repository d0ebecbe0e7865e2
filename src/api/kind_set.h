/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds one server knows: the built-in table and what CustomResourceDefinitions add and take
 * away at run time. Owned by the registry. Looking a kind up costs one hash; walking them goes over
 * arrays that are made anew when definitions change. Whoever keeps a custom kind beyond the current
 * turn of the loop holds a reference (custom_kind_ref).
 */
#ifndef CUBE_API_KIND_SET_H
#define CUBE_API_KIND_SET_H

#include "api/custom.h"
#include "api/kind.h"
#include "base/list.h"
#include "base/map.h"

struct kind_set {
	const struct kind *const *kinds; /* built-in ones first */
	size_t kind_count;
	const struct kind_group *groups; /* in the order discovery prints them */
	size_t group_count;
	uint64_t generation; /* counts changes */
	/* own */
	struct map by_resource, by_name; /* "group/version/plural"; "group/version/Kind" */
	struct map definitions;		 /* name of the definition → struct custom_resource */
	const struct kind **own_kinds;	 /* NULL: the built-in tables themselves */
	struct kind_group *own_groups;
};

void kind_set_init(struct kind_set *set);
void kind_set_deinit(struct kind_set *set);
/* Takes the reference. One of the same name is replaced. */
void kind_set_put(struct kind_set *set, struct custom_resource *resource);
void kind_set_remove(struct kind_set *set, struct str definition);
/* Whether a built-in kind has the resource, in any version: a definition of it is not served, and its
 * objects may lie where a custom kind's would. */
bool kind_is_built_in(struct str group, struct str plural) PURE;
const struct custom_resource *kind_set_definition(const struct kind_set *set, struct str name);
/* NULL when unknown. */
const struct kind *kind_set_find_plural(const struct kind_set *set, struct str group,
					struct str version, struct str plural);
const struct kind *kind_set_find_name(const struct kind_set *set, struct str group,
				      struct str version, struct str name);
/* "v2" > "v1" > "v2beta1" > "v1alpha1" > "foo": < 0 when a comes first. */
int kind_version_order(struct str a, struct str b) PURE;

#endif
