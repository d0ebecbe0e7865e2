/* SPDX-License-Identifier: Apache-2.0 */
/* Another server's part of an OpenAPI document put into this one's. */
#include "api/openapi.h"

#include "base/arena.h"
#include "base/map.h"
#include "codec/json.h"

#define NAME_BYTES_MAX 1024
#define RENAMES_MAX 100
#define REFERENCE "#/definitions/"

/* A definition of the part, and what it is called in the whole. */
struct renamed {
	struct str name, here;
	struct renamed *next; /* to be copied after it */
};

struct merge {
	yyjson_mut_doc *doc;
	yyjson_mut_val *definitions; /* of the whole */
	yyjson_val *from;	     /* of the part */
	struct map names;	     /* name → struct renamed */
	struct renamed *first, **last;
	struct arena *arena;
};

/* A name that is free, or means the same already. */
static struct str choose_name(struct merge *m, struct str name, yyjson_val *definition)
{
	struct str here = name;

	for (int i = 2; i < RENAMES_MAX; i++) {
		yyjson_mut_val *there = json_mut_key(m->definitions, here);

		if (!there || json_mixed_equal(there, definition))
			break;
		here = str_printf_in(m->arena, STR_FMT "_v%d", STR_ARG(name), i);
	}
	return here;
}

static struct str name_here(struct merge *m, struct str name)
{
	yyjson_val *definition = json_key(m->from, name);
	struct renamed *renamed = map_get(&m->names, name);

	if (renamed)
		return renamed->here;
	if (!definition || name.len > NAME_BYTES_MAX)
		return name; /* leads nowhere there, either */
	renamed = ARENA_NEW(m->arena, struct renamed);
	renamed->name = name;
	renamed->here = choose_name(m, name, definition);
	(void)map_put(&m->names, name, renamed); /* there was none */
	if (!json_mut_key(m->definitions, renamed->here)) {
		/* taken from here on; its text comes once this one's is done: definitions may lead
		 * to each other at any length */
		json_put(m->doc, m->definitions, renamed->here, yyjson_mut_null(m->doc));
		*m->last = renamed;
		m->last = &renamed->next;
	}
	return renamed->here;
}

static yyjson_mut_val *copy(struct merge *m, yyjson_val *from);

static yyjson_mut_val *copy_object(struct merge *m, yyjson_val *from)
{
	yyjson_mut_val *to = yyjson_mut_obj(m->doc);

	JSON_MEMBERS (key, value, from) {
		struct str text = json_str(value);

		if (str_eq_c(json_str(key), "$ref") && str_strip_prefix(&text, STR(REFERENCE)))
			json_put_str(m->doc, to, json_str(key),
				     str_printf_in(m->arena, REFERENCE STR_FMT,
						   STR_ARG(name_here(m, text))));
		else
			json_put(m->doc, to, json_str(key), copy(m, value));
	}
	return to;
}

/* As deep as documents may be, which is bounded where they are parsed. */
static yyjson_mut_val *copy(struct merge *m, yyjson_val *from)
{
	yyjson_mut_val *to;

	if (yyjson_is_obj(from))
		return copy_object(m, from);
	if (!yyjson_is_arr(from))
		return json_copy(m->doc, from);
	to = yyjson_mut_arr(m->doc);
	JSON_EACH (item, from)
		yyjson_mut_arr_append(to, copy(m, item));
	return to;
}

static bool is_below(struct str path, struct str prefix)
{
	return str_strip_prefix(&path, prefix) && (!path.len || path.ptr[0] == '/');
}

void openapi_v2_merge(yyjson_mut_doc *whole, yyjson_val *part, struct str prefix)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(whole), *paths;
	AUTO_ARENA arena = { 0 };
	struct merge m = { .doc = whole, .from = json_get(part, "definitions"), .arena = &arena };

	arena_init(&arena, SIZE_MAX);
	map_init(&m.names);
	m.last = &m.first;
	m.definitions = json_ensure_object(whole, root, "definitions");
	paths = json_ensure_object(whole, root, "paths");
	JSON_MEMBERS (key, value, json_get(part, "paths"))
		if (is_below(json_str(key), prefix) && !json_mut_key(paths, json_str(key)))
			json_put(whole, paths, json_str(key), copy(&m, value));
	for (struct renamed *r = m.first; r; r = r->next)
		json_put(whole, m.definitions, r->here, copy(&m, json_key(m.from, r->name)));
	map_deinit(&m.names);
}

void openapi_v3_merge(yyjson_mut_doc *whole, yyjson_val *part, struct str path)
{
	yyjson_val *from = json_key(json_get(part, "paths"), path);
	struct str url = json_get_str(from, "serverRelativeURL");
	yyjson_mut_val *paths = json_ensure_object(whole, yyjson_mut_doc_get_root(whole), "paths");

	if (str_has_prefix(url, STR("/")))
		json_put(whole, paths, path, json_copy(whole, from));
}
