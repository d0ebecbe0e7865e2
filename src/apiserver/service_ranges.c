/* SPDX-License-Identifier: Apache-2.0 */
/* Of each network what it can give. */
#include "apiserver/service_ranges.h"

#include "apiserver/registry.h"
#include "codec/json.h"

struct walk {
	const struct address_range *own;
	enum service_ranges which;
	bool (*fn)(void *arg, const struct address_range *range);
	void *arg;
};

/* Without a condition it is in use: nobody may be there who sets one. */
static bool is_ready(const struct obj *cidr)
{
	if (obj_is_deleting(cidr))
		return false;
	JSON_EACH (condition, json_get(cidr->root, "status.conditions"))
		if (str_eq_c(json_get_str(condition, "type"), "Ready"))
			return str_eq_c(json_get_str(condition, "status"), "True");
	return true;
}

static bool walk_cidr(void *arg, const struct obj *cidr)
{
	const struct walk *w = arg;
	struct address_range range;

	if (w->which == SERVICE_RANGES_READY && !is_ready(cidr))
		return true;
	JSON_EACH (text, json_get(cidr->root, "spec.cidrs"))
		if (address_range_parse(&range, json_str(text), NULL) == 0 &&
		    range.is_v6 == w->own->is_v6 && range.offsets.count && !w->fn(w->arg, &range))
			return false;
	return true;
}

void service_ranges_each(struct registry *registry, enum service_ranges which,
			 bool (*fn)(void *arg, const struct address_range *range), void *arg)
{
	struct walk walk = { &registry->addresses, which, fn, arg };

	if (fn(arg, &registry->addresses))
		registry_each(registry, &kind_servicecidr, STR_NONE, walk_cidr, &walk);
}

struct search {
	struct str address;
	bool is_found;
};

static bool search_range(void *arg, const struct address_range *range)
{
	struct search *search = arg;
	uint32_t offset;

	search->is_found = address_range_offset(range, search->address, &offset);
	return !search->is_found;
}

bool service_ranges_hold(struct registry *registry, struct str address, enum service_ranges which)
{
	struct search search = { .address = address };

	service_ranges_each(registry, which, search_range, &search);
	return search.is_found;
}
