/* SPDX-License-Identifier: Apache-2.0 */
/* From a definition's tree to rows of kinds. All strings are the tree's or the arena's. */
#include "api/custom.h"

#include "api/condition.h"
#include "api/kind_set.h"
#include "api/limits.h"
#include "api/strategy.h"
#include "api/structural.h"
#include "cel/rules.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/json_index.h"
#include "codec/json_path.h"
#include "codec/name.h"

const struct custom_version *custom_version_of(const struct kind *kind)
{
	return kind && kind->flags & KIND_CUSTOM ? CONTAINER_OF(kind, struct custom_version, kind)
						 : NULL;
}

/* --- strategy: the same for all of them --- */

static void custom_default(struct edit *e)
{
	e->lacks_defaults = !structural_default(e->doc, e->root,
						custom_structural(custom_version_of(e->kind)));
}

struct reporter {
	struct cel_problems problems;
	struct field_errors *errors; /* NULL: nobody wants to know */
};

static void report(struct cel_problems *problems, const struct cel_problem *problem)
{
	struct field_errors *errors = CONTAINER_OF(problems, struct reporter, problems)->errors;

	if (errors && !problem->ratcheted)
		structural_report(errors, NULL, problem);
}

static const struct cel_rules *rules_of(const struct custom_version *v)
{
	struct reporter reporter = { .problems = { .report = report } };
	bool failed = false;

	if (!v->rules->is_compiled && v->schema)
		v->rules->rules = cel_rules_compile(&v->resource->arena, v->schema,
						    &reporter.problems, &failed);
	v->rules->is_compiled = true;
	return v->rules->rules;
}

/* Rules would stumble over such an object. */
static bool is_blocked(const struct field_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		if (errors->items[i].type == FIELD_REQUIRED ||
		    errors->items[i].type == FIELD_TOO_LONG ||
		    errors->items[i].type == FIELD_TOO_MANY ||
		    errors->items[i].type == FIELD_TYPE_INVALID)
			return true;
	return false;
}

static void run_rules(struct edit *e, const struct cel_rules *rules, struct field_errors *errors)
{
	struct reporter reporter = { .problems = { .report = report }, .errors = errors };
	struct cel_value self = cel_json_mut(e->root, cel_rules_type(rules)), old;
	struct cel_rules_run run = { .problems = &reporter.problems, .budget = CEL_BUDGET_MAX };
	AUTO_ARENA scratch = { 0 };

	arena_init(&scratch, ARENA_DEFAULT_MAX);
	run.scratch = &scratch;
	if (e->old)
		old = cel_json(e->old, cel_rules_type(rules));
	cel_rules_run(rules, &run, self, e->old ? &old : NULL);
}

static void validate_rest(struct edit *e, struct field_errors *errors)
{
	const struct custom_version *v = custom_version_of(e->kind);
	const struct cel_rules *rules = rules_of(v);

	structural_validate_lists(e->root, e->old, custom_structural(v), errors);
	if (!rules)
		return;
	if (is_blocked(errors))
		field_error_add(errors, FIELD_INVALID, FIELD_NAME(NULL, "<nil>"),
				"null: some validation rules were not checked because the object "
				"was invalid; correct the existing errors to complete validation");
	else
		run_rules(e, rules, errors);
}

/* What would be looked at is not what is asked for. */
static bool refuse_defaults(struct edit *e, struct field_errors *errors)
{
	if (e->lacks_defaults)
		field_error_add(errors, FIELD_FORBIDDEN, FIELD_NAME(NULL, "<nil>"),
				"its defaults must have at most %d values", CUSTOM_DEFAULTS_MAX);
	return e->lacks_defaults;
}

static void custom_validate(struct edit *e, struct field_errors *errors)
{
	const struct custom_version *v = custom_version_of(e->kind);

	if (refuse_defaults(e, errors))
		return;
	structural_validate(e->root, e->old, custom_structural(v), errors);
	custom_scale_check(e->kind, e->root, false, errors);
	structural_validate_resources(e->root, custom_structural(v), NULL, errors);
	validate_rest(e, errors);
}

