/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream's ValidateServiceClusterIPsRelatedFields and what goes with it, case by case. */
#include "api/kinds/service_address.h"

#include "api/kinds/address.h"
#include "codec/ip.h"

#define FAMILY_POLICIES "PreferDualStack|RequireDualStack|SingleStack"

bool service_is_headless(yyjson_mut_val *spec)
{
	yyjson_mut_val *ips = yyjson_mut_obj_get(spec, "clusterIPs");

	return yyjson_mut_arr_size(ips) == 1 &&
	       str_eq_c(json_mut_str(yyjson_mut_arr_get_first(ips)), "None");
}

/* ---- each by itself ---- */

static void check_first(const struct scope *s, const struct field_path *here, yyjson_mut_val *spec)
{
	yyjson_mut_val *ips = yyjson_mut_obj_get(spec, "clusterIPs");
	struct str ip = json_mut_get_str(spec, "clusterIP"),
		   first = json_mut_str(yyjson_mut_arr_get_first(ips));

	if (ip.len && !yyjson_mut_arr_size(ips))
		field_required(s->errors, here, "");
	else if (ip.len && !str_eq(ip, first))
		field_invalid_val(s->errors, here, ips, "first value must match `clusterIP`");
	else if (!ip.len && yyjson_mut_arr_size(ips))
		field_invalid_val(s->errors, here, ips,
				  "must be empty when `clusterIP` is not specified");
}

static void check_families(const struct scope *s, const struct field_path *path,
			   yyjson_mut_val *spec)
{
	const struct field_path *here = FIELD_NAME(path, "ipFamilies");
	struct str policy = json_mut_get_str(spec, "ipFamilyPolicy");
	size_t i = 0, seen[2] = { 0, 0 };

	JSON_MUT_EACH (family, yyjson_mut_obj_get(spec, "ipFamilies")) {
		struct str name = json_mut_str(family);
		bool is_six = str_eq_c(name, "IPv6");

		if (!schema_values_have(STR("IPv4|IPv6"), name))
			field_unsupported(s->errors, FIELD_INDEX(here, i), name, "IPv4|IPv6");
		else if (seen[is_six]++)
			field_duplicate_str(s->errors, FIELD_INDEX(here, i), name);
		i++;
	}
	if (yyjson_mut_obj_get(spec, "ipFamilyPolicy") &&
	    !schema_values_have(STR(FAMILY_POLICIES), policy))
		field_unsupported(s->errors, FIELD_NAME(path, "ipFamilyPolicy"), policy,
				  FAMILY_POLICIES);
}

/* False: addresses among them are none, so nothing can be said of their families. */
static bool check_each(const struct scope *s, const struct field_path *here, yyjson_mut_val *ips)
{
	yyjson_val *old = json_get(s->edit->old, "spec.clusterIPs");
	size_t i = 0;
	bool is_fine = true;

	JSON_MUT_EACH (address, ips) {
		struct str text = json_mut_str(address);

		if (i || !str_eq_c(text, "None")) {
			is_fine &= address_check(s, FIELD_INDEX(here, i), text, old);
		} else if (yyjson_mut_arr_size(ips) > 1) {
			is_fine = false;
			field_invalid_val(s->errors, here, ips,
					  "'None' must be the first and only value");
		}
		i++;
	}
	if (i > 2)
		field_invalid_val(s->errors, here, ips, "may only hold up to 2 values");
	return is_fine;
}

/* ---- together ---- */

static bool are_of_two_families(yyjson_mut_val *ips)
{
	size_t six = 0;

	JSON_MUT_EACH (ip, ips)
		six += ip_is_v6(json_mut_str(ip));
	return six && six < yyjson_mut_arr_size(ips);
}

