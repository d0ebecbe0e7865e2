/* SPDX-License-Identifier: Apache-2.0 */
/* Of each network what it can give. */
#include "apiserver/service_ranges.h"

#include "api/condition.h"
#include "apiserver/registry.h"
#include "codec/json.h"

struct walk {
	enum service_ranges which;
	bool is_v6;
	service_range_fn *fn;
	void *arg;
};

/* Without a condition it is in use: nobody may be there who sets one. */
static bool is_ready(const struct obj *cidr)
{
	struct str ready = condition_get(cidr->root, "Ready", "status");

	return !obj_is_deleting(cidr) && (!ready.len || str_eq_c(ready, "True"));
}

static bool walk_cidr(void *arg, const struct obj *cidr)
{
	const struct walk *w = arg;
	struct address_range range;

	if (w->which == SERVICE_RANGES_READY && !is_ready(cidr))
		return true;
	JSON_EACH (text, json_get(cidr->root, "spec.cidrs"))
		if (address_range_parse(&range, json_str(text), NULL) == 0 &&
		    range.is_v6 == w->is_v6 && range.offsets.count && !w->fn(w->arg, &range))
			return false;
	return true;
}

static bool walk_further(void *arg, const struct obj *cidr)
{
	return str_eq_c(cidr->name, SERVICE_CIDR_DEFAULT) || walk_cidr(arg, cidr);
}

void service_ranges_each(struct registry *registry, enum service_ranges which, bool is_v6,
			 service_range_fn *fn, void *arg)
{
	struct walk walk = { which, is_v6, fn, arg };
	const struct address_range *own = service_networks_of(&registry->networks, is_v6);
	const struct obj *first = registry_get(registry, &kind_servicecidr, STR_NONE,
					       STR(SERVICE_CIDR_DEFAULT));

	if (first ? walk_cidr(&walk, first) : !own || fn(arg, own))
		registry_each(registry, &kind_servicecidr, STR_NONE, walk_further, &walk);
}

struct search {
	struct str address;
	bool is_found;
};

static bool search_range(void *arg, const struct address_range *range)
{
	struct search *search = arg;
	uint64_t offset;

	search->is_found = address_range_offset(range, search->address, &offset);
	return !search->is_found;
}

bool service_ranges_hold(struct registry *registry, struct str address, enum service_ranges which)
{
	struct search search = { .address = address };

	service_ranges_each(registry, which, str_find_char(address, ':', 0) != SIZE_MAX,
			    search_range, &search);
	return search.is_found;
}
