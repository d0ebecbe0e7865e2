/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a service's pods. A pod without an address is no endpoint, nor one that has ended; one
 * being deleted is terminating. Named target ports are looked up in each pod, so that pods of one
 * service may differ.
 */
#include "controllers/endpoints.h"

#include <stdlib.h>
#include "api/meta.h"
#include "api/selector.h"
#include "base/num.h"
#include "codec/ip.h"
#include "controllers/pod.h"

bool service_is_selecting(const struct obj *service)
{
	return json_get_count(service->root, "spec.selector") > 0 &&
	       !str_eq(json_get_str(service->root, "spec.type"), STR("ExternalName"));
}

static struct str address_of(const struct obj *pod, bool v6)
{
	struct str ip = json_get_str(pod->root, "status.podIP");

	JSON_EACH (entry, json_get(pod->root, "status.podIPs"))
		if (ip_is_v6(json_get_str(entry, "ip")) == v6)
			return json_get_str(entry, "ip");
	return ip.len && ip_is_v6(ip) == v6 ? ip : STR_NONE;
}

static int64_t port_in(yyjson_val *containers, struct str name, struct str protocol)
{
	JSON_EACH (container, containers)
		JSON_EACH (port, yyjson_obj_get(container, "ports")) {
			struct str has = json_get_str(port, "protocol");

			if (str_eq(json_get_str(port, "name"), name) &&
			    str_eq(has.len ? has : STR("TCP"), protocol))
				return json_get_int(port, "containerPort", 0);
		}
	return 0;
}

static int64_t target_port(const struct obj *pod, yyjson_val *port, struct str protocol)
{
	yyjson_val *target = yyjson_obj_get(port, "targetPort");
	int64_t number;

	if (!json_str(target).len) {
		number = json_int(target, 0);
		return number ? number : json_get_int(port, "port", 0);
	}
	number = port_in(json_get(pod->root, "spec.containers"), json_str(target), protocol);
	return number ? number
		      : port_in(json_get(pod->root, "spec.initContainers"), json_str(target),
				protocol);
}

static void read_ports(const struct obj *service, struct endpoint *endpoint, struct arena *arena)
{
	size_t count_max = NUM_MIN(json_get_count(service->root, "spec.ports"),
				   (size_t)ENDPOINT_PORTS_MAX);

	endpoint->ports = arena_array(arena, count_max + 1, sizeof(*endpoint->ports));
	JSON_EACH (port, json_get(service->root, "spec.ports")) {
		struct str protocol = json_get_str(port, "protocol");
		int64_t number;

		protocol = protocol.len ? protocol : STR("TCP");
		number = target_port(endpoint->pod, port, protocol);
		if (number > 0 && endpoint->port_count < count_max)
			endpoint->ports[endpoint->port_count++] = (struct endpoint_port){
				json_get_str(port, "name"),
				protocol,
				json_get_str(port, "appProtocol"),
				number,
			};
	}
}

static bool read_endpoint(const struct obj *service, const struct obj *pod, bool v6,
			  struct arena *arena, struct endpoint *ret)
{
	bool ready = pod_is_ready(pod),
	     publish = json_get_bool(service->root, "spec.publishNotReadyAddresses", false);

	*ret = (struct endpoint){
		.pod = pod,
		.ip = address_of(pod, v6),
		.node_name = pod_node_name(pod),
		.terminating = obj_is_deleting(pod),
	};
	if (!ret->ip.len || pod_is_terminal(pod))
		return false;
	if (json_get_str(pod->root, "spec.hostname").len &&
	    str_eq(json_get_str(pod->root, "spec.subdomain"), service->name))
		ret->hostname = json_get_str(pod->root, "spec.hostname");
	ret->serving = ready;
	ret->ready = publish || (ready && !ret->terminating);
	read_ports(service, ret, arena);
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;
	int order = str_cmp(x->ip, y->ip);

	return order ? order : str_cmp(x->pod->uid, y->pod->uid);
}

void endpoints_view(const struct obj *service, struct informer_set pods, bool v6,
		    struct str (*zone_of)(void *arg, struct str node_name), void *arg,
		    struct arena *arena, struct endpoints_view *ret)
{
	struct selector selector;
	const struct obj **matching = arena_array(arena, pods.count + 1, sizeof(*matching));
	size_t count = 0;

	selector_from_map(json_get(service->root, "spec.selector"), arena, &selector);
	INFORMER_SET_FOR_EACH (pod, pods)
		if (selector_matches(&selector, pod->labels))
			matching[count++] = pod;
	*ret = (struct endpoints_view){ .service = service };
	ret->endpoints = arena_array(arena, count + 1, sizeof(*ret->endpoints));
	for (size_t i = 0; i < count; i++) {
		struct endpoint *endpoint = &ret->endpoints[ret->count];

		if (!read_endpoint(service, matching[i], v6, arena, endpoint))
			continue;
		if (zone_of && endpoint->node_name.len)
			endpoint->zone = zone_of(arg, endpoint->node_name);
		ret->count++;
	}
	qsort(ret->endpoints, ret->count, sizeof(*ret->endpoints), compare);
}

bool endpoint_ports_equal(const struct endpoint *a, const struct endpoint *b)
{
	if (a->port_count != b->port_count)
		return false;
	for (size_t i = 0; i < a->port_count; i++)
		if (a->ports[i].port != b->ports[i].port ||
		    !str_eq(a->ports[i].name, b->ports[i].name) ||
		    !str_eq(a->ports[i].protocol, b->ports[i].protocol) ||
		    !str_eq(a->ports[i].app_protocol, b->ports[i].app_protocol))
			return false;
	return true;
}

static bool matters(const struct obj *old, const struct obj *new_)
{
	return !json_equal(old->labels, new_->labels) || pod_is_ready(old) != pod_is_ready(new_) ||
	       obj_is_deleting(old) != obj_is_deleting(new_) ||
	       pod_is_terminal(old) != pod_is_terminal(new_) ||
	       !str_eq(json_get_str(old->root, "status.podIP"),
		       json_get_str(new_->root, "status.podIP")) ||
	       !json_equal(json_get(old->root, "status.podIPs"),
			   json_get(new_->root, "status.podIPs")) ||
	       !str_eq(pod_node_name(old), pod_node_name(new_));
}

void endpoints_of_pod(const struct informer_index *services_by_namespace, const struct obj *old,
		      const struct obj *new_, void (*fn)(void *arg, const struct obj *service),
		      void *arg)
{
	struct informer_set services;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	if (old && new_ && !matters(old, new_))
		return;
	services = index_lookup(services_by_namespace, old ? old->namespace_ : new_->namespace_);
	INFORMER_SET_FOR_EACH (service, services) {
		struct selector selector;

		selector_from_map(json_get(service->root, "spec.selector"), &arena, &selector);
		if ((old && selector_matches(&selector, old->labels)) ||
		    (new_ && selector_matches(&selector, new_->labels)))
			fn(arg, service);
	}
}
