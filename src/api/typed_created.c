/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of an object that is being created. Each create pays for this, so it is one walk that
 * writes what it finds. What Go always writes (structs that are no pointers, zeros that are not
 * left out) is there already in the empty object: it is not new itself, only what is in it.
 */
#include "api/typed_internal.h"

#define MEMBERS_INLINE 48

struct member {
	struct str name;
	yyjson_val *value;
};

static bool write_new(struct typed_walk *walk, struct typed t, yyjson_val *v, bool was_there,
		      struct buf *to);

static int member_cmp(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return str_cmp(x->name, y->name);
}

static void sort_members(struct member *members, size_t count)
{
	size_t at;

	if (count > MEMBERS_INLINE) {
		qsort(members, count, sizeof(members[0]), member_cmp);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		struct member m = members[i];

		for (at = i; at && str_cmp(members[at - 1].name, m.name) > 0; at--)
			members[at] = members[at - 1];
		members[at] = m;
	}
}

static bool is_zero(yyjson_val *v)
{
	return yyjson_is_null(v) || (yyjson_is_str(v) && !yyjson_get_len(v)) ||
	       (yyjson_is_num(v) && yyjson_get_num(v) == 0) || yyjson_is_false(v);
}

/* `,"f:name":` */
static void open_name(struct typed_walk *walk, struct buf *to, bool is_first, struct str name)
{
	size_t plain = 0;

	if (!is_first)
		buf_put_char(to, ',');
	while (plain < name.len && (unsigned char)name.ptr[plain] >= 0x20 &&
	       name.ptr[plain] != '"' && name.ptr[plain] != '\\')
		plain++;
	if (plain == name.len) {
		buf_put(to, "\"f:", 3);
		buf_put_str(to, name);
		buf_put(to, "\":", 2);
		return;
	}
	buf_reset(&walk->text);
	buf_put_c(&walk->text, "f:");
	buf_put_str(&walk->text, name);
	json_write_quoted(buf_str(&walk->text), to);
	buf_put_char(to, ':');
}

struct writing {
	struct buf *to;
	bool is_first;
	const struct field_set *skipped; /* members that are left out; NULL = none */
};

static bool is_skipped(const struct writing *w, struct str name)
{
	for (const struct field_set *child = w->skipped ? w->skipped->children : NULL; child;
	     child = child->next)
		if (child->is_member && str_eq(str_slice(child->name, 2, child->name.len), name))
			return true;
	return false;
}

static bool write_members(struct typed_walk *walk, struct typed t, enum typed_form form,
			  yyjson_val *v, bool was_there, struct writing *w);

static const struct field_set *skipped_below(const struct writing *w, struct str name)
{
	for (const struct field_set *child = w->skipped ? w->skipped->children : NULL; child;
	     child = child->next)
		if (str_eq(str_slice(child->name, 2, child->name.len), name))
			return child;
	return NULL;
}

static void write_member(struct typed_walk *walk, struct typed t, enum typed_form form,
			 const struct member *m, bool was_there, struct writing *w)
{
	size_t len = w->to->len;
	bool declared, is_there;
	struct typed inside = typed_member(t, form, m->name, &declared);
	const struct field_set *below = skipped_below(w, m->name);

	is_there = was_there && declared && inside.field && inside.field->flags & SCHEMA_ALWAYS;
	open_name(walk, w->to, w->is_first, m->name);
	if (below && typed_form(inside, m->value) == TYPED_STRUCT) {
		struct writing deeper = { w->to, true, below };

		buf_put_char(w->to, '{');
		is_there = write_members(walk, inside, TYPED_STRUCT, m->value, is_there, &deeper);
		buf_put_char(w->to, '}');
	} else {
		is_there = write_new(walk, inside, m->value, is_there, w->to);
	}
	if (is_there)
		w->is_first = false;
	else
		buf_truncate(w->to, len);
}

/* True when anything was written. */
static bool write_members(struct typed_walk *walk, struct typed t, enum typed_form form,
			  yyjson_val *v, bool was_there, struct writing *w)
{
	struct member few[MEMBERS_INLINE], *members = few;
	size_t count = 0;

	if (!yyjson_is_obj(v))
		return false;
	if (yyjson_obj_size(v) > MEMBERS_INLINE)
		members = arena_array(walk->arena, yyjson_obj_size(v), sizeof(members[0]));
	JSON_MEMBERS (key, value, v) {
		if (!is_skipped(w, json_str(key)))
			members[count++] = (struct member){ json_str(key), value };
	}
	sort_members(members, count);
	for (size_t i = 0; i < count; i++)
		write_member(walk, t, form, &members[i], was_there, w);
	return !w->is_first;
}

static int item_cmp(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return field_set_name_cmp(x->name, y->name);
}

static void write_items(struct typed_walk *walk, struct typed t, enum typed_form form,
			yyjson_val *v, struct writing *w)
{
	struct member *items = arena_array(walk->arena, yyjson_arr_size(v) + 1, sizeof(items[0]));
	size_t count = 0;

	JSON_EACH (item, v) {
		struct str name = typed_item_name(walk, t, form, item);

		if (name.len)
			items[count++] = (struct member){ name, item };
	}
	qsort(items, count, sizeof(items[0]), item_cmp);
	for (size_t i = 0; i < count; i++) {
		if (i && str_eq(items[i].name, items[i - 1].name))
			continue;
		if (!w->is_first)
			buf_put_char(w->to, ',');
		w->is_first = false;
		json_write_quoted(items[i].name, w->to);
		buf_put_char(w->to, ':');
		(void)write_new(walk, typed_item(t), items[i].value, false, w->to);
	}
}

/* `{}`, or what is in it; true when the value or anything in it is new. */
static bool write_new(struct typed_walk *walk, struct typed t, yyjson_val *v, bool was_there,
		      struct buf *to)
{
	enum typed_form form = typed_form(t, v);
	struct writing w = { to, true, NULL };

	buf_put_char(to, '{');
	if (form == TYPED_LEAF || typed_is_empty(v)) {
		buf_put_char(to, '}');
		return !was_there || (form == TYPED_LEAF && !is_zero(v) &&
				      yyjson_is_ctn(v) == !typed_is_empty(v));
	}
	if (!was_there) {
		buf_put_c(to, "\".\":{}");
		w.is_first = false;
	}
	if (typed_is_map(form))
		(void)write_members(walk, t, form, v, was_there, &w);
	else
		write_items(walk, t, form, v, &w);
	buf_put_char(to, '}');
	return !w.is_first;
}

bool typed_write_created(struct typed_walk *walk, struct schema_at at, yyjson_val *v,
			 const struct field_set *skipped, struct buf *to)
{
	struct writing w = { to, true, skipped };
	bool found;

	buf_put_char(to, '{');
	found = write_members(walk, typed_root(at), TYPED_STRUCT, v, true, &w);
	buf_put_char(to, '}');
	return found;
}
