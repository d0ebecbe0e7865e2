/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a Service and its EndpointSlices into struct rules_service (core/v1, discovery/v1). Objects
 * come from the registry, so they are well-formed; what this node cannot serve (IPv6, names nft
 * does not take) is left out.
 */
#include "proxy/rules_plan.h"

#include <arpa/inet.h>

#include "base/num.h"
#include "codec/json.h"
#include "codec/nft.h"
#include "proxy/limits.h"

static bool read_address(struct str text, struct in_addr *ret)
{
	char c[INET_ADDRSTRLEN];

	return str_copy_to(text, c, sizeof(c)) == 0 && inet_pton(AF_INET, c, ret) == 1;
}

static const char *protocol_of(struct str name)
{
	static const char *const known[] = { "TCP", "UDP", "SCTP" };
	static const char *const nft[] = { "tcp", "udp", "sctp" };

	if (str_is_empty(name))
		return "tcp";
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (str_eq_c(name, known[i]))
			return nft[i];
	return NULL;
}

/* Port number that a slice gives for a service port: ports meet by name. 0 = the slice has none. */
static uint16_t slice_port(const struct obj *slice, struct str port_name, const char *protocol)
{
	yyjson_val *port;
	size_t i, count;

	yyjson_arr_foreach (json_get(slice->root, "ports"), i, count, port) {
		const char *p = protocol_of(json_get_str(port, "protocol"));

		if (p == protocol && str_eq(json_get_str(port, "name"), port_name))
			return (uint16_t)json_get_int(port, "port", 0);
	}
	return 0;
}

struct endpoint_list {
	struct rules_endpoint *items;
	size_t room, count, left_out_count;
};

static void add_endpoints(struct endpoint_list *list, yyjson_val *endpoint, uint16_t port,
			  struct str node_name)
{
	struct rules_endpoint e = {
		.port = port, .local = str_eq(json_get_str(endpoint, "nodeName"), node_name)
	};
	yyjson_val *address;
	size_t i, count;

	yyjson_arr_foreach (json_get(endpoint, "addresses"), i, count, address) {
		bool known = false;

		if (!read_address(json_str(address), &e.address))
			continue;
		for (size_t k = 0; k < list->count && !known; k++)
			known = list->items[k].address.s_addr == e.address.s_addr &&
				list->items[k].port == port;
		if (known)
			continue; /* an endpoint may stand in two slices while it moves */
		if (list->count == list->room)
			list->left_out_count++;
		else
			list->items[list->count++] = e;
	}
}

static void collect(struct endpoint_list *list, const struct obj *const *slices, size_t slice_count,
		    const struct rules_port *port, struct str port_name, struct str node_name,
		    bool terminating)
{
	for (size_t s = 0; s < slice_count; s++) {
		uint16_t number = slice_port(slices[s], port_name, port->protocol);
		yyjson_val *endpoint;
		size_t i, count;

		if (!number || !str_eq(json_get_str(slices[s]->root, "addressType"), STR("IPv4")))
			continue;
		yyjson_arr_foreach (json_get(slices[s]->root, "endpoints"), i, count, endpoint) {
			bool ready = json_get_bool(endpoint, "conditions.ready", true);
			bool last_resort = json_get_bool(endpoint, "conditions.serving", false) &&
					   json_get_bool(endpoint, "conditions.terminating", false);

			if (terminating ? last_resort : ready)
				add_endpoints(list, endpoint, number, node_name);
		}
	}
}

/* How many addresses the slices hold at most. */
static size_t room_for(const struct obj *const *slices, size_t slice_count)
{
	size_t room = 0;

	for (size_t s = 0; s < slice_count; s++) {
		yyjson_val *endpoint;
		size_t i, count;

		yyjson_arr_foreach (json_get(slices[s]->root, "endpoints"), i, count, endpoint)
			room += yyjson_arr_size(json_get(endpoint, "addresses"));
	}
	return NUM_MIN(room, (size_t)PROXY_ENDPOINTS_MAX);
}

