/* SPDX-License-Identifier: Apache-2.0 */
/* Sub-resources whose body is not simply the object: scale, binding, eviction, finalize,
 * ephemeralcontainers. */
#include "api/condition.h"
#include "api/custom.h"
#include "api/selector.h"
#include "apiserver/admission.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/ownership.h"
#include "apiserver/registry.h"
#include "apiserver/scale.h"
#include "base/time.h"

/* op->edit.doc := the stored state. */
static void edit_stored(struct operation *op)
{
	json_mut_free(op->edit.doc);
	op->edit.doc = json_thaw(op->edit.old);
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
}

/* The stored state with only the value at path taken from the body, and its resourceVersion for
 * locking. */
static enum outcome take_only(struct operation *op, const char *path)
{
	enum outcome loaded = operation_load(op);
	AUTO_JSON_MUT given = NULL;
	yyjson_mut_val *value;
	struct str version;

	if (loaded != OUTCOME_DONE)
		return loaded;
	if (op->verb == OPERATION_PATCH) {
		struct decode_options options = { .kind = op->kind,
						  .check = op->check,
						  .notices = &op->notices };
		AUTO_JSON_MUT patched = NULL;
		struct err err = { 0 };

		if (patch_apply_to(op, op->edit.old, op->kind->schema, &patched) < 0)
			return OUTCOME_REFUSED;
		given = object_decode_mut(yyjson_mut_doc_get_root(patched), &options, &err);
		if (!given)
			return outcome_of(refusal_from_err(&op->refusal, &err));
	} else {
		if (operation_read_body(op, op->kind) < 0)
			return OUTCOME_REFUSED;
		given = op->edit.doc;
		op->edit.doc = NULL;
	}
	edit_stored(op);
	value = json_mut_get(yyjson_mut_doc_get_root(given), path);
	version = json_mut_get_str(yyjson_mut_doc_get_root(given), "metadata.resourceVersion");
	(void)json_remove_path(op->edit.root, path); /* the doc owns it */
	if (value)
		json_set_path(op->edit.doc, op->edit.root, path,
			      json_mut_copy(op->edit.doc, value));
	if (version.len)
		json_set_str(op->edit.doc, json_mut_get(op->edit.root, "metadata"),
			     "resourceVersion", version);
	return OUTCOME_DONE;
}

enum outcome finalize_update(struct operation *op)
{
	enum outcome taken = take_only(op, "spec.finalizers");

	return taken == OUTCOME_DONE ? update_object(op) : taken;
}

enum outcome ephemeral_update(struct operation *op)
{
	enum outcome taken = take_only(op, "spec.ephemeralContainers");

	return taken == OUTCOME_DONE ? update_object(op) : taken;
}

/* --- scale --- */

yyjson_mut_doc *scale_of(const struct kind *kind, yyjson_val *object, struct arena *arena)
{
	static const char *const fields[] = { "name", "namespace", "uid", "resourceVersion",
					      "creationTimestamp" };
	yyjson_val *selector = json_get(object, "spec.selector");
	bool is_custom = kind->flags & KIND_CUSTOM;
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *part;
	int64_t wanted;

	json_set_str(doc, root, "kind", STR("Scale"));
	json_set_str(doc, root, "apiVersion", STR("autoscaling/v1"));
	part = json_set_object(doc, root, "metadata");
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		yyjson_val *value = json_key(json_get(object, "metadata"), str_from(fields[i]));

		if (value)
			json_set(doc, part, fields[i], json_copy(doc, value));
	}
	wanted = is_custom ? custom_scale_spec(kind, object) : json_get_int(object, "spec.replicas", 0);
	part = json_set_object(doc, root, "spec");
	if (wanted) /* upstream's type leaves none out, and patches of it see that */
		json_set_int(doc, part, "replicas", wanted);
	part = json_set_object(doc, root, "status");
	json_set_int(doc, part, "replicas",
		     is_custom ? custom_scale_status(kind, object) : json_get_int(object, "status.replicas", 0));
	if (is_custom && custom_scale_selector(kind, object).len) {
		json_set_str(doc, part, "selector", custom_scale_selector(kind, object));
	} else if (selector && !is_custom) {
		bool is_map = !kind->group.len; /* replication controllers */

		json_set_str(doc, part, "selector",
			     is_map ? selector_of_map_in(arena, selector)
				    : selector_of_object_in(arena, selector));
	}
	return doc;
}

