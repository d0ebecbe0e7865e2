/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of an apply, in the order in which they decide: check, merge, take out what is applied
 * no more, compare with the live object, find conflicts, pass ownership on. The same steps as
 * upstream's, since clients rely on which fields go and which stay.
 */
#include "api/apply.h"

#include "api/limits.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static const struct str kubectl = STR_INIT("kubectl");

/* ---- taking out ---- */

/* v without the members of set, as a document of its own. */
static yyjson_doc *rest_of(struct typed_walk *walk, struct typed root, yyjson_val *v,
			   const struct field_set *set)
{
	AUTO_JSON_MUT doc = json_new();

	return json_freeze(typed_remove(walk, root, doc, v, set));
}

static struct field_set *named_set(struct typed_walk *walk, struct typed root, yyjson_val *v)
{
	return typed_named(walk, root, typed_set(walk, root, v));
}

static const struct field_set *owned_by_any(const struct apply *a)
{
	const struct field_set *all = NULL;

	for (size_t i = 0; i < a->owners.count; i++)
		all = field_set_union(a->arena, all, a->owners.items[i].set);
	return all;
}

/* What the writer applied last time (last) and nobody owns now goes; but nothing that he did not
 * apply then. NULL: all stays. */
static yyjson_doc *take_out(struct apply *a, struct typed_walk *walk, yyjson_val *merged,
			    const struct field_set *last)
{
	struct typed root = typed_root(a->schema);
	AUTO_JSON pruned = NULL;
	AUTO_JSON with_owned = NULL;
	struct field_set *all, *kept, *gone;
	const struct field_set *owned = typed_named(walk, root, owned_by_any(a));

	last = typed_named(walk, root, last);
	if (!field_set_difference(a->arena, last, owned, false))
		return NULL;
	pruned = rest_of(walk, root, merged, last);
	all = named_set(walk, root, merged);
	kept = field_set_union(a->arena, named_set(walk, root, yyjson_doc_get_root(pruned)), owned);
	with_owned = rest_of(walk, root, merged, field_set_difference(a->arena, all, kept, false));
	kept = named_set(walk, root, yyjson_doc_get_root(with_owned));
	gone = field_set_intersection(a->arena, field_set_difference(a->arena, all, kept, false),
				      last);
	return gone ? rest_of(walk, root, merged, gone) : NULL;
}

/* ---- conflicts ---- */

static struct str who_is(struct arena *arena, const struct field_owner *owner)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	json_write_quoted(owner->name, &text);
	if (owner->subresource.len) {
		buf_put_c(&text, " with subresource ");
		json_write_quoted(owner->subresource, &text);
	}
	if (!owner->is_applied) {
		buf_put_c(&text, " using ");
		buf_put_str(&text, owner->api_version);
	}
	return str_in(arena, buf_str(&text));
}

struct finding {
	struct apply *a;
	struct str who;
};

static void take_conflict(void *arg, struct str path)
{
	struct finding *f = arg;

	if (f->a->conflict_count < APPLY_CONFLICTS_MAX)
		f->a->conflicts[f->a->conflict_count] = (struct apply_conflict){ f->who, path };
	f->a->conflict_count++;
}

static int conflict_cmp(const void *x, const void *y)
{
	const struct apply_conflict *a = x, *b = y;
	int order = str_cmp(a->who, b->who);

	return order ? order : str_cmp(a->path, b->path);
}

static bool find_conflicts(struct apply *a, const struct field_owner *self,
			   const struct field_set *changed, const struct field_set *allowed)
{
	a->conflict_count = 0;
	if (!a->conflicts)
		a->conflicts = arena_array(a->arena, APPLY_CONFLICTS_MAX, sizeof(a->conflicts[0]));
	for (size_t i = 0; i < a->owners.count; i++) {
		const struct field_owner *owner = &a->owners.items[i];
		struct finding f = { a, STR_NONE };
		struct field_set *both;

		if (owner == self)
			continue;
		both = field_set_leaves(a->arena,
					field_set_intersection(a->arena, owner->set, changed));
		both = field_set_difference(a->arena, both, allowed, false);
		f.who = both ? who_is(a->arena, owner) : STR_NONE;
		field_set_each(both, a->arena, take_conflict, &f);
	}
	if (a->conflict_count > APPLY_CONFLICTS_MAX)
		a->conflict_count = APPLY_CONFLICTS_MAX;
	if (a->conflict_count)
		qsort(a->conflicts, a->conflict_count, sizeof(a->conflicts[0]), conflict_cmp);
	return a->conflict_count > 0;
}