static void custom_validate_status(struct edit *e, struct field_errors *errors)
{
	const struct custom_version *v = custom_version_of(e->kind);

	if (refuse_defaults(e, errors))
		return;
	structural_validate_member(e->root, e->old, custom_structural(v), "status", errors);
	custom_scale_check(e->kind, e->root, true, errors);
	validate_rest(e, errors);
}

static void custom_cells(struct cells *c)
{
	const struct kind_column *columns = c->kind->columns;
	const struct json_path **paths = custom_version_of(c->kind)->column_paths;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; columns[i].name; i++)
		cell_typed(c, columns[i].type, json_path_first(paths[i], c->obj->root, &arena));
}

/* Whoever writes status writes nothing else, not even labels. Who owns which field is added when
 * that is known. */
static void custom_prepare_status(struct edit *e)
{
	yyjson_mut_val *metadata = json_copy(e->doc, yyjson_obj_get(e->old, "metadata"));

	(void)json_remove(metadata, STR("managedFields"));
	json_set(e->doc, e->root, "metadata", metadata);
}

/* Of finalizers that come with this write. */
static void custom_warn(struct edit *e, struct notices *notices)
{
	yyjson_val *old = e->old ? json_get(e->old, "metadata.finalizers") : NULL;
	yyjson_mut_val *now = json_mut_get(e->root, "metadata.finalizers");
	AUTO_JSON_INDEX seen = { .slots = NULL };

	json_index_init(&seen, yyjson_arr_size(old) + yyjson_mut_arr_size(now));
	JSON_EACH (one, old)
		(void)json_index_add(&seen, json_str(one), one);
	JSON_MUT_EACH (one, now) {
		struct str name = json_mut_str(one);
		struct str rest = str_from(name_qualified_problem(name)), problem;

		if (json_index_add(&seen, name, one))
			continue;
		while (name_next_problem(&rest, &problem))
			notices_add(notices, "metadata.finalizers: \"" STR_FMT "\": " STR_FMT,
				    STR_ARG(name), STR_ARG(problem));
		if (str_find_char(name, '/', 0) == SIZE_MAX && !str_eq_c(name, "orphan") &&
		    !str_eq_c(name, "foregroundDeletion") && !str_eq_c(name, "kubernetes"))
			notices_add(notices,
				    "metadata.finalizers: \"" STR_FMT
				    "\": prefer a domain-qualified finalizer name%s to avoid "
				    "accidental conflicts with other finalizer writers",
				    STR_ARG(name),
				    str_contains(name, STR(".")) ? " including a path (/)" : "");
	}
}

static const struct strategy strategy_custom = {
	.default_object = custom_default,
	.prepare_status_update = custom_prepare_status,
	.validate = custom_validate,
	.validate_status_update = custom_validate_status,
	.warn = custom_warn,
	.cells = custom_cells,
};

/* --- rows --- */

static const char *const *words_of(struct arena *arena, yyjson_val *list)
{
	size_t count = yyjson_arr_size(list), i = 0;
	const char **words;

	if (!count)
		return NULL;
	words = arena_array(arena, count + 1, sizeof(words[0]));
	JSON_EACH (word, list)
		words[i++] = str_c_in(arena, json_str(word));
	return words;
}

static const char *text_of(struct arena *arena, yyjson_val *object, const char *key)
{
	return str_c_in(arena, json_get_str(object, key));
}

static const char *description_of(struct arena *arena, yyjson_val *column)
{
	struct str text = json_get_str(column, "description");

	return str_printf_in(arena, "%s" STR_FMT,
			     text.len ? ""
				      : "Custom resource definition column (in JSONPath format): ",
			     STR_ARG(text.len ? text : json_get_str(column, "jsonPath")))
		.ptr;
}