/* The stored object with the replicas that this Scale asks for. */
static enum outcome update_scaled(struct operation *op)
{
	yyjson_mut_val *scale = yyjson_mut_doc_get_root(op->body_seen.doc);
	int64_t replicas = json_mut_get_int(scale, "spec.replicas", 0);
	struct str version = json_mut_get_str(scale, "metadata.resourceVersion");
	struct field_errors errors;

	op->body_seen.is_mutated = true; /* the object it changes is not asked about again */
	if (replicas < 0 && !(op->kind->flags & KIND_CUSTOM)) { /* those validate it themselves */
		field_errors_init(&errors, op->arena);
		field_invalid_int(&errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "replicas"),
				  replicas, "must be greater than or equal to 0");
		return outcome_of(operation_take_fields(
			op, &errors,
			(struct subject){ STR("autoscaling"), STR("Scale"), op->name }));
	}
	if (version.len && !str_eq(version, json_get_str(op->edit.old, "metadata.resourceVersion")))
		return outcome_of(refusal_modified(&op->refusal, operation_subject(op)));
	edit_stored(op);
	json_set_path_int(op->edit.doc, op->edit.root,
			  op->kind->flags & KIND_CUSTOM
				  ? custom_version_of(op->kind)->scale.spec_replicas
				  : "spec.replicas",
			  replicas);
	op->edit.subresource = STR_NONE;
	op->returns_scale = true;
	return update_object(op);
}

void scale_take_old(struct operation *op)
{
	AUTO_JSON_MUT scale = scale_of(op->kind, op->edit.old, op->arena);

	op->body_seen.old = json_freeze(yyjson_mut_doc_get_root(scale));
}

/* A Scale is one of autoscaling/v1, or says nothing of it. */
static int check_scale_version(struct operation *op)
{
	struct str version = json_mut_get_str(op->edit.root, "apiVersion");

	if (!version.len || str_eq(version, kind_scale.api_version))
		return 0;
	return refusal_bad_request(&op->refusal,
				   "the API version in the data (" STR_FMT
				   ") does not match the expected API version (" STR_FMT ")",
				   STR_ARG(version), STR_ARG(kind_scale.api_version));
}

enum outcome scale_update(struct operation *op)
{
	enum outcome loaded;

	if (operation_read_body(op, &kind_scale) < 0 || check_scale_version(op) < 0 ||
	    operation_check_name(op) < 0 || operation_check_namespace(op) < 0)
		return OUTCOME_REFUSED;
	loaded = operation_load(op);
	if (loaded != OUTCOME_DONE)
		return loaded;
	operation_take_body(op, &kind_scale);
	scale_take_old(op);
	return admission_mutate(op, update_scaled);
}

enum outcome scale_patch(struct operation *op)
{
	enum outcome loaded;

	if (op->patch_type == API_PATCH_APPLY)
		return apply_scale(op);
	loaded = operation_load(op);
	if (loaded != OUTCOME_DONE)
		return loaded;
	operation_take_body(op, &kind_scale);
	scale_take_old(op);
	if (patch_apply_to(op, yyjson_doc_get_root(op->body_seen.old), kind_scale.schema,
			   &op->body_seen.doc) < 0)
		return OUTCOME_REFUSED;
	return admission_mutate(op, update_scaled);
}

/* --- binding --- */

static void set_scheduled(struct operation *op)
{
	yyjson_mut_val *status = json_ensure_object(op->edit.doc, op->edit.root, "status");
	yyjson_mut_val *list = json_ensure_array(op->edit.doc, status, "conditions"),
		       *condition = NULL;
	char text[TIME_TEXT_BYTES];

	JSON_MUT_EACH (c, list)
		if (str_eq_c(json_mut_get_str(c, "type"), "PodScheduled"))
			condition = c;
	if (!condition) {
		condition = json_append_object(op->edit.doc, list);
		json_set_str(op->edit.doc, condition, "type", STR("PodScheduled"));
	}
	if (str_eq_c(json_mut_get_str(condition, "status"), "True"))
		return;
	(void)json_remove(condition, STR("reason")); /* the doc owns them */
	(void)json_remove(condition, STR("message"));
	json_set_str(op->edit.doc, condition, "status", STR("True"));
	json_set(op->edit.doc, condition, "lastProbeTime", yyjson_mut_null(op->edit.doc));
	json_set_str(op->edit.doc, condition, "lastTransitionTime",
		     str_from(time_format(op->edit.now_ns, text)));
}

