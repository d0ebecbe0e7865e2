/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label selectors. Text is read by a small recursive-free parser over tokens ("," "(" ")" "!" "="
 * "==" "!=" ">" "<" and words); its messages are those of apimachinery's.
 */
#include "api/selector.h"

#include <stdio.h>
#include "api/limits.h"
#include "api/meta.h"
#include "base/num.h"
#include "codec/json_index.h"

#define SELECTOR_WALKS_MAX 32 /* labels that are looked for one by one */

enum token {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_COMMA,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_NOT,
	TOKEN_EQUAL,
	TOKEN_NOT_EQUAL,
	TOKEN_GREATER,
	TOKEN_LESS,
	TOKEN_BAD
};

struct parser {
	struct str rest;
	enum token token; /* the one to be looked at */
	struct str text;  /* of it */
	struct arena *arena;
	struct err *err;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
static bool is_special(char c)
{
	return c && strchr("=!(),><", c);
}

static void advance(struct parser *p)
{
	static const struct {
		const char *text;
		enum token token;
	} symbols[] = {
		{ "==", TOKEN_EQUAL }, { "!=", TOKEN_NOT_EQUAL }, { "=", TOKEN_EQUAL },
		{ "!", TOKEN_NOT },    { ",", TOKEN_COMMA },	  { "(", TOKEN_OPEN },
		{ ")", TOKEN_CLOSE },  { ">", TOKEN_GREATER },	  { "<", TOKEN_LESS },
	};
	size_t len = 0;

	while (p->rest.len && is_space(p->rest.ptr[0]))
		p->rest = str_slice(p->rest, 1, p->rest.len);
	if (!p->rest.len) {
		p->token = TOKEN_END;
		p->text = STR("");
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(symbols); i++) {
		if (!str_has_prefix(p->rest, str_from(symbols[i].text)))
			continue;
		p->token = symbols[i].token;
		p->text = str_from(symbols[i].text);
		p->rest = str_slice(p->rest, p->text.len, p->rest.len);
		return;
	}
	while (len < p->rest.len && !is_space(p->rest.ptr[len]) && !is_special(p->rest.ptr[len]))
		len++;
	p->token = TOKEN_WORD;
	p->text = str_slice(p->rest, 0, len);
	p->rest = str_slice(p->rest, len, p->rest.len);
}

static int unexpected(struct parser *p, const char *expected)
{
	return err_set(p->err, ERR_BAD_REQUEST,
		       "unable to parse requirement: found '" STR_FMT "', expected: %s",
		       STR_ARG(p->text), expected);
}

/* Between requirements. */
static int found(struct parser *p, const char *expected)
{
	return err_set(p->err, ERR_BAD_REQUEST, "found '" STR_FMT "', expected: %s",
		       STR_ARG(p->text), expected);
}

static int check_key(struct parser *p, struct str key)
{
	const char *problem = name_qualified_problem(key);

	if (!problem)
		return 0;
	return err_set(p->err, ERR_BAD_REQUEST,
		       "unable to parse requirement: <nil>: Invalid value: \"" STR_FMT "\": %s",
		       STR_ARG(key), name_problems_in(p->arena, problem, "; "));
}

static int check_value(struct parser *p, struct str key, struct str value, size_t index)
{
	const char *problem = name_label_value_problem(value);

	if (!problem)
		return 0;
	return err_set(p->err, ERR_BAD_REQUEST,
		       "unable to parse requirement: values[%zu][" STR_FMT
		       "]: Invalid value: \"" STR_FMT "\": %s",
		       index, STR_ARG(key), STR_ARG(value),
		       name_problems_in(p->arena, problem, "; "));
}

static int str_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* "(a, b,)" behind in and notin: empty parts are values too. */
static int parse_set(struct parser *p, struct selector_requirement *r)
{
	struct str *values;
	size_t count = 0, room = 1;
	bool expects = true;

	if (p->token != TOKEN_OPEN)
		return unexpected(p, "'('");
	for (size_t i = 0; i < p->rest.len && p->rest.ptr[i] != ')'; i++)
		room += p->rest.ptr[i] == ',';
	values = arena_array(p->arena, room, sizeof(values[0]));
	for (advance(p); p->token != TOKEN_CLOSE; advance(p)) {
		if (p->token == TOKEN_WORD && expects) {
			if (check_value(p, r->key, p->text, count) < 0)
				return -1;
			values[count++] = str_in(p->arena, p->text);
			expects = false;
		} else if (p->token == TOKEN_COMMA) {
			if (expects)
				values[count++] = STR("");
			expects = true;
		} else {
			return unexpected(p, "',', ')' or identifier");
		}
	}
	advance(p);
	if (expects)
		values[count++] = STR("");
	qsort(values, count, sizeof(values[0]), str_order);
	r->values = values;
	r->value_count = count;
	return 0;
}

static int parse_one_value(struct parser *p, struct selector_requirement *r)
{
	struct str *value = ARENA_NEW(p->arena, struct str);
	int64_t number;

	if (p->token == TOKEN_WORD) {
		*value = str_in(p->arena, p->text);
		advance(p);
	} else if (p->token != TOKEN_COMMA && p->token != TOKEN_END) {
		return unexpected(p, "identifier");
	}
	if (!value->ptr)
		*value = STR("");
	if (r->operator== SELECTOR_GREATER || r->operator== SELECTOR_LESS) {
		if (num_parse_i64(*value, INT64_MIN, INT64_MAX, "value", &number, NULL) < 0)
			return err_set(
				p->err, ERR_BAD_REQUEST,
				"unable to parse requirement: values[0]: Invalid value: \"" STR_FMT
				"\": for 'Gt', 'Lt' operators, the value must be an integer",
				STR_ARG(*value));
	} else if (check_value(p, r->key, *value, 0) < 0) {
		return -1;
	}
	r->values = value;
	r->value_count = 1;
	return 0;
}

static int parse_requirement(struct parser *p, struct selector_requirement *r)
{
	bool negated = p->token == TOKEN_NOT;

	*r = (struct selector_requirement){ .operator= SELECTOR_EXISTS };
	if (negated)
		advance(p);
	if (p->token != TOKEN_WORD)
		return unexpected(p, "identifier");
	r->key = str_in(p->arena, p->text);
	if (check_key(p, r->key) < 0)
		return -1;
	advance(p);
	if (negated || p->token == TOKEN_END || p->token == TOKEN_COMMA) {
		r->operator= negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS;
		return 0;
	}
	if (p->token == TOKEN_WORD && (str_eq_c(p->text, "in") || str_eq_c(p->text, "notin"))) {
		r->operator= p->text.len == 2 ? SELECTOR_IN : SELECTOR_NOT_IN;
		advance(p);
		return parse_set(p, r);
	}
	if (p->token < TOKEN_EQUAL || p->token > TOKEN_LESS)
		return unexpected(p, "in, notin, =, ==, !=, gt, lt");
	r->operator= p->token == TOKEN_EQUAL ? SELECTOR_IN
	: p->token == TOKEN_NOT_EQUAL	     ? SELECTOR_NOT_IN
	: p->token == TOKEN_GREATER	     ? SELECTOR_GREATER
					     : SELECTOR_LESS;
	advance(p);
	return parse_one_value(p, r);
}

int selector_parse(struct str text, struct arena *arena, struct selector *ret, struct err *err)
{
	struct parser p = { .rest = text, .arena = arena, .err = err };
	struct selector_requirement *requirements;
	size_t count = 0, room = 1;

	if (text.len > SELECTOR_BYTES_MAX)
		return err_set(err, ERR_BAD_REQUEST, "label selector is longer than %u bytes",
			       SELECTOR_BYTES_MAX);
	for (size_t i = 0; i < text.len; i++)
		room += text.ptr[i] == ',';
	if (room > SELECTOR_REQUIREMENTS_MAX)
		return err_set(err, ERR_BAD_REQUEST, "label selector has more than %d requirements",
			       SELECTOR_REQUIREMENTS_MAX);
	requirements = arena_array(arena, room, sizeof(requirements[0]));
	advance(&p);
	if (p.token != TOKEN_END && p.token != TOKEN_WORD && p.token != TOKEN_NOT)
		return found(&p, "!, identifier, or 'end of string'");
	while (p.token != TOKEN_END) {
		if (parse_requirement(&p, &requirements[count]) < 0)
			return -1;
		count++;
		if (p.token == TOKEN_END)
			break;
		if (p.token != TOKEN_COMMA)
			return found(&p, "',' or 'end of string'");
		advance(&p);
		if (p.token != TOKEN_WORD && p.token != TOKEN_NOT)
			return found(&p, "identifier after ','");
	}
	*ret = (struct selector){ .requirements = requirements, .count = count };
	return 0;
}

/* ---- objects ---- */

static int operator_of(struct str text, enum selector_operator *ret, struct err *err)
{
	static const struct {
		const char *text;
		enum selector_operator operator;
	} operators[] = {
		{ "In", SELECTOR_IN },	       { "NotIn", SELECTOR_NOT_IN },
		{ "Exists", SELECTOR_EXISTS }, { "DoesNotExist", SELECTOR_NOT_EXISTS },
		{ "Gt", SELECTOR_GREATER },    { "Lt", SELECTOR_LESS },
	};

	for (size_t i = 0; i < ARRAY_COUNT(operators); i++) {
		if (str_eq_c(text, operators[i].text)) {
			*ret = operators[i].operator;
			return 0;
		}
	}
	return err_set(err, ERR_BAD_REQUEST,
		       "\"" STR_FMT "\" is not a valid label selector operator", STR_ARG(text));
}

static void add_equal(struct selector_requirement *r, struct str key, struct str value,
		      struct arena *arena)
{
	struct str *copy = ARENA_NEW(arena, struct str);

