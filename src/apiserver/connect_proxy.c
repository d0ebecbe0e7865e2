/* SPDX-License-Identifier: Apache-2.0 */
/* pods/proxy, services/proxy and nodes/proxy: names "[scheme:]name[:port]" to an address, as
 * upstream reads them. */
#include <arpa/inet.h>
#include "apiserver/apiserver_internal.h"
#include "apiserver/exchange.h"
#include "apiserver/service_endpoint.h"
#include "base/num.h"
#include "net/url.h"

struct proxy_name {
	struct str scheme, name, port;
};

/* False: it is none of "name", "name:port", "scheme:name:port". */
static bool read_name(struct str text, struct proxy_name *ret)
{
	struct str first, second, third;

	*ret = (struct proxy_name){ .name = text };
	if (!str_cut(text, ':', &first, &second))
		return text.len > 0;
	ret->name = first;
	ret->port = second;
	if (!str_cut(second, ':', &second, &third))
		return first.len > 0;
	*ret = (struct proxy_name){ first, second, third };
	return second.len > 0 && str_find_char(third, ':', 0) == SIZE_MAX &&
	       (!first.len || str_eq_c(first, "http") || str_eq_c(first, "https"));
}

static int refuse_name(struct exchange *e, const char *what)
{
	return refusal_bad_request(&e->refusal, "invalid %s request \"" STR_FMT "\"", what,
				   STR_ARG(e->target.name));
}

static const struct obj *find_object(struct exchange *e, struct str name)
{
	const struct target *t = &e->target;
	const struct obj *obj = registry_get(&e->server->registry, e->kind, t->namespace_, name);

	if (!obj)
		(void)refusal_not_found(&e->refusal, /* the caller returns -1 */
					(struct subject){ t->group, t->resource, name });
	return obj;
}

static bool is_proxyable_four(uint32_t host)
{
	return host && host >> 24 != 127 && host >> 16 != 0xA9FE && host >> 28 != 0xE &&
	       host != UINT32_MAX;
}

/* What only this machine itself, or its link, reaches is nobody else's to see. */
static bool is_proxyable(const char *text)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return is_proxyable_four(ntohl(four.s_addr));
	if (inet_pton(AF_INET6, text, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six)) { /* the kernel connects to what is inside */
		memcpy(&four, &six.s6_addr[12], sizeof(four));
		return is_proxyable_four(ntohl(four.s_addr));
	}
	return !IN6_IS_ADDR_UNSPECIFIED(&six) && !IN6_IS_ADDR_LOOPBACK(&six) &&
	       !IN6_IS_ADDR_LINKLOCAL(&six) && !IN6_IS_ADDR_MULTICAST(&six);
}

static int check_address(struct exchange *e, struct str address)
{
	if (!is_proxyable(str_c_in(e->arena, address)))
		return refusal_bad_request(&e->refusal, "address not allowed");
	return 0;
}

static struct str first_port(yyjson_val *pod, struct arena *arena)
{
	JSON_EACH (container, json_get(pod, "spec.containers"))
		JSON_EACH (port, json_get(container, "ports"))
			return str_printf_in(arena, "%lld",
					     (long long)json_get_int(port, "containerPort", 0));
	return STR_NONE;
}

static int pod_target(struct exchange *e, struct proxy_target *to)
{
	struct proxy_name name;
	const struct obj *pod;
	uint64_t port = 0;
	struct err err;

	if (!read_name(e->target.name, &name))
		return refuse_name(e, "pod");
	pod = find_object(e, name.name);
	if (!pod)
		return -1;
	to->scheme = name.scheme.len ? str_in(e->arena, name.scheme) : STR("http");
	to->host = str_in(e->arena, json_get_str(pod->root, "status.podIP"));
	if (check_address(e, to->host) < 0)
		return -1;
	if (!name.port.len)
		name.port = first_port(pod->root, e->arena);
	if (name.port.len && num_parse_u64(name.port, UINT16_MAX, "port", &port, &err) < 0)
		return refuse_name(e, "pod");
	to->port = (uint16_t)(port ? port : str_eq_c(to->scheme, "https") ? 443 : 80);
	return 0;
}