static int check_binding(struct operation *op, yyjson_mut_val *binding)
{
	yyjson_val *pod = op->edit.old;
	struct str uid = json_mut_get_str(binding, "metadata.uid"),
		   kind = json_mut_get_str(binding, "target.kind"),
		   node = json_get_str(pod, "spec.nodeName");
	struct subject about = { STR(""), STR("pods/binding"), op->name };
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	if (kind.len && !str_eq_c(kind, "Node"))
		field_unsupported(&errors, FIELD_NAME(FIELD_NAME(NULL, "target"), "kind"), kind,
				  "Node|<empty>");
	if (!json_mut_get_str(binding, "target.name").len)
		field_required(&errors, FIELD_NAME(FIELD_NAME(NULL, "target"), "name"), "");
	if (operation_take_fields(op, &errors,
				  (struct subject){ STR(""), STR("Binding"), op->name }) < 0)
		return -1;
	if (uid.len && !str_eq(uid, json_get_str(pod, "metadata.uid")))
		return refusal_conflict(&op->refusal, about,
					"the UID of pod " STR_FMT " in the precondition (" STR_FMT
					") does not match",
					STR_ARG(op->name), STR_ARG(uid));
	if (json_get(pod, "metadata.deletionTimestamp"))
		return refusal_conflict(&op->refusal, about,
					"pod " STR_FMT
					" is being deleted, cannot be assigned to a host",
					STR_ARG(op->name));
	if (node.len)
		return refusal_conflict(&op->refusal, about,
					"pod " STR_FMT " is already assigned to node \"" STR_FMT
					"\"",
					STR_ARG(op->name), STR_ARG(node));
	if (json_get_count(pod, "spec.schedulingGates"))
		return refusal_conflict(&op->refusal, about,
					"pod " STR_FMT " has non-empty .spec.schedulingGates",
					STR_ARG(op->name));
	return 0;
}

static enum outcome binding_admitted(struct operation *op)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(op->body_seen.doc);
	enum outcome loaded = operation_load(op);

	if (loaded != OUTCOME_DONE)
		return loaded;
	if (check_binding(op, root) < 0)
		return OUTCOME_REFUSED;
	edit_stored(op);
	json_set_path_str(op->edit.doc, op->edit.root, "spec.nodeName",
			  json_mut_get_str(root, "target.name"));
	JSON_MUT_MEMBERS (key, value, json_mut_get(root, "metadata.annotations"))
		json_put_str(op->edit.doc,
			     json_ensure_object(op->edit.doc,
						json_mut_get(op->edit.root, "metadata"),
						"annotations"),
			     json_mut_str(key), json_mut_str(value));
	if (admission_is_on(op->registry, PLUGIN_TOPOLOGY_LABELS))
		topology_labels_add(op, json_mut_get_str(root, "target.name"));
	set_scheduled(op);
	op->http_status = 201;
	op->returns_status = true;
	return operation_put(op);
}

static enum outcome binding_mutated(struct operation *op)
{
	return admission_validate(op, binding_admitted);
}

enum outcome binding_create(struct operation *op)
{
	if (operation_read_body(op, &kind_binding) < 0)
		return OUTCOME_REFUSED;
	if (!op->name.len) {
		op->name = str_in(op->arena, json_mut_get_str(op->edit.root, "metadata.name"));
		op->key = registry_key(op->registry, op->arena, op->kind, op->namespace_, op->name);
	}
	operation_take_body(op, &kind_binding);
	return admission_mutate(op, binding_mutated);
}

/* --- eviction --- */

struct budget_search {
	struct operation *op;
	yyjson_val *pod;
	const struct obj *found;
	size_t count;
};

static bool take_budget(void *arg, const struct obj *budget)
{
	struct budget_search *search = arg;
	struct selector selector;

	if (selector_from_object(json_get(budget->root, "spec.selector"), search->op->arena,
				 &selector, NULL) < 0 ||
	    !selector_matches(&selector, json_get(search->pod, "metadata.labels")))
		return true;
	search->found = budget;
	search->count++;
	return true;
}

static bool is_running(yyjson_val *pod)
{
	struct str phase = json_get_str(pod, "status.phase");

	return !json_get(pod, "metadata.deletionTimestamp") && !str_eq_c(phase, "Pending") &&
	       !str_eq_c(phase, "Succeeded") && !str_eq_c(phase, "Failed");
}