	*copy = value;
	*r = (struct selector_requirement){
		.operator= SELECTOR_IN, .key = key, .values = copy, .value_count = 1
	};
}

static int add_expression(struct selector_requirement *r, yyjson_val *expression,
			  struct arena *arena, struct err *err)
{
	yyjson_val *values = yyjson_obj_get(expression, "values");
	struct str *copies = arena_array(arena, yyjson_arr_size(values) + 1, sizeof(copies[0]));
	size_t count = 0;

	*r = (struct selector_requirement){ .key = json_get_str(expression, "key"),
					    .values = copies };
	if (operator_of(json_get_str(expression, "operator"), &r->operator, err) < 0)
		return -1;
	JSON_EACH (value, values)
		copies[count++] = json_str(value);
	r->value_count = count;
	qsort(copies, count, sizeof(copies[0]), str_order);
	return 0;
}

int selector_from_object(yyjson_val *label_selector, struct arena *arena, struct selector *ret,
			 struct err *err)
{
	yyjson_val *labels = yyjson_obj_get(label_selector, "matchLabels");
	yyjson_val *expressions = yyjson_obj_get(label_selector, "matchExpressions");
	struct selector_requirement *requirements;
	size_t count = 0;

	if (!yyjson_is_obj(label_selector)) {
		*ret = (struct selector){ .nothing = true };
		return 0;
	}
	requirements = arena_array(arena,
				   yyjson_obj_size(labels) + yyjson_arr_size(expressions) + 1,
				   sizeof(requirements[0]));
	JSON_MEMBERS (key, value, labels)
		add_equal(&requirements[count++], json_str(key), json_str(value), arena);
	JSON_EACH (expression, expressions) {
		if (add_expression(&requirements[count++], expression, arena, err) < 0)
			return -1;
	}
	*ret = (struct selector){ .requirements = requirements, .count = count };
	return 0;
}

void selector_from_map(yyjson_val *map, struct arena *arena, struct selector *ret)
{
	struct selector_requirement *requirements = arena_array(arena, yyjson_obj_size(map) + 1,
								sizeof(requirements[0]));
	size_t count = 0;

	JSON_MEMBERS (key, value, map)
		add_equal(&requirements[count++], json_str(key), json_str(value), arena);
	*ret = (struct selector){ .requirements = requirements, .count = count, .nothing = !count };
}

/* ---- matching ---- */

static bool compares(const struct selector_requirement *r, struct str value)
{
	int64_t number, limit;

	if (num_parse_i64(value, INT64_MIN, INT64_MAX, "label", &number, NULL) < 0 ||
	    r->value_count != 1 ||
	    num_parse_i64(r->values[0], INT64_MIN, INT64_MAX, "value", &limit, NULL) < 0)
		return false;
	return r->operator== SELECTOR_GREATER ? number > limit : number<limit;
}

static bool requirement_matches(const struct selector_requirement *r, bool is_there,
				struct str value)
{
	bool found = false;