struct str apply_conflicts_text(const struct apply *a)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	if (a->conflict_count == 1) {
		buf_printf(&text,
			   "Apply failed with 1 conflict: conflict with " STR_FMT ": " STR_FMT,
			   STR_ARG(a->conflicts[0].who), STR_ARG(a->conflicts[0].path));
		return str_in(a->arena, buf_str(&text));
	}
	buf_printf(&text, "Apply failed with %zu conflicts: ", a->conflict_count);
	for (size_t i = 0; i < a->conflict_count; i++) {
		const struct apply_conflict *c = &a->conflicts[i];

		if (!i || !str_eq(c->who, c[-1].who))
			buf_printf(&text, "%sconflicts with " STR_FMT ":", i ? "\n" : "",
				   STR_ARG(c->who));
		buf_printf(&text, "\n- " STR_FMT, STR_ARG(c->path));
	}
	return str_in(a->arena, buf_str(&text));
}

/* ---- kubectl's own annotation ---- */

static struct str last_applied_of(yyjson_val *object)
{
	return json_str(json_key(json_get(object, "metadata.annotations"), STR(LAST_APPLIED)));
}

/* Fields that client-side apply set and that are still so: kubectl may take these over. */
static const struct field_set *taken_over(struct apply *a, struct typed_walk *walk)
{
	struct str text = last_applied_of(a->live);
	struct typed root = typed_root(a->schema);
	struct field_set *set;
	struct typed_diff diff;
	yyjson_doc *doc;

	if (!a->live || !str_eq(a->writer.name, kubectl) || !text.len)
		return NULL;
	doc = json_parse(text, OBJECT_BYTES_MAX, NULL);
	if (!doc)
		return NULL;
	set = typed_set(walk, root, yyjson_doc_get_root(doc));
	diff = typed_compare(walk, root, yyjson_doc_get_root(doc), a->live);
	set = field_set_difference(a->arena, set, diff.changed, false);
	set = field_set_difference(a->arena, set, diff.removed, false);
	json_free(doc);
	return set;
}

/* Keeps the annotation true for those who go on with client-side apply. */
static void update_last_applied(struct apply *a, yyjson_mut_doc *result)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(result), *annotations, *own;
	AUTO_JSON_MUT config = NULL;
	AUTO_BUF text = { 0 };

	annotations = json_mut_get(root, "metadata.annotations");
	if (!a->live || !str_eq(a->writer.name, kubectl) || !last_applied_of(a->live).len ||
	    !yyjson_mut_is_obj(annotations))
		return;
	config = json_thaw(a->config);
	own = json_mut_get(yyjson_mut_doc_get_root(config), "metadata.annotations");
	if (yyjson_mut_is_obj(own))
		(void)json_remove(own, STR(LAST_APPLIED)); /* the doc owns it */
	buf_init(&text, OBJECT_METADATA_BYTES_MAX);
	json_mut_write(yyjson_mut_doc_get_root(config), &text);
	buf_put_char(&text, '\n');
	if (buf_failed(&text))
		(void)json_remove(annotations, STR(LAST_APPLIED)); /* too long to be kept */
	else
		json_put_str(result, annotations, STR(LAST_APPLIED), buf_str(&text));
}

/* ---- the whole ---- */

