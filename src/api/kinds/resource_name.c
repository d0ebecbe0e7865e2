/* SPDX-License-Identifier: Apache-2.0 */
/* Which names there are, and the amounts that fit them. */
#include "api/kinds/resource_name.h"

#include "api/quantity.h"
#include "api/schema.h"
#include "codec/name.h"

#define COUNTED                                                                   \
	"pods|resourcequotas|services|replicationcontrollers|secrets|configmaps|" \
	"persistentvolumeclaims|services.nodeports|services.loadbalancers"
#define MEASURED                                                                      \
	"cpu|memory|ephemeral-storage|requests.cpu|requests.memory|requests.storage|" \
	"requests.ephemeral-storage|limits.cpu|limits.memory|limits.ephemeral-storage"
#define NANO INT64_C(1000000000)

bool resource_is_native(struct str name)
{
	size_t slash = str_find_char(name, '/', 0);

	return slash == SIZE_MAX ||
	       (slash >= strlen("kubernetes.io") &&
		str_has_suffix(str_slice(name, 0, slash), STR("kubernetes.io")));
}

bool resource_is_huge_page(struct str name)
{
	return str_has_prefix(name, STR("hugepages-"));
}

bool resource_is_extended(struct str name)
{
	return !resource_is_native(name) && !str_has_prefix(name, STR("requests.")) &&
	       !name_qualified_problem(name);
}

/* Counted, not measured. */
static bool resource_is_integer(struct str name)
{
	return schema_values_have(STR(COUNTED), name) || resource_is_extended(name);
}

static bool is_quota_page(struct str name)
{
	return resource_is_huge_page(name) || str_has_prefix(name, STR("requests.hugepages-"));
}

void resource_check_name(struct field_errors *errors, const struct field_path *path,
			 struct str name)
{
	const char *problem = name_qualified_problem(name);

	if (problem)
		field_invalid_str(errors, path, name, problem);
	else if (str_find_char(name, '/', 0) == SIZE_MAX && !is_quota_page(name) &&
		 !schema_values_have(STR(COUNTED "|" MEASURED "|storage"), name))
		field_invalid_str(errors, path, name,
				  "must be a standard resource type or fully qualified");
}

void resource_check_container_name(struct field_errors *errors, const struct field_path *path,
				   struct str name)
{
	resource_check_name(errors, path, name);
	if (str_find_char(name, '/', 0) == SIZE_MAX) {
		if (!resource_is_huge_page(name) &&
		    !schema_values_have(STR("cpu|memory|ephemeral-storage"), name))
			field_invalid_str(errors, path, name,
					  "must be a standard resource for containers");
	} else if (!resource_is_native(name) && !resource_is_extended(name)) {
		field_invalid_str(errors, path, name,
				  "doesn't follow extended resource name standard");
	}
}

void resource_check_quota_name(struct field_errors *errors, const struct field_path *path,
			       struct str name)
{
	resource_check_name(errors, path, name);
	if (str_find_char(name, '/', 0) == SIZE_MAX && !is_quota_page(name) &&
	    !schema_values_have(STR(COUNTED "|" MEASURED), name))
		field_invalid_str(errors, path, name, "must be a standard resource for quota");
}

static void check_page(struct field_errors *errors, const struct field_path *path, struct str name,
		       struct str value)
{
	struct str size = str_slice(name, strlen("hugepages-"), name.len);
	struct quantity page, amount;

	if (quantity_parse(value, &amount, NULL) < 0)
		return;
	if (quantity_parse(size, &page, NULL) < 0 || page.nano <= 0)
		field_invalid_str(errors, path, value,
				  "quantities must match the regular expression "
				  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	else if (amount.nano % page.nano)
		field_invalid_str(errors, path, value,
				  str_printf_in(errors->arena,
						STR_FMT
						" is not positive integer multiple of " STR_FMT,
						STR_ARG(value), STR_ARG(size))
					  .ptr);
}

void resource_check_value(struct field_errors *errors, const struct field_path *path,
			  struct str name, struct str value)
{
	struct quantity q;

	if (quantity_parse(value, &q, NULL) < 0)
		return;
	if (q.nano < 0)
		field_invalid_str(errors, path, value, "must be greater than or equal to 0");
	if (q.nano % NANO && resource_is_integer(name))
		field_invalid_str(errors, path, value, "must be an integer");
	if (resource_is_huge_page(name))
		check_page(errors, path, name, value);
}
