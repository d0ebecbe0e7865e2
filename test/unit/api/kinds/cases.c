/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "api/object.h"
#include "api/strategic.h"
#include "codec/patch.h"
#include "codec/yaml.h"

#define NOW_NS INT64_C(1700000000000000000)
#define TEXT_BYTES_MAX (1u << 20)

struct bench {
	const struct kind *kind;
	struct arena arena;
	struct edit edit;
	yyjson_mut_doc *doc;
};

static void fail_case(const char *name, const char *what, const char *detail)
{
	fail_msg("%s: %s: %s", name, what, detail);
}

static yyjson_mut_doc *read_yaml(const char *name, const char *text)
{
	struct err err = { 0 };
	yyjson_mut_doc *doc = yaml_parse(str_from(*text ? text : "{}"), TEXT_BYTES_MAX, &err);

	if (!doc)
		fail_case(name, "yaml", err.msg);
	return doc;
}

/* The object (a tree) with a change on it. */
static yyjson_mut_doc *change_object(const struct kind *kind, const char *name, yyjson_val *object,
				     const char *change)
{
	bool lists_are_whole = *change == '!';
	AUTO_JSON_MUT patch = read_yaml(name, change + lists_are_whole);
	AUTO_JSON frozen = json_freeze(yyjson_mut_doc_get_root(patch));
	yyjson_val *wanted = yyjson_doc_get_root(frozen);
	struct err err = { 0 };
	yyjson_mut_doc *doc = lists_are_whole ? patch_merge(object, wanted, &err)
					      : strategic_merge(kind->schema, object, wanted, &err);

	if (!doc)
		fail_case(name, "patch", err.msg);
	return doc;
}

static yyjson_mut_doc *decode(const struct kind *kind, const char *name, yyjson_mut_doc *tree)
{
	struct decode_options options = { .kind = kind, .check = FIELDS_STRICT };
	struct err err = { 0 };
	yyjson_mut_doc *doc = object_decode_mut(yyjson_mut_doc_get_root(tree), &options, &err);

	if (!doc)
		fail_case(name, "decode", err.msg);
	return doc;
}

static void bench_open(struct bench *b, const struct kind *kind, const char *name,
		       yyjson_mut_doc *tree)
{
	*b = (struct bench){ .kind = kind };
	arena_init(&b->arena, ARENA_DEFAULT_MAX);
	b->doc = decode(kind, name, tree);
	b->edit = (struct edit){ .kind = kind,
				 .doc = b->doc,
				 .root = yyjson_mut_doc_get_root(b->doc),
				 .arena = &b->arena,
				 .now_ns = NOW_NS };
}

static void bench_close(struct bench *b)
{
	json_mut_free(b->doc);
	arena_deinit(&b->arena);
}

static void prepare_create(struct bench *b, const char *name)
{
	struct object_birth birth = { .namespace_ = STR("default"),
				      .uid = STR("u-1"),
				      .suffix = STR("abcde") };
	struct err err = { 0 };

	object_default(&b->edit);
	if (object_prepare_create(&b->edit, &birth, &err) < 0)
		fail_case(name, "prepare", err.msg);
}

/* text (of all causes) against want, line by line. */
static bool is_wanted(struct str text, struct str want)
{
	struct str a, b;

	while (want.len) {
		bool more = str_next_part(&text, '\n', &a);

		(void)str_next_part(&want, '\n', &b);
		if (!more)
			return false;
		if (str_has_suffix(b, STR("..."))) {
			b.len -= 3;
			if (!str_has_prefix(a, b))
				return false;
		} else if (!str_eq(a, b)) {
			return false;
		}
	}
	return text.len == 0;
}

static size_t compare(const char *name, struct str text, const char *want)
{
	if (is_wanted(text, str_from(want)))
		return 0;
	print_error("%s:\nis:\n" STR_FMT "\nwant:\n%s\n", name, STR_ARG(text), want);
	return 1;
}

/* All rows are tried before the test fails. */
static size_t compare_errors(const char *name, const struct field_errors *errors, const char *want)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, TEXT_BYTES_MAX);
	for (size_t i = 0; i < errors->count; i++)
		buf_printf(&text, "%s" STR_FMT "%s" STR_FMT, i ? "\n" : "",
			   STR_ARG(errors->items[i].field), errors->items[i].field.len ? ": " : "",
			   STR_ARG(errors->items[i].message));
	return compare(name, buf_str(&text), want);
}

static size_t check_create(const struct kind *kind, yyjson_val *base, const struct kind_case *c)
{
	AUTO_JSON_MUT tree = change_object(kind, c->name, base, c->change);
	struct field_errors errors;
	struct bench b;
	size_t wrong;

	bench_open(&b, kind, c->name, tree);
	prepare_create(&b, c->name);
	field_errors_init(&errors, &b.arena);
	object_validate_create(&b.edit, &errors);
	wrong = compare_errors(c->name, &errors, c->want);
	bench_close(&b);
	return wrong;
}