/* A pod that serves nobody may go without a budget's leave. */
static bool is_beyond_budget(yyjson_val *pod, const struct obj *budget)
{
	yyjson_val *status = json_get(budget->root, "status");
	int64_t desired = json_get_int(status, "desiredHealthy", 0);

	if (condition_is(pod, "Ready", "True"))
		return false;
	return str_eq_c(json_get_str(budget->root, "spec.unhealthyPodEvictionPolicy"),
			"AlwaysAllow") ||
	       (desired > 0 && json_get_int(status, "currentHealthy", 0) >= desired);
}

static int refuse_eviction(struct operation *op, struct str message)
{
	refusal_add_cause(&op->refusal, (struct refusal_cause){ .reason = STR("DisruptionBudget"),
								.message = message });
	return refusal_set(&op->refusal, 429, "TooManyRequests",
			   "Cannot evict pod as it would violate the pod's disruption budget.");
}

/* The numbers are only to be believed when the controller could find them out. */
static int refuse_disruption(struct operation *op, const struct obj *budget)
{
	yyjson_val *status = json_get(budget->root, "status"),
		   *why = condition_find(json_get(status, "conditions"), STR("DisruptionAllowed"));
	long long desired = json_get_int(status, "desiredHealthy", 0),
		  healthy = json_get_int(status, "currentHealthy", 0);
	struct str text = STR("");

	if (!str_eq_c(json_get_str(why, "status"), "False") || !json_get_str(why, "message").len)
		why = NULL;
	if (str_eq_c(json_get_str(why, "reason"), "SyncFailed"))
		text = str_printf_in(op->arena,
				     " does not allow evicting pods currently because it failed "
				     "sync: " STR_FMT,
				     STR_ARG(json_get_str(why, "message")));
	else if (healthy <= desired)
		text = str_printf_in(op->arena, " needs %lld healthy pods and has %lld currently",
				     desired, healthy);
	else if (why)
		text = str_printf_in(op->arena,
				     " does not allow evicting pods currently (" STR_FMT
				     "): " STR_FMT,
				     STR_ARG(json_get_str(why, "reason")),
				     STR_ARG(json_get_str(why, "message")));
	else
		text = STR(" does not allow evicting pods currently");
	return refuse_eviction(op,
			       str_printf_in(op->arena, "The disruption budget " STR_FMT STR_FMT,
					     STR_ARG(budget->name), STR_ARG(text)));
}

static int refuse_budget(struct operation *op, const struct obj *budget, const char *why,
			 const char *cause)
{
	refusal_add_cause(
		&op->refusal,
		(struct refusal_cause){
			.reason = STR("DisruptionBudget"),
			.message = str_printf_in(op->arena,
						 "The disruption budget " STR_FMT
						 " does not allow evicting pods currently: %s",
						 STR_ARG(budget->name), cause) });
	return refusal_forbidden(
		&op->refusal,
		(struct subject){ STR("policy"), STR("poddisruptionbudget"), budget->name }, "%s",
		why);
}

/* What is left of a budget once this pod is gone: written together with what removes the pod, so
 * that no two evictions share what is left, whichever servers they are asked of. */
static void take_disruption(struct operation *op, const struct obj *budget, int64_t revision)
{
	struct operation_charge *charge = ARENA_NEW(op->arena, struct operation_charge);
	yyjson_mut_doc *doc = json_thaw(budget->root);
	yyjson_mut_val *status = json_ensure_object(doc, yyjson_mut_doc_get_root(doc), "status");
	int64_t left = json_mut_get_int(status, "disruptionsAllowed", 0) - 1;
	char now[TIME_TEXT_BYTES];

	json_set_int(doc, status, "disruptionsAllowed", left);
	json_put_str(doc, json_ensure_object(doc, status, "disruptedPods"), op->name,
		     str_from(time_format(op->edit.now_ns, now)));
	JSON_MUT_EACH (condition, json_mut_get(status, "conditions")) {
		if (left || !str_eq_c(json_mut_get_str(condition, "type"), "DisruptionAllowed") ||
		    str_eq_c(json_mut_get_str(condition, "status"), "False"))
			continue;
		json_set_str(doc, condition, "status", STR("False"));
		json_set_str(doc, condition, "reason", STR("InsufficientPods"));
		json_set_str(doc, condition, "lastTransitionTime", str_from(now));
	}
	*charge = (struct operation_charge){
		.key = registry_key(op->registry, op->arena, &kind_poddisruptionbudget,
				    budget->namespace_, budget->name),
		.expected_revision = revision,
		.doc = doc,
	};
	operation_charge(op, charge, 1);
}

