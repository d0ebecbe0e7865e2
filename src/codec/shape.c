/* SPDX-License-Identifier: Apache-2.0 */
/* A tree held against a text of members. The text is a constant of ours: it is trusted. */
#include "codec/shape.h"

#include <string.h>

#define PATH_BYTES_MAX 1024

struct place {
	struct buf *path;
	struct err *err;
};

/* Behind the bracket that closes the one at shape. */
static const char *skip(const char *shape)
{
	int depth = 0;

	do {
		depth += *shape == '{' || *shape == '[';
		depth -= *shape == '}' || *shape == ']';
		shape++;
	} while (depth);
	return shape;
}

/* What follows the name of a member: ':', '{' or '['; NULL: there is none of this name. */
static const char *find(const char *shape, struct str key)
{
	while (*shape && *shape != '}' && *shape != ']') {
		size_t len;

		shape += strspn(shape, " ");
		len = strcspn(shape, ":{[");
		if (len == key.len && !memcmp(shape, key.ptr, len))
			return shape + len;
		shape += len;
		shape = *shape == ':' ? shape + strcspn(shape, " }]") : skip(shape);
	}
	return NULL;
}

static int wrong_type(struct place *at, yyjson_val *v, const char *want)
{
	return err_set(at->err, ERR_INVALID,
		       "json: cannot unmarshal %s into field \"" STR_FMT "\" of type %s",
		       yyjson_is_null(v) ? "null" : json_go_type(v), STR_ARG(buf_str(at->path)),
		       want);
}

static int check_object(struct place *at, yyjson_val *v, const char *shape);

static int check_list(struct place *at, yyjson_val *v, const char *shape)
{
	size_t base = at->path->len, index = 0;

	if (!yyjson_is_arr(v))
		return wrong_type(at, v, "list");
	JSON_EACH (item, v) {
		buf_printf(at->path, "[%zu]", index++);
		if (shape ? check_object(at, item, shape) < 0 : !yyjson_is_str(item))
			return shape ? -1 : wrong_type(at, item, "string");
		buf_truncate(at->path, base);
	}
	return 0;
}

static int check_map(struct place *at, yyjson_val *v)
{
	if (!yyjson_is_obj(v))
		return wrong_type(at, v, "object");
	JSON_MEMBERS (key, value, v) {
		if (yyjson_is_str(value))
			continue;
		buf_printf(at->path, "[" STR_FMT "]", STR_ARG(json_str(key)));
		return wrong_type(at, value, "string");
	}
	return 0;
}

static int check_value(struct place *at, yyjson_val *v, const char *what)
{
	if (yyjson_is_null(v))
		return 0; /* as if it were not there */
	if (*what == '{')
		return check_object(at, v, what + 1);
	if (*what == '[')
		return check_list(at, v, what + 1);
	switch (what[1]) {
	case 's':
		return yyjson_is_str(v) ? 0 : wrong_type(at, v, "string");
	case 'i':
		return yyjson_is_int(v) ? 0 : wrong_type(at, v, "int");
	case 'b':
		return yyjson_is_bool(v) ? 0 : wrong_type(at, v, "bool");
	case 'l':
		return check_list(at, v, NULL);
	case 'm':
		return check_map(at, v);
	default:
		return 0;
	}
}

static int check_object(struct place *at, yyjson_val *v, const char *shape)
{
	size_t base = at->path->len;

	if (!yyjson_is_obj(v))
		return wrong_type(at, v, "object");
	JSON_MEMBERS (key, value, v) {
		const char *what = find(shape, json_str(key));

		buf_printf(at->path, "%s" STR_FMT, base ? "." : "", STR_ARG(json_str(key)));
		if (!what)
			return err_set(at->err, ERR_INVALID,
				       "strict decoding error: unknown field \"" STR_FMT "\"",
				       STR_ARG(buf_str(at->path)));
		if (check_value(at, value, what) < 0)
			return -1;
		buf_truncate(at->path, base);
	}
	return 0;
}

int shape_check(yyjson_val *root, const char *shape, struct err *err)
{
	AUTO_BUF path = { 0 };
	struct place at = { .path = &path, .err = err };

	buf_init(&path, PATH_BYTES_MAX); /* one that is longer is cut in the message */
	return check_object(&at, root, shape);
}
