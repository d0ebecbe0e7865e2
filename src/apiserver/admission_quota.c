/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LimitRanger and ResourceQuota. What a write costs of a quota is charged in the very transaction
 * that writes it: status.used is another operation of the same store write, decided against the
 * pending state, so that no two writes can share the last of a quota and none is charged in vain.
 */
#include "apiserver/admission.h"
#include "apiserver/admission_state.h"

#include "api/limit_range.h"
#include "api/quota.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"

/* --- LimitRanger --- */

struct limit_ranges {
	struct operation *op;
	yyjson_val *object; /* what is checked; NULL while defaults are given */
	struct str violations;
};

static bool give_defaults(void *arg, const struct obj *limit_range)
{
	struct operation *op = ((struct limit_ranges *)arg)->op;

	limit_range_default(limit_range->root, op->edit.doc, op->edit.root, op->arena);
	op->is_mutated = true; /* what they ask for tells the pod's class */
	return true;
}

static bool check_bounds(void *arg, const struct obj *limit_range)
{
	struct limit_ranges *l = arg;

	l->violations = limit_range_violations(limit_range->root, l->op->kind, l->object,
					       l->op->arena);
	return l->violations.len == 0;
}

static bool is_limited(const struct operation *op)
{
	if (op->subresource.len || !op->namespace_.len)
		return false;
	return op->kind == &kind_persistentvolumeclaim || (op->kind == &kind_pod && !op->edit.old);
}

int limit_ranger_mutate(struct operation *op)
{
	struct limit_ranges l = { .op = op };

	if (is_limited(op) && op->kind == &kind_pod)
		registry_each(op->registry, &kind_limitrange, op->namespace_, give_defaults, &l);
	return 0;
}

int limit_ranger_validate(struct operation *op)
{
	struct limit_ranges l = { .op = op };
	AUTO_JSON object = NULL;

	if (!is_limited(op) || !registry_has(op->registry, &kind_limitrange, op->namespace_))
		return 0;
	object = json_freeze(op->edit.root);
	l.object = yyjson_doc_get_root(object);
	registry_each(op->registry, &kind_limitrange, op->namespace_, check_bounds, &l);
	if (!l.violations.len)
		return 0;
	return refusal_forbidden(&op->refusal, operation_subject(op), STR_FMT,
				 STR_ARG(l.violations));
}

/* --- ResourceQuota --- */

struct quotas {
	struct operation *op;
	struct quota_request request;
	struct operation_charge *charges;
	size_t count;
	bool too_many;
	struct str refusal;
};

static void keep_charge(struct quotas *q, const struct obj *quota, int64_t revision,
			const struct resource_list *used)
{
	struct operation_charge *charge = &q->charges[q->count++];
	yyjson_mut_doc *doc = json_thaw(quota->root);
	yyjson_mut_val *list = json_set_object(
		doc, json_ensure_object(doc, yyjson_mut_doc_get_root(doc), "status"), "used");
	char text[QUANTITY_TEXT_BYTES];

	for (size_t i = 0; i < used->count; i++) {
		quantity_format(&used->items[i].quantity, text);
		yyjson_mut_obj_add(list, json_new_str(doc, used->items[i].name),
				   json_new_str(doc, str_from(text)));
	}
	*charge = (struct operation_charge){
		.key = registry_key(q->op->registry, q->op->arena, &kind_resourcequota,
				    quota->namespace_, quota->name),
		.expected_revision = revision,
		.doc = doc,
	};
}

static bool concerns(const struct quotas *q, const struct obj *quota)
{
	JSON_MEMBERS (name, value, json_get(quota->root, "status.hard")) {
		(void)value; /* names decide */
		if (quota_is_about(q->request.kind, json_str(name)))
			return quota_selects(quota->root, q->request.kind, q->request.object);
	}
	return false;
}

static bool charge_one(void *arg, const struct obj *committed)
{
	struct quotas *q = arg;
	struct registry *registry = q->op->registry;
	const struct store_entry *entry = registry_pending(
		registry, registry_key(registry, q->op->arena, &kind_resourcequota,
				       committed->namespace_, committed->name));
	const struct obj *quota = entry ? obj_of(entry->value, NULL) : NULL;
	struct resource_list used;
	bool is_changed;

	if (!quota || !concerns(q, quota))
		return true;
	resource_list_init(&used, q->op->arena);
	if (!quota_charge(quota->root, &q->request, &used, &is_changed, &q->refusal))
		return false;
	if (!is_changed)
		return true;
	q->too_many = q->count == QUOTA_CHARGES_MAX;
	if (!q->too_many)
		keep_charge(q, quota, entry->mod_revision, &used);
	return !q->too_many;
}

/* Creations count; of what is there already, only what may grow. */
static bool is_counted(const struct operation *op)
{
	if (!op->namespace_.len || !kind_is_namespaced(op->kind))
		return false;
	if (!op->edit.old)
		return !op->subresource.len;
	if (op->kind == &kind_pod)
		return str_eq_c(op->subresource, "resize");
	return !op->subresource.len &&
	       (op->kind == &kind_service || op->kind == &kind_persistentvolumeclaim);
}

int quota_settle(struct operation *op)
{
	struct quotas q = { .op = op };
	bool is_limited = op->registry->admission->settings->limited_resources != NULL;
	AUTO_JSON object = NULL;

	if (!is_counted(op) ||
	    (!is_limited && !registry_has(op->registry, &kind_resourcequota, op->namespace_)))
		return 0;
	object = json_freeze(op->edit.root);
	if (is_limited && limited_resources_check(op, yyjson_doc_get_root(object)) < 0)
		return -1;
	q.request = (struct quota_request){ .kind = op->kind,
					    .object = yyjson_doc_get_root(object),
					    .old = op->edit.old,
					    .now_ns = op->edit.now_ns };
	q.charges = arena_array(op->arena, QUOTA_CHARGES_MAX, sizeof(q.charges[0]));
	registry_each(op->registry, &kind_resourcequota, op->namespace_, charge_one, &q);
	operation_charge(op, q.charges, q.count);
	if (q.too_many)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "more than %d quotas apply to it", QUOTA_CHARGES_MAX);
	if (!q.refusal.len)
		return 0;
	return refusal_forbidden(&op->refusal, operation_subject(op), STR_FMT, STR_ARG(q.refusal));
}
