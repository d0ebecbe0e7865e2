/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in which network. */
#include "controllers/service_cidr.h"

#include <string.h>
#include "base/time.h"
#include "controllers/node_cidr.h"
#include "controllers/pod.h"

static bool lies_in(const struct cidr *inner, const struct cidr *outer)
{
	size_t whole = (size_t)outer->prefix_bits / 8;
	unsigned rest = (unsigned)outer->prefix_bits % 8;

	if (inner->v6 != outer->v6 || inner->prefix_bits < outer->prefix_bits ||
	    memcmp(inner->address, outer->address, whole) != 0)
		return false;
	return !rest || (inner->address[whole] ^ outer->address[whole]) >> (8 - rest) == 0;
}

static bool has_network(const struct obj *cidr, const struct cidr *wanted)
{
	struct cidr network;

	JSON_EACH (text, json_get(cidr->root, "spec.cidrs"))
		if (cidr_parse(json_str(text), &network, NULL) == 0 && lies_in(wanted, &network))
			return true;
	return false;
}

static bool another_has(const struct obj *cidr, const struct cidr *wanted,
			const struct service_cidrs *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (!str_eq(all->items[i]->name, cidr->name) && has_network(all->items[i], wanted))
			return true;
	return false;
}

bool service_cidr_is_covered(const struct obj *cidr, const struct service_cidrs *all)
{
	struct cidr network;

	JSON_EACH (text, json_get(cidr->root, "spec.cidrs"))
		if (cidr_parse(json_str(text), &network, NULL) == 0 &&
		    !another_has(cidr, &network, all))
			return false;
	return true;
}

bool service_cidr_alone_has(const struct obj *cidr, const struct obj *address,
			    const struct service_cidrs *all)
{
	struct str by = json_str(
		json_key(address->labels, STR("ipaddress.kubernetes.io/managed-by")));
	char text[CIDR_TEXT_BYTES];
	struct cidr wanted;

	if (!str_eq_c(by, "ipallocator.k8s.io"))
		return false;
	snprintf(text, sizeof(text), STR_FMT "/%s", STR_ARG(address->name),
		 str_find_char(address->name, ':', 0) != SIZE_MAX ? "128" : "32");
	return cidr_parse(str_from(text), &wanted, NULL) == 0 && has_network(cidr, &wanted) &&
	       !another_has(cidr, &wanted, all);
}

yyjson_mut_doc *service_cidr_status_plan(const struct obj *cidr, bool is_blocked, int64_t now_ns)
{
	yyjson_val *conditions = json_get(cidr->root, "status.conditions");
	yyjson_val *old = condition_find(conditions, STR("Ready"));
	struct str status = is_blocked ? STR("False") : STR("True");
	yyjson_mut_doc *doc;
	yyjson_mut_val *list, *ready;
	char now[TIME_TEXT_BYTES];

	if (str_eq(json_get_str(old, "status"), status))
		return NULL;
	doc = json_new_object();
	list = json_set_array(doc, json_set_object(doc, yyjson_mut_doc_get_root(doc), "status"),
			      "conditions");
	JSON_EACH (kept, conditions)
		if (kept != old)
			yyjson_mut_arr_append(list, json_copy(doc, kept));
	ready = json_append_object(doc, list);
	json_set_str(doc, ready, "type", STR("Ready"));
	json_set_str(doc, ready, "status", status);
	json_set_str(doc, ready, "lastTransitionTime", str_from(time_format(now_ns, now)));
	json_set_str(doc, ready, "reason", is_blocked ? STR("Terminating") : STR(""));
	json_set_str(doc, ready, "message",
		     is_blocked ? STR("There are still IPAddresses referencing the ServiceCIDR, "
				      "please remove them or create a new ServiceCIDR")
				: STR("Kubernetes Service CIDR is ready"));
	return doc;
}
