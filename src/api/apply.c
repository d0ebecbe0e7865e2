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

static struct field_set *named_set(struct typed_walk *walk, struct versioned v)
{
	struct typed root = typed_root(v.at);

	return typed_named(walk, root, typed_set(walk, root, v.object));
}

static bool is_version(const struct apply *a, struct str one, struct str other)
{
	return !a->writer.versions || str_eq(one, other);
}

/* What anybody owns in the words of that version. */
static const struct field_set *owned_in(const struct apply *a, struct str api_version)
{
	const struct field_set *all = NULL;

	for (size_t i = 0; i < a->owners.count; i++)
		if (is_version(a, a->owners.items[i].api_version, api_version))
			all = field_set_union(a->arena, all, a->owners.items[i].set);
	return all;
}

struct kept_doc {
	yyjson_doc *doc;
	struct kept_doc *next;
};

struct removal {
	struct apply *a;
	struct typed_walk *walk;
	struct err *err;
	struct versioned merged, pruned; /* in one version after the other */
	struct kept_doc *docs;		 /* what they lie in */
};

static void removal_deinit(struct removal *r)
{
	for (struct kept_doc *d = r->docs; d; d = d->next)
		json_free(d->doc);
}

#define AUTO_REMOVAL CLEANUP(removal_deinit) struct removal

static struct versioned without(struct removal *r, struct versioned from,
				const struct field_set *set)
{
	struct kept_doc *kept = ARENA_NEW(r->a->arena, struct kept_doc);

	kept->doc = rest_of(r->walk, typed_root(from.at), from.object, set);
	kept->next = r->docs;
	r->docs = kept;
	from.object = yyjson_doc_get_root(kept->doc);
	return from;
}

static int view_of(struct removal *r, struct versioned from, struct str api_version,
		   struct versioned *ret)
{
	return versioned_as(r->walk, r->a->writer.versions, from, api_version, ret, r->err);
}

/* What was taken out comes back as far as somebody owns it in the words of that version. */
static int add_back(struct removal *r, struct str api_version)
{
	struct arena *arena = r->a->arena;
	struct versioned merged, pruned;
	struct field_set *kept;

	if (view_of(r, r->merged, api_version, &merged) < 0)
		return err_wrap(r->err,
				"failed add back owned items: failed to convert merged object at "
				"version " STR_FMT,
				STR_ARG(api_version));
	if (!merged.object)
		return 0;
	r->merged = merged;
	if (view_of(r, r->pruned, api_version, &pruned) < 0)
		return err_wrap(r->err,
				"failed add back owned items: failed to convert pruned object at "
				"version " STR_FMT,
				STR_ARG(api_version));
	if (!pruned.object)
		return 0;
	kept = field_set_union(
		arena, named_set(r->walk, pruned),
		typed_named(r->walk, typed_root(merged.at), owned_in(r->a, api_version)));
	r->pruned = without(r, merged,
			    field_set_difference(arena, named_set(r->walk, merged), kept, false));
	return 0;
}

static bool is_first_of_version(const struct apply *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_version(a, a->owners.items[k].api_version, a->owners.items[i].api_version))
			return false;
	return true;
}

/* First in the version of what goes: other versions' fields may be made of what comes back. */
static int add_back_all(struct removal *r, struct str first)
{
	const struct apply *a = r->a;

	if (add_back(r, first) < 0)
		return -1;
	for (size_t i = 0; i < a->owners.count; i++)
		if (is_first_of_version(a, i) &&
		    !is_version(a, a->owners.items[i].api_version, first) &&
		    add_back(r, a->owners.items[i].api_version) < 0)
			return -1;
	return 0;
}

/* What the writer applied last time (last) and nobody owns now goes from *result; but nothing that
 * he did not apply then. */