static int service_target(struct exchange *e, struct proxy_target *to)
{
	struct proxy_name name;
	const struct obj *service;
	uint64_t number;

	if (!read_name(e->target.name, &name))
		return refuse_name(e, "service");
	service = find_object(e, name.name);
	if (!service)
		return -1;
	if (name.port.len && num_parse_u64(name.port, UINT16_MAX, "port", &number, NULL) == 0) {
		yyjson_val *port = service_endpoint_port(service, (int64_t)number);

		if (!port)
			return refusal_set(&e->refusal, 503, "ServiceUnavailable",
					   "no service port %llu found for service \"" STR_FMT "\"",
					   (unsigned long long)number, STR_ARG(name.name));
		name.port = json_get_str(port, "name");
	}
	to->scheme = name.scheme.len ? str_in(e->arena, name.scheme) : STR("http");
	if (!service_endpoint_find(&e->server->registry, service, name.port,
				   &(struct service_endpoint_choice){ e->server->proxy_turn++,
								      e->arena, &to->host,
								      &to->port }))
		return refusal_set(&e->refusal, 503, "ServiceUnavailable",
				   "no endpoints available for service \"" STR_FMT "\"",
				   STR_ARG(name.name));
	return check_address(e, to->host);
}

/* By the address that other nodes know, else by one that the world does. */
static struct str node_address(const struct obj *node)
{
	static const char *const types[] = { "InternalIP", "ExternalIP" };

	for (size_t i = 0; i < ARRAY_COUNT(types); i++)
		JSON_EACH (address, json_get(node->root, "status.addresses"))
			if (str_eq_c(json_get_str(address, "type"), types[i]))
				return json_get_str(address, "address");
	return STR_NONE;
}

#define KUBELET_PORT 10250 /* of nodes that do not say */

static bool is_kubelet(const struct obj *node, uint64_t port)
{
	int64_t own = json_get_int(node->root, "status.daemonEndpoints.kubeletEndpoint.Port", 0);

	return !port || port == (uint64_t)(own ? own : KUBELET_PORT);
}

/* Whatever listens there: "[scheme:]name:port". */
static int node_target(struct exchange *e, const struct obj *node, const struct proxy_name *name,
		       struct proxy_target *to)
{
	to->scheme = name->scheme.len ? str_in(e->arena, name->scheme) : STR("http");
	to->host = str_in(e->arena, node_address(node));
	return check_address(e, to->host);
}

/* A page's relative links need the slash at the end of where it lies. */
static int redirect_to_root(struct exchange *e)
{
	struct http_header header = HTTP_HEADER(
		STR("Location"), str_printf_in(e->arena, STR_FMT "/%s" STR_FMT, STR_ARG(e->x->path),
					       e->x->query.len ? "?" : "", STR_ARG(e->x->query)));
	struct http_headers headers = { &header, 1 };

	exchange_respond(e, 301, &headers, NULL, 0);
	return 0;
}

static bool is_for_redirect(const struct exchange *e)
{
	return !e->target.rest.len && (e->x->method == HTTP_GET || e->x->method == HTTP_HEAD);
}

static struct str encoded(struct arena *arena, struct str path)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, REQUEST_URI_BYTES_MAX * 3);
	url_encode_path(&text, path);
	return str_in(arena, buf_str(&text));
}

/* The path goes on as it was understood, written anew: as upstream. */
static int pass_on(struct exchange *e, struct proxy_target *to)
{
	struct str path = e->target.path, rest = e->target.rest;

	if (is_for_redirect(e))
		return redirect_to_root(e);
	to->path = rest.len ? encoded(e->arena, rest) : STR("/");
	to->query = e->x->query;
	to->prefix = encoded(e->arena, str_slice(path, 0, path.len - rest.len));
	reverse_proxy_serve(e->server->proxy, e, to);
	return 0;
}

/* A port that is not the kubelet's is somebody else's, who is reached as any server is. */
static int proxy_node(struct exchange *e)
{
	struct proxy_target to = { .port = 0 };
	struct proxy_name name;
	const struct obj *node;
	uint64_t port = 0;

	if (!read_name(e->target.name, &name) ||
	    (name.port.len && num_parse_u64(name.port, UINT16_MAX, "port", &port, NULL) < 0))
		return refuse_name(e, "node");
	node = find_object(e, name.name);
	if (!node)
		return -1;
	if (is_kubelet(node, port))
		return is_for_redirect(e) ? redirect_to_root(e) : connect_kubelet(e, node);
	if (node_target(e, node, &name, &to) < 0)
		return -1;
	to.port = (uint16_t)port;
	return pass_on(e, &to);
}

int connect_proxy(struct exchange *e)
{
	struct proxy_target to = { .port = 0 };

	if (str_eq_c(e->target.resource, "nodes"))
		return proxy_node(e);
	if ((str_eq_c(e->target.resource, "pods") ? pod_target(e, &to) : service_target(e, &to)) <
	    0)
		return -1;
	return pass_on(e, &to);
}
