/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing an object: the body or the patched state becomes the new one, whatever the client may
 * not change is taken from the old one, and nothing is written when nothing changed.
 */
#include "apiserver/admission.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/ownership.h"
#include "apiserver/patch_body.h"
#include "apiserver/registry.h"
#include "apiserver/service_claim.h"
#include "api/strategic.h"
#include "base/num.h"
#include "codec/patch.h"

static int validate(struct operation *op)
{
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	certificate_check(op, &errors);
	object_validate_update(&op->edit, &errors);
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

/* The last finalizer went away from an object whose deletion was asked for and whose grace is over.
 */
static bool is_final(const struct operation *op)
{
	yyjson_val *old = op->edit.old;

	if (json_mut_get_count(op->edit.root, "metadata.finalizers") ||
	    !json_get(old, "metadata.deletionTimestamp"))
		return false;
	if (op->kind == &kind_namespace && json_mut_get_count(op->edit.root, "spec.finalizers"))
		return false;
	return json_get_int(old, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

/* What nobody can read of a namespace is in no list, and would be left behind by its end. */
static int check_emptied(struct operation *op)
{
	struct store *store = op->registry->store;
	struct str within, key = STR_NONE;
	struct err err = { 0 };

	if (op->kind != &kind_namespace)
		return 0;
	within = str_printf_in(op->arena, "/" STR_FMT "/", STR_ARG(op->name));
	while (store_next_unreadable(store, key, &key))
		if (str_has_suffix(str_sub(key.ptr, str_rfind_char(key, '/') + 1), within) &&
		    store_check_readable(store, key, &err) < 0)
			return refusal_from_err(&op->refusal, &err);
	return 0;
}

/* PUT without a resourceVersion overwrites whatever is there, where the kind allows that. */
static int check_version(struct operation *op)
{
	struct str version = json_mut_get_str(op->edit.root, "metadata.resourceVersion");
	struct field_errors errors;
	uint64_t number = 0;

	if (version.len && num_parse_u64(version, UINT64_MAX, "resourceVersion", &number, NULL) < 0)
		return refusal_set(&op->refusal, 500, "",
				   "strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
				   STR_ARG(version));
	if (version.len && !number) /* as if it were not given */
		(void)json_remove(json_mut_get(op->edit.root, "metadata"), STR("resourceVersion"));
	if (number || op->verb != OPERATION_UPDATE || op->kind->flags & KIND_UNCONDITIONAL_UPDATE)
		return 0;
	field_errors_init(&errors, op->arena);
	field_error_add(&errors, FIELD_INVALID,
			FIELD_NAME(FIELD_NAME(NULL, "metadata"), "resourceVersion"),
			"0: must be specified for an update");
	return operation_take_fields(op, &errors, operation_subject(op));
}

/* The uid of a PUT is a precondition; to a PATCH it is a field like others. */
static int check_patched_uid(struct operation *op)
{
	struct str uid = json_mut_get_str(op->edit.root, "metadata.uid");
	struct field_errors errors;

	if (op->verb != OPERATION_PATCH || !uid.len ||
	    str_eq(uid, json_get_str(op->edit.old, "metadata.uid")))
		return 0;
	field_errors_init(&errors, op->arena);
	field_invalid_str(&errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "uid"), uid,
			  "field is immutable");
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

static int prepare(struct operation *op)
{
	struct err err = { 0 };
	size_t at;

	if (check_patched_uid(op) < 0)
		return -1;
	if (object_prepare_update(&op->edit, &err) == 0)
		return 0;
	if (err.code != ERR_CONFLICT)
		return refusal_from_err(&op->refusal, &err);
	at = str_find(str_from(err.msg), STR("Precondition failed"), 0);
	if (at == SIZE_MAX)
		return refusal_modified(&op->refusal, operation_subject(op));
	return refusal_conflict(&op->refusal, operation_subject(op),
				"StorageError: invalid object, Code: 4, Key: " STR_FMT
				", ResourceVersion: 0, AdditionalErrorMsg: %s",
				STR_ARG(op->key), err.msg + at);
}

static enum outcome update_admitted(struct operation *op)
{
	op->http_status = 200;
	if (!is_final(op) && !op->is_outdated && object_is_unchanged(&op->edit) &&
	    ownership_is_unchanged(op) && !store_is_stale(op->registry->store, op->key))
		return operation_answer_old(op);
	ownership_attach(op);
	if (is_final(op))
		return check_emptied(op) < 0 ? OUTCOME_REFUSED
					     : operation_remove(op, op->edit.root);
	return service_claim_holds(op) ? operation_put(op) : operation_again(op);
}

static enum outcome update_mutated(struct operation *op)
{
	operation_drop_repeated_owners(op, true);
	if ((op->is_mutated && prepare(op) < 0) || service_claim_take(op) < 0 || validate(op) < 0)
		return OUTCOME_REFUSED;
	object_warn(&op->edit, &op->notices);
	return admission_validate(op, update_admitted);
}

enum outcome update_object(struct operation *op)
{
	if (check_version(op) < 0)
		return OUTCOME_REFUSED;
	object_default(&op->edit);
	if (ownership_update(op) == OUTCOME_WAITING)
		return OUTCOME_WAITING;
	if (prepare(op) < 0)
		return OUTCOME_REFUSED;
	return admission_mutate(op, update_mutated);
}

/* PUT where nothing is creates, for kinds that allow it. */
static enum outcome update_or_create(struct operation *op)
{
	bool creates = op->kind->flags & KIND_CREATE_ON_UPDATE && !op->subresource.len &&
		       !registry_exists(op->registry, op->key);
	enum outcome outcome = creates ? operation_check_create(op, update_or_create)
				       : operation_load(op);

	if (outcome != OUTCOME_DONE)
		return outcome;
	operation_drop_repeated_owners(op, false);
	return creates ? create_object(op) : update_object(op);
}

enum outcome update_run(struct operation *op)
{
	/* The name is looked at before whether there is such an object. */
	if (operation_read_body(op, op->kind) < 0 || operation_check_name(op) < 0)
		return OUTCOME_REFUSED;
	return update_or_create(op);
}

int patch_apply_to(struct operation *op, yyjson_val *target, struct schema_at schema,
		   yyjson_mut_doc **ret)
{
	struct err err = { 0 };
	yyjson_val *patch = yyjson_doc_get_root(op->patch);
	yyjson_mut_doc *patched = NULL;

	switch (op->patch_type) {
	case API_PATCH_JSON:
		patched = patch_json(target, patch, &err);
		break;
	case API_PATCH_MERGE:
		if (!yyjson_is_obj(patch))
			return refusal_bad_request(&op->refusal,
						   "invalid merge patch: it is not an object");
		patched = patch_merge(target, patch, &err);
		break;
	case API_PATCH_STRATEGIC:
		patched = strategic_merge(schema, target, patch, &err);
		break;
	case API_PATCH_APPLY: /* apply_run */
		(void)err_set(&err, ERR_UNSUPPORTED_MEDIA,
			      "server-side apply is not available for this request");
		break;
	}
	if (!patched) {
		if (err.code == ERR_INVALID && op->patch_type == API_PATCH_JSON) {
			refusal_set(
				&op->refusal, 422, "Invalid",
				"the server rejected our request due to an error in our request");
			return refusal_about(&op->refusal, (struct subject){ 0 });
		}
		return refusal_from_err(&op->refusal, &err);
	}
	*ret = patched;
	return 0;
}

/* As Go prints values with %v. */
static void put_go_value(yyjson_val *v, struct buf *to)
{
	bool first = true;

	if (yyjson_is_obj(v)) {
		buf_put_c(to, "map[");
		JSON_MEMBERS (key, value, v) {
			buf_put_c(to, first ? "" : " ");
			buf_put_str(to, json_str(key));
			buf_put_char(to, ':');
			put_go_value(value, to);
			first = false;
		}
		buf_put_char(to, ']');
	} else if (yyjson_is_arr(v)) {
		buf_put_char(to, '[');
		JSON_EACH (item, v) {
			buf_put_c(to, first ? "" : " ");
			put_go_value(item, to);
			first = false;
		}
		buf_put_char(to, ']');
	} else if (yyjson_is_str(v)) {
		buf_put_str(to, json_str(v));
	} else if (yyjson_is_null(v)) {
		buf_put_c(to, "<nil>");
	} else {
		json_write(v, to);
	}
}

/* Named as the value of a field "patch", as upstream does: what a JSON or merge patch made, or the
 * strategic merge patch itself. */
static int refuse_patch(struct operation *op, yyjson_mut_val *patched, struct str why)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF message = { 0 };

	buf_init(&text, PATCH_RESULT_BYTES_MAX);
	buf_init(&message, PATCH_MESSAGE_BYTES_MAX);
	if (op->patch_type == API_PATCH_STRATEGIC)
		put_go_value(yyjson_doc_get_root(op->patch), &text);
	else
		json_mut_write(patched, &text);
	buf_put_c(&message, "Invalid value: ");
	json_write_quoted(
		str_slice(buf_str(&text), 0, NUM_MIN(text.len, (size_t)PATCH_SHOWN_BYTES_MAX)),
		&message);
	buf_put_c(&message, ": ");
	buf_put_str(&message, why);
	refusal_add_cause(&op->refusal, (struct refusal_cause){
						.reason = STR("FieldValueInvalid"),
						.field = STR("patch"),
						.message = str_in(op->arena, buf_str(&message)) });
	return refusal_invalid(&op->refusal, (struct subject){ STR(""), STR(""), STR("") });
}

/* A strategic merge patch is a tree for upstream, converted without JSON in between, so what is
 * told of a value of a wrong type differs. */
static struct str converter_words(struct arena *arena, const struct decode_problem *problem)
{
	struct str have = str_from(problem->found), want = str_from(problem->wanted);
	bool number = str_eq_c(have, "number");

	if (str_eq_c(have, "array"))
		have = STR("[]interface {}");
	else if (str_eq_c(have, "object"))
		have = STR("map[string]interface {}");
	else if (number)
		have = str_has_prefix(want, STR("int")) ? STR("float64") : STR("int64");
	if (number && (str_eq_c(want, "string") || str_has_prefix(want, STR("int"))))
		return str_printf_in(arena, "cannot convert " STR_FMT " to " STR_FMT, STR_ARG(have),
				     STR_ARG(want));
	if (str_has_prefix(want, STR("map[")) || str_has_prefix(want, STR("[]")))
		return str_printf_in(arena, "cannot restore %s from " STR_FMT,
				     want.ptr[0] == 'm' ? "map" : "slice", STR_ARG(have));
	if (str_find_char(want, '.', 0) != SIZE_MAX)
		return str_printf_in(arena, "cannot restore struct from: " STR_FMT, STR_ARG(have));
	return str_printf_in(arena, "unrecognized type: " STR_FMT, STR_ARG(want));
}

/* What a patch made is no object of its kind. */
static int refuse_patched(struct operation *op, yyjson_mut_val *patched,
			  const struct decode_problem *problem, const struct err *err)
{
	if (err->code != ERR_BAD_REQUEST)
		return refusal_from_err(&op->refusal, err);
	if (problem->type == DECODE_STRICT)
		return refuse_patch(
			op, patched,
			str_printf_in(op->arena, "strict decoding error: " STR_FMT "%s%s",
				      STR_ARG(op->patch_duplicates),
				      op->patch_duplicates.len ? ", " : "", problem->fields));
	if (problem->type == DECODE_WRONG_TYPE && op->patch_type == API_PATCH_STRATEGIC)
		return refuse_patch(op, patched, converter_words(op->arena, problem));
	return refuse_patch(op, patched, str_from(err->msg));
}

/* The patch has fields twice, and what it made is fine: said or refused, as the client wants it. */
static int check_duplicates(struct operation *op, yyjson_mut_val *patched)
{
	struct str rest = op->patch_duplicates, one;

	if (!op->patch_duplicates.len)
		return 0;
	if (op->check == FIELDS_STRICT)
		return refuse_patch(op, patched,
				    str_printf_in(op->arena, "strict decoding error: " STR_FMT,
						  STR_ARG(op->patch_duplicates)));
	while (patch_next_duplicate(&rest, &one))
		notices_add(&op->notices, STR_FMT, STR_ARG(one));
	return 0;
}

enum outcome patch_run(struct operation *op)
{
	enum outcome loaded;
	struct notices found;
	AUTO_JSON_MUT patched = NULL;
	struct decode_problem problem;
	struct decode_options options = {
		.kind = op->kind, .check = op->check, .notices = &found, .problem = &problem
	};
	struct err err = { 0 };

	if (op->patch_type == API_PATCH_APPLY)
		return apply_run(op);
	notices_init(&found, op->arena);
	loaded = operation_load(op);
	if (loaded != OUTCOME_DONE)
		return loaded;
	if (patch_apply_to(op, op->edit.old, op->kind->schema, &patched) < 0)
		return OUTCOME_REFUSED;
	json_mut_free(op->edit.doc);
	op->edit.doc = object_decode_mut(yyjson_mut_doc_get_root(patched), &options, &err);
	if (!op->edit.doc)
		return outcome_of(
			refuse_patched(op, yyjson_mut_doc_get_root(patched), &problem, &err));
	if (check_duplicates(op, yyjson_mut_doc_get_root(patched)) < 0)
		return OUTCOME_REFUSED;
	for (size_t i = 0; i < found.count; i++)
		notices_add(&op->notices, STR_FMT, STR_ARG(found.items[i]));
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	return update_object(op);
}
