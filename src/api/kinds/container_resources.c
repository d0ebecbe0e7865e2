/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts that containers and pods ask for and are limited to. */
#include "api/kinds/pod_spec.h"

#include "api/kinds/resource_name.h"
#include "api/quantity.h"

struct amounts {
	yyjson_mut_val *limits, *requests;
	struct json_index limits_by_name;
	const struct field_path *limits_path, *requests_path;
	bool has_base;	/* cpu or memory */
	bool has_pages; /* huge pages */
};

static bool is_base(struct str name)
{
	return str_eq_c(name, "cpu") || str_eq_c(name, "memory");
}

static void check_amount(const struct scope *s, const struct field_path *path, struct str name,
			 struct str text)
{
	resource_check_container_name(s->errors, path, name);
	resource_check_value(s->errors, path, name, text);
}

/* Only what is native and no page can be promised more often than it is there. */
static bool may_differ(struct str name)
{
	return resource_is_native(name) && !resource_is_huge_page(name);
}

static void check_request(const struct scope *s, const struct amounts *a, struct str name,
			  struct str text)
{
	struct str limit = json_mut_str(json_index_get(&a->limits_by_name, name));
	struct quantity most, asked;
	int order;

	if (!limit.len) {
		if (!may_differ(name))
			field_required(s->errors, a->limits_path,
				       "Limit must be set for non overcommitable resources");
		return;
	}
	if (quantity_parse(limit, &most, NULL) < 0 || quantity_parse(text, &asked, NULL) < 0)
		return;
	order = quantity_cmp(&asked, &most);
	if (order == 0 || (order < 0 && may_differ(name)))
		return;
	field_invalid_str(s->errors, a->requests_path, text,
			  str_printf_in(s->errors->arena,
					"must be %s " STR_FMT " limit of " STR_FMT,
					may_differ(name) ? "less than or equal to" : "equal to",
					STR_ARG(name), STR_ARG(limit))
				  .ptr);
}

static void check_claims(const struct scope *s, const struct field_path *path,
			 yyjson_mut_val *claims)
{
	const struct pod_scope *pod = s->own;
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_JSON_INDEX known = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(claims))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(claims));
	json_index_init_of_mut(&known, yyjson_mut_obj_get(pod->spec, "resourceClaims"), "name");
	JSON_MUT_EACH (claim, claims) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(claim, "name"),
			   request = json_mut_get_str(claim, "request"), key = name;

		if (request.len)
			key = str_printf_in(s->errors->arena, STR_FMT "/" STR_FMT, STR_ARG(name),
					    STR_ARG(request));
		if (!name.len)
			field_required(s->errors, FIELD_NAME(here, "name"), "");
		else if (json_index_add(&seen, key, claim))
			field_duplicate_str(s->errors, here, key);
		else if (!json_index_get(&known, name))
			field_not_found(s->errors, FIELD_NAME(here, "name"), name);
	}
}

static void check_lists(const struct scope *s, const struct field_path *path, struct amounts *a)
{
	json_index_init_members_mut(&a->limits_by_name, a->limits);
	JSON_MUT_MEMBERS (limit, most, a->limits) {
		struct str name = json_mut_str(limit);

		check_amount(s, FIELD_KEY(a->limits_path, name), name, json_mut_str(most));
		a->has_base |= is_base(name);
		a->has_pages |= resource_is_huge_page(name);
	}
	JSON_MUT_MEMBERS (request, amount, a->requests) {
		struct str name = json_mut_str(request);

		check_amount(s, FIELD_KEY(a->requests_path, name), name, json_mut_str(amount));
		check_request(s, a, name, json_mut_str(amount));
		a->has_base |= is_base(name);
		a->has_pages |= resource_is_huge_page(name);
	}
	if (a->has_pages && !a->has_base)
		field_forbidden(s->errors, path, "HugePages require cpu or memory");
	json_index_deinit(&a->limits_by_name);
}

static void check_amounts(const struct scope *s, const struct field_path *path,
			  yyjson_mut_val *resources)
{
	struct amounts a = {
		.limits = yyjson_mut_obj_get(resources, "limits"),
		.requests = yyjson_mut_obj_get(resources, "requests"),
		.limits_path = FIELD_NAME(path, "limits"),
		.requests_path = FIELD_NAME(path, "requests"),
	};

	check_lists(s, path, &a);
}

