/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ResourceQuota's configuration limits where nobody says otherwise: resources and scopes that
 * nothing may use in a namespace without a quota that covers them.
 */
#include "apiserver/admission.h"

#include "api/quota.h"
#include "apiserver/admission_state.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"

struct coverage {
	struct operation *op;
	yyjson_val *object;
	struct resource_list usage;
	bool *wanted;		/* of each usage, and not covered yet */
	yyjson_val **selectors; /* scopes that the object is in, and no quota yet */
	size_t selector_count;
};

static bool is_about(const struct kind *kind, yyjson_val *limited)
{
	return str_eq(json_get_str(limited, "apiGroup"), kind->group) &&
	       str_eq(json_get_str(limited, "resource"), kind->plural);
}

static bool contains_any(struct str name, yyjson_val *parts)
{
	JSON_EACH (part, parts)
		if (str_contains(name, json_str(part)))
			return true;
	return false;
}

static bool is_in_scope(const struct coverage *c, yyjson_val *selector)
{
	return quota_scope_matches(c->op->kind, c->object, json_get_str(selector, "scopeName"),
				   json_get_str(selector, "operator"),
				   json_get(selector, "values"));
}

static void gather(struct coverage *c, yyjson_val *limited)
{
	const struct quantity none = quantity_of(0, QUANTITY_DECIMAL_SI);
	yyjson_val *parts = json_get(limited, "matchContains");

	for (size_t i = 0; i < c->usage.count && is_about(c->op->kind, limited); i++)
		c->wanted[i] |= quantity_cmp(&c->usage.items[i].quantity, &none) > 0 &&
				contains_any(c->usage.items[i].name, parts);
	JSON_EACH (selector, json_get(limited, "matchScopes"))
		if (c->selector_count < LIMITED_SCOPES_MAX && is_in_scope(c, selector))
			c->selectors[c->selector_count++] = selector;
}

/* A scope that the quota is for, and the object is in. */
static void cover_scope(struct coverage *c, struct str name)
{
	size_t left = 0;

	for (size_t i = 0; i < c->selector_count; i++)
		if (!str_eq(json_get_str(c->selectors[i], "scopeName"), name))
			c->selectors[left++] = c->selectors[i];
	c->selector_count = left;
}

static bool cover(void *arg, const struct obj *quota)
{
	struct coverage *c = arg;
	yyjson_val *hard = json_get(quota->root, "status.hard");

	JSON_EACH (scope, json_get(quota->root, "spec.scopes"))
		if (quota_scope_matches(c->op->kind, c->object, json_str(scope), STR("Exists"),
					NULL))
			cover_scope(c, json_str(scope));
	JSON_EACH (selector, json_get(quota->root, "spec.scopeSelector.matchExpressions"))
		if (is_in_scope(c, selector))
			cover_scope(c, json_get_str(selector, "scopeName"));
	if (quota_selects(quota->root, c->op->kind, c->object))
		for (size_t i = 0; i < c->usage.count; i++)
			c->wanted[i] &= !json_key(hard, c->usage.items[i].name);
	return true;
}

static int refuse_resources(struct coverage *c)
{
	AUTO_BUF names = { 0 };

	buf_init(&names, 4096);
	for (size_t i = 0; i < c->usage.count; i++)
		if (c->wanted[i])
			buf_printf(&names, "%s" STR_FMT, names.len ? "," : "",
				   STR_ARG(c->usage.items[i].name));
	if (!names.len)
		return 0;
	return refusal_forbidden(&c->op->refusal, operation_subject(c->op),
				 "insufficient quota to consume: " STR_FMT,
				 STR_ARG(buf_str(&names)));
}

static int refuse_scopes(struct coverage *c)
{
	AUTO_BUF text = { 0 };

	if (!c->selector_count)
		return 0;
	buf_init(&text, 4096);
	for (size_t i = 0; i < c->selector_count; i++) {
		const char *gap = "";

		buf_printf(&text, "%s{" STR_FMT " " STR_FMT " [", i ? " " : "",
			   STR_ARG(json_get_str(c->selectors[i], "scopeName")),
			   STR_ARG(json_get_str(c->selectors[i], "operator")));
		JSON_EACH (value, json_get(c->selectors[i], "values")) {
			buf_printf(&text, "%s" STR_FMT, gap, STR_ARG(json_str(value)));
			gap = " ";
		}
		buf_put_c(&text, "]}");
	}
	return refusal_forbidden(&c->op->refusal, operation_subject(c->op),
				 "insufficient quota to match these scopes: [" STR_FMT "]",
				 STR_ARG(buf_str(&text)));
}

int limited_resources_check(struct operation *op, yyjson_val *object)
{
	struct coverage c = { .op = op, .object = object };

	if (op->edit.old) /* it was let in when it was made */
		return 0;
	resource_list_init(&c.usage, op->arena);
	quota_usage(op->kind, object, op->edit.now_ns, &c.usage);
	c.wanted = arena_array(op->arena, c.usage.count + 1, sizeof(c.wanted[0]));
	memset(c.wanted, 0, c.usage.count * sizeof(c.wanted[0]));
	c.selectors = arena_array(op->arena, LIMITED_SCOPES_MAX, sizeof(c.selectors[0]));
	JSON_EACH (limited, op->registry->admission->settings->limited_resources)
		gather(&c, limited);
	registry_each(op->registry, &kind_resourcequota, op->namespace_, cover, &c);
	if (refuse_resources(&c) < 0)
		return -1;
	return refuse_scopes(&c);
}