static bool read_port(struct arena *arena, const struct obj *service, yyjson_val *spec,
		      struct rules_port *ret)
{
	ret->protocol = protocol_of(json_get_str(spec, "protocol"));
	ret->port = (uint16_t)json_get_int(spec, "port", 0);
	ret->node_port = (uint16_t)json_get_int(spec, "nodePort", 0);
	if (!ret->protocol || !ret->port)
		return false;
	ret->name = str_printf_in(arena, STR_FMT "/" STR_FMT "/%s/%u", STR_ARG(service->namespace_),
				  STR_ARG(service->name), ret->protocol, ret->port);
	return true;
}

static void read_external(struct arena *arena, const struct obj *service, struct rules_service *ret)
{
	yyjson_val *own = json_get(service->root, "spec.externalIPs");
	yyjson_val *ingress = json_get(service->root, "status.loadBalancer.ingress");
	size_t room = NUM_MIN(yyjson_arr_size(own) + yyjson_arr_size(ingress),
			      (size_t)PROXY_ADDRESSES_MAX);
	struct in_addr *list = arena_array(arena, room, sizeof(*list));
	yyjson_val *item;
	size_t i, count;

	yyjson_arr_foreach (own, i, count, item)
		if (ret->external_count < room &&
		    read_address(json_str(item), &list[ret->external_count]))
			ret->external_count++;
	yyjson_arr_foreach (ingress, i, count, item)
		if (ret->external_count < room &&
		    read_address(json_get_str(item, "ip"), &list[ret->external_count]))
			ret->external_count++;
	ret->external = list;
}

/* Of two families it is the IPv4 one that is programmed, whichever comes first. */
static bool read_cluster_ip(const struct obj *service, struct in_addr *ret)
{
	yyjson_val *address;
	size_t i, count;

	yyjson_arr_foreach (json_get(service->root, "spec.clusterIPs"), i, count, address)
		if (read_address(json_str(address), ret))
			return true;
	return read_address(json_get_str(service->root, "spec.clusterIP"), ret);
}

bool rules_service(struct arena *arena, const struct obj *service, const struct obj *const *slices,
		   size_t slice_count, struct str node_name, struct rules_service *ret)
{
	yyjson_val *ports = json_get(service->root, "spec.ports"), *spec;
	struct rules_service s = { 0 };
	struct rules_port *list;
	size_t i, count;

	if (!read_cluster_ip(service, &s.cluster_ip))
		return false;
	s.internal_local = str_eq(json_get_str(service->root, "spec.internalTrafficPolicy"),
				  STR("Local"));
	s.external_local = str_eq(json_get_str(service->root, "spec.externalTrafficPolicy"),
				  STR("Local"));
	if (str_eq(json_get_str(service->root, "spec.sessionAffinity"), STR("ClientIP")))
		s.affinity_seconds = (uint32_t)json_get_int(
			service->root, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
	read_external(arena, service, &s);
	list = arena_array(arena, yyjson_arr_size(ports), sizeof(*list));
	yyjson_arr_foreach (ports, i, count, spec) {
		struct rules_port *port = &list[s.port_count];
		struct endpoint_list endpoints = { 0 };
		struct str name = json_get_str(spec, "name");

		if (!read_port(arena, service, spec, port) || !nft_is_name(port->name))
			continue;
		endpoints.room = room_for(slices, slice_count);
		endpoints.items = arena_array(arena, endpoints.room, sizeof(*endpoints.items));
		collect(&endpoints, slices, slice_count, port, name, node_name, false);
		if (!endpoints.count)
			collect(&endpoints, slices, slice_count, port, name, node_name, true);
		port->endpoints = endpoints.items;
		port->endpoint_count = endpoints.count;
		port->left_out_count = endpoints.left_out_count;
		s.port_count++;
	}
	s.ports = list;
	*ret = s;
	return s.port_count > 0;
}
