/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field sets as trees of sorted lists, so that every operation is one merge of two lists, whatever
 * their size. Names are kept as they are written; since they are canonical, equal names are equal
 * bytes, and only their order needs a look inside.
 */
#include "api/field_set.h"

#include "api/limits.h"
#include "base/num.h"

struct field_set *field_set_leaf(struct arena *arena)
{
	struct field_set *leaf = ARENA_NEW(arena, struct field_set);

	leaf->is_member = true;
	return leaf;
}

/* ---- order ---- */

/* A scalar that begins at text[at]: what it is, in the order values have. */
enum scalar_class { SCALAR_NUMBER, SCALAR_STRING, SCALAR_BOOL, SCALAR_NULL };

static enum scalar_class class_of(struct str text, size_t at)
{
	char c = at < text.len ? text.ptr[at] : 0;

	if (c == '"')
		return SCALAR_STRING;
	if (c == 't' || c == 'f')
		return SCALAR_BOOL;
	return c == 'n' ? SCALAR_NULL : SCALAR_NUMBER;
}

static int number_cmp(struct str a, struct str b)
{
	AUTO_JSON x = NULL;
	AUTO_JSON y = NULL;
	double left, right;

	x = json_parse(str_slice(a, 0, str_find_char(a, ',', 0)), a.len, NULL);
	y = json_parse(str_slice(b, 0, str_find_char(b, ',', 0)), b.len, NULL);
	if (!x || !y) /* "1}" of a key: without its end */
		return 0;
	left = yyjson_get_num(yyjson_doc_get_root(x));
	right = yyjson_get_num(yyjson_doc_get_root(y));
	return left < right ? -1 : left > right;
}

/* The number at the start of text, cut off where it ends. */
static struct str number_at(struct str text)
{
	size_t len = 0;

	while (len < text.len && strchr("+-.0123456789eE", text.ptr[len]))
		len++;
	return str_slice(text, 0, len);
}

/* Order of two texts of JSON scalars, or of objects of them with the same keys: bytewise within
 * strings (the closing quote before all else), numbers by value. */
static int json_text_cmp(struct str a, struct str b)
{
	size_t len = NUM_MIN(a.len, b.len), token = 0, at = 0;
	bool in_string = false;

	while (at < len && a.ptr[at] == b.ptr[at]) {
		if (in_string && a.ptr[at] == '\\') {
			at++; /* and what it escapes, unless that is where they differ */
			if (at >= len || a.ptr[at] != b.ptr[at])
				break;
		} else if (a.ptr[at] == '"') {
			token = in_string ? at + 1 : at;
			in_string = !in_string;
		} else if (!in_string && strchr(",:{}", a.ptr[at])) {
			token = at + 1;
		}
		at++;
	}
	if (at >= a.len || at >= b.len)
		return a.len < b.len ? -1 : a.len > b.len;
	if (in_string) {
		if (a.ptr[at] == '"' || b.ptr[at] == '"')
			return a.ptr[at] == '"' ? -1 : 1;
		return (unsigned char)a.ptr[at] < (unsigned char)b.ptr[at] ? -1 : 1;
	}
	if (class_of(a, token) != class_of(b, token))
		return class_of(a, token) < class_of(b, token) ? -1 : 1;
	if (class_of(a, token) == SCALAR_NUMBER)
		return number_cmp(number_at(str_slice(a, token, a.len)),
				  number_at(str_slice(b, token, b.len)));
	return (unsigned char)a.ptr[at] < (unsigned char)b.ptr[at] ? -1 : 1;
}

static int rank(struct str name)
{
	static const char kinds[] = "fkvi";

	return name.len ? (int)(strchr(kinds, name.ptr[0]) - kinds) : -1;
}

int field_set_name_cmp(struct str a, struct str b)
{
	int order = rank(a) - rank(b);

	if (order)
		return order;
	if (!a.len || a.ptr[0] == 'f')
		return str_cmp(a, b);
	if (str_eq(a, b))
		return 0;
	order = json_text_cmp(str_slice(a, 2, a.len), str_slice(b, 2, b.len));
	return order ? order : str_cmp(a, b);
}

/* ---- building ---- */