void check_creates(const struct kind *kind, const char *base, const struct kind_case *cases,
		   size_t count)
{
	static const struct kind_case good = { "the good one", "{}", "" };
	AUTO_JSON_MUT tree = read_yaml("base", base);
	AUTO_JSON frozen = json_freeze(yyjson_mut_doc_get_root(tree));
	size_t wrong = check_create(kind, yyjson_doc_get_root(frozen), &good);

	for (size_t i = 0; i < count; i++)
		wrong += check_create(kind, yyjson_doc_get_root(frozen), &cases[i]);
	assert_int_equal(wrong, 0);
}

/* What a server would have stored. */
static yyjson_doc *store(const struct kind *kind, const struct kind_update *update)
{
	AUTO_JSON_MUT tree = read_yaml("base", update->base);
	AUTO_JSON_MUT changed = NULL;
	AUTO_JSON frozen = NULL;
	struct bench b;

	bench_open(&b, kind, "base", tree);
	prepare_create(&b, "base");
	json_set_str(b.doc, yyjson_mut_obj_get(b.edit.root, "metadata"), "resourceVersion",
		     STR("7"));
	frozen = json_freeze(b.edit.root);
	changed = change_object(kind, "stored", yyjson_doc_get_root(frozen), update->stored_change);
	bench_close(&b);
	return json_freeze(yyjson_mut_doc_get_root(changed));
}

static size_t check_update(const struct kind *kind, yyjson_val *stored, const char *subresource,
			   const struct kind_case *c)
{
	AUTO_JSON_MUT tree = change_object(kind, c->name, stored, c->change);
	struct field_errors errors;
	struct err err = { 0 };
	struct bench b;
	size_t wrong;

	bench_open(&b, kind, c->name, tree);
	b.edit.old = stored;
	b.edit.subresource = str_from(subresource);
	object_default(&b.edit);
	if (object_prepare_update(&b.edit, &err) < 0)
		fail_case(c->name, "prepare", err.msg);
	field_errors_init(&errors, &b.arena);
	object_validate_update(&b.edit, &errors);
	wrong = compare_errors(c->name, &errors, c->want);
	bench_close(&b);
	return wrong;
}

void check_updates(const struct kind *kind, const struct kind_update *update,
		   const struct kind_case *cases, size_t count)
{
	static const struct kind_case same = { "no change", "{}", "" };
	AUTO_JSON stored = store(kind, update);
	yyjson_val *old = yyjson_doc_get_root(stored);
	size_t wrong = check_update(kind, old, update->subresource, &same);

	for (size_t i = 0; i < count; i++)
		wrong += check_update(kind, old, update->subresource, &cases[i]);
	assert_int_equal(wrong, 0);
}

void check_warnings(const struct kind *kind, const char *base, const struct kind_case *cases,
		    size_t count)
{
	AUTO_JSON_MUT base_tree = read_yaml("base", base);
	AUTO_JSON frozen = json_freeze(yyjson_mut_doc_get_root(base_tree));
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		AUTO_JSON_MUT tree = change_object(kind, cases[i].name, yyjson_doc_get_root(frozen),
						   cases[i].change);
		AUTO_BUF text = { 0 };
		struct notices notices;
		struct bench b;

		buf_init(&text, TEXT_BYTES_MAX);
		bench_open(&b, kind, cases[i].name, tree);
		prepare_create(&b, cases[i].name);
		notices_init(&notices, &b.arena);
		object_warn(&b.edit, &notices);
		for (size_t k = 0; k < notices.count; k++)
			buf_printf(&text, "%s" STR_FMT, k ? "\n" : "", STR_ARG(notices.items[k]));
		wrong += compare(cases[i].name, buf_str(&text), cases[i].want);
		bench_close(&b);
	}
	assert_int_equal(wrong, 0);
}

void check_defaults(const struct kind *kind, const char *base, const struct kind_default *cases,
		    size_t count)
{
	AUTO_JSON_MUT base_tree = read_yaml("base", base);
	AUTO_JSON frozen = json_freeze(yyjson_mut_doc_get_root(base_tree));
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		AUTO_JSON_MUT tree = change_object(kind, cases[i].name, yyjson_doc_get_root(frozen),
						   cases[i].change);
		AUTO_BUF text = { 0 };
		yyjson_mut_val *value;
		struct bench b;

		buf_init(&text, TEXT_BYTES_MAX);
		bench_open(&b, kind, cases[i].name, tree);
		prepare_create(&b, cases[i].name);
		value = json_mut_get(b.edit.root, cases[i].path);
		if (value)
			json_mut_write(value, &text);
		wrong += compare(cases[i].name, buf_str(&text), cases[i].want);
		bench_close(&b);
	}
	assert_int_equal(wrong, 0);
}