static const struct kind_column name_column = {
	.name = "Name",
	.type = "string",
	.format = "name",
	.description = "Name must be unique within a namespace.",
	.json_path = ".metadata.name",
};

static const struct kind_column age_column = {
	.name = "Age",
	.type = "date",
	.format = "",
	.description = "When the object was made.",
	.json_path = ".metadata.creationTimestamp",
};

/* One whose path is none ends the columns, as upstream. */
static void read_columns(struct arena *arena, yyjson_val *list, struct custom_version *v)
{
	size_t room = yyjson_arr_size(list) + 3, count = 0;
	struct kind_column *columns = arena_array(arena, room, sizeof(columns[0]));

	v->column_paths = arena_array(arena, room, sizeof(v->column_paths[0]));
	v->kind.columns = columns;
	columns[count++] = name_column;
	JSON_EACH (column, list)
		columns[count++] = (struct kind_column){
			.name = text_of(arena, column, "name"),
			.type = text_of(arena, column, "type"),
			.format = text_of(arena, column, "format"),
			.description = description_of(arena, column),
			.json_path = text_of(arena, column, "jsonPath"),
			.priority = (int)json_get_int(column, "priority", 0),
		};
	if (count == 1)
		columns[count++] = age_column;
	for (size_t i = 0; i < count; i++) {
		v->column_paths[i] = json_path_parse(arena, str_from(columns[i].json_path));
		if (!v->column_paths[i])
			columns[i].name = NULL;
		if (!columns[i].name)
			break;
	}
}

static const char *const *selectable_of(struct arena *arena, yyjson_val *list)
{
	size_t count = yyjson_arr_size(list), i = 0;
	const char **paths;

	if (!count)
		return NULL;
	paths = arena_array(arena, count + 1, sizeof(paths[0]));
	JSON_EACH (field, list) {
		struct str path = json_get_str(field, "jsonPath");

		(void)str_strip_prefix(&path, STR("."));
		paths[i++] = str_c_in(arena, path);
	}
	return paths;
}

static const struct kind_subresource *subresources_of(struct arena *arena,
						      const struct custom_version *v)
{
	struct kind_subresource *list = arena_array(arena, 3, sizeof(list[0]));
	uint16_t verbs = VERB_GET | VERB_PATCH | VERB_UPDATE;
	size_t count = 0;

	if (v->kind.flags & KIND_HAS_STATUS)
		list[count++] = (struct kind_subresource){
			.name = "status",
			.group = str_c_in(arena, v->kind.group),
			.version = str_c_in(arena, v->kind.version),
			.kind = str_c_in(arena, v->kind.name),
			.verbs = verbs,
		};
	if (v->scale.spec_replicas)
		list[count++] = (struct kind_subresource){ .name = "scale",
							   .group = "autoscaling",
							   .version = "v1",
							   .kind = "Scale",
							   .verbs = verbs };
	return list;
}

static const char *dotted_of(struct arena *arena, yyjson_val *scale, const char *key)
{
	struct str path = json_get_str(scale, key);

	return path.len > 1 ? str_c_in(arena, str_slice(path, 1, path.len)) : NULL;
}

static const char base_strings[] = "\0apiVersion\0kind\0metadata";

/* "com.example.v1.Thing": the group's parts from the last to the first. */
static void put_full_name(struct buf *to, struct str group, struct str version, struct str name)
{
	while (group.len) {
		size_t at = group.len;

		while (at && group.ptr[at - 1] != '.')
			at--;
		buf_printf(to, STR_FMT ".", STR_ARG(str_slice(group, at, group.len)));
		group.len = at ? at - 1 : 0;
	}
	buf_printf(to, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(name));
	buf_put_char(to, '\0');
}

/* What every object has, in tables as the built-in kinds are; the rest is the tree's. One type per
 * version, because each has a name. */
