/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups over the table of kinds. It has about a hundred rows; requests find theirs by plural
 * once. */
#include "api/kind.h"

#include <stdio.h>

const char *const kind_verb_names[KIND_VERB_COUNT] = {
	"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
};

const struct kind *kind_find(struct str group, struct str version, struct str name)
{
	for (size_t i = 0; i < kind_count; i++) {
		const struct kind *kind = kind_table[i];

		if (str_eq(kind->name, name) && str_eq(kind->group, group) &&
		    str_eq(kind->version, version))
			return kind;
	}
	return NULL;
}

const struct kind *kind_find_api_version(struct str api_version, struct str name)
{
	for (size_t i = 0; i < kind_count; i++) {
		if (str_eq(kind_table[i]->name, name) &&
		    str_eq(kind_table[i]->api_version, api_version))
			return kind_table[i];
	}
	return NULL;
}

static bool is_called(const struct kind *kind, struct str word)
{
	if (str_eq_nocase(kind->plural, word) || str_eq_nocase(kind->singular, word))
		return true;
	for (size_t i = 0; kind->short_names && kind->short_names[i]; i++) {
		if (str_eq_c(word, kind->short_names[i]))
			return true;
	}
	return false;
}

/* "apps", "v1.apps" or "v1" behind the first dot. */
static bool is_qualified(const struct kind *kind, struct str qualifier)
{
	struct str version, group;

	if (str_is_empty(qualifier) || str_eq(kind->group, qualifier))
		return true;
	(void)str_cut(qualifier, '.', &version, &group);
	return str_eq(kind->version, version) && str_eq(kind->group, group);
}

const struct kind *kind_find_argument(struct str text)
{
	const struct kind *best = NULL;
	struct str word, qualifier;

	(void)str_cut(text, '.', &word, &qualifier);
	if (str_is_empty(word))
		return NULL;
	for (size_t i = 0; i < kind_count; i++) {
		const struct kind *kind = kind_table[i];

		if ((kind->flags & KIND_UNSERVED) || !is_called(kind, word) ||
		    !is_qualified(kind, qualifier))
			continue;
		if (!best ||
		    ((best->flags & KIND_OFF_BY_DEFAULT) && !(kind->flags & KIND_OFF_BY_DEFAULT)))
			best = kind;
	}
	return best;
}

const struct kind_subresource *kind_subresource(const struct kind *kind, struct str name)
{
	for (const struct kind_subresource *sub = kind->subresources; sub && sub->name; sub++) {
		if (str_eq_c(name, sub->name))
			return sub;
	}
	return NULL;
}

const char *kind_resource_text(const struct kind *kind, char to[KIND_TEXT_BYTES])
{
	(void)snprintf(to, KIND_TEXT_BYTES, STR_FMT "%s" STR_FMT, STR_ARG(kind->plural),
		       kind->group.len ? "." : "", STR_ARG(kind->group));
	return to;
}

const char *kind_text(const struct kind *kind, char to[KIND_TEXT_BYTES])
{
	(void)snprintf(to, KIND_TEXT_BYTES, STR_FMT "%s" STR_FMT, STR_ARG(kind->name),
		       kind->group.len ? "." : "", STR_ARG(kind->group));
	return to;
}
