/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the steps is upstream's initIPFamilyFields: which error is told depends on it. */
#include "api/service_family.h"

#include "api/kinds/service_address.h"
#include "codec/ip.h"

struct plan {
	struct edit *e;
	const struct service_families *cluster;
	struct field_errors *errors;
	yyjson_mut_val *spec;
	yyjson_val *old; /* spec; NULL on create */
	const struct field_path *path;
};

static struct str policy_of(const struct plan *p)
{
	return json_mut_get_str(p->spec, "ipFamilyPolicy");
}

static bool policy_is(const struct plan *p, const char *policy)
{
	return str_eq_c(policy_of(p), policy);
}

static bool is_same(const struct plan *p, const char *key)
{
	yyjson_mut_val *now = yyjson_mut_obj_get(p->spec, key);
	yyjson_val *old = yyjson_obj_get(p->old, key);

	return json_mixed_equal(now, old) || (!yyjson_mut_arr_size(now) && !yyjson_arr_size(old));
}

static bool is_headless(const struct plan *p)
{
	return str_eq_c(json_mut_get_str(p->spec, "clusterIP"), "None");
}

/* Its user fills its endpoints in, so it may have families that the cluster has not. */
static bool is_own(const struct plan *p)
{
	return is_headless(p) && !json_mut_get_count(p->spec, "selector");
}

/* One that takes what there is neither gets nor loses an address because the cluster changed. */
static bool is_left_alone(const struct plan *p)
{
	struct str old_policy = json_get_str(p->old, "ipFamilyPolicy");

	return p->old && policy_is(p, "PreferDualStack") &&
	       str_eq(json_get_str(p->old, "type"), json_mut_get_str(p->spec, "type")) &&
	       (!old_policy.len || str_eq_c(old_policy, "PreferDualStack")) &&
	       is_same(p, "clusterIPs") && is_same(p, "ipFamilies");
}

static void default_policy(const struct plan *p)
{
	struct str old = json_get_str(p->old, "ipFamilyPolicy");

	if (yyjson_mut_obj_get(p->spec, "ipFamilyPolicy"))
		return;
	if (!old.len)
		old = is_own(p) ? STR("RequireDualStack") : STR("SingleStack");
	json_set_str(p->e->doc, p->spec, "ipFamilyPolicy", old);
}

static void refuse_policy(const struct plan *p, const char *detail)
{
	field_invalid_str(p->errors, FIELD_NAME(p->path, "ipFamilyPolicy"), policy_of(p), detail);
}

static void trim(const struct plan *p, const char *key)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(p->spec, key);

	if (is_same(p, key))
		while (yyjson_mut_arr_size(list) > 1)
			(void)yyjson_mut_arr_remove_last(list);
}

static bool is_reduced(const struct plan *p, const char *key)
{
	size_t count = json_mut_get_count(p->spec, key);

	return count && count < json_get_count(p->old, key);
}

/* One family alone is intent enough to lose the second, where lists are as they were. */
static void follow_policy(const struct plan *p)
{
	if (policy_is(p, "SingleStack")) {
		trim(p, "clusterIPs");
		trim(p, "ipFamilies");
		return;
	}
	if (is_reduced(p, "clusterIPs"))
		refuse_policy(p, "must be 'SingleStack' to release the secondary cluster IP");
	if (is_reduced(p, "ipFamilies"))
		refuse_policy(p, "must be 'SingleStack' to release the secondary IP family");
}

static void check_single(const struct plan *p)
{
	if (!policy_is(p, "SingleStack"))
		return;
	if (json_mut_get_count(p->spec, "clusterIPs") == 2)
		refuse_policy(p, "must be 'RequireDualStack' or 'PreferDualStack' when multiple "
				 "cluster IPs are specified");
	if (json_mut_get_count(p->spec, "ipFamilies") == 2)
		refuse_policy(p, "must be 'RequireDualStack' or 'PreferDualStack' when multiple "
				 "IP families are specified");
}

static bool cluster_has(const struct plan *p, bool is_v6)
{
	return p->cluster->is_dual || p->cluster->is_v6_first == is_v6;
}

static void add_family(const struct plan *p, bool is_v6)
{
	json_append_str(p->e->doc, json_ensure_array(p->e->doc, p->spec, "ipFamilies"),
			is_v6 ? STR("IPv6") : STR("IPv4"));
}

static void infer(const struct plan *p)
{
	yyjson_mut_val *ips = yyjson_mut_obj_get(p->spec, "clusterIPs");
	const struct field_path *here = FIELD_NAME(p->path, "clusterIPs");
	size_t i = 0, given = json_mut_get_count(p->spec, "ipFamilies");

	JSON_MUT_EACH (ip, ips) {
		bool is_v6 = ip_is_v6(json_mut_str(ip));

		if (str_eq_c(json_mut_str(ip), "None"))
			break;
		if (i >= given && cluster_has(p, is_v6))
			add_family(p, is_v6);
		else if (i >= given)
			field_invalid_val(p->errors, FIELD_INDEX(here, i), ips,
					  is_v6 ? "IPv6 is not configured on this cluster"
						: "IPv4 is not configured on this cluster");
		i++;
	}
}

static void complete(const struct plan *p, bool may_have_two)
{
	if (!json_mut_get_count(p->spec, "ipFamilies"))
		add_family(p, p->cluster->is_v6_first);
	if (may_have_two && !policy_is(p, "SingleStack") &&
	    json_mut_get_count(p->spec, "ipFamilies") == 1)
		add_family(p, !str_eq_c(json_mut_get_str(p->spec, "ipFamilies.0"), "IPv6"));
}

static void check_cluster(const struct plan *p)
{
	const struct field_path *here = FIELD_NAME(p->path, "ipFamilies");
	size_t i = 0;

	if (policy_is(p, "RequireDualStack") && !p->cluster->is_dual)
		refuse_policy(p, "this cluster is not configured for dual-stack services");
	JSON_MUT_EACH (family, yyjson_mut_obj_get(p->spec, "ipFamilies")) {
		if (!cluster_has(p, str_eq_c(json_mut_str(family), "IPv6")))
			field_invalid_str(p->errors, FIELD_INDEX(here, i), json_mut_str(family),
					  "not configured on this cluster");
		i++;
	}
}

void service_families_plan(struct edit *e, const struct service_families *cluster,
			   struct field_errors *errors)
{
	struct plan p = {
		.e = e,
		.cluster = cluster,
		.errors = errors,
		.spec = yyjson_mut_obj_get(e->root, "spec"),
		.old = yyjson_obj_get(e->old, "spec"),
		.path = FIELD_NAME(NULL, "spec"),
	};
	struct scope scope = { .edit = e, .errors = errors };
	size_t before = errors->seen;

	if (!p.spec || str_eq_c(json_mut_get_str(p.spec, "type"), "ExternalName") ||
	    is_left_alone(&p))
		return;
	default_policy(&p);
	service_check_addresses(&scope, p.path, p.spec);
	if (errors->seen > before)
		return;
	if (p.old)
		follow_policy(&p);
	check_single(&p);
	infer(&p);
	if (errors->seen > before)
		return;
	if (is_own(&p)) {
		complete(&p, true);
		return;
	}
	check_cluster(&p);
	if (errors->seen == before)
		complete(&p, cluster->is_dual);
}