static void make_set(struct custom_resource *r)
{
	struct schema_field *fields = arena_array(&r->arena, 3, sizeof(fields[0]));
	struct schema_type *types = arena_array(&r->arena, r->version_count + 1, sizeof(types[0]));
	yyjson_val **trees = arena_array(&r->arena, r->version_count + 1, sizeof(trees[0]));
	struct schema_at meta = schema_find(STR("meta/v1.ObjectMeta"));
	static const uint32_t offsets[] = { 1, 12, 17 };
	static const uint8_t lengths[] = { 10, 4, 8 };
	AUTO_BUF strings = { 0 };

	ASSERT(meta.type);
	buf_init(&strings, CUSTOM_STRINGS_BYTES_MAX);
	buf_put(&strings, base_strings, sizeof(base_strings));
	for (size_t i = 0; i < 3; i++)
		fields[i] = (struct schema_field){
			.name = offsets[i],
			.name_len = lengths[i],
			.ref = SCHEMA_NONE,
			.extra = SCHEMA_NONE,
			.value = SCHEMA_STRING,
		};
	fields[2].value = SCHEMA_OBJECT;
	fields[2].flags = SCHEMA_ALWAYS;
	fields[2].ref = (uint16_t)(SCHEMA_BUILTIN | (meta.type - schema_builtin.types));
	for (size_t i = 0; i < r->version_count; i++) {
		struct kind *kind = &r->versions[i].kind;

		types[i] = (struct schema_type){ .name = (uint32_t)strings.len,
						 .full_name = (uint32_t)strings.len,
						 .field_count = 3,
						 .kind = SCHEMA_NONE,
						 .flags = SCHEMA_PRESERVE };
		put_full_name(&strings, kind->group, kind->version, kind->name);
		kind->schema = (struct schema_at){ &r->set, &types[i] };
		trees[i] = r->versions[i].schema;
	}
	r->set = (struct schema_set){ .strings = str_in(&r->arena, buf_str(&strings)).ptr,
				      .types = types,
				      .fields = fields,
				      .type_count = (uint32_t)r->version_count,
				      .field_count = 3,
				      .trees = trees,
				      .names = &r->names };
}

/* The newest version that is served, not deprecated, and newer than that one; empty = none. */
static struct str successor(yyjson_val *versions, struct str of)
{
	struct str best = STR_NONE;

	JSON_EACH (version, versions) {
		struct str name = json_get_str(version, "name");

		if (json_get_bool(version, "served", false) &&
		    !json_get_bool(version, "deprecated", false) &&
		    kind_version_order(name, of) < 0 &&
		    (!best.len || kind_version_order(name, best) < 0))
			best = name;
	}
	return best;
}

static struct str deprecation(struct arena *arena, yyjson_val *spec, yyjson_val *version,
			      const struct kind *kind)
{
	struct str text = json_get_str(version, "deprecationWarning"),
		   next = successor(json_get(spec, "versions"), kind->version);

	if (!json_get_bool(version, "deprecated", false))
		return STR_NONE;
	if (text.len)
		return text;
	text = str_printf_in(arena, STR_FMT " " STR_FMT " is deprecated",
			     STR_ARG(kind->api_version), STR_ARG(kind->name));
	if (!next.len)
		return text;
	return str_printf_in(arena, STR_FMT "; use " STR_FMT "/" STR_FMT " " STR_FMT, STR_ARG(text),
			     STR_ARG(kind->group), STR_ARG(next), STR_ARG(kind->name));
}

