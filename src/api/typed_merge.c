/* SPDX-License-Identifier: Apache-2.0 */
/* What apply does to values: check, lay one over the other, take fields out. */
#include "api/typed_internal.h"

/* ---- check ---- */

struct place {
	const struct place *parent;
	struct str text; /* ".spec", `[name="a"]` */
};

static void put_place(const struct place *place, struct buf *to)
{
	if (!place)
		return;
	put_place(place->parent, to);
	buf_put_str(to, place->text);
}

static int refuse(struct typed_walk *walk, const struct place *place, const char *fmt,
		  struct str detail)
{
	AUTO_BUF path = { 0 };
	char what[ERR_MSG_BYTES];
	struct err before;

	if (!walk->err ||
	    (walk->refused_count && strlen(walk->err->msg) + 1 == sizeof(walk->err->msg)))
		return -1; /* nobody asks, or nothing more has room */
	buf_init(&path, ERR_MSG_BYTES);
	put_place(place, &path);
	(void)snprintf(what, sizeof(what), fmt, STR_ARG(str_slice(detail, 0, 200)));
	if (!walk->refused_count++)
		return err_set(walk->err, ERR_INVALID, "%s: %s", path.len ? path.ptr : ".", what);
	before = *walk->err;
	return err_set(walk->err, ERR_INVALID, "%s%s\n  %s: %s",
		       walk->refused_count == 2 ? "errors:\n  " : "", before.msg,
		       path.len ? path.ptr : ".", what);
}

/* As Go's %v has it. */
static struct str shown(struct typed_walk *walk, yyjson_val *v)
{
	buf_reset(&walk->text);
	if (yyjson_is_str(v))
		buf_put_str(&walk->text, json_str(v));
	else
		json_write(v, &walk->text);
	return buf_str(&walk->text);
}

static int check_scalar(struct typed_walk *walk, struct typed t, const struct place *place,
			yyjson_val *v)
{
	if (yyjson_is_null(v))
		return 0;
	switch (typed_scalar(t)) {
	case TYPED_TEXT:
		return yyjson_is_str(v) ? 0
					: refuse(walk, place,
						 "expected string, got "
						 "&value.valueUnstructured{Value:" STR_FMT "}",
						 shown(walk, v));
	case TYPED_NUMBER:
		return yyjson_is_num(v) ? 0
					: refuse(walk, place,
						 "expected numeric (int or float), got " STR_FMT,
						 yyjson_is_str(v)    ? STR("string")
						 : yyjson_is_bool(v) ? STR("bool")
						 : yyjson_is_obj(v) ? STR("map[string]interface {}")
								    : STR("[]interface {}"));
	case TYPED_BOOL:
		return yyjson_is_bool(v) ? 0
					 : refuse(walk, place, "expected boolean, got " STR_FMT,
						  shown(walk, v));
	case TYPED_ANY:
		break;
	}
	return 0;
}

static int check_at(struct typed_walk *walk, struct typed t, const struct place *parent,
		    yyjson_val *v);

static int check_item_name(struct typed_walk *walk, struct typed t, enum typed_form form,
			   const struct place *place, yyjson_val *item, size_t index)
{
	struct str keys[FIELD_SET_KEYS_MAX];
	size_t count = typed_keys(t, keys);
	char what[160];

	if (form == TYPED_SET)
		return refuse(walk, place, "set item must be a scalar" STR_FMT, STR_NONE);
	(void)snprintf(
		what, sizeof(what),
		yyjson_is_obj(item)
			? "element %zu: associative list with keys has an element that omits all "
			  "key fields [%%.*s] (and doesn't have default values for any key fields)"
			: "element %zu: associative list with keys may not have non-map "
			  "elements%%.*s",
		index);
	buf_reset(&walk->text);
	for (size_t i = 0; yyjson_is_obj(item) && i < count; i++) {
		buf_put_c(&walk->text, i ? " " : "");
		json_write_quoted(keys[i], &walk->text);
	}
	return refuse(walk, place, what, str_in(walk->arena, buf_str(&walk->text)));
}

static int check_items(struct typed_walk *walk, struct typed t, enum typed_form form,
		       const struct place *place, yyjson_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t index = 0;
	int checked = 0;

	json_index_init(&seen, yyjson_arr_size(v));
	JSON_EACH (item, v) {
		struct str name = typed_item_name(walk, t, form, item);
		struct place inside = { place, STR_NONE };

		if (!name.len)
			return check_item_name(walk, t, form, place, item, index);
		inside.text = field_set_name_text(walk->arena, name);
		if (json_index_add(&seen, name, item) && !walk->allows_duplicates)
			checked = refuse(walk, place, "duplicate entries for key " STR_FMT,
					 inside.text);
		if (check_at(walk, typed_item(t), &inside, item) < 0)
			checked = -1;
		index++;
	}
	return checked;
}