void rule_container_resources(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	if (!yyjson_mut_obj_size(v))
		return;
	check_amounts(s, path, v);
	check_claims(s, FIELD_NAME(path, "claims"), yyjson_mut_obj_get(v, "claims"));
}

/* ---- of the pod as a whole ---- */

static void check_pod_names(const struct scope *s, const struct field_path *path,
			    yyjson_mut_val *list)
{
	JSON_MUT_MEMBERS (key, value, list) {
		struct str name = json_mut_str(key);

		if (value && !is_base(name) && !resource_is_huge_page(name))
			field_unsupported(s->errors, FIELD_KEY(path, name), name,
					  "cpu|hugepages-|memory");
	}
}

static void check_container_limits(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *limits)
{
	const struct pod_scope *pod = s->own;
	AUTO_JSON_INDEX by_name = { .slots = NULL };
	size_t i = 0;

	json_index_init_members_mut(&by_name, limits);
	JSON_MUT_EACH (container, yyjson_mut_obj_get(pod->spec, "containers")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "containers"), i++);

		JSON_MUT_MEMBERS (key, value, json_mut_get(container, "resources.limits")) {
			struct str name = json_mut_str(key), of_pod;
			struct quantity most, limit;

			of_pod = json_mut_str(json_index_get(&by_name, name));
			if (quantity_parse(of_pod, &most, NULL) == 0 &&
			    quantity_parse(json_mut_str(value), &limit, NULL) == 0 &&
			    quantity_cmp(&limit, &most) > 0)
				field_invalid_str(
					s->errors, FIELD_NAME(FIELD_KEY(here, name), "limits"),
					json_mut_str(value),
					str_printf_in(s->errors->arena,
						      "must be less than or equal to pod limits "
						      "of " STR_FMT,
						      STR_ARG(of_pod))
						.ptr);
		}
	}
}

static void check_sum(const struct scope *s, const struct field_path *path,
		      const struct quantity *sum, struct str text)
{
	struct quantity of_pod;
	char is[QUANTITY_TEXT_BYTES];

	if (quantity_parse(text, &of_pod, NULL) < 0 || quantity_cmp(sum, &of_pod) <= 0)
		return;
	(void)quantity_format(sum, is);
	field_invalid_str(s->errors, path, text,
			  str_printf_in(s->errors->arena,
					"must be greater than or equal to aggregate container "
					"requests of %s",
					is)
				  .ptr);
}

/* Of each resource that a container asks for, once. */
static void check_sums(const struct scope *s, const struct field_path *path,
		       yyjson_mut_val *requests)
{
	const struct pod_scope *pod = s->own;
	AUTO_JSON_INDEX sums = { .slots = NULL };
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_JSON_INDEX of_pod = { .slots = NULL };

	pod_spec_add_up(pod->spec, "resources.requests", s->errors->arena, &sums);
	json_index_init(&seen, sums.count);
	json_index_init_members_mut(&of_pod, requests);
	JSON_MUT_EACH (container, yyjson_mut_obj_get(pod->spec, "containers")) {
		JSON_MUT_MEMBERS (key, value, json_mut_get(container, "resources.requests")) {
			struct str name = json_mut_str(key), text;

			if ((!is_base(name) && !resource_is_huge_page(name)) ||
			    json_index_add(&seen, name, value))
				continue;
			text = json_mut_str(json_index_get(&of_pod, name));
			check_sum(s, FIELD_KEY(path, name), json_index_get(&sums, name),
				  text.len ? text : STR("0"));
		}
	}
}

void rule_pod_resources(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *requests = yyjson_mut_obj_get(v, "requests");

	if (!yyjson_mut_is_obj(v))
		return;
	if (yyjson_mut_obj_get(v, "claims"))
		field_forbidden(s->errors, FIELD_NAME(path, "claims"),
				"claims cannot be set for Resources at pod-level");
	check_pod_names(s, FIELD_NAME(path, "limits"), yyjson_mut_obj_get(v, "limits"));
	check_pod_names(s, FIELD_NAME(path, "requests"), requests);
	check_amounts(s, path, v);
	check_sums(s, FIELD_NAME(path, "requests"), requests);
	check_container_limits(s, path, yyjson_mut_obj_get(v, "limits"));
}

/* Checked as a container's limits are, under that name, too. */
void rule_overhead(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct amounts a = { .limits = v, .limits_path = FIELD_NAME(path, "limits") };

	check_lists(s, path, &a);
}
