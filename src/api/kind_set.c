/* SPDX-License-Identifier: Apache-2.0 */
/* Built-in and custom kinds together. The maps hold all of them, the arrays are for walking. */
#include "api/kind_set.h"

#include <stdlib.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"

#define KEY_BYTES_MAX 1024

static void index_kind(struct kind_set *set, const struct kind *kind, bool adds)
{
	struct str last[] = { kind->plural, kind->name };
	struct map *maps[] = { &set->by_resource, &set->by_name };

	for (size_t i = 0; i < ARRAY_COUNT(maps); i++) {
		AUTO_BUF key = { 0 };

		if (!last[i].len)
			continue;
		buf_init(&key, KEY_BYTES_MAX);
		buf_printf(&key, STR_FMT "/" STR_FMT, STR_ARG(kind->api_version), STR_ARG(last[i]));
		if (adds && !map_get(maps[i], buf_str(&key)))
			(void)map_put(maps[i], buf_str(&key), (void *)kind); /* there was none */
		else if (!adds && map_get(maps[i], buf_str(&key)) == kind)
			(void)map_remove(maps[i], buf_str(&key)); /* it is kind */
	}
}

static const struct kind *find(const struct map *map, struct str group, struct str version,
			       struct str last)
{
	AUTO_BUF key = { 0 };

	if (!last.len || group.len + version.len + last.len > KEY_BYTES_MAX - 3)
		return NULL;
	buf_init(&key, KEY_BYTES_MAX);
	buf_printf(&key, STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(group), group.len ? "/" : "",
		   STR_ARG(version), STR_ARG(last));
	return map_get(map, buf_str(&key));
}

const struct kind *kind_set_find_plural(const struct kind_set *set, struct str group,
					struct str version, struct str plural)
{
	return find(&set->by_resource, group, version, plural);
}

const struct kind *kind_set_find_name(const struct kind_set *set, struct str group,
				      struct str version, struct str name)
{
	return find(&set->by_name, group, version, name);
}

/* --- order --- */

struct version_parts {
	int stage; /* 3: generally available, 2: beta, 1: alpha, 0: of no known form */
	int64_t major, minor;
};

static bool take_number(struct str *text, int64_t *ret)
{
	size_t len = 0;

	while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9')
		len++;
	if (!len || len > 9 || text->ptr[0] == '0')
		return false;
	if (num_parse_i64(str_slice(*text, 0, len), 0, INT32_MAX, "version", ret, NULL) < 0)
		return false;
	*text = str_slice(*text, len, text->len);
	return true;
}

static struct version_parts version_parts(struct str text)
{
	struct version_parts parts = { 0 }, none = { 0 };

	if (!str_strip_prefix(&text, STR("v")) || !take_number(&text, &parts.major))
		return none;
	if (!text.len) {
		parts.stage = 3;
		return parts;
	}
	if (str_strip_prefix(&text, STR("beta")))
		parts.stage = 2;
	else if (str_strip_prefix(&text, STR("alpha")))
		parts.stage = 1;
	else
		return none;
	if (!take_number(&text, &parts.minor) || text.len)
		return none;
	return parts;
}

int kind_version_order(struct str a, struct str b)
{
	struct version_parts x = version_parts(a), y = version_parts(b);

	if (x.stage != y.stage)
		return x.stage > y.stage ? -1 : 1;
	if (!x.stage)
		return str_cmp(a, b);
	if (x.major != y.major)
		return x.major > y.major ? -1 : 1;
	if (x.minor != y.minor)
		return x.minor > y.minor ? -1 : 1;
	return 0;
}

static int order_kinds(const void *a, const void *b)
{
	const struct kind *x = *(const struct kind *const *)a, *y = *(const struct kind *const *)b;
	int order = str_cmp(x->group, y->group);

	if (!order)
		order = kind_version_order(x->version, y->version);
	return order ? order : str_cmp(x->plural, y->plural);
}

/* --- the arrays --- */

static bool has_group(const struct kind_set *set, const struct kind *kind)
{
	for (size_t i = 0; i < set->group_count; i++)
		if (str_eq(set->groups[i].group, kind->group) &&
		    str_eq(set->groups[i].version, kind->version))
			return true;
	return false;
}

