/* SPDX-License-Identifier: Apache-2.0 */
/* Reading paths: one step after the other; what stands in brackets is read as a path of its own. */
#include "codec/json_path_internal.h"

#include "base/num.h"

struct reader {
	struct arena *arena;
	struct str text;
	size_t at;
	int depth; /* of paths in brackets */
	struct json_step **end;
};

static int read_steps(struct arena *arena, struct str text, int depth, struct json_step **ret);

static struct json_step *add(struct reader *r, enum json_step_type type)
{
	struct json_step *step = ARENA_NEW(r->arena, struct json_step);

	step->type = type;
	*r->end = step;
	r->end = &step->next;
	return step;
}

static int peek(const struct reader *r)
{
	return r->at < r->text.len ? (unsigned char)r->text.ptr[r->at] : -1;
}

static bool ends_word(int c)
{
	return c < 0 || (c < 0x80 && c && strchr(" \t\r\n.,[]$@{}", c));
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Letters beyond ASCII are told from other signs by nobody who names fields. */
static bool is_word(int c)
{
	return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c >= 0x80;
}

/* A backslash takes the meaning from what comes behind it, and goes. */
static void read_field(struct reader *r)
{
	char *name = arena_alloc(r->arena, r->text.len - r->at + 1);
	struct json_step *step;
	size_t len = 0;

	while (!ends_word(peek(r))) {
		if (peek(r) != '\\') {
			name[len++] = r->text.ptr[r->at++];
		} else if (++r->at < r->text.len) {
			if (peek(r) != '\\')
				name[len++] = r->text.ptr[r->at];
			r->at++;
		}
	}
	step = add(r, len == 1 && name[0] == '*' ? STEP_WILDCARD : STEP_FIELD);
	step->name = str_sub(name, len);
}

static int read_recursive(struct reader *r, const struct json_step *last)
{
	if (last && last->type == STEP_RECURSIVE)
		return -1;
	r->at += 2;
	(void)add(r, STEP_RECURSIVE);
	if (is_word(peek(r)))
		read_field(r);
	return 0;
}

static int read_number(struct reader *r)
{
	size_t from = r->at;
	struct json_step *step = add(r, STEP_CONSTANT);
	struct str text;
	int64_t whole;
	double real;

	if (peek(r) == '+' || peek(r) == '-')
		r->at++;
	while (peek(r) == '.' || is_digit(peek(r)))
		r->at++;
	text = str_slice(r->text, from, r->at);
	if (str_has_prefix(text, STR("+")))
		text = str_slice(text, 1, text.len);
	if (num_parse_i64(text, INT64_MIN, INT64_MAX, "number", &whole, NULL) == 0) {
		yyjson_set_sint(&step->constant, whole);
		return 0;
	}
	if (num_parse_double(text, "number", &real, NULL) < 0)
		return -1;
	yyjson_set_real(&step->constant, real);
	return 0;
}

static void read_word(struct reader *r)
{
	size_t from = r->at;
	struct str word;

	while (!ends_word(peek(r)))
		r->at++;
	word = str_slice(r->text, from, r->at);
	if (str_eq_c(word, "true") || str_eq_c(word, "false"))
		yyjson_set_bool(&add(r, STEP_CONSTANT)->constant, str_eq_c(word, "true"));
	else
		(void)add(r, STEP_UNKNOWN);
}

/* The end of a quoted text that begins at from; SIZE_MAX: it has none. */
static size_t quoted_end(struct str text, size_t from)
{
	for (size_t i = from + 1; i < text.len && text.ptr[i] != '\n'; i++)
		if (text.ptr[i] == text.ptr[from] && text.ptr[i - 1] != '\\')
			return i;
	return SIZE_MAX;
}

static int read_quoted(struct reader *r)
{
	static const char escapes[] = "\\'\"abfnrtv", escaped[] = "\\'\"\a\b\f\n\r\t\v";
	size_t end = quoted_end(r->text, r->at), len = 0;
	char *text;

	if (end == SIZE_MAX)
		return -1;
	text = arena_alloc(r->arena, end - r->at);
	for (size_t i = r->at + 1; i < end; i++) {
		const char *escape = NULL;

		text[len] = r->text.ptr[i];
		if (text[len] == '\\' && ++i < end) {
			escape = memchr(escapes, r->text.ptr[i], sizeof(escapes) - 1);
			if (!escape)
				return -1;
			text[len] = escaped[escape - escapes];
		}
		len++;
	}
	yyjson_set_strn(&add(r, STEP_CONSTANT)->constant, text, len);
	r->at = end + 1;
	return 0;
}

/* ---- brackets ---- */

static int read_union(struct reader *r, struct str list)
{
	struct json_step *step = add(r, STEP_UNION), **end = &step->branches;
	struct str one;
	size_t at;

	for (bool more = true; more;) {
		at = str_find_char(list, ',', 0);
		more = at != SIZE_MAX;
		one = more ? str_slice(list, 0, at) : list;
		list = more ? str_slice(list, at + 1, list.len) : STR_NONE;
		one = str_printf_in(r->arena, "[" STR_FMT "]", STR_ARG(str_trim(one)));
		*end = ARENA_NEW(r->arena, struct json_step);
		if (read_steps(r->arena, one, r->depth + 1, &(*end)->left) < 0)
			return -1;
		end = &(*end)->next;
	}
	return 0;
}

/* `-?[0-9]*`, where nothing is nothing known. */
static int read_bound(struct str *text, struct json_bound *bound)
{
	size_t len = str_has_prefix(*text, STR("-"));
	struct str number;

	while (len < text->len && is_digit((unsigned char)text->ptr[len]))
		len++;
	number = str_slice(*text, 0, len);
	*text = str_slice(*text, len, text->len);
	bound->is_known = len > 0;
	return len ? num_parse_i64(number, INT64_MIN / 4, INT64_MAX / 4, "index", &bound->value,
				   NULL)
		   : 0;
}

static int read_slice(struct reader *r, struct str text)
{
	struct json_step *step = add(r, STEP_ARRAY);
	size_t given = 0;

	if (str_eq_c(text, "*"))
		text = STR(":");
	if (read_bound(&text, &step->bounds[0]) < 0)
		return -1;
	while (text.len && ++given < ARRAY_COUNT(step->bounds)) {
		if (!str_strip_prefix(&text, STR(":")) ||
		    read_bound(&text, &step->bounds[given]) < 0)
			return -1;
	}
	step->is_index = given == 0;
	return text.len ? -1 : 0;
}

static int read_array(struct reader *r)
{
	size_t end = str_find_char(r->text, ']', r->at);
	struct str text;
	struct json_step *inside;

	if (end == SIZE_MAX)
		return -1;
	text = str_slice(r->text, r->at + 1, end);
	if (str_find_char(text, '\n', 0) != SIZE_MAX)
		return -1;
	r->at = end + 1;
	if (str_find_char(text, ',', 0) != SIZE_MAX)
		return read_union(r, text);
	if (text.len < 2 || text.ptr[0] != '\'' || str_find_char(text, '\'', 1) != text.len - 1)
		return read_slice(r, text);
	text = str_printf_in(r->arena, "." STR_FMT, STR_ARG(str_slice(text, 1, text.len - 1)));
	if (read_steps(r->arena, text, r->depth + 1, &inside) < 0)
		return -1;
	for (*r->end = inside; *r->end; r->end = &(*r->end)->next)
		continue;
	return 0;
}

/* The closing ')' of a filter: not in quotes. */
static size_t filter_end(struct str text, size_t from)
{
	size_t quote = SIZE_MAX;
	bool is_closed = false;

	for (size_t i = from; i < text.len && text.ptr[i] != '\n'; i++) {
		char c = text.ptr[i];

		if (c == ')' && (quote == SIZE_MAX || is_closed))
			return i;
		if (c != '"' && c != '\'')
			continue;
		if (quote == SIZE_MAX)
			quote = i;
		else if (c == text.ptr[quote] && text.ptr[i - 1] != '\\')
			is_closed = true;
	}
	return SIZE_MAX;
}

static bool is_comparing(char c)
{
	return c == '!' || c == '<' || c == '>' || c == '=';
}

static int read_filter(struct reader *r)
{
	struct json_step *step = add(r, STEP_FILTER);
	size_t from = r->at + 3, end = filter_end(r->text, from), left = 0, right;
	struct str text;

	if (end == SIZE_MAX || end + 1 >= r->text.len || r->text.ptr[end + 1] != ']')
		return -1;
	text = str_slice(r->text, from, end);
	r->at = end + 2;
	while (left < text.len && !is_comparing(text.ptr[left]))
		left++;
	right = left;
	while (right < text.len && is_comparing(text.ptr[right]))
		right++;
	if (right == text.len && right - left > 1)
		right--; /* what compares leaves something to compare with */
	if (!left || left == text.len || right == text.len)
		return read_steps(r->arena, text, r->depth + 1, &step->left);
	step->operation = str_slice(text, left, right);
	if (read_steps(r->arena, str_slice(text, 0, left), r->depth + 1, &step->left) < 0)
		return -1;
	return read_steps(r->arena, str_slice(text, right, text.len), r->depth + 1, &step->right);
}

/* ---- the whole ---- */

static int read_step(struct reader *r, const struct json_step *last)
{
	struct str rest = str_slice(r->text, r->at, r->text.len);
	int c = peek(r);

	if (str_has_prefix(rest, STR("[?(")))
		return read_filter(r);
	if (str_has_prefix(rest, STR("..")))
		return read_recursive(r, last);
	if (c == '[')
		return read_array(r);
	if (c == '"' || c == '\'')
		return read_quoted(r);
	if (c == '+' || c == '-' || is_digit(c))
		return read_number(r);
	if (is_word(c)) {
		read_word(r);
		return 0;
	}
	if (c != ' ' && c != '@' && c != '$' && c != '.')
		return -1;
	r->at++;
	if (c == '.')
		read_field(r);
	return 0;
}

static int read_steps(struct arena *arena, struct str text, int depth, struct json_step **ret)
{
	struct reader r = { .arena = arena, .text = text, .depth = depth, .end = ret };
	struct json_step **last = ret;

	*ret = NULL;
	if (depth > JSON_PATH_DEPTH_MAX)
		return -1;
	while (r.at < text.len) {
		struct json_step **end = r.end;

		if (read_step(&r, end == ret ? NULL : *last) < 0)
			return -1;
		for (last = end == r.end ? last : end; *last && (*last)->next;)
			last = &(*last)->next;
	}
	return 0;
}

const struct json_path *json_path_parse(struct arena *arena, struct str text)
{
	struct json_path *path = ARENA_NEW(arena, struct json_path);

	return read_steps(arena, text, 0, &path->steps) < 0 ? NULL : path;
}