static int check_members(struct typed_walk *walk, struct typed t, enum typed_form form,
			 const struct place *place, yyjson_val *v)
{
	bool is_open = typed_is_open(t, form);
	int checked = 0;

	JSON_MEMBERS (key, value, v) {
		bool declared;
		struct typed inside_type = typed_member(t, form, json_str(key), &declared);
		struct place inside = { place, STR_NONE };

		inside.text = str_printf_in(walk->arena, "." STR_FMT, STR_ARG(json_str(key)));
		if (!declared && !is_open)
			checked = refuse(walk, &inside, "field not declared in schema" STR_FMT,
					 STR_NONE);
		else if (check_at(walk, inside_type, &inside, value) < 0)
			checked = -1;
	}
	return checked;
}

static int check_at(struct typed_walk *walk, struct typed t, const struct place *place,
		    yyjson_val *v)
{
	enum typed_form form = typed_form_to_check(t, v);
	bool is_list = typed_is_list(form) || typed_is_plain_list(t, v);
	size_t index = 0;
	int checked = 0;

	if (yyjson_is_null(v))
		return 0;
	if (typed_is_map(form))
		return yyjson_is_obj(v)
			       ? check_members(walk, t, form, place, v)
			       : refuse(walk, place,
					"expected map, got &value.valueUnstructured{Value:" STR_FMT
					"}",
					shown(walk, v));
	if (!is_list)
		return check_scalar(walk, t, place, v);
	if (!yyjson_is_arr(v))
		return refuse(walk, place,
			      "expected list, got &value.valueUnstructured{Value:" STR_FMT "}",
			      shown(walk, v));
	if (typed_is_list(form))
		return check_items(walk, t, form, place, v);
	JSON_EACH (item, t.tree || t.shape == SCHEMA_LIST ? v : NULL) {
		struct place inside = { place, str_printf_in(walk->arena, "[%zu]", index++) };

		if (check_at(walk, typed_item(t), &inside, item) < 0)
			checked = -1;
	}
	return checked;
}

int typed_check(struct typed_walk *walk, struct typed t, yyjson_val *v)
{
	return check_at(walk, t, NULL, v);
}

/* ---- merge ---- */

static yyjson_mut_val *merge_members(struct typed_walk *walk, struct typed t, enum typed_form form,
				     yyjson_mut_doc *doc, yyjson_val *live, yyjson_val *config)
{
	AUTO_JSON_INDEX wanted = { .slots = NULL };
	AUTO_JSON_INDEX there = { .slots = NULL };
	yyjson_mut_val *object = yyjson_mut_obj(doc);
	bool declared;

	json_index_init(&wanted, yyjson_obj_size(config));
	json_index_init(&there, yyjson_obj_size(live) + yyjson_obj_size(config));
	JSON_MEMBERS (key, value, config)
		(void)json_index_add(&wanted, json_str(key), value);
	JSON_MEMBERS (key, value, live) {
		struct typed inside = typed_member(t, form, json_str(key), &declared);

		(void)json_index_add(&there, json_str(key), value);
		yyjson_mut_obj_add(object, json_copy(doc, key),
				   typed_merge(walk, inside, doc, value,
					       json_index_get(&wanted, json_str(key))));
	}
	JSON_MEMBERS (key, value, config) {
		if (json_index_get(&there, json_str(key)))
			continue;
		yyjson_mut_obj_add(object, json_copy(doc, key), json_copy(doc, value));
		(void)json_index_add(&there, json_str(key), value);
	}
	return object;
}

/* Two lists on their way into one: what is in both stands in config's order, and what only one has
 * keeps its neighbours as far as that goes. */
struct two_lists {
	struct typed_walk *walk;
	struct typed item;
	yyjson_mut_doc *doc;
	struct typed_items live, config;
	struct json_index done; /* of config's */
	size_t at, config_at, shared_at;
	yyjson_mut_val *merged;
};

static bool is_in_live(const struct two_lists *l, size_t config_index)
{
	return json_index_get(&l->live.index, l->config.names[config_index]) != NULL;
}

/* The next of config's items that live has too. */
static struct str next_shared(struct two_lists *l)
{
	while (l->shared_at < l->config.count && !is_in_live(l, l->shared_at))
		l->shared_at++;
	return l->shared_at < l->config.count ? l->config.names[l->shared_at] : STR_NONE;
}

static void take_config(struct two_lists *l)
{
	struct str name = l->config.names[l->config_at];

	if (str_eq(next_shared(l), name))
		l->shared_at++;
	(void)json_index_add(&l->done, name, l);
	yyjson_mut_arr_append(l->merged, typed_merge(l->walk, l->item, l->doc,
						     json_index_get(&l->live.index, name),
						     l->config.items[l->config_at]));
	l->config_at++;
}