	switch (r->operator) {
	case SELECTOR_EXISTS:
		return is_there;
	case SELECTOR_NOT_EXISTS:
		return !is_there;
	case SELECTOR_GREATER:
	case SELECTOR_LESS:
		return is_there && compares(r, value);
	default:
		for (size_t i = 0; is_there && i < r->value_count && !found; i++)
			found = str_eq(r->values[i], value);
		return found == (r->operator== SELECTOR_IN);
	}
}

/* Walks over few labels are faster than an index of them. */
static bool wants_index(const struct selector *s, size_t label_count)
{
	return s->count > SELECTOR_WALKS_MAX && label_count > SELECTOR_WALKS_MAX;
}

static bool matches_by_index(const struct selector *s, yyjson_val *labels)
{
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, yyjson_obj_size(labels));
	JSON_MEMBERS (key, value, labels)
		(void)json_index_add(&index, json_str(key), value);
	for (size_t i = 0; i < s->count; i++) {
		yyjson_val *label = json_index_get(&index, s->requirements[i].key);

		if (!requirement_matches(&s->requirements[i], label, json_str(label)))
			return false;
	}
	return true;
}

bool selector_matches(const struct selector *s, yyjson_val *labels)
{
	if (s->nothing)
		return false;
	if (wants_index(s, yyjson_obj_size(labels)))
		return matches_by_index(s, labels);
	for (size_t i = 0; i < s->count; i++) {
		yyjson_val *label = json_key(labels, s->requirements[i].key);

		if (!requirement_matches(&s->requirements[i], label, json_str(label)))
			return false;
	}
	return true;
}