static int check_disruption(struct operation *op, const struct obj *budget, int64_t revision)
{
	yyjson_val *status = json_get(budget->root, "status");
	int64_t allowed = json_get_int(status, "disruptionsAllowed", 0);

	if (json_get_int(status, "observedGeneration", 0) < budget->generation) {
		op->refusal.retry_after_seconds = EVICTION_RETRY_AFTER_SECONDS;
		return refuse_eviction(op, str_printf_in(op->arena,
							 "The disruption budget " STR_FMT
							 " is still being processed by the server.",
							 STR_ARG(budget->name)));
	}
	if (allowed < 0)
		return refuse_budget(op, budget, "pdb disruptions allowed is negative",
				     "pdb disruptions allowed is negative");
	if (json_get_count(status, "disruptedPods") > DISRUPTED_PODS_MAX)
		return refuse_budget(
			op, budget,
			"DisruptedPods map too big - too many evictions not confirmed by PDB "
			"controller",
			"too many pending evictions not confirmed by PDB controller");
	if (!allowed)
		return refuse_disruption(op, budget);
	if (!op->dry_run)
		take_disruption(op, budget, revision);
	return 0;
}

static int check_budget(struct operation *op)
{
	struct budget_search search = { .op = op, .pod = op->edit.old };
	const struct store_entry *entry;
	const struct obj *budget;

	if (!is_running(op->edit.old))
		return 0;
	registry_each(op->registry, &kind_poddisruptionbudget, op->namespace_, take_budget,
		      &search);
	if (search.count > 1)
		return refusal_internal(
			&op->refusal,
			"This pod has more than one PodDisruptionBudget, which the eviction "
			"subresource does not support.");
	if (!search.found)
		return 0;
	/* as it will be after the evictions that are on their way */
	entry = registry_pending(op->registry,
				 registry_key(op->registry, op->arena, &kind_poddisruptionbudget,
					      search.found->namespace_, search.found->name));
	budget = entry ? obj_of(entry->value, NULL) : NULL;
	if (!budget || is_beyond_budget(op->edit.old, budget))
		return 0;
	return check_disruption(op, budget, entry->mod_revision);
}

/* Who only tries says so of the request, or of the deletion that it asks for. */
static int take_dry_run(struct operation *op, yyjson_mut_val *options)
{
	JSON_MUT_EACH (stage, yyjson_mut_obj_get(options, "dryRun")) {
		if (!str_eq_c(json_mut_str(stage), "All"))
			return refusal_set(&op->refusal, 422, "Invalid",
					   "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: "
					   "Unsupported value: \"" STR_FMT
					   "\": supported values: \"All\"",
					   STR_ARG(json_mut_str(stage)));
		op->dry_run = true;
	}
	return 0;
}

static enum outcome eviction_admitted(struct operation *op)
{
	struct delete_options options = { 0 };
	yyjson_mut_val *given = json_mut_get(yyjson_mut_doc_get_root(op->body_seen.doc),
					     "deleteOptions");
	enum outcome outcome;

	options.has_grace = json_mut_get(given, "gracePeriodSeconds") != NULL;
	options.grace_seconds = json_mut_get_int(given, "gracePeriodSeconds", 0);
	options.uid = str_in(op->arena, json_mut_get_str(given, "preconditions.uid"));
	options.resource_version = str_in(op->arena,
					  json_mut_get_str(given, "preconditions.resourceVersion"));
	options.propagation = str_in(op->arena, json_mut_get_str(given, "propagationPolicy"));
	if (take_dry_run(op, given) < 0)
		return OUTCOME_REFUSED;
	outcome = operation_load(op);
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (node_restriction_evict(op) < 0 || check_budget(op) < 0)
		return OUTCOME_REFUSED;
	outcome = delete_with(op, &options);
	op->http_status = 201;
	op->returns_status = true;
	return outcome == OUTCOME_DONE ? operation_answer_success(op, STR_NONE) : outcome;
}

static enum outcome eviction_mutated(struct operation *op)
{
	return admission_validate(op, eviction_admitted);
}

enum outcome eviction_create(struct operation *op)
{
	struct str name;

	if (operation_read_body(op, &kind_eviction) < 0)
		return OUTCOME_REFUSED;
	name = json_mut_get_str(op->edit.root, "metadata.name");
	if (name.len && !str_eq(name, op->name))
		return outcome_of(refusal_bad_request(
			&op->refusal,
			"name in URL does not match name in Eviction object: " STR_FMT
			" != " STR_FMT,
			STR_ARG(op->name), STR_ARG(name)));
	operation_take_body(op, &kind_eviction);
	return admission_mutate(op, eviction_mutated);
}
