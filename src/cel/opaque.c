/* SPDX-License-Identifier: Apache-2.0 */
/* Equality and sizes of the values of the Kubernetes libraries. */
#include "cel/opaque_internal.h"
#include "codec/quantity.h"

static bool equal_ip(const struct cel_ip *a, const struct cel_ip *b)
{
	return a->size == b->size && a->bits == b->bits && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool equal_attributes(const struct cel_attributes *a, const struct cel_attributes *b)
{
	return str_eq(a->service_account_namespace, b->service_account_namespace) &&
	       str_eq(a->service_account_name, b->service_account_name) &&
	       str_eq(a->path, b->path) && str_eq(a->group, b->group) &&
	       str_eq(a->resource, b->resource) && str_eq(a->subresource, b->subresource) &&
	       str_eq(a->namespace, b->namespace) && str_eq(a->name, b->name) &&
	       str_eq(a->field_selector, b->field_selector) &&
	       str_eq(a->label_selector, b->label_selector);
}

bool cel_opaque_equal(struct cel_value a, struct cel_value b)
{
	if (a.type != b.type)
		return false;
	if (a.opaque == b.opaque)
		return true;
	if (a.type == &cel_type_quantity)
		return quantity_cmp(a.opaque, b.opaque) == 0;
	if (a.type == &cel_type_ip || a.type == &cel_type_cidr)
		return equal_ip(a.opaque, b.opaque);
	if (a.type == &cel_type_url)
		return str_eq(((const struct cel_url *)a.opaque)->text,
			      ((const struct cel_url *)b.opaque)->text);
	if (a.type == &cel_type_semver)
		return cel_semver_compare(a.opaque, b.opaque) == 0;
	if (a.type == &cel_type_authorizer || a.type == &cel_type_path_check ||
	    a.type == &cel_type_group_check || a.type == &cel_type_resource_check)
		return equal_attributes(a.opaque, b.opaque);
	return false;
}

int cel_opaque_compare(struct cel_value a, struct cel_value b)
{
	return cel_opaque_equal(a, b) ? 0 : 3;
}

uint64_t cel_opaque_size(struct cel_value v)
{
	const struct cel_ip *ip = v.opaque;

	if (v.type == &cel_type_ip)
		return ip->size;
	if (v.type == &cel_type_cidr)
		return (ip->bits + 7u) / 8;
	return 1;
}
