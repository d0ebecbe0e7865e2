/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting: preconditions, then either the object goes at once, or it is marked and waits: pods for
 * their kubelet, objects with finalizers for whoever set those, namespaces for being emptied. Order
 * and outcome follow upstream's registry store.
 */
#include "apiserver/admission.h"
#include "apiserver/custom_names.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/registry.h"
#include "base/num.h"
#include "base/time.h"
#include "loop/env.h"

static const struct str orphan_finalizer = STR_INIT("orphan");
static const struct str foreground_finalizer = STR_INIT("foregroundDeletion");

/* Kinds whose delete answers with the object even when it is gone; the others answer with a Status.
 */
static const struct {
	const char *group, *plurals;
} returned[] = {
	{ "", "pods podtemplates services serviceaccounts persistentvolumes persistentvolumeclaims "
	      "resourcequotas "
	      "replicationcontrollers" },
	{ "storage.k8s.io",
	  "storageclasses volumeattachments csinodes csidrivers csistoragecapacities "
	  "volumeattributesclasses" },
};

static bool has_word(const char *words, struct str word)
{
	struct str rest = str_from(words), part;

	while (str_next_part(&rest, ' ', &part))
		if (str_eq(part, word))
			return true;
	return false;
}

static bool returns_object(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(returned); i++)
		if (str_eq_c(kind->group, returned[i].group) &&
		    has_word(returned[i].plurals, kind->plural))
			return true;
	return false;
}

static int check_preconditions(struct operation *op, const struct delete_options *options)
{
	struct str uid = json_get_str(op->edit.old, "metadata.uid");
	struct str version = json_get_str(op->edit.old, "metadata.resourceVersion");

	if (options->uid.len && !str_eq(options->uid, uid))
		return refusal_conflict(&op->refusal, operation_kind_subject(op),
					"the UID in the precondition (" STR_FMT
					") does not match the UID in record (" STR_FMT
					"). The object might have been deleted and then recreated",
					STR_ARG(options->uid), STR_ARG(uid));
	if (options->resource_version.len && !str_eq(options->resource_version, version))
		return refusal_conflict(&op->refusal, operation_kind_subject(op),
					"the ResourceVersion in the precondition (" STR_FMT
					") does not match the ResourceVersion in record (" STR_FMT
					"). The object might have been modified",
					STR_ARG(options->resource_version), STR_ARG(version));
	return 0;
}

static void start_change(struct operation *op)
{
	json_mut_free(op->edit.doc);
	op->edit.doc = json_thaw(op->edit.old);
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
}

static bool has_finalizer(yyjson_val *finalizers, struct str name)
{
	JSON_EACH (f, finalizers)
		if (str_eq(json_str(f), name))
			return true;
	return false;
}

static bool wants_orphans(const struct operation *op, const struct delete_options *o)
{
	yyjson_val *finalizers = json_get(op->edit.old, "metadata.finalizers");

	if (o->has_orphan)
		return o->orphan;
	if (o->propagation.len)
		return str_eq_c(o->propagation, "Orphan");
	if (has_finalizer(finalizers, orphan_finalizer))
		return true;
	return op->kind->flags & KIND_ORPHANS && !has_finalizer(finalizers, foreground_finalizer);
}

static bool wants_foreground(const struct operation *op, const struct delete_options *o)
{
	if (o->has_orphan)
		return false;
	if (o->propagation.len)
		return str_eq_c(o->propagation, "Foreground");
	return has_finalizer(json_get(op->edit.old, "metadata.finalizers"), foreground_finalizer);
}

/* The finalizers that the garbage collector acts on, as the options say. True when that changed
 * something. */
static bool set_gc_finalizers(struct operation *op, const struct delete_options *o)
{
	yyjson_mut_val *metadata = json_mut_get(op->edit.root, "metadata"), *list;
	yyjson_val *old = json_get(op->edit.old, "metadata.finalizers");
	bool orphan, foreground;

	if (kind_stored(op->kind) == &kind_event)
		return false;
	orphan = wants_orphans(op, o);
	foreground = wants_foreground(op, o);
	if (has_finalizer(old, orphan_finalizer) == orphan &&
	    has_finalizer(old, foreground_finalizer) == foreground)
		return false;
	list = yyjson_mut_arr(op->edit.doc);
	JSON_EACH (f, old)
		if (!str_eq(json_str(f), orphan_finalizer) &&
		    !str_eq(json_str(f), foreground_finalizer))
			json_append_str(op->edit.doc, list, json_str(f));
	if (orphan)
		json_append_str(op->edit.doc, list, orphan_finalizer);
	if (foreground)
		json_append_str(op->edit.doc, list, foreground_finalizer);
	if (yyjson_mut_arr_size(list))
		json_set(op->edit.doc, metadata, "finalizers", list);
	else
		(void)json_remove(metadata, STR("finalizers")); /* the doc owns it */
	return true;
}