static void rebuild_groups(struct kind_set *set)
{
	size_t room = kind_group_count + set->kind_count - kind_count;

	mem_free(set->own_groups);
	set->own_groups = mem_calloc(room, sizeof(set->own_groups[0]));
	memcpy(set->own_groups, kind_groups, kind_group_count * sizeof(kind_groups[0]));
	set->groups = set->own_groups;
	set->group_count = kind_group_count;
	for (size_t i = kind_count; i < set->kind_count; i++) {
		const struct kind *kind = set->kinds[i];

		if (has_group(set, kind))
			continue;
		set->own_groups[set->group_count++] = (struct kind_group){
			.group = kind->group,
			.version = kind->version,
			.group_priority = 1000,
			.version_priority = 100,
			.enabled = true,
		};
	}
}

bool kind_is_built_in(struct str group, struct str plural)
{
	for (size_t i = 0; i < kind_count; i++)
		if (str_eq(kind_table[i]->plural, plural) && str_eq(kind_table[i]->group, group))
			return true;
	return false;
}

static bool is_shown(const struct custom_version *version)
{
	return version->is_served &&
	       !kind_is_built_in(version->kind.group, version->kind.plural);
}

static void rebuild(struct kind_set *set)
{
	size_t cursor = 0, count = kind_count;
	struct str key;
	void *value;

	while (map_next(&set->definitions, &cursor, &key, &value))
		count += ((struct custom_resource *)value)->version_count;
	mem_free(set->own_kinds);
	set->own_kinds = mem_calloc(count, sizeof(struct kind *));
	memcpy(set->own_kinds, kind_table, kind_count * sizeof(struct kind *));
	set->kinds = set->own_kinds;
	set->kind_count = kind_count;
	cursor = 0;
	while (map_next(&set->definitions, &cursor, &key, &value)) {
		struct custom_resource *resource = value;

		for (size_t i = 0; i < resource->version_count; i++)
			if (is_shown(&resource->versions[i]))
				set->own_kinds[set->kind_count++] = &resource->versions[i].kind;
	}
	qsort(set->own_kinds + kind_count, set->kind_count - kind_count, sizeof(struct kind *),
	      order_kinds);
	rebuild_groups(set);
	set->generation++;
}

void kind_set_init(struct kind_set *set)
{
	*set = (struct kind_set){ .kinds = kind_table,
				  .kind_count = kind_count,
				  .groups = kind_groups,
				  .group_count = kind_group_count };
	map_init(&set->by_resource);
	map_init(&set->by_name);
	map_init(&set->definitions);
	for (size_t i = 0; i < kind_count; i++)
		index_kind(set, kind_table[i], true);
}

void kind_set_deinit(struct kind_set *set)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&set->definitions, &cursor, &key, &value))
		custom_resource_unref(value);
	map_deinit(&set->definitions);
	map_deinit(&set->by_resource);
	map_deinit(&set->by_name);
	mem_free(set->own_kinds);
	mem_free(set->own_groups);
}

static void drop(struct kind_set *set, struct str name)
{
	struct custom_resource *resource = map_remove(&set->definitions, name);

	if (!resource)
		return;
	for (size_t i = 0; i < resource->version_count; i++)
		index_kind(set, &resource->versions[i].kind, false);
	custom_resource_unref(resource);
}

void kind_set_put(struct kind_set *set, struct custom_resource *resource)
{
	drop(set, resource->name);
	(void)map_put(&set->definitions, resource->name, resource); /* dropped just now */
	for (size_t i = 0; i < resource->version_count; i++)
		if (is_shown(&resource->versions[i]))
			index_kind(set, &resource->versions[i].kind, true);
	rebuild(set);
}

void kind_set_remove(struct kind_set *set, struct str definition)
{
	if (!map_get(&set->definitions, definition))
		return;
	drop(set, definition);
	rebuild(set);
}

const struct custom_resource *kind_set_definition(const struct kind_set *set, struct str name)
{
	return map_get(&set->definitions, name);
}