static struct field_set *merge_sorted(struct arena *arena, struct field_set *a, struct field_set *b)
{
	struct field_set *first = NULL, **end = &first;

	while (a && b) {
		int order = field_set_name_cmp(a->name, b->name);
		struct field_set **from = order <= 0 ? &a : &b, *node = *from;

		*from = node->next;
		if (!order) {
			struct field_set *other = b, *both;

			b = b->next;
			both = field_set_union(arena, node, other);
			both->name = node->name;
			node = both;
		}
		*end = node;
		end = &node->next;
	}
	*end = a ? a : b;
	return first;
}

struct field_set *field_set_sort(struct arena *arena, struct field_set *children)
{
	struct field_set *runs[64] = { NULL }, *sorted = NULL;
	size_t i;

	while (children) {
		struct field_set *node = children, *next = children->next;

		/* Mostly they come in order: then this is the end of the first run. */
		node->next = NULL;
		for (i = 0; i < ARRAY_COUNT(runs) - 1 && runs[i]; i++) {
			node = merge_sorted(arena, runs[i], node);
			runs[i] = NULL;
		}
		runs[i] = node;
		children = next;
	}
	for (i = 0; i < ARRAY_COUNT(runs); i++)
		sorted = merge_sorted(arena, runs[i], sorted);
	return sorted;
}

static struct field_set *node_of(struct arena *arena, const struct field_set *like, bool is_member,
				 struct field_set *children)
{
	struct field_set *node;

	if (!is_member && !children)
		return NULL;
	node = ARENA_NEW(arena, struct field_set);
	*node = (struct field_set){ .name = like->name,
				    .children = children,
				    .is_member = is_member };
	return node;
}

struct field_set *field_set_of_paths(struct arena *arena, const char *const *paths)
{
	struct field_set *all = NULL;

	for (; paths && *paths; paths++) {
		struct str rest = str_from(*paths), part;
		struct field_set *root = ARENA_NEW(arena, struct field_set), *at = root;

		while (str_next_part(&rest, '.', &part)) {
			at->children = ARENA_NEW(arena, struct field_set);
			at = at->children;
			at->name = str_printf_in(arena, "f:" STR_FMT, STR_ARG(part));
		}
		at->is_member = true;
		all = field_set_union(arena, all, root);
	}
	return all;
}

/* ---- operations ---- */

static void append(struct field_set ***end, struct field_set *node)
{
	if (!node)
		return;
	node->next = NULL;
	**end = node;
	*end = &node->next;
}

/* A node of its own, so that it can stand in another list. */
static struct field_set *shared(struct arena *arena, const struct field_set *node)
{
	return node_of(arena, node, node->is_member, node->children);
}

struct field_set *field_set_union(struct arena *arena, const struct field_set *a,
				  const struct field_set *b)
{
	struct field_set *first = NULL, **end = &first;
	const struct field_set *x, *y;

	if (!a || !b)
		return a ? shared(arena, a) : b ? shared(arena, b) : NULL;
	x = a->children;
	y = b->children;
	while (x || y) {
		int order = !x ? 1 : !y ? -1 : field_set_name_cmp(x->name, y->name);

		append(&end, order < 0	 ? shared(arena, x)
			     : order > 0 ? shared(arena, y)
					 : field_set_union(arena, x, y));
		x = order <= 0 ? x->next : x;
		y = order >= 0 ? y->next : y;
	}
	return node_of(arena, a, a->is_member || b->is_member, first);
}

struct field_set *field_set_intersection(struct arena *arena, const struct field_set *a,
					 const struct field_set *b)
{
	struct field_set *first = NULL, **end = &first;
	const struct field_set *x, *y;

	if (!a || !b)
		return NULL;
	x = a->children;
	y = b->children;
	while (x && y) {
		int order = field_set_name_cmp(x->name, y->name);

		if (!order)
			append(&end, field_set_intersection(arena, x, y));
		x = order <= 0 ? x->next : x;
		y = order >= 0 ? y->next : y;
	}
	return node_of(arena, a, a->is_member && b->is_member, first);
}