static bool matches_mut_by_index(const struct selector *s, yyjson_mut_val *labels)
{
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, yyjson_mut_obj_size(labels));
	JSON_MUT_MEMBERS (key, value, labels)
		(void)json_index_add(&index, json_mut_str(key), value);
	for (size_t i = 0; i < s->count; i++) {
		yyjson_mut_val *label = json_index_get(&index, s->requirements[i].key);

		if (!requirement_matches(&s->requirements[i], label, json_mut_str(label)))
			return false;
	}
	return true;
}

bool selector_matches_mut(const struct selector *s, yyjson_mut_val *labels)
{
	if (s->nothing)
		return false;
	if (wants_index(s, yyjson_mut_obj_size(labels)))
		return matches_mut_by_index(s, labels);
	for (size_t i = 0; i < s->count; i++) {
		yyjson_mut_val *label = json_mut_key(labels, s->requirements[i].key);

		if (!requirement_matches(&s->requirements[i], label, json_mut_str(label)))
			return false;
	}
	return true;
}

bool selector_is_everything(const struct selector *s)
{
	return !s->nothing && !s->count;
}

/* ---- text ---- */

static void requirement_write(const struct selector_requirement *r, struct buf *to)
{
	bool is_set = r->value_count != 1;

	if (r->operator== SELECTOR_NOT_EXISTS)
		buf_put_char(to, '!');
	buf_put_str(to, r->key);
	if (r->operator== SELECTOR_EXISTS || r->operator== SELECTOR_NOT_EXISTS)
		return;
	if (r->operator== SELECTOR_GREATER || r->operator== SELECTOR_LESS)
		buf_put_char(to, r->operator== SELECTOR_GREATER ? '>' : '<');
	else if (is_set)
		buf_put_c(to, r->operator== SELECTOR_IN ? " in (" : " notin (");
	else
		buf_put_c(to, r->operator== SELECTOR_IN ? "=" : "!=");
	for (size_t i = 0; i < r->value_count; i++) {
		if (i)
			buf_put_char(to, ',');
		buf_put_str(to, r->values[i]);
	}
	if (is_set)
		buf_put_char(to, ')');
}

