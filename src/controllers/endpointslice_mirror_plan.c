/* SPDX-License-Identifier: Apache-2.0 */
/* From the subsets of Endpoints to the lists of slices. */
#include "controllers/endpointslice_mirror.h"

#include "base/attr.h"
#include "controllers/limits.h"

bool mirror_is_wanted(const struct obj *endpoints, const struct obj *service)
{
	return !obj_is_deleting(endpoints) && service && !obj_is_deleting(service) &&
	       !json_get(service->root, "spec.selector") &&
	       !str_eq(obj_label(endpoints, "endpointslice.kubernetes.io/skip-mirror"),
		       STR("true")) &&
	       !json_key(json_get(endpoints->root, "metadata.annotations"),
			 STR("control-plane.alpha.kubernetes.io/leader"));
}

static bool is_v6(yyjson_val *address)
{
	return str_find_char(json_get_str(address, "ip"), ':', 0) != SIZE_MAX;
}

static void put_address(yyjson_mut_doc *doc, yyjson_mut_val *endpoints, yyjson_val *address,
			bool is_ready)
{
	static const char *const kept[] = { "hostname", "nodeName", "targetRef" };
	yyjson_mut_val *to = json_append_object(doc, endpoints);

	json_append_str(doc, json_set_array(doc, to, "addresses"), json_get_str(address, "ip"));
	json_set_bool(doc, json_set_object(doc, to, "conditions"), "ready", is_ready);
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
		if (json_get(address, kept[i]))
			json_set(doc, to, kept[i], json_copy(doc, json_get(address, kept[i])));
}

static void put_addresses(yyjson_mut_doc *doc, yyjson_mut_val *endpoints, yyjson_val *subset,
			  bool v6)
{
	size_t taken = 0; /* of both families */

	JSON_EACH (address, json_get(subset, "addresses"))
		if (taken++ < MIRROR_ADDRESSES_MAX && is_v6(address) == v6)
			put_address(doc, endpoints, address, true);
	JSON_EACH (address, json_get(subset, "notReadyAddresses"))
		if (taken++ < MIRROR_ADDRESSES_MAX && is_v6(address) == v6)
			put_address(doc, endpoints, address, false);
}

static void put_ports(yyjson_mut_doc *doc, yyjson_mut_val *ports, yyjson_val *subset)
{
	JSON_EACH (port, json_get(subset, "ports")) {
		yyjson_mut_val *to = json_append_object(doc, ports);

		json_set_str(doc, to, "name", json_get_str(port, "name"));
		json_set_int(doc, to, "port", json_get_int(port, "port", 0));
		json_set_str(doc, to, "protocol", json_get_str(port, "protocol"));
		if (json_get(port, "appProtocol"))
			json_set_str(doc, to, "appProtocol", json_get_str(port, "appProtocol"));
	}
}

yyjson_mut_val *mirror_plan(const struct obj *endpoints, yyjson_mut_doc *doc)
{
	yyjson_mut_val *slices = yyjson_mut_arr(doc);

	JSON_EACH (subset, json_get(endpoints->root, "subsets")) {
		for (int v6 = 0; v6 < 2; v6++) {
			yyjson_mut_val *slice = yyjson_mut_obj(doc);
			yyjson_mut_val *list = json_set_array(doc, slice, "endpoints");

			put_addresses(doc, list, subset, v6);
			if (!yyjson_mut_arr_size(list))
				continue;
			json_set_str(doc, slice, "addressType", v6 ? STR("IPv6") : STR("IPv4"));
			put_ports(doc, json_set_array(doc, slice, "ports"), subset);
			yyjson_mut_arr_append(slices, slice);
		}
	}
	return slices;
}
