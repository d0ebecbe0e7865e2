/* SPDX-License-Identifier: Apache-2.0 */
/* Cells that several kinds share. */
#include "api/kinds/cells.h"

#include "api/selector.h"

void cell_name(struct cells *c)
{
	cell_str(c, c->obj->name);
}

void cell_created_age(struct cells *c)
{
	cell_age(c, json_get_str(c->obj->root, "metadata.creationTimestamp"));
}

void cell_or(struct cells *c, struct str text, const char *fallback)
{
	cell_str(c, text.len ? text : str_from(fallback));
}

void cell_labels(struct cells *c, yyjson_val *map)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	cell_str(c, selector_of_map_in(&arena, map));
}

void cell_selector(struct cells *c, yyjson_val *label_selector)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	cell_str(c, selector_of_object_in(&arena, label_selector));
}

static void put_keys(yyjson_val *list, const char *key, struct buf *to)
{
	JSON_EACH (item, list) {
		if (to->len)
			buf_put_char(to, ',');
		buf_put_str(to, json_get_str(item, key));
	}
}

void cell_container_names(struct cells *c, yyjson_val *pod_spec)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	put_keys(yyjson_obj_get(pod_spec, "containers"), "name", &text);
	cell_str(c, buf_str(&text));
}

void cell_container_images(struct cells *c, yyjson_val *pod_spec)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	put_keys(yyjson_obj_get(pod_spec, "containers"), "image", &text);
	cell_str(c, buf_str(&text));
}

void cell_int_or_string(struct cells *c, yyjson_val *v, const char *fallback)
{
	if (yyjson_is_num(v))
		cell_printf(c, "%lld", (long long)json_int(v, 0));
	else
		cell_or(c, json_str(v), fallback);
}