static void mark_deleting(struct operation *op, int64_t at_ns, int64_t grace_seconds)
{
	yyjson_mut_val *metadata = json_mut_get(op->edit.root, "metadata");
	int64_t generation = json_mut_get_int(metadata, "generation", 0);
	char text[TIME_TEXT_BYTES];

	if (generation > 0 && !json_get(op->edit.old, "metadata.deletionTimestamp"))
		json_set_int(op->edit.doc, metadata, "generation", generation + 1);
	json_set_str(op->edit.doc, metadata, "deletionTimestamp",
		     str_from(time_format(at_ns, text)));
	json_set_int(op->edit.doc, metadata, "deletionGracePeriodSeconds", grace_seconds);
}

/* Clients may ask for any number: times end in the year 2262. */
static int64_t grace_ns(int64_t seconds)
{
	return NUM_MIN(seconds, POD_GRACE_SECONDS_MAX) * TIME_NS_PER_SECOND;
}

/* How long this pod may take, as upstream's pod strategy decides. */
static int64_t pod_grace(const struct operation *op, const struct delete_options *options)
{
	struct str phase = json_get_str(op->edit.old, "status.phase");
	int64_t grace = options->has_grace ? options->grace_seconds
					   : json_get_int(op->edit.old,
							  "spec.terminationGracePeriodSeconds", 0);

	if (!json_get_str(op->edit.old, "spec.nodeName").len || str_eq_c(phase, "Failed") ||
	    str_eq_c(phase, "Succeeded"))
		return 0;
	return grace < 0 ? 1 : grace;
}

enum grace { GRACE_NONE, GRACE_GIVEN, GRACE_PENDING };

/* Pods only: others have no grace. Marks op->edit for GIVEN. */
static enum grace give_grace(struct operation *op, const struct delete_options *options,
			     int64_t *ret_seconds)
{
	yyjson_val *given = json_get(op->edit.old, "metadata.deletionGracePeriodSeconds");
	struct str deleting = json_get_str(op->edit.old, "metadata.deletionTimestamp");
	int64_t at_ns, seconds, old_seconds = json_int(given, 0);

	if (op->kind != &kind_pod)
		return GRACE_NONE;
	if (!deleting.len) {
		*ret_seconds = pod_grace(op, options);
		mark_deleting(op, op->edit.now_ns + grace_ns(*ret_seconds), *ret_seconds);
		return GRACE_GIVEN;
	}
	if (!given)
		return GRACE_NONE;
	if (!options->has_grace)
		return GRACE_PENDING;
	seconds = options->grace_seconds < 0 ? 1 : options->grace_seconds;
	if (seconds >= old_seconds &&
	    seconds) /* only a shorter one is taken; an elapsed one ends it */
		return GRACE_PENDING;
	if (time_parse(deleting, &at_ns, NULL) < 0)
		return GRACE_NONE;
	mark_deleting(op, at_ns - grace_ns(old_seconds) + grace_ns(seconds), seconds);
	*ret_seconds = seconds;
	return GRACE_GIVEN;
}

/* Namespaces are marked, emptied by their controller, and only then removed. */
static enum outcome delete_namespace(struct operation *op, const struct delete_options *options)
{
	yyjson_mut_val *status;

	if (!json_get(op->edit.old, "metadata.deletionTimestamp")) {
		mark_deleting(op, op->edit.now_ns, 0);
		(void)json_remove(json_mut_get(op->edit.root, "metadata"),
				  STR("deletionGracePeriodSeconds"));
		status = json_ensure_object(op->edit.doc, op->edit.root, "status");
		json_set_str(op->edit.doc, status, "phase", STR("Terminating"));
		(void)set_gc_finalizers(op, options);
		return operation_put(op);
	}
	if (json_get_count(op->edit.old, "spec.finalizers") ||
	    json_get_count(op->edit.old, "metadata.finalizers"))
		return operation_answer_old(op);
	op->returns_status = true;
	op->http_status = 200;
	return operation_remove(op, NULL);
}

/* A definition goes after the objects that it defines. */
static bool add_custom_finalizer(struct operation *op)
{
	yyjson_mut_val *metadata = json_mut_get(op->edit.root, "metadata");
	struct custom_condition terminating = {
		"Terminating", "True", "InstanceDeletionPending",
		STR_INIT("CustomResourceDefinition marked for deletion; CustomResource deletion "
			 "will begin soon")
	};

	if (op->kind != &kind_customresourcedefinition ||
	    json_get(op->edit.old, "metadata.deletionTimestamp"))
		return false;
	json_append_str(op->edit.doc, json_ensure_array(op->edit.doc, metadata, "finalizers"),
			STR(CUSTOM_FINALIZER));
	return custom_condition_set(op->edit.doc, &terminating, op->edit.now_ns);
}