static void check_match(const struct scope *s, const struct field_path *here, yyjson_mut_val *spec)
{
	yyjson_mut_val *families = yyjson_mut_obj_get(spec, "ipFamilies");
	size_t i = 0;

	if (service_is_headless(spec))
		return;
	JSON_MUT_EACH (address, yyjson_mut_obj_get(spec, "clusterIPs")) {
		struct str family = json_mut_str(yyjson_mut_arr_get(families, i)),
			   ip = json_mut_str(address);
		bool is_six = ip_is_v6(ip);

		if ((str_eq_c(family, "IPv4") && is_six) || (str_eq_c(family, "IPv6") && !is_six))
			field_invalid_str(s->errors, FIELD_INDEX(here, i), ip,
					  str_printf_in(s->errors->arena,
							"expected an " STR_FMT
							" value as indicated by `ipFamilies[%zu]`",
							STR_ARG(family), i)
						  .ptr);
		i++;
	}
}

void service_check_addresses(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *spec)
{
	const struct field_path *here = FIELD_NAME(path, "clusterIPs");
	yyjson_mut_val *ips = yyjson_mut_obj_get(spec, "clusterIPs");

	if (str_eq_c(json_mut_get_str(spec, "type"), "ExternalName"))
		return;
	check_first(s, here, spec);
	check_families(s, path, spec);
	if (!check_each(s, here, ips))
		return;
	if (yyjson_mut_arr_size(ips) > 1 && !are_of_two_families(ips))
		field_invalid_val(s->errors, here, ips,
				  "may specify no more than one IP for each IP family");
	check_match(s, here, spec);
}

/* ---- updates ---- */

/* What upstream shows of a list that is not there. */
static void refuse_list(struct field_errors *errors, const struct field_path *path,
			yyjson_mut_val *list, const char *detail)
{
	if (list)
		field_invalid_val(errors, path, list, detail);
	else
		field_error_add(errors, FIELD_INVALID, path, "null: %s", detail);
}

static void check_released(struct edit *e, const char *what, struct field_errors *errors)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec");
	struct str policy = json_mut_get_str(spec, "ipFamilyPolicy");
	const char *detail = str_printf_in(e->arena,
					   "must be set to 'SingleStack' when releasing the "
					   "secondary %s",
					   what)
				     .ptr;

	if (!str_eq_c(policy, "SingleStack"))
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "ipFamilyPolicy"),
				  policy, detail);
}

static void check_kept(struct edit *e, const char *key, const char *what,
		       struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), key);
	yyjson_mut_val *now = yyjson_mut_obj_get(yyjson_mut_obj_get(e->root, "spec"), key);
	yyjson_val *old = json_get(yyjson_obj_get(e->old, "spec"), key);
	size_t count = yyjson_mut_arr_size(now), old_count = yyjson_arr_size(old), i = 0;
	bool is_families = strcmp(key, "ipFamilies") == 0;

	if (old_count && !count)
		refuse_list(errors, FIELD_INDEX(path, 0), now,
			    str_printf_in(e->arena, "primary %s can not be unset", what).ptr);
	JSON_EACH (value, old) {
		yyjson_mut_val *mine = yyjson_mut_arr_get(now, i);

		if ((i == 0 || count == old_count) && mine && !json_mixed_equal(mine, value))
			field_invalid_val(errors, FIELD_INDEX(path, is_families ? 0 : i), now,
					  "may not change once set");
		i++;
	}
	if (old_count > count && count == 1)
		check_released(e, what, errors);
}

void service_check_kept_addresses(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec");
	yyjson_val *old = yyjson_obj_get(e->old, "spec"), *old_ips = json_get(old, "clusterIPs");
	bool is_headless = service_is_headless(spec),
	     was_headless = yyjson_arr_size(old_ips) == 1 &&
			    str_eq_c(json_str(yyjson_arr_get_first(old_ips)), "None");

	if (str_eq_c(json_mut_get_str(spec, "type"), "ExternalName") ||
	    str_eq_c(json_get_str(old, "type"), "ExternalName"))
		return;
	if (!is_headless || !was_headless)
		check_kept(e, "clusterIPs", "clusterIP", errors);
	if (!is_headless && !was_headless)
		check_kept(e, "ipFamilies", "ipFamily", errors);
}