/* An object that nobody owned anything of: whoever made it does now. */
static int load_owners(struct apply *a, struct err *err)
{
	struct field_writer before = a->writer;

	field_owners_init(&a->owners, a->arena);
	if (!a->live)
		return 0;
	if (field_owners_read(&a->owners, json_get(a->live, "metadata.managedFields"), err) < 0)
		return err_wrap(err, "failed to decode managed fields");
	before.name = STR("before-first-apply");
	if (!a->owners.count)
		(void)field_owners_create(&a->owners, a->schema, a->live, &before);
	return 0;
}

static yyjson_doc *merge(struct apply *a, struct typed_walk *walk)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *merged = typed_merge(walk, typed_root(a->schema), doc, a->live, a->config);
	yyjson_mut_val *metadata = json_mut_get(merged, "metadata");

	if (metadata)
		(void)json_remove(metadata, STR("managedFields")); /* the doc owns it */
	return json_freeze(merged);
}

/* Others lose what changed or went; the writer's entry is as he applied it. */
static int pass_on(struct apply *a, struct typed_walk *walk, yyjson_val *result, size_t self,
		   struct err *err)
{
	static const char *const listed[] = { "metadata.managedFields", NULL };
	struct arena *arena = a->arena;
	struct typed_diff diff = typed_compare(walk, typed_root(a->schema), a->live, result);
	struct field_owner *own;
	struct field_set *removed;

	diff.changed = field_set_difference(arena, diff.changed, a->writer.reset, true);
	removed = field_set_difference(arena, diff.removed, field_set_of_paths(arena, listed),
				       true);
	removed = field_set_difference(arena, removed, a->writer.reset, true);
	if (!a->force && find_conflicts(a, &a->owners.items[self], diff.changed, NULL) &&
	    find_conflicts(a, &a->owners.items[self], diff.changed, taken_over(a, walk)))
		return err_set(err, ERR_CONFLICT, STR_FMT, STR_ARG(apply_conflicts_text(a)));
	for (size_t i = 0; i < a->owners.count; i++) {
		struct field_owner *owner = &a->owners.items[i];

		if (i == self)
			continue;
		owner->set = field_set_difference(arena, owner->set, diff.changed, false);
		owner->set = field_set_difference(arena, owner->set, removed, false);
	}
	own = &a->owners.items[self];
	own->set = field_set_difference(arena, own->set, field_owners_nobodys(), false);
	if (diff.changed || removed) /* one who changes nothing has no time, as upstream */
		own->time = a->writer.time;
	field_owners_prune(&a->owners);
	return 0;
}

static yyjson_mut_doc *apply_with(struct apply *a, struct typed_walk *walk, struct err *err)
{
	AUTO_JSON merged = NULL;
	AUTO_JSON rest = NULL;
	const struct field_set *last = NULL;
	struct field_owner *own;
	yyjson_val *result;
	yyjson_mut_doc *doc;

	if (json_get(a->config, "metadata.managedFields") &&
	    !yyjson_is_null(json_get(a->config, "metadata.managedFields"))) {
		(void)err_set(err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
		return NULL;
	}
	if (typed_check(walk, typed_root(a->schema), a->config) < 0 || load_owners(a, err) < 0)
		return NULL;
	own = field_owners_find(&a->owners, &a->writer, true);
	if (own) {
		last = own->set;
	} else {
		own = field_owners_add(&a->owners, &a->writer, true);
		own->time = STR_NONE;
	}
	own->api_version = a->writer.api_version;
	own->set = field_set_difference(a->arena, typed_set(walk, typed_root(a->schema), a->config),
					a->writer.reset, true);
	merged = merge(a, walk);
	result = yyjson_doc_get_root(merged);
	rest = last ? take_out(a, walk, result, last) : NULL;
	if (rest)
		result = yyjson_doc_get_root(rest);
	if (pass_on(a, walk, result, (size_t)(own - a->owners.items), err) < 0)
		return NULL;
	doc = json_thaw(result);
	update_last_applied(a, doc);
	return doc;
}

yyjson_mut_doc *apply_config(struct apply *a, struct err *err)
{
	AUTO_TYPED_WALK walk = { .arena = NULL };

	typed_walk_init(&walk, a->arena, err);
	return apply_with(a, &walk, err);
}
