/* SPDX-License-Identifier: Apache-2.0 */
/* EndpointSlices searched in the store's order; no list of endpoints is made. */
#include "apiserver/service_endpoint.h"

#include "codec/json.h"

struct search {
	struct str service, port_name;
	uint64_t wanted, count;
	struct str address; /* the slice's */
	int64_t port;
};

static int64_t slice_port(yyjson_val *slice, struct str name)
{
	JSON_EACH (port, json_get(slice, "ports"))
		if (str_eq(json_get_str(port, "name"), name))
			return json_get_int(port, "port", 0);
	return 0;
}

/* Counts ready endpoints; the wanted one is taken when it comes by. */
static bool look_at_slice(void *arg, const struct obj *slice)
{
	struct search *s = arg;
	int64_t port = slice_port(slice->root, s->port_name);

	if (!port || !str_eq(obj_label(slice, "kubernetes.io/service-name"), s->service))
		return true;
	JSON_EACH (endpoint, json_get(slice->root, "endpoints")) {
		struct str address = json_get_str(endpoint, "addresses.0");

		if (!address.len || !json_get_bool(endpoint, "conditions.ready", true) ||
		    s->count++ != s->wanted)
			continue;
		s->address = address;
		s->port = port;
	}
	return true;
}

bool service_endpoint_find(struct registry *registry, const struct obj *service,
			   struct str port_name, const struct service_endpoint_choice *choice)
{
	struct search s = { service->name, port_name, .wanted = UINT64_MAX };

	registry_each(registry, &kind_endpointslice, service->namespace_, look_at_slice, &s);
	if (!s.count)
		return false;
	s.wanted = choice->turn % s.count;
	s.count = 0;
	registry_each(registry, &kind_endpointslice, service->namespace_, look_at_slice, &s);
	*choice->ret_address = str_in(choice->arena, s.address);
	*choice->ret_port = (uint16_t)s.port;
	return true;
}

yyjson_val *service_endpoint_port(const struct obj *service, int64_t number)
{
	JSON_EACH (port, json_get(service->root, "spec.ports"))
		if (json_get_int(port, "port", 0) == number)
			return port;
	return NULL;
}