struct field_set *field_set_difference(struct arena *arena, const struct field_set *a,
				       const struct field_set *b, bool is_deep)
{
	struct field_set *first = NULL, **end = &first;
	const struct field_set *x, *y;

	if (!a || !b)
		return a ? shared(arena, a) : NULL;
	if (is_deep && b->is_member)
		return NULL;
	x = a->children;
	y = b->children;
	while (x) {
		int order = y ? field_set_name_cmp(x->name, y->name) : -1;

		if (order <= 0)
			append(&end, order < 0 ? shared(arena, x)
					       : field_set_difference(arena, x, y, is_deep));
		x = order <= 0 ? x->next : x;
		y = y && order >= 0 ? y->next : y;
	}
	return node_of(arena, a, a->is_member && !b->is_member, first);
}

struct field_set *field_set_leaves(struct arena *arena, const struct field_set *set)
{
	struct field_set *first = NULL, **end = &first;

	if (!set)
		return NULL;
	for (const struct field_set *child = set->children; child; child = child->next)
		append(&end, field_set_leaves(arena, child));
	return node_of(arena, set, set->is_member && !set->children, first);
}

bool field_set_equal(const struct field_set *a, const struct field_set *b)
{
	const struct field_set *x = a ? a->children : NULL, *y = b ? b->children : NULL;

	if ((a && a->is_member) != (b && b->is_member))
		return false;
	for (; x && y; x = x->next, y = y->next) {
		if (!str_eq(x->name, y->name) || !field_set_equal(x, y))
			return false;
	}
	return !x && !y;
}

/* ---- paths as text ---- */

static void put_element(struct str name, struct buf *to)
{
	struct str text = str_slice(name, 2, name.len);
	AUTO_JSON key = NULL;
	bool first = true;

	switch (name.ptr[0]) {
	case 'f':
		buf_put_char(to, '.');
		buf_put_str(to, text);
		return;
	case 'k':
		key = json_parse(text, text.len, NULL);
		buf_put_char(to, '[');
		JSON_MEMBERS (field, value, yyjson_doc_get_root(key)) {
			if (!first)
				buf_put_char(to, ',');
			first = false;
			buf_put_str(to, json_str(field));
			buf_put_char(to, '=');
			json_write(value, to);
		}
		buf_put_char(to, ']');
		return;
	default:
		buf_put_c(to, name.ptr[0] == 'v' ? "[=" : "[");
		buf_put_str(to, text);
		buf_put_char(to, ']');
	}
}

struct str field_set_name_text(struct arena *arena, struct str name)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	put_element(name, &text);
	return str_in(arena, buf_str(&text));
}

struct each {
	struct arena *arena;
	void (*fn)(void *arg, struct str path);
	void *arg;
	struct buf path;
};

static void each_below(struct each *e, const struct field_set *set)
{
	size_t len = e->path.len;

	for (const struct field_set *child = set->children; child; child = child->next) {
		put_element(child->name, &e->path);
		if (child->is_member)
			e->fn(e->arg, str_in(e->arena, buf_str(&e->path)));
		each_below(e, child);
		buf_truncate(&e->path, len);
	}
}

void field_set_each(const struct field_set *set, struct arena *arena,
		    void (*fn)(void *arg, struct str path), void *arg)
{
	struct each e = { .arena = arena, .fn = fn, .arg = arg };

	if (!set)
		return;
	buf_init(&e.path, OBJECT_BYTES_MAX);
	each_below(&e, set);
	buf_deinit(&e.path);
}

/* ---- fieldsV1 ---- */

static int refuse_element(struct err *err, struct str name)
{
	return err_set(err, ERR_INVALID, "error parsing JSON: invalid path element \"" STR_FMT "\"",
		       STR_ARG(str_slice(name, 0, 100)));
}

static int member_cmp(const void *a, const void *b)
{
	return str_cmp(json_str(*(yyjson_val *const *)a), json_str(*(yyjson_val *const *)b));
}