static enum outcome delete_admitted(struct operation *op)
{
	const struct delete_options *options = op->options;
	int64_t seconds = 0;
	enum grace grace;
	bool finalizers_changed, has_finalizers;

	start_change(op);
	/* Who asks in the old words is told whether it is gone already. */
	if (options->has_orphan && !options->orphan)
		op->http_status = 202;
	if (op->kind == &kind_namespace)
		return delete_namespace(op, options);
	grace = give_grace(op, options, &seconds);
	if (grace == GRACE_PENDING)
		return operation_answer_old(op);
	finalizers_changed = set_gc_finalizers(op, options);
	finalizers_changed |= add_custom_finalizer(op);
	has_finalizers = json_mut_get_count(op->edit.root, "metadata.finalizers") > 0;
	if (grace == GRACE_GIVEN && (seconds > 0 || has_finalizers))
		return operation_put(op);
	if (grace == GRACE_NONE && has_finalizers) {
		if (json_get(op->edit.old, "metadata.deletionTimestamp") && !finalizers_changed)
			return operation_answer_old(op);
		if (!json_get(op->edit.old, "metadata.deletionTimestamp"))
			mark_deleting(op, op->edit.now_ns, 0);
		return operation_put(op);
	}
	op->returns_status = !returns_object(op->kind);
	op->http_status = 200;
	return operation_remove(op,
				grace == GRACE_GIVEN || finalizers_changed ? op->edit.root : NULL);
}

enum outcome delete_with(struct operation *op, const struct delete_options *options)
{
	enum outcome loaded;
	struct delete_options *kept = ARENA_NEW(op->arena, struct delete_options);

	*kept = *options;
	op->options = kept;
	op->returns_status = false;
	op->http_status = 200;
	loaded = operation_load(op);
	if (loaded != OUTCOME_DONE)
		return loaded;
	if (check_preconditions(op, options) < 0)
		return OUTCOME_REFUSED;
	return admission_delete(op, delete_admitted);
}

static int refuse_propagation(struct operation *op, const char *reason, struct str text)
{
	return refusal_option(&op->refusal, "DeleteOptions",
			      (struct refusal_cause){ .reason = str_from(reason),
						      .field = STR("propagationPolicy"),
						      .message = text });
}

static int check_options(struct operation *op, const struct delete_options *o)
{
	if (o->has_orphan && o->propagation.len)
		return refuse_propagation(
			op, "FieldValueInvalid",
			str_printf_in(
				op->arena,
				"Invalid value: \"" STR_FMT
				"\": orphanDependents and deletionPropagation cannot be both set",
				STR_ARG(o->propagation)));
	if (o->propagation.len && !has_word("Orphan Background Foreground", o->propagation))
		return refuse_propagation(
			op, "FieldValueNotSupported",
			str_printf_in(op->arena,
				      "Unsupported value: \"" STR_FMT
				      "\": supported values: \"Foreground\", \"Background\", "
				      "\"Orphan\", \"nil\"",
				      STR_ARG(o->propagation)));
	return 0;
}

enum outcome delete_run(struct operation *op)
{
	struct delete_options options = { 0 };
	yyjson_mut_val *root = op->body ? yyjson_mut_doc_get_root(op->body) : NULL, *v;

	v = json_mut_get(root, "gracePeriodSeconds");
	if (v && !yyjson_mut_is_null(v)) {
		options.has_grace = true;
		options.grace_seconds = json_mut_int(v, 0);
	}
	options.uid = json_mut_get_str(root, "preconditions.uid");
	options.resource_version = json_mut_get_str(root, "preconditions.resourceVersion");
	options.propagation = json_mut_get_str(root, "propagationPolicy");
	v = json_mut_get(root, "orphanDependents");
	if (v && yyjson_mut_is_bool(v)) {
		options.has_orphan = true;
		options.orphan = json_mut_bool(v, false);
	}
	if (check_options(op, &options) < 0)
		return OUTCOME_REFUSED;
	if (op->kind == &kind_job && !options.has_orphan && !options.propagation.len)
		notices_add(&op->notices,
			    "child pods are preserved by default when jobs are deleted; set "
			    "propagationPolicy=Background to remove them or set "
			    "propagationPolicy=Orphan to suppress this warning");
	return delete_with(op, &options);
}