static void merge_step(struct two_lists *l)
{
	struct str name = l->at < l->live.count ? l->live.names[l->at] : STR_NONE;
	bool is_wanted = name.len && json_index_get(&l->config.index, name);

	if (l->at < l->live.count && l->config_at < l->config.count) {
		if (str_eq(name, l->config.names[l->config_at])) {
			take_config(l);
			l->at++;
			return;
		}
		if (is_wanted && next_shared(l).len && !str_eq(next_shared(l), name)) {
			l->at++; /* in both, but another one is due before it */
			return;
		}
	}
	if (l->at < l->live.count) {
		if (!is_wanted) {
			yyjson_mut_arr_append(l->merged, json_copy(l->doc, l->live.items[l->at++]));
			return;
		}
		if (json_index_get(&l->done, name)) {
			l->at++;
			if (l->config_at >= l->config.count)
				return;
		}
	}
	if (l->config_at < l->config.count)
		take_config(l);
	else
		l->at++;
}

static yyjson_mut_val *merge_items(struct typed_walk *walk, struct typed t, enum typed_form form,
				   yyjson_mut_doc *doc, yyjson_val *live, yyjson_val *config)
{
	struct two_lists l = {
		.walk = walk, .item = typed_item(t), .doc = doc, .merged = yyjson_mut_arr(doc)
	};

	typed_items_init(&l.live, walk, t, form, live);
	typed_items_init(&l.config, walk, t, form, config);
	json_index_init(&l.done, l.config.count);
	while (l.at < l.live.count || l.config_at < l.config.count)
		merge_step(&l);
	json_index_deinit(&l.done);
	typed_items_deinit(&l.live);
	typed_items_deinit(&l.config);
	return l.merged;
}

yyjson_mut_val *typed_merge(struct typed_walk *walk, struct typed t, yyjson_mut_doc *doc,
			    yyjson_val *live, yyjson_val *config)
{
	enum typed_form form;

	if (!config || !live)
		return live || config ? json_copy(doc, live ? live : config) : NULL;
	form = typed_form(t, config);
	if (form == TYPED_LEAF)
		return json_copy(doc, config);
	if (typed_is_empty(config) && !typed_is_empty(live))
		return json_copy(doc, live);
	if (typed_is_empty(live))
		return json_copy(doc, config);
	if (typed_is_map(form))
		return yyjson_is_obj(live) ? merge_members(walk, t, form, doc, live, config)
					   : json_copy(doc, config);
	return merge_items(walk, t, form, doc, live, config);
}

/* ---- remove ---- */

static void index_children(struct json_index *index, const struct field_set *set)
{
	size_t count = 0;

	for (const struct field_set *child = set->children; child; child = child->next)
		count++;
	json_index_init(index, count);
	for (struct field_set *child = set->children; child; child = child->next)
		(void)json_index_add(index, child->name, child);
}

static yyjson_mut_val *without(struct typed_walk *walk, struct typed t, yyjson_mut_doc *doc,
			       yyjson_val *v, const struct field_set *set)
{
	return set && set->children ? typed_remove(walk, t, doc, v, set) : json_copy(doc, v);
}

yyjson_mut_val *typed_remove(struct typed_walk *walk, struct typed t, yyjson_mut_doc *doc,
			     yyjson_val *v, const struct field_set *set)
{
	enum typed_form form = typed_form(t, v);
	AUTO_JSON_INDEX index = { .slots = NULL };
	yyjson_mut_val *rest;
	bool declared;

	if (!set || form == TYPED_LEAF || typed_is_empty(v))
		return json_copy(doc, v);
	index_children(&index, set);
	rest = typed_is_map(form) ? yyjson_mut_obj(doc) : yyjson_mut_arr(doc);
	JSON_MEMBERS (key, value, typed_is_map(form) ? v : NULL) {
		struct field_set *gone = json_index_get(&index,
							typed_member_name(walk, json_str(key)));

		if (gone && gone->is_member)
			continue;
		yyjson_mut_obj_add(rest, json_copy(doc, key),
				   without(walk, typed_member(t, form, json_str(key), &declared),
					   doc, value, gone));
	}
	JSON_EACH (item, typed_is_list(form) ? v : NULL) {
		struct str name = typed_item_name(walk, t, form, item);
		struct field_set *gone = name.len ? json_index_get(&index, name) : NULL;

		if (!gone || !gone->is_member)
			yyjson_mut_arr_append(rest, without(walk, typed_item(t), doc, item, gone));
	}
	/* What lost all it had is as if it had never been set. */
	return unsafe_yyjson_get_len(rest) ? rest : yyjson_mut_null(doc);
}