/* {"name":"a"} with its members in order and nothing but scalars. */
static int write_key(yyjson_val *key, struct buf *to)
{
	yyjson_val *names[FIELD_SET_KEYS_MAX];
	size_t count = 0;

	if (!yyjson_is_obj(key) || yyjson_obj_size(key) > FIELD_SET_KEYS_MAX)
		return -1;
	JSON_MEMBERS (name, value, key) {
		if (yyjson_is_ctn(value))
			return -1;
		names[count++] = name;
	}
	qsort(names, count, sizeof(names[0]), member_cmp);
	buf_put_char(to, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_put_char(to, ',');
		json_write(names[i], to);
		buf_put_char(to, ':');
		json_write(yyjson_obj_iter_get_val(names[i]), to);
	}
	buf_put_char(to, '}');
	return 0;
}

/* Whether the text is canonical already, as all is that was written here: no need to read it. */
static bool is_plain(struct str text)
{
	size_t quotes = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '\\' || c == ',' || (unsigned char)c <= ' ')
			return false;
		quotes += c == '"';
	}
	return quotes == 4 && str_has_prefix(text, STR("k:{\"")) &&
	       str_contains(text, STR("\":\"")) && str_has_suffix(text, STR("\"}"));
}

static int read_name(struct arena *arena, struct str name, struct str *ret, struct err *err)
{
	struct str text = str_slice(name, 2, name.len);
	AUTO_JSON value = NULL;
	AUTO_BUF canonical = { 0 };
	int64_t index;
	int failed = 0;

	if (name.len < 2 || name.ptr[1] != ':')
		return refuse_element(err, name);
	*ret = name;
	if (name.ptr[0] == 'f' || is_plain(name))
		return 0;
	if (name.ptr[0] == 'i')
		return num_parse_i64(text, INT32_MIN, INT32_MAX, "index", &index, NULL) < 0
			       ? refuse_element(err, name)
			       : 0;
	if (name.ptr[0] != 'k' && name.ptr[0] != 'v')
		return refuse_element(err, name);
	value = json_parse(text, text.len, NULL);
	buf_init(&canonical, OBJECT_BYTES_MAX);
	buf_put_str(&canonical, str_slice(name, 0, 2));
	if (!value)
		failed = -1;
	else if (name.ptr[0] == 'k')
		failed = write_key(yyjson_doc_get_root(value), &canonical);
	else
		json_write(yyjson_doc_get_root(value), &canonical);
	if (failed < 0)
		return refuse_element(err, name);
	*ret = str_in(arena, buf_str(&canonical));
	return 0;
}

int field_set_read(struct arena *arena, yyjson_val *fields, struct field_set **ret, struct err *err)
{
	struct field_set *node = ARENA_NEW(arena, struct field_set), *child,
			 **end = &node->children;
	bool in_order = true;
	struct str last = STR_NONE;

	if (!yyjson_is_obj(fields))
		return err_set(err, ERR_INVALID, "error parsing JSON: expected an object");
	JSON_MEMBERS (key, value, fields) {
		struct str name;

		if (str_eq_c(json_str(key), ".")) {
			node->is_member = true;
			continue;
		}
		if (read_name(arena, json_str(key), &name, err) < 0 ||
		    field_set_read(arena, value, &child, err) < 0)
			return -1;
		if (!child)
			child = field_set_leaf(arena);
		child->name = name;
		in_order = in_order && (!last.len || field_set_name_cmp(last, name) < 0);
		last = name;
		*end = child;
		end = &child->next;
	}
	if (!in_order)
		node->children = field_set_sort(arena, node->children);
	*ret = node->is_member || node->children ? node : NULL;
	return 0;
}

void field_set_keep(struct arena *arena, struct field_set *set)
{
	for (struct field_set *child = set ? set->children : NULL; child; child = child->next) {
		child->name = str_in(arena, child->name);
		field_set_keep(arena, child);
	}
}

static void write_below(const struct field_set *set, struct buf *to)
{
	bool is_first = true;

	buf_put_char(to, '{');
	if (set->is_member && set->children) {
		buf_put_c(to, "\".\":{}");
		is_first = false;
	}
	for (const struct field_set *child = set->children; child; child = child->next) {
		if (!is_first)
			buf_put_char(to, ',');
		is_first = false;
		json_write_quoted(child->name, to);
		buf_put_char(to, ':');
		write_below(child, to);
	}
	buf_put_char(to, '}');
}

void field_set_write(const struct field_set *set, struct buf *to)
{
	if (set)
		write_below(set, to);
	else
		buf_put_c(to, "{}");
}