static void fill_version(struct custom_resource *r, struct custom_version *v, yyjson_val *version)
{
	yyjson_val *spec = json_get(r->definition->root, "spec");
	yyjson_val *names = json_get(r->definition->root, "status.acceptedNames");
	struct arena *arena = &r->arena;
	struct kind *kind = &v->kind;
	yyjson_val *scale;

	if (!json_get_str(names, "plural").len)
		names = json_get(spec, "names");
	v->resource = r;
	v->is_served = json_get_bool(version, "served", false);
	if (!json_get_bool(spec, "preserveUnknownFields", false))
		v->schema = json_get(version, "schema.openAPIV3Schema");
	kind->group = json_get_str(spec, "group");
	kind->version = json_get_str(version, "name");
	kind->name = json_get_str(names, "kind");
	kind->plural = json_get_str(names, "plural");
	kind->singular = json_get_str(names, "singular");
	kind->list_name = json_get_str(names, "listKind");
	kind->api_version = str_printf_in(arena, STR_FMT "/" STR_FMT, STR_ARG(kind->group),
					  STR_ARG(kind->version));
	kind->short_names = words_of(arena, json_get(names, "shortNames"));
	kind->categories = words_of(arena, json_get(names, "categories"));
	read_columns(arena, json_get(version, "additionalPrinterColumns"), v);
	kind->selectable_fields = selectable_of(arena, json_get(version, "selectableFields"));
	kind->strategy = &strategy_custom;
	kind->verbs = VERBS_ALL;
	kind->flags = KIND_CUSTOM | KIND_HAS_GENERATION;
	if (str_eq_c(json_get_str(spec, "scope"), "Namespaced"))
		kind->flags |= KIND_NAMESPACED;
	if (json_get(version, "subresources.status"))
		kind->flags |= KIND_HAS_STATUS;
	v->rules = ARENA_NEW(arena, struct custom_rules);
	scale = json_get(version, "subresources.scale");
	v->scale = (struct custom_scale){
		.spec_replicas = dotted_of(arena, scale, "specReplicasPath"),
		.status_replicas = dotted_of(arena, scale, "statusReplicasPath"),
		.label_selector = dotted_of(arena, scale, "labelSelectorPath"),
	};
	kind->subresources = subresources_of(arena, v);
	v->warning = deprecation(arena, spec, version, kind);
}

struct custom_resource *custom_resource_new(const struct obj *definition, struct err *err)
{
	struct custom_resource *r = NEW(struct custom_resource);
	const struct kind *stored = NULL;
	yyjson_val *versions = json_get(definition->root, "spec.versions");

	r->refs = 1;
	r->definition = obj_ref(definition);
	r->name = definition->name;
	arena_init(&r->arena, ARENA_DEFAULT_MAX);
	r->versions = arena_array(&r->arena, yyjson_arr_size(versions) + 1, sizeof(r->versions[0]));
	JSON_EACH (version, versions) {
		struct custom_version *v = &r->versions[r->version_count++];

		fill_version(r, v, version);
		if (json_get_bool(version, "storage", false))
			stored = &v->kind;
	}
	make_set(r);
	if (!stored) {
		(void)err_set(err, ERR_INVALID, STR_FMT ": no version is stored",
			      STR_ARG(definition->name));
		custom_resource_unref(r);
		return NULL;
	}
	for (size_t i = 0; i < r->version_count; i++)
		if (&r->versions[i].kind != stored)
			r->versions[i].kind.storage = stored;
	return r;
}

static struct custom_resource *custom_resource_ref(struct custom_resource *resource)
{
	resource->refs++;
	return resource;
}

void custom_resource_unref(struct custom_resource *resource)
{
	if (!resource || --resource->refs)
		return;
	obj_unref(resource->definition);
	structural_names_deinit(&resource->names);
	arena_deinit(&resource->arena);
	mem_free(resource);
}

bool custom_kind_same(const struct kind *a, const struct kind *b)
{
	return a == b || (a->flags & b->flags & KIND_CUSTOM && str_eq(a->plural, b->plural) &&
			  str_eq(a->api_version, b->api_version) &&
			  kind_is_namespaced(a) == kind_is_namespaced(b));
}

bool custom_is_established(yyjson_val *definition)
{
	return condition_is(definition, "Established", "True");
}

void custom_kind_ref(const struct kind *kind)
{
	const struct custom_version *v = custom_version_of(kind);

	if (v)
		custom_resource_ref(v->resource);
}

void custom_kind_unref(const struct kind *kind)
{
	const struct custom_version *v = custom_version_of(kind);

	if (v)
		custom_resource_unref(v->resource);
}