static int by_key(const void *a, const void *b)
{
	return str_cmp(((const struct selector_requirement *)a)->key,
		       ((const struct selector_requirement *)b)->key);
}

void selector_write(const struct selector *s, struct buf *to)
{
	struct selector_requirement sorted[64];

	if (s->count <= ARRAY_COUNT(sorted) && s->count) {
		memcpy(sorted, s->requirements, s->count * sizeof(sorted[0]));
		qsort(sorted, s->count, sizeof(sorted[0]), by_key);
	}
	for (size_t i = 0; i < s->count; i++) {
		if (i)
			buf_put_char(to, ',');
		requirement_write(
			s->count <= ARRAY_COUNT(sorted) ? &sorted[i] : &s->requirements[i], to);
	}
}

static struct str selector_text_in(const struct selector *s, struct arena *arena)
{
	AUTO_BUF text = { 0 };

	if (!s->count)
		return STR("<none>");
	buf_init(&text, SELECTOR_BYTES_MAX);
	selector_write(s, &text);
	return str_in(arena, buf_str(&text));
}

struct str selector_of_object_in(struct arena *arena, yyjson_val *label_selector)
{
	struct selector s;

	if (selector_from_object(label_selector, arena, &s, NULL) < 0)
		return STR("<error>");
	return selector_text_in(&s, arena);
}

struct str selector_of_map_in(struct arena *arena, yyjson_val *map)
{
	struct selector s;

	selector_from_map(map, arena, &s);
	return selector_text_in(&s, arena);
}

/* ---- checks ---- */

static void validate_expression(yyjson_mut_val *expression, const struct field_path *path,
				struct field_errors *errors)
{
	struct str operator= json_mut_get_str(expression, "operator"),
		   key = json_mut_get_str(expression, "key");
	yyjson_mut_val *values = yyjson_mut_obj_get(expression, "values");
	const char *problem = name_qualified_problem(key);
	size_t i = 0;

	if (str_eq_c(operator, "In") || str_eq_c(operator, "NotIn")) {
		if (!yyjson_mut_arr_size(values))
			field_required(errors, FIELD_NAME(path, "values"),
				       "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (str_eq_c(operator, "Exists") || str_eq_c(operator, "DoesNotExist")) {
		if (yyjson_mut_arr_size(values))
			field_forbidden(errors, FIELD_NAME(path, "values"),
					"may not be specified when `operator` is 'Exists' or "
					"'DoesNotExist'");
	} else {
		field_invalid_str(errors, FIELD_NAME(path, "operator"), operator,
				  "not a valid selector operator");
	}
	if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "key"), key, problem);
	JSON_MUT_EACH (value, values) {
		problem = name_label_value_problem(json_mut_str(value));
		if (problem)
			field_invalid_str(errors, FIELD_INDEX(FIELD_NAME(path, "values"), i),
					  json_mut_str(value), problem);
		i++;
	}
}

void selector_validate(yyjson_mut_val *label_selector, const struct field_path *path,
		       struct field_errors *errors)
{
	size_t i = 0;

	meta_validate_labels(yyjson_mut_obj_get(label_selector, "matchLabels"),
			     FIELD_NAME(path, "matchLabels"), errors);
	JSON_MUT_EACH (expression, yyjson_mut_obj_get(label_selector, "matchExpressions"))
		validate_expression(expression,
				    FIELD_INDEX(FIELD_NAME(path, "matchExpressions"), i++), errors);
}