static int take_out(struct removal *r, const struct field_owner *last, struct versioned *result)
{
	struct arena *arena = r->a->arena;
	struct versioned merged, pruned;
	struct field_set *gone, *applied;

	if (view_of(r, *result, last->api_version, &merged) < 0)
		return err_wrap(r->err, "failed to convert merged object to last applied version");
	if (!merged.object)
		return 0;
	applied = typed_named(r->walk, typed_root(merged.at), last->set);
	gone = typed_named(r->walk, typed_root(merged.at), owned_in(r->a, last->api_version));
	if (is_version(r->a, last->api_version, result->api_version) &&
	    !field_set_difference(arena, applied, gone, false))
		return 0; /* as nearly always */
	r->merged = merged;
	r->pruned = without(r, merged, applied);
	if (add_back_all(r, last->api_version) < 0)
		return -1;
	if (view_of(r, r->pruned, last->api_version, &pruned) < 0)
		return err_wrap(r->err, "failed add back dangling items: failed to convert pruned "
					"object to last applied version");
	gone = field_set_difference(arena, named_set(r->walk, merged), named_set(r->walk, pruned),
				    false);
	gone = field_set_intersection(arena, gone, applied);
	return view_of(r, gone ? without(r, merged, gone) : merged, result->api_version, result);
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

/* diffs: of each owner. */
static bool find_conflicts(struct apply *a, const struct field_owner *self,
			   const struct typed_diff *diffs, const struct field_set *allowed)
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
		both = field_set_leaves(
			a->arena, field_set_intersection(a->arena, owner->set, diffs[i].changed));
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
static int pass_on(struct apply *a, struct typed_walk *walk, struct versioned live,
		   struct versioned result, size_t self, struct err *err)
{
	static const char *const listed[] = { "metadata.managedFields", NULL };
	struct arena *arena = a->arena;
	const struct field_set *nobodys = field_set_of_paths(arena, listed);
	struct typed_diff *diffs;
	struct field_owner *own = &a->owners.items[self];

	if (field_owners_compare(&a->owners, walk, live, result, &a->writer, &diffs, err) < 0)
		return -1;
	for (size_t i = 0; i <= a->owners.count; i++)
		diffs[i].removed = field_set_difference(arena, diffs[i].removed, nobodys, true);
	if (!a->force && find_conflicts(a, own, diffs, NULL) &&
	    find_conflicts(a, own, diffs, taken_over(a, walk)))
		return err_set(err, ERR_CONFLICT, STR_FMT, STR_ARG(apply_conflicts_text(a)));
	for (size_t i = 0; i < a->owners.count; i++) {
		struct field_owner *owner = &a->owners.items[i];

		if (i == self)
			continue;
		owner->set = field_set_difference(arena, owner->set, diffs[i].changed, false);
		owner->set = field_set_difference(arena, owner->set, diffs[i].removed, false);
	}
	own->set = field_set_difference(arena, own->set, field_owners_nobodys(), false);
	/* one who changes nothing has no time, as upstream */
	if (diffs[a->owners.count].changed || diffs[a->owners.count].removed)
		own->time = a->writer.time;
	field_owners_prune(&a->owners);
	return 0;
}

/* The writer's entry, as he applies now; *ret_last as he did last time, without a set if never. */
static size_t note_applied(struct apply *a, struct typed_walk *walk, struct field_owner *ret_last)
{
	struct field_owner *own = field_owners_find(&a->owners, &a->writer, true);

	*ret_last = (struct field_owner){ .set = NULL };
	if (own) {
		*ret_last = *own;
	} else {
		own = field_owners_add(&a->owners, &a->writer, true);
		own->time = STR_NONE;
	}
	own->api_version = a->writer.api_version;
	own->set = field_set_difference(a->arena, typed_set(walk, typed_root(a->schema), a->config),
					a->writer.reset, true);
	return (size_t)(own - a->owners.items);
}

static yyjson_mut_doc *apply_with(struct apply *a, struct typed_walk *walk, struct err *err)
{
	AUTO_JSON merged = NULL;
	AUTO_REMOVAL removal = { .a = a, .walk = walk, .err = err };
	struct versioned live = { a->writer.api_version, a->schema, a->live }, result = live;
	struct field_owner last;
	size_t self;
	yyjson_mut_doc *doc;

	if (json_get(a->config, "metadata.managedFields") &&
	    !yyjson_is_null(json_get(a->config, "metadata.managedFields"))) {
		(void)err_set(err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
		return NULL;
	}
	if (typed_check(walk, typed_root(a->schema), a->config) < 0)
		return NULL;
	a->config_fits = true;
	if (load_owners(a, err) < 0 ||
	    field_owners_reconcile(&a->owners, walk, live, &a->writer, err) < 0)
		return NULL;
	self = note_applied(a, walk, &last);
	merged = merge(a, walk);
	result.object = yyjson_doc_get_root(merged);
	if (last.set && take_out(&removal, &last, &result) < 0) {
		(void)err_wrap(err, "failed to prune fields");
		return NULL;
	}
	if (pass_on(a, walk, live, result, self, err) < 0)
		return NULL;
	doc = json_thaw(result.object);
	update_last_applied(a, doc);
	return doc;
}

yyjson_mut_doc *apply_config(struct apply *a, struct err *err)
{
	AUTO_TYPED_WALK walk = { .arena = NULL };

	typed_walk_init(&walk, a->arena, err);
	return apply_with(a, &walk, err);
}
